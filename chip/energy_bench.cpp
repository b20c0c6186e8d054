#include "chip/energy_bench.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "chip/block_levels.hpp"
#include "core/errors.hpp"
#include "core/random.hpp"

namespace mho::chip {
namespace {

MatrixSpec random_weights(const ChipConfig& config, int input_bits, std::uint64_t seed) {
  MatrixSpec spec;
  spec.name = "random";
  spec.weights.resize(config.rows / 2, config.columns);
  spec.bias = Eigen::VectorXf::Zero(config.columns);
  spec.input_bits = input_bits;
  spec.input_signed = true;
  RandomStream random(seed, 0, 0, 0, Purpose::bench);
  for (float& w : spec.weights.reshaped()) w = static_cast<float>(random.normal());
  return spec;
}

// Uniform over −full_scale … full_scale; one bit is a sign only.
InputCodes random_inputs(const MatrixSpec& spec, int vectors, std::uint64_t seed) {
  InputCodes codes(spec.weights.rows(), vectors);
  const int full_scale = full_scale_code(spec);
  RandomStream random(seed, 0, 0, 1, Purpose::bench);
  for (std::int8_t& c : codes.reshaped())
    c = static_cast<std::int8_t>(spec.input_bits == 1 ? (random.below(2) ? 1 : -1)
                                                      : static_cast<int>(random.below(2u * static_cast<unsigned>(full_scale) + 1)) - full_scale);
  return codes;
}

MappedBlock whole_core(const MatrixSpec& spec, double w_max) {
  MappedBlock block;
  block.inputs = static_cast<int>(spec.weights.rows());
  block.outputs = static_cast<int>(spec.weights.cols());
  block.w_max = w_max;
  for (int i = 0; i < block.inputs; ++i) block.positive_rows.push_back(2 * i);
  return block;
}

double magnitude_quantile(const MatrixSpec& spec, double p) {
  std::vector<float> all(spec.weights.data(), spec.weights.data() + spec.weights.size());
  for (float& w : all) w = std::abs(w);
  const auto at = all.begin() + static_cast<std::ptrdiff_t>(p * static_cast<double>(all.size() - 1));
  std::nth_element(all.begin(), at, all.end());
  return static_cast<double>(*at);
}

LayerEstimate estimate_counts(const MatrixSpec& spec, const Mapping& mapping, solver::EventCounts counts, int vectors,
                              const solver::EnergyModel& model) {
  counts.macs = static_cast<double>(spec.weights.size()) * vectors;
  return estimate(std::span(&spec, 1), mapping, std::span(&counts, 1), static_cast<size_t>(vectors), model).layers.front();
}

}  // namespace

std::optional<MeasuredEnergy> measured_energy(int input_bits, int output_bits) {
  if (input_bits == 1 && output_bits == 3) return MeasuredEnergy{9.0e-15, 10.6e-15, 3.4e-15};
  if (input_bits == 4 && output_bits == 6) return MeasuredEnergy{21.8e-15, 29.1e-15, 11.5e-15};
  return std::nullopt;
}

MeasuredEnergy EnergyBenchCase::grouped() const {
  using solver::Component;
  const solver::EnergyBreakdown& e = estimate.energy;
  const double operations = estimate.operations();
  return {e[Component::word_line] / operations,
          (e[Component::amplifier] + e[Component::switches] + e[Component::comparator] + e[Component::bias]) / operations,
          e[Component::array] / operations};
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
  std::vector<EnergyBenchCase> cases;
  for (const auto [input_bits, output_bits] : options.bits) {
    if (input_bits < 1 || input_bits > 7 || output_bits < 3 || output_bits > 12)
      throw Error(fmt::format("bench energy: {}-bit inputs with {}-bit outputs are not possible; wants 1 to 7 and 3 to 12", input_bits,
                              output_bits));
    const std::vector<MatrixSpec> spec{random_weights(config, input_bits, options.seed)};
    const std::vector<InputCodes> codes{random_inputs(spec[0], options.vectors, options.seed)};
    const Mapping mapping{{whole_core(spec[0], magnitude_quantile(spec[0], options.w_max_quantile))}};
    const auto conductance = target_conductances(spec, mapping, config.mapping);
    ChipConfig setup = config;
    setup.operating.max_code = (1 << (output_bits - 1)) - 1;
    setup.operating.samples = options.vectors;
    const PointChoice point = choose_operating_points(spec, mapping, conductance, codes, setup, make_core, line_trim).front();

    const auto core = make_core(conductance[0].cast<double>(), point.point, magnitude_bits(spec[0]));
    std::vector<solver::LevelMatrix> levels;
    block_levels(spec[0], mapping.blocks[0], codes[0], 0, options.vectors, levels);
    Eigen::MatrixXf integrated;
    solver::CodeMatrix adc;
    solver::EventCounts input_stage, unary;
    core->integrate(levels, integrated, &input_stage);
    core->convert(integrated, adc, &unary);
    unary += input_stage;
    solver::EventCounts binary =
        scaled(binary_search_counts(*core, integrated.rows(), output_bits - 1, point.point.max_code), options.vectors);
    binary += input_stage;
    for (const Adc kind : {Adc::binary_search, Adc::unary})
      cases.push_back({input_bits, output_bits, kind, point,
                       estimate_counts(spec[0], mapping, kind == Adc::unary ? unary : binary, options.vectors, model),
                       measured_energy(input_bits, output_bits)});
  }
  return cases;
}

Json to_json(const std::vector<EnergyBenchCase>& cases) {
  Json list = Json::array();
  const auto groups = [](const MeasuredEnergy& e) {
    return Json{{"total", quantity(e.total(), "J")},
                {"word_line", quantity(e.word_line, "J")},
                {"neuron", quantity(e.neuron, "J")},
                {"input_pulses", quantity(e.input_pulses, "J")}};
  };
  for (const EnergyBenchCase& c : cases) {
    Json item{{"input_bits", c.input_bits},
              {"output_bits", c.output_bits},
              {"adc", c.adc == Adc::unary ? "unary" : "binary search"},
              {"energy_per_operation", groups(c.grouped())}};
    if (c.chip) item["chip_energy_per_operation"] = groups(*c.chip);
    item["operating_point"] = to_json(c.point);
    item["per_multiplication"] = to_json(c.estimate);
    list.push_back(item);
  }
  return list;
}

std::string energy_bench_table(const std::vector<EnergyBenchCase>& cases) {
  std::string text = fmt::format("{:<8}{:<15}{:>10}{:>8}{:>12}{:>10}{:>14}{:>10}{:>12}\n", "in/out", "ADC", "fJ/op", "error", "word line",
                                 "neuron", "input pulses", "TOPS/W", "latency us");
  const auto row = [&](const std::string& bits, const std::string& name, const MeasuredEnergy& e, const std::string& error,
                       const std::string& latency) {
    text += fmt::format("{:<8}{:<15}{:>10.1f}{:>8}{:>12.1f}{:>10.1f}{:>14.1f}{:>10.1f}{:>12}\n", bits, name, 1e15 * e.total(), error,
                        1e15 * e.word_line, 1e15 * e.neuron, 1e15 * e.input_pulses, 1e-12 / e.total(), latency);
  };
  for (size_t i = 0; i < cases.size(); ++i) {
    const EnergyBenchCase& c = cases[i];
    const std::string bits = fmt::format("{}/{}", c.input_bits, c.output_bits);
    row(bits, c.adc == Adc::unary ? "unary" : "binary search", c.grouped(),
        fmt::format("{:.1f}", 1e15 * c.estimate.total_error / c.estimate.operations()), fmt::format("{:.2f}", 1e6 * c.estimate.latency));
    const bool last = i + 1 == cases.size() || cases[i + 1].input_bits != c.input_bits || cases[i + 1].output_bits != c.output_bits;
    if (last && c.chip) row(bits, "chip, measured", *c.chip, "", "");
  }
  return text;
}

}  // namespace mho::chip
