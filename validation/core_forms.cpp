#include "validation/core_forms.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <vector>

#include "solver/core_ode.hpp"
#include "validation/reference_core.hpp"

namespace mho::validation {
namespace {

using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::MatrixXf;
using Eigen::VectorXd;
using solver::ArrayWires;
using solver::LevelMatrix;
using namespace reference_core;

constexpr double t_on = 20e-9;          // [s] word lines on, as in the shipped control programs
constexpr double ode_tolerance = 1e-4;  // [V] of a step at any node; what it leaves at the end is printed

struct Difference {
  double rms = 0, worst = 0;  // [LSB]
  double rms_of_rest = 0;     // [LSB] after one gain for all
};
Difference difference(const MatrixXf& a, const MatrixXf& reference, double lsb) {
  const MatrixXd x = a.cast<double>(), y = reference.cast<double>();
  const double gain = x.cwiseProduct(y).sum() / y.squaredNorm(), root = std::sqrt(static_cast<double>(x.size()));
  return {(x - y).norm() / root / lsb, (x - y).cwiseAbs().maxCoeff() / lsb, (x - gain * y).norm() / root / lsb};
}

solver::CoreNetwork network_of(const MatrixXd& g, double r_driver) {
  solver::CoreNetwork n;
  n.g = g;
  n.current = cell_current;
  n.wires = {r_wire, r_wire, r_driver};
  return n;
}

// Σ_k 2^k u_k at the ends of the pulses, C × B [V]: bit after bit, each from the lines that the one before has left.
MatrixXf sums_in_time(const solver::CoreNetwork& network, const std::vector<LevelMatrix>& levels, double on, double tolerance, size_t* steps = nullptr) {
  solver::CoreOde core(network);
  const Index batch = levels.front().cols();
  MatrixXf sums(core.columns(), batch);
  for (Index b = 0; b < batch; ++b) {
    VectorXd lines = VectorXd::Zero(core.columns()), sum = lines;
    for (size_t k = 0; k < levels.size(); ++k) {
      const VectorXd drive = v_read * levels[k].col(b).cast<double>();
      VectorXd state = core.held(lines, drive);
      const size_t taken = core.advance(state, {drive, {}}, true, on, tolerance);
      if (steps) *steps += taken;
      lines = core.lines(state);
      sum += std::exp2(k) * lines;
    }
    sums.col(b) = sum.cast<float>();
  }
  return sums;
}

std::vector<LevelMatrix> first_inputs(const std::vector<LevelMatrix>& levels, Index count) {
  std::vector<LevelMatrix> part;
  for (const LevelMatrix& level : levels) part.push_back(level.leftCols(count));
  return part;
}

double seconds_of(const auto& work) {
  const auto start = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

// The least of some repetitions: what else runs on the machine only adds.
double least_seconds(int repetitions, const auto& work) {
  double least = seconds_of(work);
  for (int n = 1; n < repetitions; ++n) least = std::min(least, seconds_of(work));
  return least;
}

// One table: error and rate of each form.
void compare_forms(Section& s, std::uint64_t seed, Index n, double ohm, Index inputs) {
  constexpr double error_limit = 0.1, rate_limit = 5000.0;
  constexpr Index batch = 64;
  const MatrixXd g = solver::differential_cells(seed, n, n);
  const solver::OddLaw law = law_of(g);
  const ArrayWires wires{r_wire, r_wire, ohm};
  const auto levels = solver::signed_inputs(seed, n, batch, magnitude_bits);
  const solver::NonlinearArray array(law, wires);
  MatrixXf settled, products, exact;
  const double settled_seconds = least_seconds(n <= 64 ? 15 : 3, [&] { settled = whole_sum(array, levels, 1e-5); });
  const solver::WiredCore core(law, {}, wires, v_read);
  solver::WiredCore::Workspace workspace;
  const double product_seconds = least_seconds(15, [&] { core.sum(levels, {}, workspace, products); });
  size_t steps = 0;
  const double ode_seconds = seconds_of([&] { exact = sums_in_time(network_of(g, ohm), first_inputs(levels, inputs), t_on, ode_tolerance, &steps); });
  const double lsb = code_size(settled);
  struct Form {
    const char* name;
    MatrixXf sums;
    double rate;
  };
  const Form forms[] = {{"ode", exact, static_cast<double>(inputs) / ode_seconds},
                        {"settled", settled.leftCols(inputs), static_cast<double>(batch) / settled_seconds},
                        {"vectorised", products.leftCols(inputs), static_cast<double>(batch) / product_seconds}};
  for (const Form& form : forms) {
    const Difference d = difference(form.sums, exact, lsb);
    const double other = share_of_other_codes(form.sums, exact, lsb);
    s.text += fmt::format("{:6}{:14.0f}{:8}{:>12}{:12.4f}{:12.4f}{:12.2f}{:12.4g}\n", n, ohm, inputs, form.name, d.rms, d.worst, 100 * other, form.rate);
    s.json["forms"].push_back(Json{{"n", n}, {"r_driver", quantity(ohm, "ohm")}, {"inputs", inputs}, {"form", form.name}, {"rms_lsb", d.rms}, {"worst_lsb", d.worst}, {"other_codes", other},
                                   {"mvm_per_second", form.rate}, {"lsb", quantity(lsb, "V")}});
    if (&form != &forms[1] || n != 64) continue;
    if (!(d.rms <= error_limit)) s.missed.push_back(fmt::format("ode: settled lines {:.3f} LSB rms from the lines in time with drivers of {} ohm, limit {}", d.rms, ohm, error_limit));
    if (!(form.rate >= rate_limit)) s.missed.push_back(fmt::format("ode: {:.0f} MVM/s of settled lines with drivers of {} ohm, limit {:.0f}", form.rate, ohm, rate_limit));
  }
  s.text += fmt::format("{:>28}one LSB {:.3f} mV; in time {:.1f} steps and {:.0f} ms a pulse\n", "", 1e3 * lsb, static_cast<double>(steps) / static_cast<double>(inputs * magnitude_bits),
                        1e3 * ode_seconds / static_cast<double>(inputs * magnitude_bits));
}

// What the settled forms leave out, each alone, on the core in time.
void compare_effects(Section& s, std::uint64_t seed) {
  constexpr Index n = 64, inputs = 8;
  constexpr double c_couple = 0.1e-15, r_supply = 1.0;
  const MatrixXd g = solver::differential_cells(seed, n, n);
  const auto levels = solver::signed_inputs(seed, n, inputs, magnitude_bits);
  const solver::CoreNetwork base = network_of(g, drivers[0]);
  const MatrixXf exact = sums_in_time(base, levels, t_on, ode_tolerance);
  const double lsb = code_size(exact);
  const solver::TransistorParams transistor;
  s.text += fmt::format("\nwhat each changes alone, {0} by {0} cells, {1:.0f} ohm, {2} inputs, from the core in time after {3:.0f} ns\n{4:<52}{5:>12}{6:>12}{7:>26}\n", n, drivers[0], inputs, 1e9 * t_on, "", "rms [LSB]", "worst [LSB]",
                        "left by one gain [LSB]");
  const auto effect = [&](const std::string& name, const solver::CoreNetwork& network, double on) {
    const Difference d = difference(sums_in_time(network, levels, on, ode_tolerance), exact, lsb);
    s.text += fmt::format("{:<52}{:12.4f}{:12.4f}{:26.4f}\n", name, d.rms, d.worst, d.rms_of_rest);
    s.json["effects"].push_back(Json{{"name", name}, {"rms_lsb", d.rms}, {"worst_lsb", d.worst}, {"rms_after_gain_lsb", d.rms_of_rest}});
  };
  for (double on : {5e-9, 2e-9, 1e-9}) effect(fmt::format("word lines on for {:.0f} ns", 1e9 * on), base, on);
  const auto changed = [&](const auto& change) {
    solver::CoreNetwork other = base;
    change(other);
    return other;
  };
  const auto coupled = changed([&](solver::CoreNetwork& c) { c.c_couple = c_couple; });
  effect(fmt::format("coupling of {:.1f} fF a cell between neighbours", 1e15 * c_couple), coupled, t_on);
  effect("... and word lines on for 1 ns", coupled, 1e-9);
  effect(fmt::format("transistors, {:.1f} mA/V2, pinch-off at {:.1f} V", 1e3 * transistor.beta, transistor.v_pinch), changed([&](solver::CoreNetwork& c) { c.transistor = transistor; }), t_on);
  effect(fmt::format("{:.0f} ohm in the supply of each drive level", r_supply), changed([&](solver::CoreNetwork& c) { c.r_supply = r_supply; }), t_on);
  effect("all of them, 20 ns", changed([&](solver::CoreNetwork& c) { c.c_couple = c_couple, c.transistor = transistor, c.r_supply = r_supply; }), t_on);
}

void show_convergence(Section& s, std::uint64_t seed) {
  constexpr Index n = 64;
  constexpr double early = 1e-9, finest = 1e-7;
  const MatrixXd g = solver::differential_cells(seed, n, n);
  const VectorXd drive = v_read * solver::signed_inputs(seed, n, 1, magnitude_bits)[0].col(0).cast<double>();
  solver::CoreOde core(network_of(g, drivers[0]));
  const auto lines_after = [&](double duration, double tolerance, size_t& steps) {
    VectorXd state = core.held(VectorXd::Zero(n), drive);
    steps = core.advance(state, {drive, {}}, true, duration, tolerance);
    return core.lines(state);
  };
  size_t steps = 0;
  const VectorXd at_early = lines_after(early, finest, steps), at_end = lines_after(t_on, finest, steps);
  s.text += fmt::format("\nconvergence in time, one pulse of {0} by {0} cells: largest error of a line against a tolerance of {1:.0e} V\n{2:>14}{3:>8}{4:>12}{5:>16}{6:>16}\n", n, finest, "tolerance [V]", "steps", "time [ms]",
                        fmt::format("{:.0f} ns [V]", 1e9 * early), fmt::format("{:.0f} ns [V]", 1e9 * t_on));
  for (double tolerance : {1e-2, 1e-3, 1e-4, 1e-5, 1e-6}) {
    size_t unused = 0;
    const double error_early = (lines_after(early, tolerance, unused) - at_early).cwiseAbs().maxCoeff();
    VectorXd lines;
    const double seconds = seconds_of([&] { lines = lines_after(t_on, tolerance, steps); });
    const double error_end = (lines - at_end).cwiseAbs().maxCoeff();
    s.text += fmt::format("{:14.0e}{:8}{:12.0f}{:16.1e}{:16.1e}\n", tolerance, steps, 1e3 * seconds, error_early, error_end);
    s.json["convergence"].push_back(Json{{"tolerance", quantity(tolerance, "V")}, {"steps", steps}, {"time", quantity(seconds, "s")}, {"error_1ns", quantity(error_early, "V")}, {"error_end", quantity(error_end, "V")}});
  }
}

}  // namespace

Section validate_ode_form(const SolverFormSettings& settings) {
  Section s{"ode", {}, {}, {}, {}};
  s.text = fmt::format("three forms of one core, sums before the ADC from the lines in time ({:.0f} ns, {:.0e} V a step); one thread, batch 64 of the faster forms\n{:>6}{:>14}{:>8}{:>12}{:>12}{:>12}{:>12}{:>12}\n", 1e9 * t_on, ode_tolerance, "n",
                       "driver [ohm]", "inputs", "form", "rms [LSB]", "worst [LSB]", "other [%]", "MVM/s");
  compare_forms(s, settings.seed, 64, drivers[0], 64);
  compare_forms(s, settings.seed, 64, drivers[1], 16);
  compare_forms(s, settings.seed, 256, drivers[0], 1);
  compare_effects(s, settings.seed);
  show_convergence(s, settings.seed);
  return s;
}

}  // namespace mho::validation
