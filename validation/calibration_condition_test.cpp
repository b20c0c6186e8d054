// Corner and temperature of a calibration: they reach every run, its netlist and the keys of the cache; the default's runs hold what they held without them; and what is fitted follows the
// physics of the transistors.
#include <doctest/doctest.h>

#include <algorithm>
#include <set>

#include "circuits/array.hpp"
#include "circuits/mode_table.hpp"
#include "core/errors.hpp"
#include "solver/calibration_residuals.hpp"
#include "solver/fit_parameters.hpp"
#include "solver/least_squares.hpp"
#include "validation/conversion_plan.hpp"
#include "validation/neuron_calibration.hpp"

using namespace mho;
using namespace mho::validation;
using circuits::Corner;

namespace {

CalibrationSettings at(Corner corner, double temperature) {
  CalibrationSettings s;
  s.corner = corner;
  s.temperature = temperature;
  return s;
}

CalibrationSettings settings_of(const std::string& text) {
  TomlFile file = TomlFile::from_text(text, "job.toml");
  CalibrationSettings s = read_calibration_settings(file, "calibrate");
  file.finish();
  return s;
}

// Where a refused text is wrong, "file:line key".
std::string refused(const std::string& text) {
  try {
    settings_of(text);
  } catch (const ConfigError& e) {
    return e.what();
  }
  return {};
}

// The law of the line, fitted to a few short columns whose word lines are pulsed in ngspice.
solver::NeuronModel fitted_line(Corner corner, double temperature) {
  solver::NeuronModel model;
  model.circuit.rows = 24;
  RunSettings run;
  run.ngspice = {.tolerance = 1e-4, .temperature = temperature};
  run.transistors = circuits::transistors_at(corner);
  run.workers = 2;
  solver::LineRuns lines{circuits::named_program("line_pulses"), {}};
  for (std::uint32_t i = 0; i < 5; ++i) lines.data.inputs.push_back(random_line_column(2, i, Purpose::test, model.circuit, {.min_rows = 16, .max_rows = 24}, 8));
  const ConversionRuns runs = run_conversions(model.circuit, lines.program, lines.data.inputs, run, Cache({}, false));
  REQUIRE(runs.failures.empty());
  for (const auto& record : runs.records) lines.data.records.push_back(*record);
  const std::vector<solver::Pulse> pulses = solver::pulses_of({}, lines);
  const auto unknowns = solver::line_unknowns();
  const auto residuals = [&](const Eigen::VectorXd& x) { return solver::line_residuals(solver::moved(model, unknowns, x), pulses); };
  const solver::LeastSquaresResult fit = solver::minimise(residuals, Eigen::VectorXd::Zero(static_cast<Eigen::Index>(unknowns.size())), 1e-3, 1, 40);
  CHECK(fit.rms < 1.0);  // [mV]: the law describes the line at every condition
  return solver::moved(model, unknowns, fit.x);
}

// [S] of a select transistor without voltage along it, as the law of solver/neuron_model.hpp has it.
double on_conductance(const solver::TransistorParams& t) { return t.beta * t.v_pinch / (1.0 + t.theta * t.v_pinch); }

}  // namespace

TEST_CASE("corner and temperature reach netlist and options of every run of a calibration") {
  const std::vector<PlannedRuns> nominal = planned_runs(at(Corner::tt, 27)), hot = planned_runs(at(Corner::tt, 85)), slow = planned_runs(at(Corner::ss, 27));
  REQUIRE(nominal.size() == 3);
  for (size_t k = 0; k < nominal.size(); ++k) {
    CAPTURE(nominal[k].name);
    // The keys of the cache are made of these, so results at tt and 27 °C stay valid as long as nothing stands there.
    CHECK(circuits::ngspice_options(nominal[k].settings.ngspice).find("temp") == std::string::npos);
    CHECK(circuits::subcircuit_text(nominal[k].settings.transistors) == circuits::subcircuit_text());
    CHECK(circuits::ngspice_options(hot[k].settings.ngspice) == circuits::ngspice_options(nominal[k].settings.ngspice) + " temp=85");
    CHECK(circuits::subcircuit_text(hot[k].settings.transistors) == circuits::subcircuit_text());
    CHECK(circuits::ngspice_options(slow[k].settings.ngspice) == circuits::ngspice_options(nominal[k].settings.ngspice));
    CHECK(circuits::subcircuit_text(slow[k].settings.transistors).find(circuits::card_text(Corner::ss)) != std::string::npos);
    CHECK(hot[k].inputs.front().conductance == nominal[k].inputs.front().conductance);  // the same columns at every condition
  }
  // Deck of one column and of an array with shared drivers.
  const circuits::CircuitParams circuit;
  const auto deck = [&](Corner corner) {
    const circuits::ConversionSetup setup = circuits::column_setup(circuit, nominal[1].program, nominal[1].inputs[0], circuits::transistors_at(corner));
    return circuits::conversion_netlist(setup.circuit, setup.program, setup.array, setup.transistors);
  };
  const auto array = [&](Corner corner) { return circuits::array_netlist(circuit, {.conductance = {{1e-5}}, .levels = {1}}, circuits::transistors_at(corner)); };
  std::set<std::string> decks, arrays;
  for (const Corner corner : circuits::all_corners) decks.insert(deck(corner)), arrays.insert(array(corner));
  CHECK(decks.size() == 5);
  CHECK(arrays.size() == 5);
}

