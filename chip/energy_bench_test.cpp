// Laws of the energy bench: events are those of the precision, energies are linear in events, two phases are the sum of two, anchors give back what they were fitted to.
#include "chip/energy_bench.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>

#include "chip/energy_anchor.hpp"
#include "core/errors.hpp"

using namespace mho;
using namespace mho::chip;

namespace {

// Any model with energy in every component will do: the laws hold for all coefficients.
solver::EnergyModel some_model(double factor = 1.0) {
  solver::EnergyModel model;
  for (size_t c = 0; c < model.component.size(); ++c) {
    const double k = factor * 1e-13 * (1.0 + static_cast<double>(c));
    model.component[c] = {.conversion = k, .wl_pulse = 2 * k, .wl_stage = 0, .cell_pulse = 0, .bit_column = 0.1 * k, .sample = 0.5 * k, .compare = 0.3 * k, .compare_up = 0,
                          .compare_volt = 0, .decrement = 0.7 * k, .array_joule = factor, .line_joule = 0.5 * factor, .driver_joule = 0, .time = 1e-9 * k};
    model.relative_error[c] = 0.02;
  }
  model.total_relative_error = 0.02;
  return model;
}

const std::vector<EnergyBenchCase>& cases() {
  static const auto all = bench_energy(ChipConfig{}, ideal_cores(), some_model(), {.vectors = 20});
  return all;
}

const EnergyBenchCase& find(int bits, size_t phases) {
  return *std::find_if(cases().begin(), cases().end(), [&](const EnergyBenchCase& c) { return c.input_bits == bits && c.phases.size() == phases; });
}

}  // namespace

TEST_CASE("a binary search of n bits takes n compares and n − 1 decrements per column") {
  const auto core = ideal_cores()(Eigen::MatrixXd::Constant(8, 5, 2e-5), {.v_decrement = 0.05, .max_code = 31}, 3);
  for (const int steps : {1, 2, 5, 9}) {
    const solver::EventCounts counts = binary_search_counts(*core, 5, steps, 31);
    CHECK(counts.decrements == doctest::Approx(5.0 * steps).scale(1e-30));
    CHECK(counts.compares == doctest::Approx(5.0 * (steps + 1)).scale(1e-30));
    CHECK(counts.conversions == doctest::Approx(5.0).scale(1e-30));
  }
}

TEST_CASE("every precision from 1/3 to 8/10, one phase up to 6 bits, two from 5 bits on, events those of a full core") {
  CHECK(cases().size() == 6 + 4);
  for (const EnergyBenchCase& c : cases()) {
    CAPTURE(c.input_bits);
    CHECK(c.output_bits == c.input_bits + 2);
    CHECK(c.estimate.operations() == 2.0 * 128 * 256);
    int magnitude = 0;
    for (const EnergyPhase& p : c.phases) {
      magnitude += std::max(1, p.input_bits - 1);
      CHECK(p.output_bits == p.input_bits + 2);
      CHECK(p.estimate.counts.wl_pulses == 256.0 * std::max(1, p.input_bits - 1));
      CHECK(p.estimate.counts.compares == doctest::Approx(256.0 * p.output_bits).scale(1e-30));
      CHECK(p.estimate.counts.samples == 256.0 * p.point.point.pulse_multiplier * ((1 << std::max(1, p.input_bits - 1)) - 1));
    }
    CHECK(magnitude == std::max(1, c.input_bits - 1));
    if (c.phases.size() == 2)  // shifted by the bits of the low segment, the high one's output gives all bits of the result
      CHECK(c.phases[0].output_bits + c.phases[1].input_bits - 1 == c.output_bits);
    CHECK(c.chip.has_value() == (c.phases.size() == 1 && (c.input_bits == 1 || c.input_bits == 4)));
  }
}

TEST_CASE("two phases are the sum of the two and of the digital sum") {
  for (const int bits : {5, 6, 7, 8}) {
    const EnergyBenchCase& c = find(bits, 2);
    double joule = 0, latency = 0;
    for (const EnergyPhase& p : c.phases) joule += p.estimate.energy.total(), latency += p.estimate.latency;
    CHECK(c.digital_add == doctest::Approx(256 * digital_add_energy(bits + 2)).scale(1e-30));
    CHECK(c.grouped().total() * c.estimate.operations() == doctest::Approx(joule + c.digital_add).scale(1e-30));
    CHECK(c.estimate.latency == doctest::Approx(latency).scale(1e-30));
    // A segment alone is the precision of its own bits: the same events, whatever the inputs are.
    CHECK(c.phases[0].estimate.counts.wl_pulses == find(c.phases[0].input_bits, 1).estimate.counts.wl_pulses);
  }
}

