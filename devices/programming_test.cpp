// Write–verify statistics, relaxation moments, determinism of array programming, and bad input.
#include <doctest/doctest.h>

#include <boost/math/distributions/students_t.hpp>
#include <cmath>
#include <ctime>
#include <vector>

#include "core/errors.hpp"
#include "core/statistics.hpp"
#include "devices/array_programming.hpp"

using namespace mho;
using namespace mho::devices;

namespace {
const std::string params_folder = std::string(MHO_SOURCE_DIR) + "/devices/params/";

template <class S>
void check_same(const S& a, const S& b) {
  for (const Parameter<S>& p : ParameterTable<S>::table) {
    CAPTURE(p.key);
    CHECK(std::abs(a.*p.member - b.*p.member) <=
          1e-14 * std::abs(b.*p.member));  // "0.15 nm" and 0.15e-9 differ by rounding
  }
}

std::string key_of(const ProgrammingSetup& setup) {
  CacheKey key("setup");
  add_to_key(key, setup);
  return key.hex();
}
}  // namespace

TEST_CASE("the built-in defaults are the shipped files") {
  ProgrammingSetup files;
  files.card = load_card(params_folder + "stanford_d_analog.toml");
  files.policy = load_policy(params_folder + "policy_wl_ramp.toml");
  files.relaxation = load_relaxation(params_folder + "relaxation_log_time.toml");
  const ProgrammingSetup built_in;
  const auto& device = std::get<Device<GapModel>>(files.card.device);
  const auto& built_in_device = std::get<Device<GapModel>>(built_in.card.device);
  check_same(device.model.params, built_in_device.model.params);
  check_same(device.spread, built_in_device.spread);
  check_same(files.card.transistor, built_in.card.transistor);
  check_same(files.policy, built_in.policy);
  check_same(files.policy.set, built_in.policy.set);
  check_same(files.policy.reset, built_in.policy.reset);
  check_same(files.relaxation, built_in.relaxation);
  CHECK(files.policy.max_pulses == built_in.policy.max_pulses);
  CHECK(files.policy.max_reversals == built_in.policy.max_reversals);
  CHECK(files.policy.max_held == built_in.policy.max_held);
  CHECK(files.card.name == built_in.card.name);
  ProgrammingSetup changed = built_in;
  changed.policy.step_shrink = 0.9;
  CHECK(key_of(changed) != key_of(built_in));
  changed = built_in;
  changed.policy.max_held = 3;
  CHECK(key_of(changed) != key_of(built_in));
  CHECK(load_policy(params_folder + "policy_bl_ramp.toml").set.line_step == doctest::Approx(0.1).scale(1e-30));
}

// 40 cells per level with an independent program gave the mean pulses (over all cells) and residuals
// below; a mean of 40 has a standard error of σ/√40, and 4 of them are allowed.
TEST_CASE("write–verify on 1000 cells per level: success, pulses and residuals") {
  struct Level {
    double target, mean_pulses, residual_mean, residual_sigma;
  };
  size_t needed = 0, succeeded = 0, pulse_count = 0;
  const std::clock_t begin = std::clock();
  for (const Level& l :
       {Level{1.5, 4.0, -0.27, 0.20}, Level{2.5, 5.6, -0.58, 0.26}, Level{5, 8.3, -0.25, 0.46},
        Level{10, 12.0, 0.05, 0.54}, Level{15, 16.9, -0.03, 0.64}, Level{20, 18.7, 0.02, 0.60},
        Level{30, 40, 0.07, 0.61}, Level{40, 65, -0.08, 0.55}}) {
    CAPTURE(l.target);
    ProgrammingSetup setup;
    if (l.target == 1.5) setup.policy.tolerance = 0.5e-6;
    const std::vector<double> targets(1000, l.target * 1e-6);
    const auto cells = consecutive_cells(0, 0, targets.size());
    const ArrayProgramming r = program_array(targets, setup, {1, 0, cells}, 2);
    std::vector<double> pulses, residuals;
    for (const WriteResult& w : r.first_pass) {
      pulses.push_back(w.pulses());
      pulse_count += static_cast<size_t>(w.pulses());
      if (w.success()) residuals.push_back(w.conductance * 1e6 - l.target);
      CHECK((std::abs(w.conductance - targets[0]) <= setup.policy.tolerance) == w.success());
      CHECK(w.pulses() <= setup.policy.max_pulses);
    }
    needed += r.summary.needed;
    succeeded += r.summary.succeeded;
    MESSAGE(l.target << " uS: " << r.summary.succeeded << " of " << r.summary.needed
                     << " that needed a pulse, mean pulses " << mean(pulses) << " (reference "
                     << l.mean_pulses << "), residual " << mean(residuals) << " / "
                     << standard_deviation(residuals) << " uS (reference " << l.residual_mean
                     << " / " << l.residual_sigma << ")");
    CHECK(r.summary.success_rate() >= 0.90);
    CHECK(std::abs(mean(pulses) - l.mean_pulses) <
          4.0 * standard_deviation(pulses) / std::sqrt(40.0));
    CHECK(std::abs(mean(residuals) - l.residual_mean) <
          4.0 * standard_deviation(residuals) / std::sqrt(40.0));
    CHECK(standard_deviation(residuals) == doctest::Approx(l.residual_sigma).scale(1e-30).epsilon(0.25));
  }
  const double seconds = static_cast<double>(std::clock() - begin) / CLOCKS_PER_SEC;
  MESSAGE("all: " << succeeded << " of " << needed << "; "
                  << 1e6 * seconds / static_cast<double>(pulse_count) << " us of CPU per pulse");
  CHECK(static_cast<double>(succeeded) >= 0.98 * static_cast<double>(needed));
}

