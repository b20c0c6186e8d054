// Devices in ngspice: the twins against their models, runs against the ODE, the exported deck in
// plain ngspice.
#include "circuits/device_spice.hpp"

#include <doctest/doctest.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <filesystem>
#include <fstream>

#include "circuits/write_cell_spice.hpp"
#include "core/data_path.hpp"
#include "core/errors.hpp"
#include "core/json_file.hpp"

using namespace mho;
using namespace mho::circuits;
using namespace mho::devices;

namespace {

spice::Session& ngspice() {
  static spice::Session session;
  return session;
}

Card card(const std::string& name) {
  return load_card(data_path("devices/params/" + name + ".toml"));
}
GapModel gap(const std::string& name) {
  return std::get<Device<GapModel>>(card(name).device).model;
}

// One card of each model.
std::vector<AnyMemristor> one_of_each() {
  std::vector<AnyMemristor> models;
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(
           std::filesystem::path(data_path("devices/params/stanford_d_analog.toml"))
               .parent_path())) {
    if (entry.path().extension() != ".toml" || !TomlFile(entry.path().string()).has("model"))
      continue;
    const AnyMemristor model = std::visit([](const auto& d) { return AnyMemristor(d.model); },
                                          load_card(entry.path().string()).device);
    const std::string name(model_name(model));
    if (std::find(names.begin(), names.end(), name) != names.end()) continue;
    names.push_back(name);
    models.push_back(model);
  }
  return models;
}

double range_of(const AnyMemristor& m) { return upper(m)[0] - lower(m)[0]; }

}  // namespace

TEST_CASE("a cell that cannot move behind a resistor: Kirchhoff's law at every time point") {
  GapModel still = gap("stanford_d_analog");
  still.params.velocity = 1e-3;
  Load load;
  load.r_series = 1e4;
  const SpiceRun run =
      run_device(ngspice(), still, load, triangle(1.0, -1.0, 1e6), state_of(1.2e-9));
  REQUIRE(run);
  REQUIRE(run.trace.size() > 100);
  for (size_t i = 0; i < run.trace.size(); ++i) {
    const double v = run.trace.v[i];
    // reltol of a node voltage 1e-5.
    CHECK(v + 1e4 * run.trace.current[i] ==
          doctest::Approx(run.trace.drive[i]).epsilon(1e-4).scale(0.01));
    CHECK(run.trace.state[i][0] == doctest::Approx(1.2e-9).epsilon(1e-4).scale(1e-30));
  }
}

TEST_CASE("twins carry the current and the temperature of their models") {
  for (const AnyMemristor& model : one_of_each()) {
    CAPTURE(model_name(model));
    for (const double share : {0.1, 0.5, 0.9}) {
      const State x = low_state(model) + share * (high_state(model) - low_state(model));
      // 20 ns at a voltage that moves no state within it; the slowest thermal time constant of a twin is 1 ns.
      for (const double v : {0.05, 0.2, -0.05, -0.2}) {
        CAPTURE(v);
        const SpiceRun run =
            run_device(ngspice(), model, {}, Drive{{0.0, 1e-10, 20e-9}, {0.0, v, v}}, x);
        REQUIRE(run);
        const State end = run.state;
        const Evaluation e = evaluate(model, v, end);
        CHECK(run.trace.v.back() == doctest::Approx(v).scale(1e-30).epsilon(1e-9));
        CHECK(run.trace.current.back() == doctest::Approx(e.current).epsilon(2e-3).scale(1e-30));
        CHECK(run.trace.temperature.back() == doctest::Approx(e.temperature).scale(1e-30).epsilon(1e-3));
      }
    }
  }
}

TEST_CASE(
    "a SET pulse and a RESET pulse of a 1T1R cell end where the ODE ends, and tighter steps change "
    "little") {
  const AnyMemristor model = gap("stanford_d_analog");
  Load load;
  load.transistor = card("stanford_d_analog").transistor;
  load.v_wl_set = 1.0;
  for (const double v : {2.4, -1.6}) {
    CAPTURE(v);
    const Drive drive = pulse_train({{v, 1e-6, 10e-9}}, 0.0);
    const State start = v > 0.0 ? low_state(model) : high_state(model);
    const SpiceRun run = run_device(ngspice(), model, load, drive, start),
                   tight = run_device(ngspice(), model, load, drive, start, {.reltol = 1e-6});
    const TransientResult ode = run_transient(model, load, drive, start);
    CHECK(std::abs(run.state[0] - start[0]) > 0.3 * range_of(model));
    CHECK(std::abs(run.state[0] - ode.state[0]) < 2e-3 * range_of(model));
    CHECK(std::abs(run.state[0] - tight.state[0]) < 1e-3 * range_of(model));
    CHECK(run.energy == doctest::Approx(ode.energy).epsilon(5e-3).scale(1e-30));
  }
}

