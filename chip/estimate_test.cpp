// Laws of the estimate: energies of layers and components add up, latency follows the stated rule, the bench's ADCs differ only where they should.
#include "chip/estimate.hpp"

#include <doctest/doctest.h>

#include "chip/chip_engine.hpp"
#include "chip/test_matrices.hpp"

using namespace mho;
using namespace mho::chip;

namespace {

// Any model will do: the laws hold for all coefficients.
solver::EnergyModel some_model() {
  solver::EnergyModel model;
  for (size_t c = 0; c < model.component.size(); ++c) {
    const double k = 1e-13 * (1.0 + static_cast<double>(c));
    model.component[c] = {.conversion = k, .wl_pulse = 2 * k, .bit_column = 0.1 * k, .sample = 0.5 * k, .compare = 0.3 * k, .decrement = 0.7 * k,
                          .array_joule = 1, .line_joule = 0.5, .time = 1e-9 * k};
    model.relative_error[c] = 0.01 * (1.0 + static_cast<double>(c));
  }
  model.total_relative_error = 0.05;
  return model;
}

solver::EventCounts some_events(double scale) {
  return {.conversions = 100 * scale, .wl_pulses = 300 * scale, .bit_columns = 200 * scale, .samples = 700 * scale, .compares = 900 * scale,
          .decrements = 800 * scale, .array_joule = 1e-10 * scale, .line_charge_joule = 1e-12 * scale, .driver_joule = 0.0, .time = 1e-4 * scale,
          .core_time = 2e-5 * scale, .macs = 5000 * scale};
}

}  // namespace

TEST_CASE("layers and components add up to the total, per image") {
  const auto specs = test::mnist_shapes();
  const ChipConfig config;
  const Mapping mapping = map_network(specs, config, no_bad_rows(config));
  std::vector<solver::EventCounts> events;
  for (size_t b = 0; b < mapping.blocks.size(); ++b) events.push_back(some_events(1.0 + static_cast<double>(b)));
  const Estimate one = estimate(specs, mapping, events, 1, some_model());
  double energy = 0, latency = 0, macs = 0, components = 0;
  for (const LayerEstimate& layer : one.layers) energy += layer.energy.total(), latency += layer.latency, macs += layer.counts.macs;
  for (const double joule : one.total.energy.joule) components += joule;
  CHECK(one.total.energy.total() == doctest::Approx(energy).scale(1e-30));
  CHECK(one.total.energy.total() == doctest::Approx(components).scale(1e-30));
  CHECK(one.total.latency == doctest::Approx(latency).scale(1e-30));
  CHECK(one.total.operations() == doctest::Approx(2 * macs).scale(1e-30));
  CHECK(one.total.total_error == doctest::Approx(0.05 * energy).scale(1e-30));
  CHECK(one.total.joule_per_operation() * one.total.operations_per_joule() == doctest::Approx(1.0).scale(1e-30));
  const Estimate ten = estimate(specs, mapping, events, 10, some_model());
  CHECK(ten.total.energy.total() == doctest::Approx(energy / 10).scale(1e-30));
  CHECK(ten.total.joule_per_operation() == doctest::Approx(one.total.joule_per_operation()).scale(1e-30));
  CHECK(ten.total.energy_delay() == doctest::Approx(one.total.energy_delay() / 100).scale(1e-30));
}

TEST_CASE("a layer takes as long as its busiest core: blocks in one core one after another, cores side by side") {
  const std::vector<MatrixSpec> specs{test::random_matrix(0, 200, 16)};  // two segments
  ChipConfig config;
  const std::vector<solver::EventCounts> events{some_events(1), some_events(3)};
  const Mapping apart = map_network(specs, config, no_bad_rows(config));
  REQUIRE(apart.blocks.size() == 2);
  CHECK(estimate(specs, apart, events, 1, some_model()).total.latency == doctest::Approx(3 * 2e-5).scale(1e-30));
  config.core_grid_rows = config.core_grid_columns = 1;
  const Mapping together = map_network(specs, config, no_bad_rows(config));
  CHECK(estimate(specs, together, events, 1, some_model()).total.latency == doctest::Approx(4 * 2e-5).scale(1e-30));
}

TEST_CASE("images in a pipeline follow each other at the pace of the busiest core, whatever layers it serves") {
  const std::vector<MatrixSpec> specs{test::random_matrix(0, 50, 16), test::random_matrix(1, 50, 16)};
  ChipConfig config;
  const std::vector<solver::EventCounts> events{some_events(1), some_events(3)};
  const Mapping apart = map_network(specs, config, no_bad_rows(config));
  const Estimate two_cores = estimate(specs, apart, events, 1, some_model());
  CHECK(two_cores.total.latency == doctest::Approx(4 * 2e-5).scale(1e-30));
  CHECK(two_cores.interval == doctest::Approx(3 * 2e-5).scale(1e-30));
  CHECK(two_cores.slowest_layer == 1);
  CHECK(two_cores.slowest_core == apart.blocks[1].core);
  config.core_grid_rows = config.core_grid_columns = 1;
  const Estimate one_core = estimate(specs, map_network(specs, config, no_bad_rows(config)), events, 1, some_model());
  CHECK(one_core.interval == doctest::Approx(one_core.total.latency).scale(1e-30));  // nothing works side by side
  // Idle cores take nothing: energy does not depend on how many there are or how long they wait.
  CHECK(one_core.total.energy.total() == doctest::Approx(two_cores.total.energy.total()).scale(1e-30));
  CHECK(two_cores.power() == doctest::Approx(two_cores.total.energy.total() / 6e-5).scale(1e-30));
  CHECK(estimate(specs, apart, events, 10, some_model()).images_per_second() == doctest::Approx(10 * two_cores.images_per_second()).scale(1e-30));
}

TEST_CASE("tables have one line per layer and the same number of fields in each") {
  const std::vector<MatrixSpec> specs{test::random_matrix(0, 200, 16), test::random_matrix(1, 16, 10)};
  const ChipConfig config;
  const Mapping mapping = map_network(specs, config, no_bad_rows(config));
  const std::vector<solver::EventCounts> events(3, some_events(1));
  const Estimate e = estimate(specs, mapping, events, 1, some_model());
  for (const std::string& text : {energy_csv(e), events_csv(e)}) {
    CHECK(std::count(text.begin(), text.end(), '\n') == 4);
    const auto fields = std::count(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(text.find('\n')), ',');
    CHECK(std::count(text.begin(), text.end(), ',') == 4 * fields);
  }
  CHECK(to_json(e)["layers"].size() == 2);
  CHECK(to_json(e)["total"]["energy"]["unit"] == "J");
}