TEST_CASE("a RESET ramp from 0.4 V reaches 40 uS with fewer pulses than one from 0.6 V") {
  ProgrammingSetup setup;
  const std::vector<double> targets(1000, 40e-6);
  const auto cells = consecutive_cells(0, 0, targets.size());
  const auto standard = program_array(targets, setup, {1, 0, cells}, 2).summary;
  setup.policy = load_policy(params_folder + "policy_wl_ramp_gentle_reset.toml");
  const auto gentle = program_array(targets, setup, {1, 0, cells}, 2).summary;
  MESSAGE("40 uS, from 0.6 V: " << standard.succeeded << " of " << standard.needed
                                << ", mean pulses " << standard.mean_pulses << "; from 0.4 V: "
                                << gentle.succeeded << ", mean pulses " << gentle.mean_pulses);
  CHECK(gentle.succeeded >= standard.succeeded);
  CHECK(gentle.mean_pulses < standard.mean_pulses);
}

// Wan et al. (2022) print 2.8 µS on average over levels after one pass and 2.0 µS after three.
TEST_CASE("policies that place their pulses by target or distance reach all levels with fewer pulses at the top") {
  for (const char* name : {"policy_ispva.toml", "policy_adaptive.toml"}) {
    CAPTURE(name);
    for (double target : {5.0, 10.0, 20.0, 40.0}) {
      CAPTURE(target);
      ProgrammingSetup setup;
      const std::vector<double> targets(300, target * 1e-6);
      const auto cells = consecutive_cells(0, 0, targets.size());
      const auto standard = program_array(targets, setup, {1, 0, cells}, 2).summary;
      setup.policy = load_policy(params_folder + name);
      const auto placed = program_array(targets, setup, {1, 0, cells}, 2).summary;
      // 300 cells: 95 % is three standard errors below 98 %.
      CHECK(placed.success_rate() >= 0.95);
      if (target == 40.0) CHECK(placed.mean_pulses < 0.5 * standard.mean_pulses);
    }
  }
}

TEST_CASE("three passes leave less spread after 30 minutes than one") {
  ProgrammingSetup setup;
  setup.options.passes = 3;
  double one = 0.0, three = 0.0;
  const std::vector<double> levels{1.5, 2.5, 5, 10, 15, 20, 30, 40};
  for (double level : levels) {
    const std::vector<double> targets(1000, level * 1e-6);
    const auto cells = consecutive_cells(0, 0, targets.size());
    const auto summary = program_array(targets, setup, {1, 0, cells}, 2).summary;
    one += summary.one_pass_rms / static_cast<double>(levels.size());
    three += summary.relaxed_rms / static_cast<double>(levels.size());
  }
  MESSAGE("rms of G(30 min) - target, mean of levels: " << one * 1e6 << " uS after one pass, "
                                                        << three * 1e6 << " uS after three");
  CHECK(std::abs(one - 2.8e-6) < 0.4e-6);
  CHECK(three < 0.9 * one);
}