TEST_CASE("a sweep with compliance: the jump stands within 2 mV, the ends agree") {
  const AnyMemristor model = gap("stanford_2016_d");
  Load load;
  load.compliance = 10e-6;
  const Drive drive = triangle(1.5, -1.5, 1.0);
  const SpiceRun run = run_device(ngspice(), model, load, drive, low_state(model));
  const TransientResult ode = run_transient(model, load, drive, low_state(model));
  const auto jump = [](const DeviceTrace& t) {
    for (size_t i = 1; i < t.size(); ++i)
      if (t.current[i] > 5e-6)
        return t.drive[i - 1] + (t.drive[i] - t.drive[i - 1]) * (5e-6 - t.current[i - 1]) /
                                    (t.current[i] - t.current[i - 1]);
    return 0.0;
  };
  CHECK(jump(ode.trace) > 0.4);
  CHECK(std::abs(jump(run.trace) - jump(ode.trace)) < 2e-3);
  CHECK(*std::max_element(run.trace.current.begin(), run.trace.current.end()) ==
        doctest::Approx(10e-6).epsilon(1e-3).scale(1e-30));
  CHECK(std::abs(run.state[0] - ode.state[0]) < 5e-3 * range_of(model));
}

TEST_CASE("a gap that closes within picoseconds on an edge carries the same current in both engines") {
  const AnyMemristor model = std::get<Device<PkuModel>>(card("pku_v2").device).model;
  Load load;
  load.r_series = 1000.0;
  // Wide filament, gap half open: on the edge it closes at up to 100 m/s, and the voltage across it
  // falls to a part of itself.
  const Drive drive{{0.0, 10e-9}, {0.0, 1.4}};
  const State start = state_of(1.48e-9, 5e-9);
  SpiceDeviceOptions options;
  options.edge_steps = 40;
  options.reltol = 1e-6;
  const SpiceRun run = run_device(ngspice(), model, load, drive, start, options);
  const TransientResult ode = run_transient(model, load, drive, start, {.max_dlni = 0.02});
  REQUIRE(run);
  REQUIRE(ode);
  CHECK(ode.state[0] < 0.01e-9);
  // Current against the gap, which tells no time: the lag of a node would show as an excess.
  int compared = 0;
  for (size_t i = 0; i < run.trace.size(); ++i) {
    const double x = run.trace.state[i][0];
    if (x < 0.1e-9 || x > 1.4e-9) continue;
    size_t k = 1;
    while (k + 1 < ode.trace.size() && ode.trace.state[k][0] > x) ++k;
    const double x0 = ode.trace.state[k - 1][0], x1 = ode.trace.state[k][0], share = (x - x0) / (x1 - x0);
    const double there = ode.trace.current[k - 1] + share * (ode.trace.current[k] - ode.trace.current[k - 1]);
    // 2 % per step of the ODE joined by a straight line: an error of 0.005 %. The limit of curves is 1 %.
    CHECK(std::abs(run.trace.current[i] / there - 1.0) < 0.005);
    ++compared;
  }
  CHECK(compared > 50);
}

