// An ideal chain gives 2 M V (g_max/w_max)/(ΣG V_decr) codes per unit of weight times input code: M samples
// of the least significant bit, V the read voltage, twice because each bit is applied in two passes,
// V_decr the decrement; C_sample cancels. Each candidate below is one thing that real chains do
// otherwise, alone, as the factor that it puts before this gain.
#include "validation/silicon_gain.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "circuits/spice/session.hpp"
#include "circuits/spice/worker_pool.hpp"
#include "core/errors.hpp"
#include "core/random.hpp"
#include "core/statistics.hpp"
#include "validation/conversion_runs.hpp"
#include "validation/energy_designs.hpp"
#include "validation/modes.hpp"

namespace mho::validation {
namespace {

using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::VectorXd;

// Operating point of the measurement: drivers at +0.79 and −0.70 V, decrements of +0.12 and −0.03 V.
constexpr double v_read = 0.5 * (0.79 + 0.70), v_decrement = 0.5 * (0.12 + 0.03);  // [V]
constexpr int multiplier = 6;
// The sequence with a clock of 12.5 MHz: the line is sampled for two cycles and the decrement for 64,
// and everything else of the neuron lasts 64 as well.
constexpr double cycle = 80e-9, aperture = 2 * cycle, settled = 64 * cycle;  // [s]
constexpr int patterns = 4;
constexpr double no_supply = 1e-3;     // [ohm]
constexpr double smallest_cell = 5e-8;  // [S] below it the node behind the transistor does not settle

// One pass of a magnitude bit: 1 is +1, 0 is −1, the partner of a pair opposite.
std::vector<std::int8_t> pass(Index rows, std::uint64_t seed, int pattern) {
  RandomStream random(seed, 0, 0, static_cast<std::uint32_t>(pattern), Purpose::validation_plan);
  std::vector<std::int8_t> levels(static_cast<size_t>(rows));
  // A share of ones that differs from pattern to pattern spreads the sums.
  const double share = (pattern + 0.5) / patterns;
  for (size_t i = 0; i + 1 < levels.size(); i += 2) {
    levels[i] = random.uniform() < share ? 1 : -1;
    levels[i + 1] = static_cast<std::int8_t>(-levels[i]);
  }
  return levels;
}

double ideal_line(const VectorXd& g, const std::vector<std::int8_t>& levels) {
  double sum = 0.0;
  for (Index i = 0; i < g.size(); ++i) sum += g[i] * levels[static_cast<size_t>(i)];
  return v_read * sum / g.sum();
}

double slope(const std::vector<double>& x, const std::vector<double>& y) { return fit_line(x, y).slope; }

class Chain {
 public:
  Chain(const MatrixXd& cells, const SiliconSettings& settings) : cells_(cells), settings_(settings) {
    modes_.seed = settings.seed;
    modes_.workers = settings.threads;
    modes_.tolerance = settings.tolerance;
    modes_.cache = settings.cache;
    // The column in the middle by ΣG.
    std::vector<Index> order(static_cast<size_t>(cells.cols()));
    for (size_t j = 0; j < order.size(); ++j) order[j] = static_cast<Index>(j);
    std::sort(order.begin(), order.end(), [&](Index a, Index b) { return cells.col(a).sum() < cells.col(b).sum(); });
    column_ = cells.col(order[order.size() / 2]);
  }

  struct LineGain {
    double driven, held;
  };
  // Driven lines of the middle column over ideal ones and held over driven ones, with word lines from `low` to `high` [V].
  LineGain line(double low, double high) const {
    const circuits::CircuitParams circuit = with_word_lines(low, high);
    circuits::ColumnInput input = column_input();
    for (int n = 1; n < patterns; ++n) input.levels.push_back(pass(column_.size(), settings_.seed, n));
    const auto record = run_modes({column_setup(circuit, circuits::named_program("line_pulses"), input)}, modes_, "line of the middle column").front();
    std::vector<double> ideal;
    for (const auto& levels : input.levels) ideal.push_back(ideal_line(column_, levels));
    return {slope(ideal, record.v_line_driven), slope(record.v_line_driven, record.v_line_held)};
  }