// With the word line high the transistor limits nothing, and the card jumps from below the window of
// a middle level to above it: the bit-line ramp of the chip does not suit this card, and the result
// must say so rather than pass.
TEST_CASE("the chip's bit-line ramp on this card reaches low levels and cycles at middle ones") {
  ProgrammingSetup setup;
  setup.policy = load_policy(params_folder + "policy_bl_ramp.toml");
  for (double target : {2.5, 5.0, 10.0, 20.0, 40.0}) {
    const std::vector<double> targets(100, target * 1e-6);
    const ArrayProgramming r =
        program_array(targets, setup, {1, 0, consecutive_cells(0, 0, 100)}, 2);
    const size_t reversals = r.summary.failures[static_cast<size_t>(WriteFailure::reversal_limit)];
    MESSAGE(target << " uS: " << r.summary.succeeded << " of " << r.summary.needed
                   << ", mean pulses " << r.summary.mean_pulses << ", reversal limit "
                   << reversals);
    if (target == 2.5) CHECK(r.summary.success_rate() > 0.9);
    if (target == 20.0) CHECK(reversals > 90);
  }
}

TEST_CASE("failures say why: pulse limit, reversals, end of a ramp, stuck cells") {
  RandomStream stream(1, 0, 0, 0, Purpose::test);
  const AnyDevice device = Device<GapModel>{};
  const SelectTransistor transistor;
  const auto write = [&](WritePolicy policy, double target,
                         WriteFailure stuck = WriteFailure::none) {
    return write_cell(device, transistor, policy, target, state_of(1.5e-9), stream, stuck);
  };
  CHECK(write({}, 20e-6).success());
  WritePolicy policy;
  policy.max_pulses = 3;
  CHECK(write(policy, 20e-6).failure == WriteFailure::pulse_limit);
  CHECK(write(policy, 20e-6).pulses() == 3);
  policy = {};
  policy.tolerance = 1e-9;
  policy.max_reversals = 2;
  CHECK(write(policy, 20e-6).failure == WriteFailure::reversal_limit);
  policy = {};
  policy.max_held = 5;
  const WriteResult above = write(policy, 150e-6);
  CHECK(above.failure == WriteFailure::ramp_end);
  CHECK(above.conductance < 60e-6);
  const WriteResult stuck = write({}, 20e-6, WriteFailure::stuck_low);
  CHECK(stuck.failure == WriteFailure::stuck_low);
  CHECK(stuck.reversals == 0);
  const WriteResult none = write({}, 1e-6);
  CHECK(none.success());
  CHECK(none.pulses() == 0);
  CHECK(none.energy == 0.0);
}

TEST_CASE("array programming depends on seed, die and address, not on threads, order, neighbours") {
  std::vector<double> targets;
  RandomStream stream(2, 0, 0, 0, Purpose::test);
  for (int i = 0; i < 300; ++i)
    targets.push_back(i % 2 ? 1e-6 : (1.0 + 39.0 * stream.uniform()) * 1e-6);
  ProgrammingSetup setup;
  setup.options.passes = 2;
  setup.defects.stuck_low = 0.02;
  setup.defects.stuck_high = 0.02;
  auto cells = consecutive_cells(3, 1000, targets.size());
  const ArrayProgramming one = program_array(targets, setup, {9, 4, cells}, 1),
                         five = program_array(targets, setup, {9, 4, cells}, 5);
  CHECK(one.conductance_relaxed == five.conductance_relaxed);
  CHECK(one.conductance_programmed == five.conductance_programmed);
  CHECK(one.pulses == five.pulses);
  CHECK(to_json(one.summary) == to_json(five.summary));
  CHECK(one.summary.failures[static_cast<size_t>(WriteFailure::stuck_low)] +
            one.summary.failures[static_cast<size_t>(WriteFailure::stuck_high)] >
        0);

  const std::vector<double> half(targets.rbegin(), targets.rbegin() + 150);
  const std::vector<CellAddress> half_cells(cells.rbegin(), cells.rbegin() + 150);
  const ArrayProgramming reversed = program_array(half, setup, {9, 4, half_cells}, 2);
  for (size_t i = 0; i < half.size(); ++i)
    CHECK(reversed.conductance_relaxed[i] == one.conductance_relaxed[299 - i]);
  CHECK(program_array(targets, setup, {9, 5, cells}, 2).conductance_programmed !=
        one.conductance_programmed);

  setup.options.passes = 1;
  const ArrayProgramming single = program_array(targets, setup, {9, 4, cells}, 2);
  CHECK(single.conductance_relaxed == one.conductance_one_pass);
  CHECK(single.conductance_one_pass == one.conductance_one_pass);
}

