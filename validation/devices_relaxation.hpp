// Relaxation held against measured cells: fitted on a random half of them, judged on the other.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "devices/relaxation_data.hpp"
#include "devices/relaxation_fit.hpp"
#include "validation/section.hpp"

namespace mho::validation {

// Limits of the section.
inline constexpr double largest_sigma_ratio = 1.3;    // rms of sigma over what the halves differ by
inline constexpr double largest_share_error = 0.01;   // share of cells beyond share_bound
inline constexpr double largest_table_error = 0.001;  // [µS] sd of the table against the reads
inline constexpr double share_bound = 5e-6;           // [S]

// One line of derived/relaxation_techC_sigma.csv: cells that start in [low, high), read at `time`.
struct SigmaBin {
  double low, high;  // [S]
  double time;       // [s] nominal
  size_t cells;
  double sigma;  // [S] standard deviation of G(t) − G(0)
};
// Throws IoError, ConfigError with the line.
std::vector<SigmaBin> read_sigma_bins(const std::string& path);

// One bin of the judged half. `model` is the standard deviation of G(t) − G(0) over the judged
// cells that follows from the law at their own starts and times, spread of the means included.
struct JudgedBin {
  SigmaBin bin;
  size_t cells;                      // of the judged half
  double fitted, measured, model;    // [S] sigma of the fit half, of the judged half, of the law
  double mean_measured, mean_model;  // [S] of G(t) − G(0)
  double all;  // [S] sigma of all cells with n in the denominator, as the table has it
};
struct JudgedShare {
  double time;
  size_t cells;
  double fitted, measured, model;  // share with |G(t) − G(0)| > share_bound, bins pooled
};
// Cells that start at 4–40 µS: change from one time to the next.
struct JudgedIncrement {
  double from, to;         // [s]
  double measured, model;  // [S] standard deviation
  double correlation;      // with the next increment, measured; 0 for the last
};
struct RelaxationJudgement {
  devices::RelaxationFit fit;
  std::vector<JudgedBin> bins;
  std::vector<JudgedShare> shares;
  std::vector<JudgedIncrement> increments;
  double model_rms;   // [S] rms over the bins of model − measured
  double halves_rms;  // [S] rms over the bins of fitted − measured: what the halves differ by
  double mean_rms;    // [S] rms over the bins of mean_model − mean_measured
  double ratio() const { return model_rms / halves_rms; }
};
RelaxationJudgement judge_relaxation(const std::vector<devices::MeasuredCell>& cells,
                                     const std::vector<SigmaBin>& bins, std::uint64_t seed,
                                     const devices::RelaxationFitOptions& options, int threads);

// Cells written to `target`; every write lands evenly in target ± window. `spacing` after the last
// round those outside the window are written again, up to three times; each state is then left for
// `wait`.
struct RewriteSetting {
  double target = 12e-6, window = 1e-6;  // [S]
  double spacing = 30.0;                 // [s]
  double wait = 1800.0;                  // [s]
  size_t cells = 200000;
};
struct RewriteResult {
  double sigma[4];       // [S] of G after `wait`, after 0 … 3 rounds
  double fall[4];        // [1] 1 − sigma[n]/sigma[0]
  double fall_error[4];  // [1] standard error, from 25 batches of cells
};
RewriteResult rewrite(const devices::RelaxationParams& params, const RewriteSetting& setting,
                      std::uint64_t seed, int threads);

// data_folder: holds relaxation/techC_relaxdata.min.tsv.gz and derived/relaxation_techC_sigma.csv.
// Empty: skipped.
Section validate_relaxation(const std::string& data_folder, std::uint64_t seed, int threads);

}  // namespace mho::validation
