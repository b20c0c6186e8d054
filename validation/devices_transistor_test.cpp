// The fit of the compact transistor: it finds a transistor that made the currents, and the shipped
// parameters are what it gives for the card in ngspice.
#include "validation/devices_transistor.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <cstdlib>
#include <string>

#include "core/data_path.hpp"

using namespace mho;
using namespace mho::validation;

namespace {

double model(const devices::ThickTransistor& p, const circuits::TransistorBias& b) {
  return devices::static_current(p, b.v_g, b.v_d, b.v_s).current;
}

// Rms difference in the metric of the fit.
double distance(const devices::ThickTransistor& p, std::span<const circuits::TransistorBias> points,
                std::span<const double> currents) {
  double sum = 0.0;
  for (size_t i = 0; i < points.size(); ++i) {
    const double e = std::asinh(model(p, points[i]) / transistor_current_scale) -
                     std::asinh(currents[i] / transistor_current_scale);
    sum += e * e;
  }
  return std::sqrt(sum / static_cast<double>(points.size()));
}

}  // namespace

TEST_CASE("the fit finds a transistor that made the currents") {
  devices::ThickTransistor truth;
  truth.beta *= 1.3;
  truth.v_to -= 0.1;
  truth.gamma = 0.5;
  truth.kappa = 0.6;
  truth.theta1 = 0.2;
  const auto grid = transistor_fit_grid();
  std::vector<double> currents;
  for (const auto& b : grid) currents.push_back(model(truth, b));
  const TransistorFit fit = fit_transistor(grid, currents);
  // No misfit is left but that of the last step's tolerance; at points that the fit did not see
  // neither.
  CHECK(fit.rms < 2e-3);
  const auto unseen = transistor_random_points(500, 4);
  std::vector<double> expected;
  for (const auto& b : unseen) expected.push_back(model(truth, b));
  CHECK(distance(fit.transistor, unseen, expected) < 4e-3);
}

TEST_CASE("the shipped parameters are the fit to the card, and no worse where it did not look") {
  unsetenv("PDK_ROOT");
  const Section section = validate_transistor(8);
  const Json& fit = section.json.at("fit");
  const auto shipped =
      devices::load_thick_transistor(data_path("devices/params/transistor_n50.toml"));
  // Five digits of each parameter are kept; another ngspice or compiler may end the fit a little
  // elsewhere.
  for (const auto& p : ParameterTable<devices::ThickTransistor>::table)
    if (fit.contains(p.key)) {
      const double fitted = fit.at(std::string(p.key)).get<double>();
      CHECK_MESSAGE(std::abs(shipped.*p.member / fitted - 1.0) < 1e-3, p.key);
    }
  // The grid is denser where the current is small; unseen points may be worse, not by half.
  CHECK(section.json.at("bias_points").at("asinh_rms").get<double>() <
        1.5 * fit.at("asinh_rms").get<double>());
}

TEST_CASE("the section reports figures for every set of points and misses nothing") {
  const Section section = validate_transistor(1);
  CHECK(section.missed.empty());
  CHECK(section.skipped.empty());
  for (const char* key :
       {"bias_points", "source_to_2V", "source_grounded", "cell_set", "cell_reset"}) {
    CHECK(section.json.at(key).at("points").get<int>() > 0);
    CHECK(section.json.at(key).at("asinh_rms").get<double>() > 0.0);
    CHECK(section.text.find("asinh rms") != std::string::npos);
  }
  // The same seed gives the same figures: nothing depends on which worker ran what.
  CHECK(validate_transistor(1).json == section.json);
  // The level-1 transistor of the cards is another device: the compact form is nearer to n50.
  CHECK(section.json.at("cell_set").at("relative_rms").get<double>() <
        section.json.at("cell_set_level1").at("relative_rms").get<double>());
}