TEST_CASE("the same physical cell is the same device whatever is written into it") {
  ProgrammingSetup setup;
  auto& spread = std::get<Device<GapModel>>(setup.card.device).spread;
  spread.cycle_gap = 0.0;
  setup.policy.tolerance = 100e-6;  // nothing needs a pulse: what is read is I0 of the device
  const auto cells = consecutive_cells(0, 0, 50);
  const ArrayProgramming a = program_array(std::vector<double>(50, 1e-6), setup, {1, 0, cells}, 2);
  const ArrayProgramming b = program_array(std::vector<double>(50, 30e-6), setup, {1, 0, cells}, 2);
  CHECK(a.conductance_programmed == b.conductance_programmed);
  CHECK(a.summary.needed == 0);
  std::vector<double> logs;
  for (double g : program_array(std::vector<double>(4000, 1e-6), setup,
                                {1, 0, consecutive_cells(0, 0, 4000)}, 2)
                      .conductance_programmed)
    logs.push_back(std::log(g));
  CHECK(standard_deviation(logs) ==
        doctest::Approx(spread.ln_i0).scale(1e-30).epsilon(4.0 / std::sqrt(2.0 * 4000.0)));
}

// σ [µS] and mean shift of technology C of the public relaxation data
// (akashlevy/RRAM-Relaxation-Master-Model, MIT), 16 292 cells. The form's stated rms errors over the
// whole set are 0.14 µS in σ and 0.13 µS in the mean; 0.2 and 0.25 µS over these few points.
TEST_CASE("relaxation: the log-time form follows the measured spread and shift") {
  const RelaxationParams p;
  std::vector<double> sigma, shift;
  for (const auto& [g, s1, s5] :
       {std::array{2.5, 1.69, 2.32}, std::array{5.0, 2.17, 3.01}, std::array{9.0, 2.25, 3.65},
        std::array{13.0, 2.31, 4.03}, std::array{17.0, 2.26, 4.08}, std::array{22.0, 2.36, 3.84},
        std::array{30.0, 1.80, 3.57}, std::array{38.0, 1.58, 3.07}}) {
    sigma.push_back(std::sqrt(relaxation_variance(p, g * 1e-6, 1.0)) * 1e6 - s1);
    sigma.push_back(std::sqrt(relaxation_variance(p, g * 1e-6, 1e5)) * 1e6 - s5);
  }
  for (const auto& [g, m1, m5] : {std::array{11.0, -0.1, -1.0}, std::array{17.0, -0.47, -2.1},
                                  std::array{30.0, -0.45, -2.1}}) {
    shift.push_back(relaxation_mean(p, g * 1e-6, 1.0) * 1e6 - m1);
    shift.push_back(relaxation_mean(p, g * 1e-6, 1e5) * 1e6 - m5);
  }
  MESSAGE("rms error of sigma " << rms(sigma) << " uS, of the mean shift " << rms(shift) << " uS");
  CHECK(rms(sigma) < 0.2);
  CHECK(rms(shift) < 0.25);
}

TEST_CASE(
    "relaxation: Student-t deviations of the stated variance in one step or many, never below 0") {
  const RelaxationParams p;
  const boost::math::students_t student(p.nu);
  const double g = 20e-6, scale = std::sqrt((p.nu - 2.0) / p.nu);
  const size_t n = 40000;
  for (const auto& times : {std::vector{1800.0}, std::vector{0.01, 1.0, 30.0, 1800.0}}) {
    std::vector<double> t;
    for (std::uint32_t cell = 0; cell < n; ++cell) {
      RandomStream stream(1, 0, 0, cell, Purpose::relaxation);
      RelaxationPath path(p, g, stream);
      for (double time : times) path.advance(time, stream);
      t.push_back((path.conductance() - g - relaxation_mean(p, g, 1800.0)) /
                  (scale * std::sqrt(relaxation_variance(p, g, 1800.0))));
    }
    for (double q : {0.1, 0.25, 0.5, 0.75, 0.9}) {
      const double expected = boost::math::quantile(student, q),
                   density = boost::math::pdf(student, expected);
      CHECK(std::abs(quantile(t, q) - expected) <
            4.0 * std::sqrt(q * (1.0 - q) / static_cast<double>(n)) / density);
    }
  }
  for (std::uint32_t cell = 0; cell < 2000; ++cell) {
    RandomStream stream(1, 0, 0, cell, Purpose::relaxation);
    CHECK(relax(p, 0.5e-6, 1e5, stream) >= 0.0);
  }
  // Reflected at zero: hardly any cell of the lowest state is an open circuit.
  int open = 0;
  for (std::uint32_t cell = 0; cell < 2000; ++cell) {
    RandomStream stream(1, 0, 0, cell, Purpose::relaxation);
    open += relax(p, 1e-6, 1800.0, stream) < 0.02e-6;
  }
  CHECK(open < 40);
}

