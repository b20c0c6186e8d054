#include "validation/converter_thresholds.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/errors.hpp"
#include "core/statistics.hpp"
#include "core/units.hpp"
#include "solver/calibrate.hpp"

namespace mho::validation {
namespace {

const circuits::Step& step_of(const circuits::ControlProgram& program, const circuits::StepRecord& record) { return program.steps[static_cast<size_t>(record.step)]; }

// Comparisons of a conversion: the residue before, out when the latch was turned on, and what it decided (0: nothing).
struct Comparison {
  double residue, out;
  int decision;
};
std::vector<Comparison> comparisons(const circuits::ControlProgram& program, const circuits::ConversionRecord& record) {
  std::vector<Comparison> all;
  for (size_t i = 1; i < record.steps.size(); ++i)
    if (step_of(program, record.steps[i]).decides) all.push_back({record.steps[i - 1].v_out, record.steps[i].v_decision, record.steps[i].decision});
  return all;
}

}  // namespace

circuits::ConversionSetup converter_setup(const circuits::CircuitParams& circuit, const circuits::ControlProgram& program, const circuits::ReadPoint& point, double v_preset) {
  circuits::ConversionSetup setup{circuit, program, circuits::line_part(circuit), circuits::program_input(circuit, point, 1), {}};
  setup.input.parameters.emplace_back("v_preset", v_preset);
  return setup;
}

circuits::ControlProgram with_latch_time(circuits::ControlProgram program, double time) {
  bool any = false;
  for (circuits::Phase& phase : program.phases)
    for (const circuits::Event& e : phase.events) {
      if (e.target != static_cast<int>(circuits::Signal::lat) || e.value == "0") continue;
      phase.duration = e.time + time;
      if (phase.events.back().time >= phase.duration) throw Error(fmt::format("{}, phase {}: events after the {} that the latch is given", program.name, phase.name, format_quantity(time, "s")));
      any = true;
    }
  if (!any) throw Error(program.name + " does not turn the latch on");
  program.text += fmt::format("# latch: {:.17g} s\n", time);  // a program is known by its text
  return program;
}

ComparatorTurn comparator_turn(const circuits::ControlProgram& program, const std::vector<circuits::ConversionRecord>& records) {
  Comparison below{-INFINITY, -INFINITY, 0}, above{INFINITY, INFINITY, 0};
  ComparatorTurn turn;
  for (const auto& record : records)
    for (const Comparison& c : comparisons(program, record)) {
      turn.undecided += c.decision == 0;
      if (c.decision < 0 && c.residue > below.residue) below = c;
      if (c.decision > 0 && c.residue < above.residue) above = c;
    }
  turn.residue = turn.v_latch = turn.bracket = std::numeric_limits<double>::quiet_NaN();
  if (below.decision == 0 || above.decision == 0) return turn;
  turn.v_latch = solver::latch_turn(records).v.value();
  turn.bracket = above.residue - below.residue;
  const double share = above.out > below.out ? std::clamp((turn.v_latch - below.out) / (above.out - below.out), 0.0, 1.0) : 0.5;
  turn.residue = below.residue + turn.bracket * share;
  return turn;
}

int wrong_decisions(const circuits::ControlProgram& program, const circuits::ConversionRecord& record, double turn, double margin) {
  int wrong = 0;
  for (const Comparison& c : comparisons(program, record)) wrong += std::abs(c.residue - turn) > margin && (c.residue > turn ? 1 : -1) == -c.decision;
  return wrong;
}

std::vector<double> ramp_thresholds(const circuits::ConversionRecord& ramp, double turn, int codes) {
  const double sign = ramp.sign >= 0 ? 1.0 : -1.0;
  std::vector<double> r{sign * ramp.v_integrated};
  for (double v : ramp.v_residue) r.push_back(sign * v);
  std::vector<double> thresholds;
  double after = sign * turn;
  while (static_cast<int>(thresholds.size()) < codes) {
    size_t i = 1;
    while (i + 1 < r.size() && !(r[i + 1] <= after && after <= r[i])) ++i;
    if (i + 1 >= r.size()) break;
    after = r[i - 1] + (r[i] - r[i - 1]) * (after - r[i]) / (r[i + 1] - r[i]);
    thresholds.push_back(after);
  }
  return thresholds;
}

int code_from(const std::array<std::vector<double>, 2>& thresholds, double turn, double v) {
  const size_t p = v > turn ? 0 : 1;
  const double magnitude = p == 0 ? v : -v;
  int code = 0;  // the last known threshold below; unknown ones are passed over
  for (size_t k = 0; k < thresholds[p].size(); ++k)
    if (thresholds[p][k] <= magnitude) code = static_cast<int>(k) + 1;
  return p == 0 ? code : -code;
}

BinaryThresholds binary_thresholds(const circuits::ControlProgram& program, const std::vector<circuits::ConversionRecord>& records, double turn) {
  BinaryThresholds found;
  std::array<std::vector<double>, 2> sum, count, least, most;
  const auto add = [&](size_t polarity, int code, double magnitude) {
    if (code < 1) return;
    const size_t k = static_cast<size_t>(code);
    if (sum[polarity].size() < k) {
      sum[polarity].resize(k, 0.0);
      count[polarity].resize(k, 0.0);
      least[polarity].resize(k, INFINITY);
      most[polarity].resize(k, -INFINITY);
    }
    sum[polarity][k - 1] += magnitude;
    count[polarity][k - 1] += 1.0;
    least[polarity][k - 1] = std::min(least[polarity][k - 1], magnitude);
    most[polarity][k - 1] = std::max(most[polarity][k - 1], magnitude);
    found.spread = std::max(found.spread, most[polarity][k - 1] - least[polarity][k - 1]);
  };
  for (const auto& record : records) {
    const auto made = comparisons(program, record);
    if (std::any_of(made.begin(), made.end(), [](const Comparison& c) { return c.decision == 0; })) continue;  // on which side its threshold lies is not in the record
    double up = INFINITY, down = INFINITY;  // how far the input may rise and fall
    for (const Comparison& c : made) (c.decision > 0 ? down : up) = std::min(c.decision > 0 ? down : up, std::abs(c.residue - turn));
    const size_t polarity = record.sign >= 0 ? 0 : 1;
    const double magnitude = polarity == 0 ? record.v_integrated : -record.v_integrated;
    const double lower = polarity == 0 ? down : up, upper = polarity == 0 ? up : down;
    if (std::isfinite(lower)) add(polarity, std::abs(record.code), magnitude - lower);
    if (std::isfinite(upper)) add(polarity, std::abs(record.code) + 1, magnitude + upper);
  }
  for (size_t p = 0; p < 2; ++p)
    for (size_t k = 0; k < sum[p].size(); ++k) found.thresholds[p].push_back(sum[p][k] / count[p][k]);  // 0/0: NAN
  return found;
}

ConverterLine converter_line(const std::vector<double>& thresholds, int codes) {
  ConverterLine line;
  std::vector<double> k, t;
  for (int code = 1; code <= std::min(codes, static_cast<int>(thresholds.size())); ++code)
    if (std::isfinite(thresholds[static_cast<size_t>(code - 1)])) {
      k.push_back(code);
      t.push_back(thresholds[static_cast<size_t>(code - 1)]);
    }
  line.codes = static_cast<int>(k.size());
  if (line.codes < 3) return line;
  const Line fit = fit_line(k, t);
  if (!(fit.slope > 0.0)) {  // no converter: every code is missing
    line.missing = line.codes;
    line.inl = line.dnl = INFINITY;
    return line;
  }
  line.lsb = fit.slope;
  line.offset = fit.intercept / fit.slope;
  for (size_t i = 0; i < k.size(); ++i) {
    const double inl = std::abs(t[i] - fit.slope * k[i] - fit.intercept) / fit.slope;
    if (inl > line.inl) {
      line.inl = inl;
      line.inl_code = static_cast<int>(k[i]);
    }
    // Codes between two known thresholds need a place each.
    if (i > 0 && k[i] != k[i - 1] + 1) line.missing += (t[i] - t[i - 1]) / fit.slope < k[i] - k[i - 1] - 0.5;
    if (i == 0 || k[i] != k[i - 1] + 1) continue;
    const double step = (t[i] - t[i - 1]) / fit.slope;
    line.missing += step <= 0.0;
    if (std::abs(step - 1.0) > line.dnl) {
      line.dnl = std::abs(step - 1.0);
      line.dnl_code = static_cast<int>(k[i]);
    }
  }
  return line;
}

}  // namespace mho::validation
