#include "chip/operating_point.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "chip/block_levels.hpp"
#include "core/errors.hpp"
#include "core/parallel.hpp"

namespace mho::chip {
namespace {

// The mapped matrix with its training inputs, evaluated at any point.
class Layer {
 public:
  Layer(const MatrixSpec& spec, const CoreFactory& make_core) : spec_(spec), make_core_(make_core) {}

  void add(const MappedBlock& block, const Eigen::MatrixXf& conductance, const InputCodes& codes) {
    conductance_.push_back(conductance.cast<double>());
    levels_.emplace_back();
    block_levels(spec_, block, codes, 0, codes.cols(), levels_.back());
  }

  Eigen::Index rows() const { return conductance_.front().rows(); }

  // |integrated voltage| of all columns, blocks and inputs [V].
  std::vector<float> magnitudes(const solver::OperatingPoint& point) const {
    std::vector<float> all;
    Eigen::MatrixXf v;
    for (size_t b = 0; b < conductance_.size(); ++b) {
      make_core_(conductance_[b], point, magnitude_bits(spec_))->integrate(levels_[b], v);
      for (const float x : v.reshaped()) all.push_back(std::abs(x));
    }
    return all;
  }

  double quantile(const solver::OperatingPoint& point, double p) const {
    std::vector<float> all = magnitudes(point);
    const auto at = all.begin() + static_cast<std::ptrdiff_t>(p * static_cast<double>(all.size() - 1));
    std::nth_element(all.begin(), at, all.end());
    return static_cast<double>(*at);
  }

  double lsb(const solver::OperatingPoint& point) const {
    return make_core_(conductance_.front(), point, magnitude_bits(spec_))->lsb();
  }