TEST_CASE("energy is linear in the energy per event, and grows with the bits of inputs in one phase and in two") {
  const auto twice = bench_energy(ChipConfig{}, ideal_cores(), some_model(2.0), {.vectors = 20, .input_bits = {1, 4, 5}});
  CHECK(twice[0].grouped().total() == doctest::Approx(2 * find(1, 1).grouped().total()).scale(1e-30));
  CHECK(twice[1].grouped().total() == doctest::Approx(2 * find(4, 1).grouped().total()).scale(1e-30));
  CHECK(twice.back().estimate.energy.total() == doctest::Approx(2 * find(5, 2).estimate.energy.total()).scale(1e-30));
  for (const size_t phases : {size_t{1}, size_t{2}}) {
    const EnergyBenchCase* last = nullptr;
    for (const EnergyBenchCase& c : cases()) {
      if (c.phases.size() != phases) continue;
      CAPTURE(c.input_bits);
      if (last) CHECK(c.grouped().total() > last->grouped().total());
      last = &c;
    }
  }
}

TEST_CASE("the swing is what the ADC's codes can show") {
  const ChipConfig config;
  const double finest = config.operating.v_decrement_min * 17.0 / 104.0;
  for (const EnergyBenchCase& c : cases())
    for (const EnergyPhase& p : c.phases) {
      const int max_code = (1 << (p.output_bits - 1)) - 1;
      CHECK(p.point.quantile_voltage <= 1.02 * std::min(config.operating.swing, max_code * finest));
      CHECK(p.error_lsb < 0.01);  // ideal cores are linear
    }
}

TEST_CASE("anchors give back the two points when they are multiples of the model's stages, and leave half the distance when they are not") {
  auto all = cases();
  const auto scale_chip = [&](double array_side, double neuron_1, double neuron_4) {
    for (EnergyBenchCase& c : all)
      if (c.chip) {
        const EnergyGroups e = c.grouped();
        c.chip = EnergyGroups{array_side * e.word_line, (c.input_bits == 1 ? neuron_1 : neuron_4) * e.neuron, array_side * e.input_pulses};
      }
  };
  scale_chip(0.7, 0.4, 0.4);
  const EnergyAnchors exact = anchor(all);
  CHECK(exact.array_side == doctest::Approx(0.7));
  CHECK(exact.neuron == doctest::Approx(0.4));
  CHECK(exact.neuron_spread == doctest::Approx(0.0));
  for (const EnergyBenchCase& c : all) {
    if (c.chip) CHECK(exact.apply(c.grouped()).total() == doctest::Approx(c.chip->total()).scale(1e-30));
    CHECK(exact.apply(c.grouped()).digital == c.grouped().digital);
    CHECK(exact.error(c) == doctest::Approx(c.error_per_operation() * exact.apply(c.grouped()).total() / c.grouped().total()).scale(1e-30));
  }
  scale_chip(0.7, 0.4, 0.5);
  const EnergyAnchors between = anchor(all);
  CHECK(between.neuron == doctest::Approx(std::sqrt(0.2)));
  CHECK(between.neuron_spread == doctest::Approx(0.5 * std::log(1.25)));
  CHECK(between.condition > 1.0);
  all.resize(1);
  CHECK_THROWS_AS(anchor(all), Error);
}

TEST_CASE("tables have a line for each precision, and precisions that are not possible are refused") {
  const EnergyAnchors anchors = anchor(cases());
  const std::string csv = energy_bench_csv(cases(), anchors, 48);
  CHECK(std::count(csv.begin(), csv.end(), '\n') == 11);
  const auto fields = std::count(csv.begin(), csv.begin() + static_cast<std::ptrdiff_t>(csv.find('\n')), ',');
  CHECK(std::count(csv.begin(), csv.end(), ',') == 11 * fields);
  CHECK(to_json(cases(), anchors, 48)["cases"].size() == 10);
  CHECK(energy_bench_table(cases(), anchors, 48).find("published") != std::string::npos);
  // The chip's figures: the split adds up to 1/43.1 and 1/16.0 TOPS/W.
  CHECK(measured_energy(1, 3)->total() == doctest::Approx(1 / 43.1e12).scale(1e-30).epsilon(0.01));
  CHECK(measured_energy(4, 6)->total() == doctest::Approx(1 / 16.0e12).scale(1e-30).epsilon(0.01));
  for (const PriorChip& p : prior_chips()) CHECK_FALSE((p.boundary.empty() || p.trust.empty()));
  CHECK_THROWS_AS(bench_energy(ChipConfig{}, ideal_cores(), some_model(), {.input_bits = {9}}), Error);
  CHECK_THROWS_AS(bench_energy(ChipConfig{}, ideal_cores(), some_model(), {.input_bits = {0}}), Error);
}
