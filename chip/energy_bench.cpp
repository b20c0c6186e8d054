#include "chip/energy_bench.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "chip/block_levels.hpp"
#include "core/errors.hpp"
#include "core/random.hpp"
#include "solver/neuron_model.hpp"

namespace mho::chip {
namespace {

constexpr int calibrated_magnitude_bits = 3;  // conversions of a calibration have three magnitude bits

struct Matrix {
  MatrixSpec spec;
  Mapping mapping;
};

Matrix random_matrix(const ChipConfig& config, const EnergyBenchOptions& options) {
  Matrix m;
  m.spec.name = "random";
  m.spec.weights.resize(config.rows / 2, config.columns);
  m.spec.bias = Eigen::VectorXf::Zero(config.columns);
  m.spec.input_signed = true;
  RandomStream random(options.seed, 0, 0, 0, Purpose::bench);
  for (float& w : m.spec.weights.reshaped()) w = static_cast<float>(random.normal());
  std::vector<float> all(m.spec.weights.data(), m.spec.weights.data() + m.spec.weights.size());
  for (float& w : all) w = std::abs(w);
  const auto at = all.begin() + static_cast<std::ptrdiff_t>(options.w_max_quantile * static_cast<double>(all.size() - 1));
  std::nth_element(all.begin(), at, all.end());
  MappedBlock block;
  block.inputs = static_cast<int>(m.spec.weights.rows());
  block.outputs = static_cast<int>(m.spec.weights.cols());
  block.w_max = static_cast<double>(*at);
  for (int i = 0; i < block.inputs; ++i) block.positive_rows.push_back(2 * i);
  m.mapping.blocks.push_back(block);
  return m;
}

// Uniform over −full_scale … full_scale; one bit is a sign only.
InputCodes random_inputs(Eigen::Index rows, int bits, int vectors, std::uint64_t seed) {
  InputCodes codes(rows, vectors);
  const int full_scale = bits == 1 ? 1 : (1 << (bits - 1)) - 1;
  RandomStream random(seed, 0, 0, 1, Purpose::bench);
  for (std::int8_t& c : codes.reshaped())
    c = static_cast<std::int8_t>(bits == 1 ? (random.below(2) ? 1 : -1) : static_cast<int>(random.below(2u * static_cast<unsigned>(full_scale) + 1)) - full_scale);
  return codes;
}

// Magnitude bits `first` … first + count − 1 of each code, with its sign.
InputCodes segment(const InputCodes& codes, int first, int count) {
  return codes.unaryExpr([=](std::int8_t c) {
    const int bits = (std::abs(static_cast<int>(c)) >> first) & ((1 << count) - 1);
    return static_cast<std::int8_t>(c < 0 ? -bits : bits);
  });
}

// rms over columns and inputs of v about each column's own line through the exact products, in `lsb`.
double error_about_lines(const Eigen::MatrixXd& conductance, const std::vector<solver::LevelMatrix>& levels, const Eigen::MatrixXf& v, double lsb) {
  Eigen::MatrixXd x = Eigen::MatrixXd::Zero(levels[0].rows(), levels[0].cols());
  for (size_t k = 0; k < levels.size(); ++k) x += std::exp2(static_cast<double>(k)) * levels[k].cast<double>();
  const Eigen::MatrixXd exact = conductance.transpose() * x, seen = v.cast<double>();
  double square = 0;
  for (Eigen::Index j = 0; j < exact.rows(); ++j) {
    const Eigen::ArrayXd e = exact.row(j).array() - exact.row(j).mean(), s = seen.row(j).array() - seen.row(j).mean();
    const double slope = e.square().sum() > 0 ? (e * s).sum() / e.square().sum() : 0.0;
    square += (s - slope * e).square().sum();
  }
  return std::sqrt(square / static_cast<double>(seen.size())) / lsb;
}

EnergyPhase run_phase(Matrix matrix, int input_bits, const InputCodes& codes, const ChipConfig& config, const CoreFactory& make_core, const solver::EnergyModel& model,
                      const LineTrim& line_trim) {
  EnergyPhase phase;
  phase.input_bits = input_bits, phase.output_bits = input_bits + 2;
  matrix.spec.input_bits = input_bits;
  const std::span<const MatrixSpec> spec(&matrix.spec, 1);
  const auto conductance = target_conductances(spec, matrix.mapping, config.mapping);
  const Eigen::MatrixXd g = conductance[0].cast<double>();
  const int bits = magnitude_bits(matrix.spec), max_code = (1 << (phase.output_bits - 1)) - 1;
  ChipConfig setup = config;
  setup.operating.max_code = std::min(max_code, config.operating.max_code);  // more steps than a ramp has would leave the neuron's range; the search needs no ramp
  setup.operating.samples = static_cast<int>(codes.cols());
  const double finest = make_core(g, {.v_decrement = config.operating.v_decrement_min, .max_code = 1}, bits)->lsb();
  setup.operating.swing = std::min(config.operating.swing, max_code * finest);
  phase.point = choose_operating_points(spec, matrix.mapping, conductance, std::span(&codes, 1), setup, make_core, line_trim).front();

  const auto core = make_core(g, phase.point.point, bits);
  std::vector<solver::LevelMatrix> levels;
  block_levels(matrix.spec, matrix.mapping.blocks[0], codes, 0, codes.cols(), levels);
  Eigen::MatrixXf integrated;
  solver::EventCounts input_stage;
  core->integrate(levels, integrated, &input_stage);
  solver::EventCounts counts = scaled(binary_search_counts(*core, integrated.rows(), phase.output_bits - 1, phase.point.point.max_code), static_cast<double>(codes.cols()));
  counts += input_stage;
  counts.macs = static_cast<double>(matrix.spec.weights.size()) * static_cast<double>(codes.cols());
  phase.estimate = estimate(spec, matrix.mapping, std::span(&counts, 1), static_cast<size_t>(codes.cols()), model).layers.front();
  phase.error_lsb = error_about_lines(g, levels, integrated, std::max(phase.point.quantile_voltage / max_code, 1e-30));
  return phase;
}

// Both phases are one multiplication: its operations count once.
LayerEstimate sum_of(const std::vector<EnergyPhase>& phases) {
  LayerEstimate sum = phases.front().estimate;
  for (size_t p = 1; p < phases.size(); ++p) {
    const LayerEstimate& e = phases[p].estimate;
    sum.counts += e.counts;
    sum.energy += e.energy;
    for (size_t c = 0; c < sum.error.size(); ++c) sum.error[c] += e.error[c];
    sum.total_error += e.total_error;
    sum.latency += e.latency;
  }
  sum.counts.macs = phases.front().estimate.counts.macs;
  return sum;
}

}  // namespace

std::optional<EnergyGroups> measured_energy(int input_bits, int output_bits) {
  if (input_bits == 1 && output_bits == 3) return EnergyGroups{9.0e-15, 10.6e-15, 3.4e-15};
  if (input_bits == 4 && output_bits == 6) return EnergyGroups{21.8e-15, 29.1e-15, 11.5e-15};
  return std::nullopt;
}

double digital_add_energy(int bits) {
  constexpr double per_bit = 0.03e-12 / 8, node = 130.0 / 45.0, supply = 1.8 / 0.9;
  return per_bit * bits * node * supply * supply;
}

bool EnergyBenchCase::outside_of_fit() const {
  return std::any_of(phases.begin(), phases.end(), [](const EnergyPhase& p) { return p.outside_of_fit; });
}

EnergyGroups EnergyBenchCase::grouped() const {
  using solver::Component;
  const solver::EnergyBreakdown& e = estimate.energy;
  const double operations = estimate.operations();
  return {e[Component::word_line] / operations, (e[Component::amplifier] + e[Component::switches] + e[Component::comparator] + e[Component::bias]) / operations,
          e[Component::array] / operations, digital_add / operations};
}

solver::EventCounts binary_search_counts(const CoreModel& core, Eigen::Index columns, int steps, int max_code) {
  MHO_ASSERT(steps >= 1 && max_code >= 1);
  // Two ramps of one input each: all columns at the middle of code 1, and at that of a higher code.
  const auto unary = [&](double code) {
    const Eigen::MatrixXf v = Eigen::MatrixXf::Constant(columns, 1, static_cast<float>((code - 0.5) * core.lsb()));
    solver::CodeMatrix codes;
    solver::EventCounts counts;
    core.convert(v, codes, &counts);
    return counts;
  };
  const solver::EventCounts low = unary(1), high = unary(std::max(2, max_code));
  // Events are a + b·decrements; b and a from the two points.
  const double taken = high.decrements - low.decrements;
  if (!(taken > 0)) throw NumericalError("the ADC takes as many steps at its first code as at its last; no energy per step can be read off it");
  const double u = (static_cast<double>(steps) * static_cast<double>(columns) - low.decrements) / taken;
  solver::EventCounts counts = scaled(low, 1 - u);
  counts += scaled(high, u);
  return counts;
}

std::vector<EnergyBenchCase> bench_energy(const ChipConfig& config, const CoreFactory& make_core, const solver::EnergyModel& model,
                                          const EnergyBenchOptions& options, const LineTrim& line_trim) {
  const Matrix matrix = random_matrix(config, options);
  std::vector<EnergyBenchCase> cases;
  for (const int bits : options.input_bits) {
    if (bits < 1 || bits > 8) throw Error(fmt::format("bench energy: {}-bit inputs are not possible; wants 1 to 8", bits));
    const InputCodes codes = random_inputs(matrix.spec.weights.rows(), bits, options.vectors, options.seed);
    const auto run = [&](int of, const InputCodes& inputs) { return run_phase(matrix, of, inputs, config, make_core, model, line_trim); };
    const auto add = [&](std::vector<EnergyPhase> phases, double digital) {
      EnergyBenchCase c;
      c.input_bits = bits, c.output_bits = bits + 2, c.phases = std::move(phases), c.digital_add = digital;
      c.estimate = sum_of(c.phases);
      if (c.phases.size() == 1) c.chip = measured_energy(bits, bits + 2);
      cases.push_back(std::move(c));
    };
    if (bits <= options.last_single_phase) add({run(bits, codes)}, 0.0);
    if (bits >= options.first_two_phase && bits >= 3) {
      const int low = (bits - 1) / 2, high = bits - 1 - low;
      add({run(high + 1, segment(codes, low, high)), run(low + 1, segment(codes, 0, low))},
          digital_add_energy(bits + 2) * static_cast<double>(matrix.spec.weights.cols()));
    }
  }
  return cases;
}

void mark_outside_of_fit(std::vector<EnergyBenchCase>& cases, const solver::NeuronModel& neuron) {
  for (EnergyBenchCase& c : cases)
    for (EnergyPhase& p : c.phases) {
      const int max_code = (1 << (p.output_bits - 1)) - 1;
      solver::ModelUse use;
      use.rows = {p.estimate.counts.wl_pulses / std::max(1, p.input_bits - 1)};
      use.v_read = {p.point.point.v_read};
      use.v_decrement = {p.point.point.v_decrement};
      use.v_integrated = {p.point.quantile_voltage};
      p.outside_of_fit = p.input_bits - 1 > calibrated_magnitude_bits || max_code > p.point.point.max_code || !solver::outside_of_fit(neuron, use).empty();
    }
}

}  // namespace mho::chip