TEST_CASE("the exported deck gives the same in plain ngspice") {
  const AnyMemristor model = gap("stanford_d_analog");
  Load load;
  load.transistor = card("stanford_d_analog").transistor;
  load.v_wl_set = 1.0;
  const Drive drive = pulse_train({{2.4, 100e-9, 10e-9}, {-1.4, 100e-9, 10e-9}}, 20e-9);
  const SpiceRun run = run_device(ngspice(), model, load, drive, low_state(model));
  const auto folder =
      std::filesystem::temp_directory_path() / fmt::format("mho_device_deck_{}", getpid());
  std::filesystem::create_directories(folder);
  write_text_file((folder / "deck.cir").string(),
                  export_device_deck(model, load, drive, low_state(model), "table.txt"));
  const std::string command =
      fmt::format("cd '{}' && ngspice -b deck.cir > log.txt 2>&1", folder.string());
  CHECK(std::system(command.c_str()) == 0);
  std::ifstream table(folder / "table.txt");
  std::string head;
  std::getline(table, head);
  double t = 0, d = 0, v = 0, i = 0, x1 = 0, x2 = 0, tk = 0;
  size_t rows = 0;
  while (table >> t >> d >> v >> i >> x1 >> x2 >> tk) ++rows;
  CAPTURE(head);
  // The same netlist, steps and options: libngspice and the program take the same points.
  CHECK(rows >= run.steps);
  CHECK(rows <= run.steps + 2);
  CHECK(t == doctest::Approx(drive.end()).epsilon(1e-9).scale(1e-30));
  CHECK(from_twin(model, state_of(x1, x2))[0] == doctest::Approx(run.state[0]).epsilon(1e-6).scale(1e-30));
  const std::string log = read_text_file((folder / "log.txt").string());
  CHECK(log.find("x1_end") != std::string::npos);
  CHECK(log.find("energy") != std::string::npos);
  std::filesystem::remove_all(folder);
}

TEST_CASE("in a 1T1R cell the thick-oxide transistor limits a SET alike: BSIM4 in ngspice, its compact form in the ODE") {
  const AnyMemristor model = gap("stanford_d_analog");
  Load load;
  load.transistor = devices::ThickTransistor{};
  const Drive drive = pulse_train({{2.4, 1e-6, 10e-9}}, 0.0);
  double before = 0.0;
  for (const double wl : {1.1, 1.3, 1.6}) {
    CAPTURE(wl);
    load.v_wl_set = wl;
    const SpiceRun run = run_device(ngspice(), model, load, drive, low_state(model));
    const TransientResult ode = run_transient(model, load, drive, low_state(model));
    REQUIRE(run);
    REQUIRE(ode);
    const double g = conductance(model, 0.1, run.state), compact = conductance(model, 0.1, ode.state);
    CHECK(g > before);
    // The conductance follows the saturated current, in which the compact form is 8 % off at worst
    // (docs/models/select_transistor.md).
    CHECK(compact == doctest::Approx(g).epsilon(0.1).scale(1e-30));
    before = g;
  }
  SpiceDeviceOptions options;
  options.transistor = thick_oxide_transistor();
  load.transistor.reset();
  CHECK_THROWS_AS(
      run_device(ngspice(), model, load, triangle(1.0, -1.0, 1.0), low_state(model), options),
      Error);
}

TEST_CASE("write-verify of a cell: pulses in ngspice and as ODE") {
  const Card c = card("stanford_d_analog");
  const auto& nominal = std::get<Device<GapModel>>(c.device);
  const WritePolicy policy = load_policy(data_path("devices/params/policy_wl_ramp.toml"));
  int same = 0, cells = 0;
  for (const double target : {5e-6, 20e-6}) {
    const auto cell = static_cast<std::uint32_t>(cells++);
    RandomStream stream(7, 0, 0, cell, Purpose::device_to_device),
        here(7, 0, 0, cell, Purpose::cycle_to_cycle), there = here;
    const Device<GapModel> device{nominal.model.vary(nominal.spread, stream), nominal.spread};
    const State start = device.model.start_state(nominal.spread);
    const WriteResult ode = write_cell(device, c.transistor, policy, target, start, here);
    const WriteResult ng =
        write_cell_spice(ngspice(), device, c.transistor, policy, target, start, there);
    CAPTURE(target);
    CHECK(ode.success());
    CHECK(ng.success());
    CHECK(std::abs(ng.conductance - target) <= policy.tolerance);
    if (ng.pulses() != ode.pulses()) continue;
    ++same;
    // Same draws and decisions. The ODE's pulse is held to 5e-5 of the range per step: 0.1 % of the
    // range is 0.4 % in conductance.
    CHECK(ng.conductance == doctest::Approx(ode.conductance).epsilon(0.01).scale(1e-30));
    CHECK(ng.energy == doctest::Approx(ode.energy).epsilon(0.01).scale(1e-30));
  }
  // A decision differs only when a read falls within their difference of the edge of the window.
  CHECK(same >= 1);
}
