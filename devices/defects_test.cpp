// Defective cells: shares, who is stuck, what an unformed cell does under a policy, order of
// drawing.
#include <doctest/doctest.h>

#include <cmath>
#include <vector>

#include "core/errors.hpp"
#include "core/parallel.hpp"
#include "devices/array_programming.hpp"
#include "devices/defects.hpp"

using namespace mho;
using namespace mho::devices;

namespace {
RandomStream device_stream(std::uint32_t cell) {
  return RandomStream(5, 1, 2, cell, Purpose::device_to_device);
}
}  // namespace

TEST_CASE("shares of defects are met, and one uniform number at block 2000 decides") {
  const DefectParams p{.stuck_low = 0.02, .stuck_high = 0.05, .unformed = 0.03};
  constexpr std::uint32_t cells = 40000;
  size_t count[4] = {};
  for (std::uint32_t cell = 0; cell < cells; ++cell) {
    RandomStream stream = device_stream(cell);
    const CellDefect defect = draw_defect(p, stream);
    ++count[static_cast<size_t>(defect.kind)];
    stream.skip_to(2000);
    const double u = stream.uniform();
    const Defect expected = u < 0.02   ? Defect::stuck_low
                            : u < 0.07 ? Defect::stuck_high
                            : u < 0.10 ? Defect::unformed
                                       : Defect::none;
    REQUIRE(defect.kind == expected);
    if (defect.kind == Defect::unformed) {
      REQUIRE(defect.pristine < p.pristine);
      REQUIRE(defect.pristine > 0.1 * p.pristine);
    } else {
      REQUIRE(defect.pristine == 0.0);
    }
  }
  // 4 standard deviations of a binomial count.
  for (const auto& [kind, share] :
       {std::pair{Defect::stuck_low, 0.02}, {Defect::stuck_high, 0.05}, {Defect::unformed, 0.03}}) {
    CAPTURE(name_of(kind));
    const double expected = share * cells, sigma = std::sqrt(expected * (1.0 - share));
    CHECK(std::abs(static_cast<double>(count[static_cast<size_t>(kind)]) - expected) < 4.0 * sigma);
  }
}

TEST_CASE("a share of unformed cells leaves the stuck ones and their neighbours as they were") {
  ProgrammingSetup setup;
  setup.defects = {.stuck_low = 0.05, .stuck_high = 0.05};
  const std::vector<double> targets(200, 20e-6);
  const auto cells = consecutive_cells(0, 0, targets.size());
  const ArrayProgramming before = program_array(targets, setup, {3, 0, cells}, 2);
  setup.defects.unformed = 0.1;
  const ArrayProgramming after = program_array(targets, setup, {3, 0, cells}, 1);
  size_t unformed = 0;
  for (size_t i = 0; i < targets.size(); ++i) {
    const WriteResult& w = after.first_pass[i];
    if (w.failure == WriteFailure::unformed) {
      ++unformed;
      CHECK(w.conductance < 0.1e-6);
      CHECK(w.set_pulses > 0);  // the policy tried
      CHECK(w.reset_pulses == 0);
      CHECK(w.energy == 0.0);
      CHECK(after.conductance_relaxed[i] == w.conductance);
      CHECK(before.first_pass[i].failure != WriteFailure::stuck_low);
    } else {
      CHECK(w.failure == before.first_pass[i].failure);
      CHECK(after.conductance_relaxed[i] == before.conductance_relaxed[i]);
    }
  }
  CHECK(unformed > 0);
  CHECK(after.summary.failures[static_cast<size_t>(WriteFailure::unformed)] == unformed);
}

TEST_CASE("an unformed cell misses a low target that the end of the model's range would meet") {
  ProgrammingSetup setup;
  setup.defects.unformed = 1.0;
  const auto cells = consecutive_cells(0, 0, 1);
  const ArrayProgramming missed = program_array(std::vector{1.5e-6}, setup, {3, 0, cells}, 1),
                         met = program_array(std::vector{0.9e-6}, setup, {3, 0, cells}, 1);
  CHECK(missed.first_pass[0].failure == WriteFailure::unformed);
  CHECK(missed.success[0] == 0);
  CHECK(met.success[0] == 1);  // within ±1 µS of the target without a filament
  CHECK(met.pulses[0] == 0);
}

TEST_CASE("undefined states: rate, range, independent of threads and of the order of cycles") {
  const IntermittentParams p{.share = 0.5, .rate = 0.02, .low = 1e-6, .high = 100e-6};
  constexpr std::uint32_t cells = 400, cycles = 500;
  const double g = 200e-6;  // outside [low, high], so an undefined value shows
  std::vector<double> forward(cells * cycles), backward(forward.size());
  parallel_for(cells, 4, [&](size_t c) {
    for (std::uint32_t k = 0; k < cycles; ++k)
      forward[c * cycles + k] =
          intermittent_conductance(p, g, k, device_stream(static_cast<std::uint32_t>(c)));
  });
  for (std::uint32_t c = cells; c-- > 0;)
    for (std::uint32_t k = cycles; k-- > 0;)
      backward[c * cycles + k] = intermittent_conductance(p, g, k, device_stream(c));
  CHECK(forward == backward);
  size_t undefined = 0, bad = 0;
  for (std::uint32_t c = 0; c < cells; ++c) {
    size_t of_cell = 0;
    for (std::uint32_t k = 0; k < cycles; ++k) {
      const double shown = forward[c * cycles + k];
      if (shown == g) continue;
      ++of_cell;
      CHECK(shown >= p.low);
      CHECK(shown <= p.high);
    }
    undefined += of_cell;
    bad += of_cell > 0;
  }
  // Half of the devices, ±4σ of the binomial; none of 500 cycles undefined has probability 4e-5.
  CHECK(std::abs(static_cast<double>(bad) - 200.0) < 40.0);
  const double expected = static_cast<double>(bad) * cycles * p.rate;
  CHECK(std::abs(static_cast<double>(undefined) - expected) < 4.0 * std::sqrt(expected));
}

TEST_CASE("the card of defects is read and checked") {
  const std::string folder = std::string(MHO_SOURCE_DIR) + "/devices/params/";
  const DefectCard card = load_defects(folder + "defects_good_array.toml");
  CHECK(card.defects.stuck_low == 0.002);
  CHECK(card.defects.stuck_high == 0.005);
  CHECK(card.intermittent.rate == IntermittentParams{}.rate);
  TomlFile file = TomlFile::from_text("[program]\nstuck_low = 0.5\nunformed = 0.6\n", folder + "x");
  CHECK_THROWS_AS(read_programming_setup(file, "program"), ConfigError);
}