 private:
  const MatrixSpec& spec_;
  const CoreFactory& make_core_;
  std::vector<Eigen::MatrixXd> conductance_;
  std::vector<std::vector<solver::LevelMatrix>> levels_;
};

// Smallest multiplier that reaches the swing at the largest read voltage, or the largest one.
int choose_multiplier(const Layer& layer, solver::OperatingPoint point, const OperatingRules& rules) {
  point.v_read = rules.v_read_max;
  for (int m = 1; m < rules.max_multiplier;) {
    point.pulse_multiplier = m;
    const double reached = layer.quantile(point, rules.quantile);
    if (reached >= rules.swing) return m;
    // Gain grows at most in proportion to the multiplier, so no smaller one than this can do.
    const double needed = reached > 0 ? std::ceil(m * rules.swing / reached - 1e-6) : rules.max_multiplier;
    m = static_cast<int>(std::clamp(needed, m + 1.0, static_cast<double>(rules.max_multiplier)));
  }
  return rules.max_multiplier;
}

// Read voltage in its range at which the quantile equals the swing, by false position on an almost proportional function.
double choose_v_read(const Layer& layer, solver::OperatingPoint point, const OperatingRules& rules) {
  double v = rules.v_read_max;
  for (int n = 0; n < 8; ++n) {
    point.v_read = v;
    const double reached = layer.quantile(point, rules.quantile);
    const double next = reached > 0 ? std::clamp(v * rules.swing / reached, rules.v_read_min, rules.v_read_max) : rules.v_read_max;
    if (std::abs(next - v) <= 1e-3 * v) return next;
    v = next;
  }
  return v;
}

InputCodes evenly_taken(const InputCodes& codes, int samples) {
  const Eigen::Index count = std::min<Eigen::Index>(codes.cols(), samples);
  InputCodes some(codes.rows(), count);
  for (Eigen::Index p = 0; p < count; ++p) some.col(p) = codes.col(p * codes.cols() / count);
  return some;
}

PointChoice choose(const Layer& layer, const MatrixSpec& spec, const OperatingRules& rules, const LineTrim& line_trim) {
  PointChoice choice;
  solver::OperatingPoint& point = choice.point;
  point.max_code = rules.max_code;
  point.v_trim = line_trim ? line_trim(layer.rows()) : 0.0;
  point.v_decrement = rules.v_decrement_max;
  point.pulse_multiplier = choose_multiplier(layer, point, rules);
  point.v_read = choose_v_read(layer, point, rules);
  choice.quantile_voltage = layer.quantile(point, rules.quantile);
  if (!(choice.quantile_voltage > 0))
    throw ConfigError("training activations", 0, spec.name, "give no voltage; the operating point needs inputs that are not all zero");
  const double lsb_per_volt = layer.lsb(point) / point.v_decrement;
  point.v_decrement =
      std::clamp(choice.quantile_voltage / (rules.max_code * lsb_per_volt), rules.v_decrement_min, rules.v_decrement_max);
  choice.lsb = layer.lsb(point);
  choice.swing_reached = std::abs(choice.quantile_voltage / rules.swing - 1.0) < 0.02;
  const std::vector<float> all = layer.magnitudes(point);
  const auto beyond = std::count_if(all.begin(), all.end(), [&](float x) { return static_cast<double>(x) > rules.max_code * choice.lsb; });
  choice.beyond_range = static_cast<double>(beyond) / static_cast<double>(all.size());
  return choice;
}

}  // namespace

std::vector<PointChoice> choose_operating_points(std::span<const MatrixSpec> matrices, const Mapping& mapping,
                                                 std::span<const Eigen::MatrixXf> conductance, std::span<const InputCodes> codes,
                                                 const ChipConfig& config, const CoreFactory& make_core,
                                                 const LineTrim& line_trim, int threads) {
  MHO_ASSERT(conductance.size() == mapping.blocks.size() && codes.size() == matrices.size());
  std::vector<PointChoice> choices(matrices.size());
  parallel_for(matrices.size(), threads, [&](size_t m) {
    if (codes[m].cols() == 0) throw ConfigError("training activations", 0, matrices[m].name, "hold no input vector");
    const InputCodes inputs = evenly_taken(codes[m], config.operating.samples);
    Layer layer(matrices[m], make_core);
    for (size_t b = 0; b < mapping.blocks.size(); ++b)
      if (mapping.blocks[b].matrix == m) layer.add(mapping.blocks[b], conductance[b], inputs);
    choices[m] = choose(layer, matrices[m], config.operating, line_trim);
  });
  return choices;
}

std::vector<solver::OperatingPoint> points_of(std::span<const PointChoice> choices) {
  std::vector<solver::OperatingPoint> points;
  for (const PointChoice& c : choices) points.push_back(c.point);
  return points;
}

std::vector<Eigen::MatrixXf> target_conductances(std::span<const MatrixSpec> matrices, const Mapping& mapping,
                                                 const MappingRules& rules) {
  std::vector<Eigen::MatrixXf> targets;
  for (const MappedBlock& block : mapping.blocks)
    targets.push_back(target_conductance(matrices[block.matrix], block, rules).cast<float>());
  return targets;
}

Json to_json(const PointChoice& c) {
  return {{"v_read", quantity(c.point.v_read, "V")},
          {"v_trim", quantity(c.point.v_trim, "V")},
          {"v_decrement", quantity(c.point.v_decrement, "V")},
          {"pulse_multiplier", c.point.pulse_multiplier},
          {"max_code", c.point.max_code},
          {"quantile_voltage", quantity(c.quantile_voltage, "V")},
          {"lsb", quantity(c.lsb, "V")},
          {"beyond_range", quantity(c.beyond_range, "1")},
          {"swing_reached", c.swing_reached}};
}

PointChoice point_choice_from_json(const Json& json) {
  const auto value = [&](const char* key) { return json.at(key).at("value").get<double>(); };
  PointChoice c;
  c.point.v_read = value("v_read"), c.point.v_trim = value("v_trim"), c.point.v_decrement = value("v_decrement");
  c.point.pulse_multiplier = json.at("pulse_multiplier").get<int>(), c.point.max_code = json.at("max_code").get<int>();
  c.quantile_voltage = value("quantile_voltage"), c.lsb = value("lsb"), c.beyond_range = value("beyond_range");
  c.swing_reached = json.at("swing_reached").get<bool>();
  return c;
}

}  // namespace mho::chip
