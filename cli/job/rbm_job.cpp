#include "cli/job/rbm_job.hpp"

#include <fmt/format.h>

#include <cmath>

#include "cli/job/stores.hpp"
#include "core/statistics.hpp"
#include "solver/neuron_model.hpp"

namespace mho::job {
namespace {

chip::GibbsOptions gibbs_options(const Job& job, std::uint32_t die, std::string_view title) {
  const RbmSettings& s = *job.config().rbm;
  return {.cycles = s.cycles, .visible_bits = s.layout.visible_bits, .sample_visible = s.sample_visible, .known_label = s.known_label, .seed = job.config().seed,
          .die = die, .threads = job.threads(), .progress = true, .title = title};
}

double rms_difference(const Eigen::MatrixXf& a, const Eigen::MatrixXf& b) { return std::sqrt(static_cast<double>((a - b).cast<double>().array().square().mean())); }

// One line on stderr when the machine uses the neuron where its fit saw nothing.
void warn_outside(const Job& job, const solver::NeuronModel& model, const RbmResults& results) {
  solver::ModelUse use;
  use.corner = circuits::corner_name(job.config().calibrate.corner);
  use.temperature = job.config().calibrate.temperature;
  for (const chip::MappedBlock& block : results.dies.front().mapping.directions.blocks) use.rows.push_back(block.physical_rows());
  for (const chip::PointChoice& p : results.points) {
    use.v_read.push_back(p.point.v_read);
    use.v_decrement.push_back(p.point.v_decrement);
    use.v_integrated.push_back(p.quantile_voltage);
  }
  if (const std::string text = solver::outside_of_fit(model, use); !text.empty()) fmt::print(stderr, "mho: warning: {}\n", text);
}

// Integrated voltage of one log-odds unit: read voltage · samples of the full-scale code · C_sample/C_integ · conductance of a unit weight / mean ΣG of a line.
double volts_per_log_odds(const chip::RbmMapping& map, const chip::Rbm& rbm, const chip::ChipConfig& config, size_t direction, const solver::OperatingPoint& point, double capacitor_ratio) {
  double total = 0, lines = 0;
  for (size_t b = 0; b < map.cells.blocks.size(); ++b) {
    const Eigen::MatrixXd g = map.targets(rbm, b, config.mapping);
    total += g.sum();
    lines += static_cast<double>(direction == 0 ? g.rows() : g.cols());
  }
  const double full_scale = chip::full_scale_code(map.specs[direction]);
  return point.v_read * point.pulse_multiplier * full_scale * capacitor_ratio * config.full_scale_conductance() / map.w_max * lines / total;
}

// What the points depend on. The neuron is in it: calibrated before.
CacheKey points_key(Job& job, const chip::ImageSet& training) {
  const JobConfig& config = job.config();
  CacheKey key("rbm points 1");
  key.add_file("network", config.network).add("core", std::int64_t{config.core == CoreKind::ideal});
  if (config.core == CoreKind::calibrated) {
    Json neuron;
    solver::to_json(neuron, job.calibration().neuron);
    key.add("neuron", std::string_view(neuron.dump()));
  }
  chip::add_to_key(key, config.chip);
  const chip::OperatingRules& rules = config.chip.operating;
  key.add("quantile", rules.quantile);
  for (const auto& p : ParameterTable<chip::OperatingRules>::table) key.add(p.key, rules.*p.member);
  const RbmSettings& s = *config.rbm;
  for (const int n : {rules.max_multiplier, rules.max_code, rules.samples, s.layout.groups, s.layout.parts, s.layout.bias_lines, s.layout.visible_bits, int{s.stochastic}}) key.add("rule", std::int64_t{n});
  key.add("seed", static_cast<std::int64_t>(config.seed));
  return key.add_bytes("pixels", training.pixels.data(), training.pixels.size()).add_bytes("labels", training.labels.data(), training.labels.size());
}

// Sums of the software machine on training images, as they are and corrupted both ways, and what they are sums of.
struct SumData {
  chip::InputCodes visible, hidden;
  std::array<Eigen::MatrixXf, 2> expected;  // by direction
};
SumData sum_data(const chip::ImageSet& training, const chip::SoftwareRbm& software, const RbmResults& results, const RbmSettings& settings, std::uint64_t seed) {
  SumData data;
  const auto count = static_cast<Eigen::Index>(training.size());
  const int bits = settings.layout.visible_bits;
  data.visible.resize(software.visible(), 3 * count);
  data.visible.leftCols(count) = chip::visible_codes(training, bits);
  for (const chip::Corruption c : {chip::Corruption::flips, chip::Corruption::bottom_third})
    data.visible.middleCols((1 + static_cast<Eigen::Index>(c)) * count, count) = chip::visible_codes(chip::corrupt(training, c, results.grey, seed + 1).corrupted, training.labels, bits);
  data.hidden = chip::sampled_hidden(software, results.sampler, data.visible, seed);
  software.to_hidden(data.visible, data.expected[0]), software.to_visible(data.hidden, data.expected[1]);
  return data;
}

// Errors of the sums of `probe`, and their correction on `chip`, which is the same die without events.
void correct(chip::RbmChip& chip, const chip::RbmChip& probe, const SumData& data, bool apply, RbmResults& results) {
  std::array<Eigen::MatrixXf, 2> sums;
  probe.to_hidden(data.visible, sums[0]), probe.to_visible(data.hidden, sums[1]);
  std::array<chip::SumCorrection, 2> corrections;
  results.sum_error.emplace_back(), results.corrected_error.emplace_back();
  for (size_t k = 0; k < 2; ++k) {
    results.sum_error.back()[k] = rms_difference(sums[k], data.expected[k]);
    corrections[k] = chip::fit_correction(sums[k], data.expected[k]);
    corrections[k].apply(sums[k]);
    results.corrected_error.back()[k] = rms_difference(sums[k], data.expected[k]);
  }
  results.corrections.push_back(corrections);
  if (apply) chip.correct(corrections[0], corrections[1]);
}

}  // namespace

std::vector<double> RecoveryResults::errors_of_dies() const {
  std::vector<double> errors;
  for (const chip::Recovery& r : dies) errors.push_back(r.error());
  return errors;
}
double RecoveryResults::mean() const { return mho::mean(errors_of_dies()); }
double RecoveryResults::deviation() const { return dies.size() > 1 ? standard_deviation(errors_of_dies()) : 0.0; }

RbmResults run_rbm(Job& job) {
  const JobConfig& config = job.config();
  const RbmSettings& settings = *config.rbm;
  RbmResults results;
  // Bad input ends the job before its long steps.
  results.rbm = chip::read_rbm(config.network);
  results.sampler = hidden_sampler(settings);
  const chip::ImageSet& training = job.training_images();
  const chip::ImageSet& test = job.test_images();
  if (static_cast<Eigen::Index>(test.elements()) != results.rbm.pixels())
    throw ConfigError(config.network, 0, "network.file", fmt::format("has {} visible units beside its labels, but images have {} pixels", results.rbm.pixels(), test.elements()));
  for (int d = 0; d < config.dies; ++d) chip::map_rbm(results.rbm, settings.layout, config.chip, chip::draw_bad_rows(config.chip, config.seed, static_cast<std::uint32_t>(d)));
  results.grey = chip::mean_grey(training);

  const chip::CoreFactory cores = job.cores();  // calibrates
  for (int d = 0; d < config.dies; ++d)
    job.timed("program", [&] {
      results.dies.push_back(chip::program_rbm_die(results.rbm, settings.layout, config.chip, config.seed, static_cast<std::uint32_t>(d), job.threads(), job.cache(), true));
      return results.dies.back().cells.from_cache;
    });
  job.timed("operating points", [&] {
    const CacheKey key = points_key(job, training);
    if (const auto text = job.cache().find("points", key); text && from_text(*text, results.points)) return true;
    results.points = chip::choose_rbm_points(results.rbm, settings.layout, config.chip, training, results.sampler, config.seed, cores, job.line_trim(), job.threads());
    job.cache().store("points", key, to_text(results.points));
    return false;
  });
  if (config.core == CoreKind::calibrated) warn_outside(job, job.calibration().neuron, results);
  const auto points = chip::points_of(results.points);
  const double ratio = config.core == CoreKind::calibrated ? config.calibrate.circuit.c_sample / config.calibrate.circuit.c_integ : chip::IdealCoreOptions{}.capacitor_ratio;
  for (size_t k = 0; k < 2; ++k)
    results.volts_per_log_odds[k] = volts_per_log_odds(results.dies[0].mapping, results.rbm, config.chip, k, points[k], ratio);

  const chip::SoftwareRbm software(results.rbm, settings.layout.visible_bits), few_bits(chip::with_few_bits(results.rbm, settings.weight_bits), settings.layout.visible_bits);
  for (size_t k = 0; k < results.recovery.size(); ++k) {
    RecoveryResults& r = results.recovery[k];
    r.images = chip::corrupt(test, static_cast<chip::Corruption>(k), results.grey, config.seed);
    job.timed("recover in software", [&] {
      const auto options = gibbs_options(job, 0, "recover in software");
      r.software = chip::recover(software, {}, r.images, options);
      r.few_bits = chip::recover(few_bits, {}, r.images, options);
      r.software_neuron = chip::recover(software, results.sampler, r.images, options);
      return false;
    });
  }

  const SumData fit = sum_data(training, software, results, settings, config.seed);
  for (const chip::RbmDie& die : results.dies) {
    const auto machine = [&] { return chip::RbmChip(die.mapping, die.cells.relaxed, points, config.chip, cores); };
    job.timed("recover", [&] {
      chip::RbmChip chip = machine();
      correct(chip, machine(), fit, settings.correct_sums, results);
      const std::string title = fmt::format("recover on die {}", die.cells.die);
      for (RecoveryResults& r : results.recovery) r.dies.push_back(chip::recover(chip, results.sampler, r.images, gibbs_options(job, die.cells.die, title)));
      results.events.push_back(chip.events());
      return false;
    });
  }
  if (config.core != CoreKind::calibrated) return results;
  const solver::EnergyModel& model = job.calibration().energy;
  const size_t images = test.size() * results.recovery.size();
  std::vector<solver::EventCounts> all = results.events[0];
  for (size_t d = 0; d < results.dies.size(); ++d) {
    const chip::RbmMapping& map = results.dies[d].mapping;
    results.energy_of_dies.push_back(chip::estimate(map.specs, map.directions, results.events[d], images, model).total.energy.total());
    if (d > 0)
      for (size_t b = 0; b < all.size(); ++b) all[b] += results.events[d][b];
  }
  const chip::RbmMapping& map = results.dies[0].mapping;
  results.estimate = chip::estimate(map.specs, map.directions, all, images * results.dies.size(), model);
  return results;
}

}  // namespace mho::job
