#include "chip/die.hpp"

#include <fmt/format.h>

#include <cmath>

#include "chip/die_store.hpp"
#include "core/progress.hpp"
#include "core/random.hpp"

namespace mho::chip {
namespace {

// f = minimum + (maximum − minimum)·(1 − u^(1/b)); the mean of 1 − u^(1/b) is 1/(1 + b).
double bad_row_fraction(const BadRowRules& rules, double u) {
  const double span = rules.maximum - rules.minimum;
  if (span <= 0) return rules.minimum;
  const double mean = (rules.mean - rules.minimum) / span;
  if (mean <= 0) return rules.minimum;
  const double b = (1 - mean) / mean;
  return b > 0 ? rules.minimum + span * (1 - std::pow(u, 1 / b)) : rules.maximum;
}

struct Cells {
  std::vector<double> targets;                  // [S]
  std::vector<devices::CellAddress> addresses;
};

// All mapped cells, block by block, column by column.
Cells mapped_cells(std::span<const Eigen::MatrixXd> targets, const Mapping& mapping, const ChipConfig& config) {
  Cells cells;
  for (size_t b = 0; b < mapping.blocks.size(); ++b) {
    const MappedBlock& block = mapping.blocks[b];
    const Eigen::MatrixXd& target = targets[b];
    for (Eigen::Index j = 0; j < target.cols(); ++j)
      for (Eigen::Index i = 0; i < target.rows(); ++i) {
        const int row = block.positive_rows[static_cast<size_t>(i / 2)] + static_cast<int>(i % 2);
        const int column = block.first_column + static_cast<int>(j);
        cells.targets.push_back(target(i, j));
        cells.addresses.push_back({static_cast<std::uint32_t>(block.core), static_cast<std::uint32_t>(row * config.columns + column)});
      }
  }
  return cells;
}

std::vector<Eigen::MatrixXf> by_block(const Mapping& mapping, const std::vector<double>& values) {
  std::vector<Eigen::MatrixXf> blocks;
  const double* next = values.data();
  for (const MappedBlock& block : mapping.blocks) {
    blocks.push_back(Eigen::Map<const Eigen::MatrixXd>(next, block.physical_rows(), block.outputs).cast<float>());
    next += blocks.back().size();
  }
  return blocks;
}

}  // namespace

BadRows draw_bad_rows(const ChipConfig& config, std::uint64_t seed, std::uint32_t die) {
  BadRows bad = no_bad_rows(config);
  for (size_t core = 0; core < bad.size(); ++core) {
    RandomStream random(seed, die, static_cast<std::uint32_t>(core), 0, Purpose::bad_rows);
    const double fraction = bad_row_fraction(config.bad_rows, random.uniform());
    for (std::uint8_t& row : bad[core]) row = random.uniform() < fraction ? 1 : 0;
  }
  return bad;
}

CacheKey die_key(std::span<const MatrixSpec> matrices, const ChipConfig& config, std::uint64_t seed, std::uint32_t die) {
  CacheKey key("die 2");  // raised whenever programming or relaxation computes something else
  add_to_key(key, config);
  key.add("seed", static_cast<std::int64_t>(seed)).add("die", std::int64_t{die});
  for (const MatrixSpec& spec : matrices) {
    key.add("inputs", std::int64_t{spec.weights.rows()}).add("bits", std::int64_t{spec.input_bits});
    key.add("signed", std::int64_t{spec.input_signed}).add("lsb", static_cast<double>(spec.input_lsb));
    key.add_bytes("weights", spec.weights.data(), sizeof(float) * static_cast<size_t>(spec.weights.size()));
    key.add_bytes("bias", spec.bias.data(), sizeof(float) * static_cast<size_t>(spec.bias.size()));
  }
  return key;
}

ProgrammedDie program_die(std::span<const MatrixSpec> matrices, const ChipConfig& config, std::uint64_t seed, std::uint32_t die,
                          int threads, const Cache& cache, bool show_progress) {
  ProgrammedDie result;
  result.die = die;
  result.bad_rows = draw_bad_rows(config, seed, die);
  result.mapping = map_network(matrices, config, result.bad_rows);
  std::vector<Eigen::MatrixXd> targets;
  for (const MappedBlock& block : result.mapping.blocks) targets.push_back(target_conductance(matrices[block.matrix], block, config.mapping));
  program_cells(result, targets, die_key(matrices, config, seed, die), config, seed, threads, cache, show_progress);
  return result;
}

void program_cells(ProgrammedDie& die, std::span<const Eigen::MatrixXd> targets, const CacheKey& key, const ChipConfig& config, std::uint64_t seed,
                   int threads, const Cache& cache, bool show_progress) {
  if (const auto bytes = cache.find("die", key); bytes && die_from_bytes(*bytes, die)) {
    die.from_cache = true;
    return;
  }
  const Cells cells = mapped_cells(targets, die.mapping, config);
  Progress progress(fmt::format("program die {}", die.die), cells.targets.size(), show_progress);
  devices::ArrayProgramming programming =
      devices::program_array(cells.targets, config.programming, {seed, die.die, cells.addresses}, threads, &progress);
  progress.finish();
  die.programmed = by_block(die.mapping, programming.conductance_programmed);
  die.relaxed = by_block(die.mapping, programming.conductance_relaxed);
  die.one_pass = by_block(die.mapping, programming.conductance_one_pass);
  die.summary = std::move(programming.summary);
  cache.store("die", key, die_to_bytes(die));
}

Json to_json(const ProgrammedDie& die) {
  size_t bad = 0, rows = 0;
  for (const auto& core : die.bad_rows) {
    rows += core.size();
    for (const std::uint8_t b : core) bad += b;
  }
  return {{"die", die.die},
          {"bad_row_fraction", quantity(static_cast<double>(bad) / static_cast<double>(rows), "1")},
          {"blocks", die.mapping.blocks.size()},
          {"cores", die.mapping.cores_used()},
          {"cells", die.mapping.cells_used()},
          {"programming", devices::to_json(die.summary)}};
}

std::string programming_table(const ProgrammedDie& die) {
  const devices::ProgrammingSummary& s = die.summary;
  std::string text = fmt::format("die {}: {} cells in {} blocks on {} cores\n", die.die, s.cells, die.mapping.blocks.size(),
                                 die.mapping.cores_used());
  text += fmt::format("{:<44}{:>10}{:>10}\n", "", "mho", "chip");
  const auto row = [&](const char* what, double value, int digits, const char* chip) {
    text += fmt::format("{:<44}{:>10.{}f}{:>10}\n", what, value, digits, chip);
  };
  row("cells that needed a pulse and reached the window [%]", 100 * s.success_rate(), 2, "99");
  row("the same at the worst target level [%]", 100 * s.worst_level_rate, 2, "");
  row("pulses per cell that needed one", s.mean_pulses, 2, "8.52");
  row("rms deviation at the time of use, one pass [µS]", 1e6 * s.one_pass_rms, 2, "2.8");
  row("rms deviation at the time of use, all passes [µS]", 1e6 * s.relaxed_rms, 2, "2 (3)");
  text += fmt::format("{:>14}{:>8}{:>8}{:>12}{:>9}{:>16}\n", "target [µS]", "cells", "needed", "success [%]", "pulses", "residual [µS]");
  for (const devices::LevelSummary& l : s.levels)
    if (l.cells > 0)
      text += fmt::format("{:>14}{:>8}{:>8}{:>12.2f}{:>9.2f}{:>8.2f} ± {:<5.2f}\n", fmt::format("{:.0f} … {:.0f}", 1e6 * l.low, 1e6 * l.high),
                          l.cells, l.needed, l.needed ? 100.0 * static_cast<double>(l.succeeded) / static_cast<double>(l.needed) : 100.0,
                          l.mean_pulses, 1e6 * l.residual_mean, 1e6 * l.residual_sigma);
  return text;
}

std::string programming_levels_csv(const devices::ProgrammingSummary& summary) {
  std::string text = "low[S],high[S],cells[1],needed[1],succeeded[1],mean_pulses[1],residual_mean[S],residual_sigma[S]\n";
  for (const devices::LevelSummary& l : summary.levels)
    text += fmt::format("{},{},{},{},{},{},{},{}\n", l.low, l.high, l.cells, l.needed, l.succeeded, l.mean_pulses, l.residual_mean,
                        l.residual_sigma);
  return text;
}

}  // namespace mho::chip
