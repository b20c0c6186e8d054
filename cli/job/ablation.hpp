// What each non-ideality costs in accuracy: alone, all others off, and left out, all others on.
//
// Differences are paired over images. For image i, d_i is the mean over dies of (right with) − (right without). With two images added whose differences are those of half a
// discordant pair of each kind and a concordant one (Agresti and Min, Stat. Med. 24, 729 (2005), for one die), n' = n + 2:
//   d = Σ d_i/n',   s² = (Σ d_i² + 1 − (Σ d_i)²/n')/n'²,   95 % interval d ± 1.96 s
// so that the interval has a width where no image changes, too. Operating points are chosen anew for what each variant has, as a chip's own calibration would.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "cli/job/job.hpp"

namespace mho::job {

struct PairedDifference {
  double mean = 0;         // [1] as observed: accuracy with less accuracy without
  double low = 0, high = 0;  // [1] 95 % interval
};
// classes[die][image]. Throws Error for shapes that differ.
PairedDifference paired_difference(const std::vector<std::vector<int>>& with, const std::vector<std::vector<int>>& without, const std::vector<std::uint8_t>& labels);

struct AblationRow {
  std::string key, name;             // of the switch
  double alone = 0, left_out = 0;    // [1] accuracy with this effect alone; with all but this one
  PairedDifference alone_cost;       // alone less none
  PairedDifference left_out_gain;    // left out less all
};
struct Ablation {
  size_t images = 0, dies = 0;
  double software = 0, none = 0, all = 0, as_configured = 0;  // [1] accuracies
  PairedDifference cost_of_all;      // all less none
  std::vector<AblationRow> rows;
};

// Effects that the config's cores can have: ideal ones have those of cells, mapping and resolution alone.
std::vector<chip::EffectSwitch> switches_of(const JobConfig& config);
// Each variant is an inference of its own in the cache. `calibration`: in place of the config's.
Ablation ablate(const JobConfig& config, const JobOptions& options, const std::optional<validation::Calibration>& calibration = {});

std::string ablation_table(const Ablation& ablation);
std::string ablation_csv(const Ablation& ablation);
Json ablation_json(const Ablation& ablation);

}  // namespace mho::job
