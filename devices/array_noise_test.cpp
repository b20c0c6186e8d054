// The split of read noise into what holds and what is new in every read.
#include "devices/array_noise.hpp"

#include <doctest/doctest.h>

#include <cmath>

#include "core/errors.hpp"

using namespace mho;
using namespace mho::devices;

TEST_CASE("at the ends of the split all noise holds, or all of it is new") {
  const Eigen::MatrixXd g = Eigen::MatrixXd::Constant(4, 3, 20e-6);
  const ArrayNoise holds = array_noise({}, g, 1, 2, 3, 0, 5.0, 1e30), fresh = array_noise({}, g, 1, 2, 3, 0, 5.0, 0.0);
  CHECK(holds.sigma.norm() == 0.0);
  for (Eigen::Index n = 0; n < g.size(); ++n) {
    ReadNoise cell({}, 20e-6, {1, 2, 3, static_cast<std::uint32_t>(n)});
    cell.advance(5.0);
    CHECK(holds.conductance.data()[n] == doctest::Approx(cell.conductance()).epsilon(1e-12));
    CHECK(fresh.conductance.data()[n] == doctest::Approx(20e-6).epsilon(1e-9));
    CHECK(fresh.sigma.data()[n] == doctest::Approx(20e-6 * std::sqrt(cell.variance())).epsilon(0.2));  // first order
  }
}

TEST_CASE("over cells, what holds has the variance below the split, and two times far apart are less alike than two close ones") {
  ReadNoiseParams params;
  params.sigma_ln = 0.0;
  params.traps = 0.0;
  const double rate = 1e3, each = median_density(params, 20e-6);
  const Eigen::MatrixXd g = Eigen::MatrixXd::Constant(60, 60, 20e-6);
  const auto at = [&](double t) -> Eigen::ArrayXXd { return (array_noise(params, g, 4, 0, 0, 0, t, rate).conductance / 20e-6).array().log(); };
  const Eigen::ArrayXXd now = at(0.0), soon = at(1e-3), late = at(1e3);
  const auto centred = [](const Eigen::ArrayXXd& a) -> Eigen::ArrayXXd { return a - a.mean(); };
  const double variance = centred(now).square().mean(), below = each * std::log(rate / (2.0 * M_PI * params.f_min));
  CHECK(variance == doctest::Approx(below).epsilon(4.0 * std::sqrt(2.0 / 3600.0) + 0.05));  // and half a process at the split
  const double close = (centred(now) * centred(soon)).mean() / variance, far = (centred(now) * centred(late)).mean() / variance;
  CHECK(close > 0.85);
  CHECK(far < 0.5);
  CHECK(far > -0.1);
}

TEST_CASE("arrays without conductance and times before programming are refused") {
  CHECK_THROWS_AS(array_noise({}, Eigen::MatrixXd::Zero(1, 1), 1, 0, 0, 0, 0.0, 1.0), Error);
  CHECK_THROWS_AS(array_noise({}, Eigen::MatrixXd::Ones(1, 1), 1, 0, 0, 0, -1.0, 1.0), Error);
  CHECK_THROWS_AS(array_noise({}, Eigen::MatrixXd::Ones(1, 1), 1, 0, 0, 255, 0.0, 1.0), Error);
}
