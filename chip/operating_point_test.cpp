// Laws of the rule for operating points: the range is filled, limits hold, nothing but the training inputs matters.
#include "chip/operating_point.hpp"

#include <doctest/doctest.h>

#include "chip/test_matrices.hpp"
#include "core/errors.hpp"

using namespace mho;
using namespace mho::chip;

namespace {

struct Setup {
  std::vector<MatrixSpec> specs = test::mnist_shapes();
  ChipConfig config;
  Mapping mapping = map_network(specs, config, no_bad_rows(config));
  std::vector<Eigen::MatrixXf> conductance = target_conductances(specs, mapping, config.mapping);
  std::vector<InputCodes> codes;

  Setup() {
    // Limits wide enough that the rule, not its limits, decides.
    config.operating.max_multiplier = 16;
    config.operating.v_decrement_min = 0.005;
    config.operating.v_decrement_max = 0.2;
    for (size_t m = 0; m < specs.size(); ++m) codes.push_back(test::random_codes(specs[m], 500, static_cast<std::uint32_t>(m)));
  }
  std::vector<PointChoice> choose(int threads = 1, const LineTrim& trim = {}) const {
    return choose_operating_points(specs, mapping, conductance, codes, config, ideal_cores(), trim, threads);
  }
};

}  // namespace

TEST_CASE("the quantile reaches the swing and fills the ADC, with no more samples than needed") {
  const Setup setup;
  const OperatingRules& rules = setup.config.operating;
  for (const PointChoice& c : setup.choose()) {
    CHECK(c.swing_reached);
    CHECK(c.quantile_voltage == doctest::Approx(rules.swing).scale(1e-30).epsilon(0.02));
    CHECK(rules.max_code * c.lsb == doctest::Approx(c.quantile_voltage).scale(1e-30).epsilon(1e-3));
    CHECK(c.beyond_range <= 1 - rules.quantile + 2.0 / 4000);  // the smallest layer has 500 · 8 voltages
    CHECK(c.point.v_read <= rules.v_read_max);
    // One sample less would need more than the largest read voltage: the ideal gain is proportional to both.
    if (c.point.pulse_multiplier > 1)
      CHECK(c.point.v_read * c.point.pulse_multiplier / (c.point.pulse_multiplier - 1) > 0.99 * rules.v_read_max);
  }
}

TEST_CASE("limits hold when the swing is out of reach") {
  Setup setup;
  setup.config.operating.max_multiplier = 1;
  setup.config.operating.v_read_max = 0.06;
  setup.config.operating.v_decrement_min = 0.1;
  for (const PointChoice& c : setup.choose()) {
    CHECK_FALSE(c.swing_reached);
    CHECK(c.point.pulse_multiplier == 1);
    CHECK(c.point.v_read == doctest::Approx(0.06).scale(1e-30));
    CHECK(c.point.v_decrement == doctest::Approx(0.1).scale(1e-30));
  }
}

TEST_CASE("points do not depend on threads, take the centre from the trim, and survive JSON") {
  const Setup setup;
  const auto one = setup.choose(1), four = setup.choose(4);
  const auto trimmed = setup.choose(1, [](Eigen::Index rows) { return 1e-5 * static_cast<double>(rows); });
  for (size_t m = 0; m < one.size(); ++m) {
    CHECK(to_json(one[m]) == to_json(four[m]));
    CHECK(to_json(point_choice_from_json(to_json(one[m]))) == to_json(one[m]));
    CHECK(trimmed[m].point.v_trim > 0);
  }
}

TEST_CASE("a layer without training activations is an error") {
  Setup setup;
  setup.codes[3].resize(setup.codes[3].rows(), 0);
  CHECK_THROWS_AS(setup.choose(), ConfigError);
}