  // The same column sampled once after its word lines fell: integrated voltage over C_sample/C_integ of the ideal line.
  double sampled_when_held(double low, double high) const {
    const circuits::CircuitParams circuit = with_word_lines(low, high);
    std::vector<circuits::ConversionSetup> setups;
    std::vector<double> ideal, integrated;
    for (int n = 0; n < patterns; ++n) {
      circuits::ColumnInput input = column_input();
      input.levels = {pass(column_.size(), settings_.seed, n)};
      input.point.v_decrement = v_decrement;
      input.point.max_code = 1;
      ideal.push_back(ratio() * ideal_line(column_, input.levels.front()));
      setups.push_back(column_setup(circuit, circuits::named_program("held_line_unary"), input));
    }
    for (const auto& record : run_modes(setups, modes_, "held line of the middle column")) integrated.push_back(record.v_integrated);
    return slope(ideal, integrated);
  }

  // Lines of all columns at an operating point of resistors over those of columns that have drivers of their own: cells behind their
  // transistors (`behind` [ohm]), drivers, and one supply line for all drivers of a sign.
  double shared(double behind, double driver, double supply) const {
    const Index rows = cells_.rows(), columns = cells_.cols();
    const MatrixXd g = cells_.array() / (1.0 + behind * cells_.array());
    const MatrixXd alone = g.array() / (1.0 + driver * g.array());
    const VectorXd total = alone.colwise().sum().transpose();
    std::vector<double> own, with_others;
    std::vector<std::vector<std::int8_t>> levels;
    for (int n = 0; n < patterns; ++n) {
      levels.push_back(pass(rows, settings_.seed, n));
      for (Index j = 0; j < columns; ++j) {
        double sum = 0.0;
        for (Index i = 0; i < rows; ++i) sum += alone(i, j) * levels.back()[static_cast<size_t>(i)];
        own.push_back(v_read * sum / total[j]);
      }
    }
    std::vector<std::vector<double>> lines(levels.size());
    spice::run_in_workers(levels.size(), {.workers = settings_.threads}, [&](size_t n) {
      spice::Session session;
      std::string text;
      for (double v : resistor_lines(session, g, levels[n], v_read, driver, supply)) text += fmt::format("{:.17g} ", v);
      return text;
    }, [&](size_t n, spice::TaskOutcome outcome) {
      if (!outcome.ok) throw NumericalError("array of resistors: " + outcome.error);
      for (const char* at = outcome.result.c_str(); *at;) {
        char* end = nullptr;
        lines[n].push_back(std::strtod(at, &end));
        at = end + 1;
      }
    });
    for (const auto& of_pattern : lines) with_others.insert(with_others.end(), of_pattern.begin(), of_pattern.end());
    return slope(own, with_others);
  }

  struct NeuronGain {
    double sample, decrement;  // [1] of the integrated voltage and of a decrement, over their ideals
    double codes() const { return sample / decrement; }
  };
  // A driven line through the neuron in the slow sequence; `extra` is text added to the netlist, `current` scales the amplifier's.
  NeuronGain neuron(double sample_time, double current, const std::string& extra) const {
    circuits::ControlProgram program = circuits::named_program("driven_unary");
    for (const char* phase : {"initialise", "integrate", "compare", "decrement"}) program = with_duration(program, phase, settled);
    program = with_duration(with_duration(program, "restore", 3 * cycle), "sample", sample_time);
    std::vector<circuits::ConversionSetup> setups;
    constexpr double line = 0.4;  // [V]
    constexpr int decrements = 2;
    for (int sign : {-1, 1}) {
      circuits::ColumnInput input;
      input.conductance.assign(4, 30e-6);
      input.levels.assign(1, std::vector<std::int8_t>(4, static_cast<std::int8_t>(sign)));
      input.point.v_read = line;
      input.point.v_decrement = v_decrement;
      input.point.max_code = decrements;
      circuits::CircuitParams circuit = circuit_;
      circuit.rows = 4;
      setups.push_back(column_setup(circuit, program, input));
      setups.back().array.netlist += extra;
      if (current != 1.0) setups.back().transistors.amplifier = amplifier_with_current(current);
    }
    RunSettings run;
    run.ngspice.tolerance = settings_.tolerance;
    run.ngspice.dt_max = 0.25 * cycle;
    run.workers = settings_.threads;
    run.title = "neuron in the slow sequence";
    const ConversionRuns runs = run_conversions(setups, run, settings_.cache);
    for (const std::string& failure : runs.failures) throw NumericalError(failure);
    double step = 0.0;
    for (const auto& record : runs.records)
      step += 0.5 * std::abs(record->v_residue.back() - record->v_residue.front()) / static_cast<double>(record->v_residue.size() - 1);
    return {(runs.records[1]->v_integrated - runs.records[0]->v_integrated) / (2 * line * ratio()), step / (v_decrement * ratio())};
  }

