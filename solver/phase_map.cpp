#include "solver/phase_map.hpp"

#include <Eigen/QR>
#include <algorithm>
#include <cmath>

#include "core/errors.hpp"
#include "solver/neuron_ode.hpp"
#include "solver/word_line_fall.hpp"

namespace mho::solver {
namespace {

using circuits::ControlProgram;

int step(const ControlProgram& program, const char* name) {
  const int index = program.step_index(name);
  if (index < 0) throw Error(std::string("control program ") + program.name + ": the vectorised form needs a step \"" + name + "\"");
  return index;
}

circuits::ReadPoint read_point(const OperatingPoint& p) { return {p.v_read, p.v_trim, p.v_decrement, p.pulse_multiplier, p.max_code}; }

// Least-squares cubic through (a, b) -> z, in variables scaled to ±1.
Cubic fit(const std::vector<std::array<double, 3>>& points, double scale_a, double scale_b, double* rms) {
  Eigen::MatrixXd m(static_cast<Eigen::Index>(points.size()), 10);
  Eigen::VectorXd z(m.rows());
  for (Eigen::Index i = 0; i < m.rows(); ++i) {
    const auto& p = points[static_cast<size_t>(i)];
    const double a = p[0] / scale_a, b = p[1] / scale_b;
    m.row(i) << 1, a, b, a * a, a * b, b * b, a * a * a, a * a * b, a * b * b, b * b * b;
    z[i] = p[2];
  }
  Eigen::VectorXd x = m.colPivHouseholderQr().solve(z);
  *rms = std::max(*rms, (m * x - z).norm() / std::sqrt(static_cast<double>(z.size())));
  const double sa = 1 / scale_a, sb = 1 / scale_b;
  const std::array<double, 10> unscale{1, sa, sb, sa * sa, sa * sb, sb * sb, sa * sa * sa, sa * sa * sb, sa * sb * sb, sb * sb * sb};
  Cubic c{};
  for (size_t k = 0; k < 10; ++k) c[k] = x[static_cast<Eigen::Index>(k)] * unscale[k];
  return c;
}

// One sample-integrate cycle on a grid, as cubics for out and line.
struct Cycle {
  Cubic out, line;
};
Cycle one_cycle(const NeuronModel& model, const ControlProgram& program, const circuits::ReadPoint& point, double swing, double span, double* rms) {
  const std::array<int, 2> steps{step(program, "sample"), step(program, "integrate")};
  std::vector<std::array<double, 3>> out, line;
  for (int i = -3; i <= 3; ++i)
    for (int j = -3; j <= 3; ++j) {
      const double v = swing * i / 3.0, u = span * j / 3.0;
      const HeldState end = simulate_steps(model, program, point, {v, point.v_trim + u}, steps, 0);
      out.push_back({v, u, end.v_integ});
      line.push_back({v, u, end.v_line - point.v_trim});
    }
  return {fit(out, swing, span, rms), fit(line, swing, span, rms)};
}

// Line through which the decrement maps a residue: table of (before, after), monotone, linear in between.
struct Table {
  std::vector<double> before, after;
  // Value before for a value after.
  double inverse(double y) const {
    size_t i = 1;
    while (i + 1 < after.size() && after[i] < y) ++i;
    const double f = (y - after[i - 1]) / (after[i] - after[i - 1]);
    return before[i - 1] + f * (before[i] - before[i - 1]);
  }
};

Table decrement_table(const NeuronModel& model, const ControlProgram& program, const circuits::ReadPoint& point, int sign, double swing) {
  const std::array<int, 4> steps{step(program, "compare"), step(program, "restore"), step(program, "decrement"), step(program, "decrement_integrate")};
  Table table;
  for (int i = -4; i <= 24; ++i) {
    const double v = swing * i / 24.0 * sign;
    table.before.push_back(v);
    table.after.push_back(simulate_steps(model, program, point, {v, point.v_trim}, steps, sign).v_integ);
  }
  if (sign < 0) {
    std::reverse(table.before.begin(), table.before.end());
    std::reverse(table.after.begin(), table.after.end());
  }
  return table;
}

double duration(const ControlProgram& program, const char* name) {
  return program.phases[static_cast<size_t>(program.steps[static_cast<size_t>(step(program, name))].phase)].duration;
}

}  // namespace

PhaseMap make_phase_map(const NeuronModel& leaking, const OperatingPoint& point, int bits, double swing, double line_span) {
  NeuronModel model = leaking;
  model.circuit.rows = 0;  // no leakage: it grows e-fold every few ten millivolts: no cubic; the user of the maps adds it
  const ControlProgram program = circuits::parse_control_program(model.program, "control program of the calibration");
  const circuits::ReadPoint read = read_point(point);
  PhaseMap map;
  // Beyond the amplifier's swing the maps would bend away from their useful part.
  const double reach = std::min({swing, model.neuron.v_high - 0.15, -model.neuron.v_low - 0.15});
  const Cycle cycle = one_cycle(model, program, read, reach, line_span, &map.fit_rms);
  const double count_step = duration(program, "sample") + duration(program, "integrate");
  map.cycle = {1, count_step, cycle.out, cycle.line};
  int samples = 0;
  for (int k = 0; k < bits; ++k) {
    BitMap bit;
    bit.samples = point.pulse_multiplier << k;
    bit.duration = bit.samples * count_step;
    samples += bit.samples;
    std::vector<std::array<double, 3>> out, line;
    for (int i = -4; i <= 4; ++i)
      for (int j = -4; j <= 4; ++j) {
        double v = reach * i / 4.0, u = line_span * j / 4.0;
        const double v0 = v, u0 = u;
        for (int n = 0; n < bit.samples; ++n) {
          const double next = evaluate(cycle.out, v, u);
          u = evaluate(cycle.line, v, u);
          v = next;
        }
        if (std::abs(v) > 1.3 * reach) continue;  // such combinations leave the swing; the cubic serves the others
        out.push_back({v0, u0, v});
        line.push_back({v0, u0, u});
      }
    bit.out = fit(out, reach, line_span, &map.fit_rms);
    bit.line = fit(line, reach, line_span, &map.fit_rms);
    map.bits.push_back(bit);
  }
  // The first pulse closes C_integ around the amplifier: its injection is what out starts from.
  const std::array<int, 2> begin{step(program, "initialise"), step(program, "pulse")};
  map.out_initial = simulate_steps(model, program, read, {0.0, point.v_trim}, begin, 0).v_integ;
  map.adc.threshold = comparator_turn(model, program, read);
  for (const int sign : {1, -1}) {
    const Table table = decrement_table(model, program, read, sign, reach);
    std::vector<double>& thresholds = sign > 0 ? map.adc.up : map.adc.down;
    double v = map.adc.threshold;
    for (int k = 0; k < point.max_code; ++k) thresholds.push_back(v = table.inverse(v));
  }
  map.t_word_line = program.word_line_on_time();
  map.t_integrate = duration(program, "initialise") + bits * duration(program, "pulse") + samples * count_step + duration(program, "sign");
  map.t_decrement = duration(program, "restore") + duration(program, "decrement") + duration(program, "decrement_integrate") + duration(program, "compare");
  return map;
}

double sampling_noise(const NeuronModel& model, const OperatingPoint& point, int bits) {
  constexpr double boltzmann = 1.380649e-23;  // [J/K]
  const double samples = point.pulse_multiplier * (std::exp2(bits) - 1.0);
  return std::sqrt(boltzmann * (model.temperature + 273.15) * model.circuit.c_sample * samples) / model.circuit.c_integ;
}

double line_trim(const NeuronModel& model, Eigen::Index rows) {
  std::vector<double> conductance(static_cast<size_t>(rows));
  for (size_t i = 0; i < conductance.size(); ++i) conductance[i] = i % 4 == 0 || i % 4 == 3 ? 20e-6 : 1e-6;  // differential pairs of both signs
  const std::vector<std::int8_t> levels(static_cast<size_t>(rows), 0);
  const double held = line_after_fall(model, conductance, levels, 0.3, 0.0);
  // The line offset against its reference at which one cycle adds nothing.
  const ControlProgram program = circuits::parse_control_program(model.program, "control program of the calibration");
  const std::array<int, 2> steps{step(program, "sample"), step(program, "integrate")};
  circuits::ReadPoint point;
  point.v_trim = held;
  double low = -0.1, high = 0.1;
  for (int i = 0; i < 20; ++i) {
    const double middle = 0.5 * (low + high);
    (simulate_steps(model, program, point, {0.0, held + middle}, steps, 0).v_integ > 0 ? high : low) = middle;
  }
  return held - 0.5 * (low + high);
}

}  // namespace mho::solver