// Three further rounds over the cells outside ±1 µS of 12 µS lower σ(30 min) by 27–29 % for ν = 4 and
// 28–34 % for ν = 3 in the analysis that the form comes from, by 18–20 % for Gaussian steps; the
// chip's published figure is 29 %. 3 points of sampling and detail are allowed.
TEST_CASE(
    "relaxation: rewriting cells that left the window lowers the spread as heavy tails predict") {
  const auto sigma = [](double nu, int rounds) {
    RelaxationParams p;
    p.nu = nu;
    std::vector<double> g;
    for (std::uint32_t cell = 0; cell < 60000; ++cell) {
      RandomStream s(1, 0, 0, cell, Purpose::relaxation);
      const auto written = [&] { return 12e-6 + (2.0 * s.uniform() - 1.0) * 1e-6; };
      RelaxationPath path(p, written(), s);
      double age = 0.0;
      for (int k = 0; k < rounds; ++k) {
        age += 30.0;
        path.advance(age, s);
        if (std::abs(path.conductance() - 12e-6) <= 1e-6) continue;
        path = RelaxationPath(p, written(), s);
        age = 0.0;
      }
      path.advance(age + 1800.0, s);
      g.push_back(path.conductance());
    }
    return standard_deviation(g);
  };
  const auto gain = [&](double nu) { return 1.0 - sigma(nu, 3) / sigma(nu, 0); };
  CHECK(std::abs(gain(3.0) - 0.31) < 0.06);
  CHECK(gain(3.5) > 0.24);
  CHECK(gain(1e6) < 0.21);
}

TEST_CASE("bad targets, addresses, policies and setups are refused in one line") {
  const auto cells = consecutive_cells(0, 0, 2);
  const ProgrammingSetup setup;
  CHECK_THROWS_AS(program_array(std::vector{1e-6, 500e-6}, setup, {1, 0, cells}, 1), Error);
  CHECK_THROWS_AS(program_array(std::vector{1e-6, -1e-6}, setup, {1, 0, cells}, 1), Error);
  CHECK_THROWS_AS(program_array(std::vector{1e-6, std::nan("")}, setup, {1, 0, cells}, 1), Error);
  CHECK_THROWS_AS(program_array(std::vector{1e-6}, setup, {1, 0, cells}, 1), Error);
  CHECK(program_array({}, setup, {1, 0, {}}, 2).summary.success_rate() == 1.0);

  const auto policy_error = [](const char* text) {
    TomlFile file = TomlFile::from_text(text, "policy.toml");
    read_policy(file);
    file.finish();
  };
  CHECK_THROWS_AS(policy_error("[set]\nwl_end = \"0.1 V\"\n"), ConfigError);
  CHECK_THROWS_AS(policy_error("tolerence = \"1 uS\"\n"), ConfigError);
  CHECK_THROWS_AS(policy_error("max_pulses = 0\n"), ConfigError);
  const auto setup_error = [](const char* text) {
    TomlFile file = TomlFile::from_text(text, params_folder + "inline.toml");
    const ProgrammingSetup read = read_programming_setup(file, "program");
    file.finish();
    return read;
  };
  CHECK(setup_error("[program]\npasses = 3\npolicy = \"policy_bl_ramp.toml\"\nwait = \"60 s\"\n")
            .options.passes == 3);
  CHECK_THROWS_AS(setup_error("[program]\npasses = 0\n"), ConfigError);
  CHECK_THROWS_AS(setup_error("[program]\nstuck_low = 0.6\nstuck_high = 0.6\n"), ConfigError);
  CHECK_THROWS_AS(setup_error("[program]\ncard = \"missing.toml\"\n"), IoError);
}