TEST_CASE("each condition has a key of its own, and naming the default is the default") {
  std::set<std::string> keys;
  for (const Corner corner : circuits::all_corners)
    for (const double temperature : {-40.0, 27.0, 85.0}) keys.insert(calibration_key(at(corner, temperature)).hex());
  CHECK(keys.size() == 15);
  const std::string nominal = calibration_key({}).hex();
  CHECK(calibration_key(at(Corner::tt, 27)).hex() == nominal);
  CHECK(calibration_key(settings_of("")).hex() == nominal);
  CHECK(calibration_key(settings_of("[calibrate]\ncorner = \"tt\"\ntemperature = 27\n")).hex() == nominal);
  CHECK(calibration_key(settings_of("[calibrate]\ncorner = \"ss\"\ntemperature = -40\n")).hex() == calibration_key(at(Corner::ss, -40)).hex());
}

TEST_CASE("a corner that does not exist and a temperature out of range are refused by file, line and key") {
  CHECK(refused("seed = 1\n[calibrate]\ncorner = \"slow\"\n").find("job.toml:3: calibrate.corner: \"slow\" is not one of tt, ss, ff, sf, fs") != std::string::npos);
  CHECK(refused("[calibrate]\ntemperature = 200\n").find("job.toml:2: calibrate.temperature: 200 is outside -55 to 175") != std::string::npos);
  CHECK(refused("[calibrate]\ntemperature = \"85 V\"\n").find("job.toml:2: calibrate.temperature") != std::string::npos);
}

TEST_CASE("a model keeps its condition in its file, and another one is outside of its fit") {
  solver::NeuronModel model;
  Json json = model;
  CHECK(json.get<solver::NeuronModel>().corner == "tt");
  CHECK(json.get<solver::NeuronModel>().temperature == 27);
  json.erase("condition");  // as files of older versions
  CHECK(json.get<solver::NeuronModel>().temperature == 27);
  model.corner = "ss";
  model.temperature = 85;
  const auto read = Json(model).get<solver::NeuronModel>();
  CHECK(read.corner == "ss");
  CHECK(read.temperature == 85);
  CHECK(solver::outside_of_fit(read, {}).empty());
  solver::ModelUse use;
  use.corner = "ss", use.temperature = 85;
  CHECK(solver::outside_of_fit(read, use).empty());
  use.corner = "tt", use.temperature = 27;
  CHECK(solver::outside_of_fit(read, use).find("corner tt (fit: ss), 27 °C (fit: 85 °C)") != std::string::npos);
}

TEST_CASE("a calibration says what speaks against it: error, codes, a circuit that does not convert, a latch that does not decide") {
  Calibration c;
  c.fitted.code_range_used = 0.9;
  c.unseen.equal_share = 1.0;
  c.unseen.v_rms = 0.1;
  CHECK(doubts(c).empty());
  const auto doubted = [&](const auto& change) {
    Calibration worse = c;
    change(worse);
    return doubts(worse);
  };
  CHECK(doubted([](Calibration& w) { w.unseen.v_rms = 0.3; }).find("0.300 LSB rms, at most 0.12") != std::string::npos);
  CHECK(doubted([](Calibration& w) { w.unseen.equal_share = 0.9; }).find("90.0 % of their clear codes") != std::string::npos);
  CHECK(doubted([](Calibration& w) { w.unseen.code_off_by_more = 2; }).find("2 of their codes") != std::string::npos);
  // Nothing reaches the capacitor: an output that does not move is easily followed.
  CHECK(doubted([](Calibration& w) { w.fitted.code_range_used = 0.0, w.unseen.v_rms = 0.001; }).find("may not convert") != std::string::npos);
  CHECK(doubted([](Calibration& w) { w.fitted.undecided = 3, w.neuron.corner = "ss"; }).find("at ss, 27 °C, is not sound: the latch left 3 comparisons undecided") != std::string::npos);
}

TEST_CASE("the select transistor's law follows temperature and corner: mobility and threshold fall with temperature, the slow corner conducts less and the fast one more") {
  const solver::TransistorParams nominal = fitted_line(Corner::tt, 27).transistor, hot = fitted_line(Corner::tt, 85).transistor, slow = fitted_line(Corner::ss, 27).transistor,
                                 fast = fitted_line(Corner::ff, 27).transistor;
  MESSAGE("beta [µA/V²] " << 1e6 * nominal.beta << ", at 85 °C " << 1e6 * hot.beta << "; on-conductance [µS] " << 1e6 * on_conductance(nominal) << ", at 85 °C " << 1e6 * on_conductance(hot) << ", ss "
                          << 1e6 * on_conductance(slow) << ", ff " << 1e6 * on_conductance(fast));
  MESSAGE("pinch-off [V] " << nominal.v_pinch << ", at 85 °C " << hot.v_pinch << ", ss " << slow.v_pinch << ", ff " << fast.v_pinch);
  // Phonons leave mobility a power of temperature between −1 and −2.5 (Sze, Ng, Physics of Semiconductor Devices): 0.64 to 0.84 of it between 27 and 85 °C. The conductance falls by less, because the
  // threshold falls too.
  CHECK(hot.beta < 0.9 * nominal.beta);
  CHECK(hot.beta > 0.6 * nominal.beta);
  CHECK(hot.v_pinch > nominal.v_pinch);
  CHECK(on_conductance(hot) < on_conductance(nominal));
  CHECK(on_conductance(hot) / on_conductance(nominal) > hot.beta / nominal.beta);
  CHECK(on_conductance(slow) < on_conductance(nominal));
  CHECK(on_conductance(fast) > on_conductance(nominal));
}