  double ratio() const { return circuit_.c_sample / circuit_.c_integ; }

 private:
  circuits::ColumnInput column_input() const {
    circuits::ColumnInput input;
    for (double g : column_) input.conductance.push_back(g);
    input.levels = {pass(column_.size(), settings_.seed, 0)};
    input.point.v_read = v_read;
    return input;
  }
  circuits::CircuitParams with_word_lines(double low, double high) const {
    circuits::CircuitParams circuit = circuit_;
    circuit.wl_low = low;
    circuit.wl_high = high;
    circuit.v_dd_wl = std::max(circuit.v_dd_wl, high);
    return circuit;
  }

  MatrixXd cells_;
  SiliconSettings settings_;
  ModeSettings modes_;
  circuits::CircuitParams circuit_;
  VectorXd column_;
};

struct Factor {
  std::string name;
  double value;      // [1]
  bool in_product;   // one of each kind
};

}  // namespace

// Bit lines b<row>, source lines s<column>; p and m: the supplies of both signs.
std::vector<double> resistor_lines(spice::Session& session, const MatrixXd& g, const std::vector<std::int8_t>& levels, double v, double driver, double supply) {
  std::string text = fmt::format("vp p0 0 {0:.17g}\nvm m0 0 -{0:.17g}\nrp p0 p {1:.17g}\nrm m0 m {1:.17g}\n", v, supply);
  spice::Analysis analysis{"op", {}};
  for (Index j = 0; j < g.cols(); ++j) analysis.watch.push_back(fmt::format("s{}", j));
  for (Index i = 0; i < g.rows(); ++i) {
    text += fmt::format("rd{0} {1} b{0} {2:.17g}\n", i, levels[static_cast<size_t>(i)] > 0 ? "p" : "m", driver);
    for (Index j = 0; j < g.cols(); ++j) text += fmt::format("rc{0}_{1} b{0} s{1} {2:.17g}\n", i, j, 1.0 / g(i, j));
  }
  const spice::AnalysisResult result = session.analyse({"array of resistors", text, {analysis}, "reltol=1e-6"}).front();
  std::vector<double> lines;
  for (const std::string& node : analysis.watch) lines.push_back(result.value(node));
  return lines;
}

GainReport gain_report(const SiliconLayer& layer, const MatrixXd& cells, const VectorXd& lines, const SiliconSettings& settings) {
  const MatrixXd targets = silicon_targets(layer.weights);
  const VectorXd sums = targets.colwise().sum().transpose();
  const double w_max = silicon_w_max(layer.weights);
  // A slope is in codes per output unit, and an input code is clip/full_code of one.
  const double ideal = 2.0 * multiplier * v_read * silicon_g_max / w_max * silicon_full_code / silicon_clip / v_decrement;
  const double measured = layer.slope.cwiseProduct(sums).mean() / ideal;

  const MatrixXd held = cells.cwiseMax(smallest_cell);
  const Chain chain(held, settings);
  constexpr double low = 0.9, high = 2.2;  // [V] the chip's word lines in a product
  circuits::CircuitParams circuit;
  circuit.wl_high = high;
  const double behind = series_resistance(circuit) - circuit.r_driver;
  const Chain::LineGain line = chain.line(low, high);
  const Chain::NeuronGain neuron = chain.neuron(aperture, 1.0, "");
  std::vector<Factor> factors;
  const auto add = [&](const std::string& name, double value, bool in_product = false) { factors.push_back({name, value, in_product}); };
  add("cells as written and relaxed, ΣG of the targets in the ideal gain", lines.cwiseProduct(sums).cwiseQuotient(cells.colwise().sum().transpose()).mean(), true);
  add(fmt::format("select transistors, word lines at {} V", high), line.driven, true);
  for (double other : {2.5, 3.3}) add(fmt::format("  at {} V", other), chain.line(low, other).driven);
  add("drivers of 200 ohm shared by all columns", chain.shared(behind, 200.0, no_supply));
  add("drivers of 1 kohm", chain.shared(behind, 1000.0, no_supply), true);
  for (double step : {1.0, 5.0, 20.0})
    add(fmt::format("supply of all drivers behind {:.0f} ohm a core row, five rows (drivers 200 ohm)", step), chain.shared(behind, 200.0, 5.0 * step) / chain.shared(behind, 200.0, no_supply));
  add("neuron: 160 ns to sample, 5.12 µs to integrate and for decrements", neuron.codes(), true);
  for (double current : {0.1, 0.01}) add(fmt::format("  its amplifier with {:g} of the current", current), chain.neuron(aperture, current, "").codes());
  add("  17 fF more at the left plate of C_sample", chain.neuron(aperture, 1.0, "cextra l 0 17f\n").codes());
  add("  17 fF more at the amplifier's input", chain.neuron(aperture, 1.0, "cextra x 0 17f\n").codes());
  add("line held after its pulse, word lines from 0.9 V, over the driven one", line.held);
  add("  the same through the neuron", chain.sampled_when_held(low, high) / (line.driven * neuron.sample));
  add("  through the neuron, word lines from 0 V", chain.sampled_when_held(0.0, high) / (line.driven * neuron.sample));

  // With the sums of cells that are not zero where the target is.
  const double with_cells = layer.slope.cwiseProduct(cells.colwise().sum().transpose()).mean() / ideal;
  GainReport report;
  double product = 1.0;
  report.text = fmt::format("\nmissing gain: slope·ΣG over 2 M V g_max/(w_max V_decr), M {}, V {} V, V_decr {:.0f} mV: {:.3f} measured, {:.3f} with ΣG of the cells\nfactor of each candidate alone, in ngspice at reltol {:g} but for the cells; * is in the product\n", multiplier,
                            v_read, 1e3 * v_decrement, measured, with_cells, settings.tolerance);
  report.json = {{"measured", measured}, {"factors", Json::array()}};
  for (const Factor& f : factors) {
    report.text += fmt::format("  {:<84}{:>8.3f}{}\n", f.name, f.value, f.in_product ? " *" : "");
    report.json["factors"].push_back({{"name", f.name}, {"factor", f.value}, {"in_product", f.in_product}});
    if (f.in_product) product *= f.value;
  }
  // Supply resistance that alone would leave the remainder, behind drivers as in the product.
  const double remainder = measured / product, alone = chain.shared(behind, 1000.0, no_supply);
  double least = 1e-3, most = 1e4;
  while (remainder < 1.0 && most / least > 1.02) {
    const double middle = std::sqrt(least * most);
    (chain.shared(behind, 1000.0, middle) / alone > remainder ? least : most) = middle;
  }
  report.text += fmt::format("  {:<84}{:>8.3f}\n  {:<84}{:>8.3f}\n", "product", product, "remainder: measured over product", remainder);
  if (remainder < 1.0) report.text += fmt::format("A supply of {:.0f} ohm for all drivers of a sign would be that remainder.\n", most);
  report.text += fmt::format("A decrement that C_integ does not divide would be a factor of C_sample/C_integ = {:.3f}; no path of the netlist does that.\n", chain.ratio());
  report.json["product"] = product;
  report.json["remainder"] = remainder;
  if (remainder < 1.0) report.json["supply"] = quantity(most, "ohm");
  return report;
}

}  // namespace mho::validation
