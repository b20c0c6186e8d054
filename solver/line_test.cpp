// Laws of one cell and of a column into the source line, and of the least squares that fit them.
#include "solver/line.hpp"

#include <doctest/doctest.h>

#include "solver/least_squares.hpp"
#include "solver/neuron_ode.hpp"
#include "solver/test_models.hpp"

using namespace mho;
using namespace mho::solver;

namespace {
constexpr double r_driver = 200.0;
}

TEST_CASE("a transistor's current changes sign with its ends, and its slopes are those of the current") {
  const TransistorParams t;
  constexpr double h = 1e-6;
  for (const auto& [line, node] : {std::pair{0.1, -0.2}, {-0.3, 0.3}, {0.5, 0.65}, {0.9, 0.8}}) {  // pinch-off at 0.6 V
    const TransistorCurrent i = transistor_current(t, line, node);
    CHECK(i.ampere == -transistor_current(t, node, line).ampere);
    CHECK(i.by_line == doctest::Approx((transistor_current(t, line + h, node).ampere - transistor_current(t, line - h, node).ampere) / (2 * h)).scale(1e-6).epsilon(1e-5));
    CHECK(i.by_node == doctest::Approx((transistor_current(t, line, node + h).ampere - transistor_current(t, line, node - h).ampere) / (2 * h)).scale(1e-6).epsilon(1e-5));
  }
}

TEST_CASE("a cell is passive: current flows from the higher to the lower voltage and is zero between equal ones") {
  const TransistorParams t;
  for (const double g : {1e-7, 1e-6, 9e-6, 40e-6, 200e-6})
    for (double drive = -0.5; drive <= 0.51; drive += 0.125) {
      CHECK(std::abs(cell_current(t, r_driver, g, drive, drive)) < 1e-18);
      for (double line = -0.5; line <= 0.51; line += 0.125) {
        const double i = cell_current(t, r_driver, g, drive, line);
        CHECK(i * (drive - line) >= 0.0);
        // Never more than through cell and driver alone.
        CHECK(std::abs(i) <= std::abs(drive - line) / (1.0 / g + r_driver) * (1 + 1e-12));
      }
    }
}

TEST_CASE("a cell's current rises with the drive and falls with the line, at the slope that is returned") {
  const TransistorParams t;
  for (const double g : {1e-6, 20e-6, 40e-6}) {
    double previous = -1.0;
    for (double drive = -0.5; drive <= 0.5; drive += 0.05) {
      const double i = cell_current(t, r_driver, g, drive, 0.05);
      CHECK(i > previous);
      previous = i;
    }
    for (const double drive : {-0.4, -0.1, 0.3})
      for (const double line : {-0.3, 0.0, 0.2}) {
        constexpr double h = 1e-5;
        double slope = 0;
        cell_current(t, r_driver, g, drive, line, &slope);
        const double difference = (cell_current(t, r_driver, g, drive, line + h) - cell_current(t, r_driver, g, drive, line - h)) / (2 * h);
        CHECK(slope < 0.0);
        CHECK(slope == doctest::Approx(difference).scale(1e-30).epsilon(1e-5));
      }
  }
}

TEST_CASE("for small signals a cell is the series of driver, conductance and on-resistance of the transistor") {
  const TransistorParams t;
  for (const double v : {-0.2, 0.0, 0.2})
    for (const double g : {1e-6, 40e-6}) {
      const double over = t.v_pinch - v, channel = t.beta * over / (1.0 + t.theta * over);
      const double expected = 1.0 / (1.0 / g + r_driver + 1.0 / channel);
      CHECK(cell_current(t, r_driver, g, v + 1e-5, v) / 1e-5 == doctest::Approx(expected).scale(1e-30).epsilon(1e-4));
      CHECK(cell_current(t, r_driver, g, v - 1e-5, v) / -1e-5 == doctest::Approx(expected).scale(1e-30).epsilon(1e-4));
    }
}

TEST_CASE("a column's quadratic is its cells' sum at three points and within 0.1 mV of settled line in between") {
  const NeuronModel model = test::default_model();
  const circuits::ColumnInput in = test::paired_column(0, 64, 1);
  const LineCurrent quadratic = line_current(model, in.conductance, in.levels[0], 0.3);
  for (double d = -0.1; d <= 0.101; d += 0.05) {
    const double v = quadratic.centre + d;
    double sum = 0, slope = 0, s = 0;
    for (size_t i = 0; i < in.conductance.size(); ++i) {
      sum += cell_current(model.transistor, r_driver, in.conductance[i], 0.3 * in.levels[0][i], v, &s);
      slope += s;
    }
    CHECK(std::abs((quadratic.at(v) - sum) / slope) < 1e-4);
  }
}

TEST_CASE("with transistors that are shorts the line settles to the conductance-weighted mean of its inputs") {
  NeuronModel model = test::quiet_model();
  model.circuit.r_driver = 1e-3;
  const circuits::ColumnInput in = test::paired_column(1, 64, 1);
  double sum_g = 0, sum_gv = 0;
  for (size_t i = 0; i < in.conductance.size(); ++i) {
    sum_g += in.conductance[i];
    sum_gv += in.conductance[i] * 0.3 * in.levels[0][i];
  }
  const double settled = driven_line(model, in.conductance, in.levels[0], 0.3, 0.0, 1e-6);
  CHECK(settled == doctest::Approx(sum_gv / sum_g).scale(1e-30).epsilon(1e-4));
  // On the way there, one exponential with the time constant c_line/ΣG.
  const double tau = model.neuron.c_line / sum_g;
  CHECK(driven_line(model, in.conductance, in.levels[0], 0.3, 0.0, tau) == doctest::Approx(settled * (1 - std::exp(-1.0))).scale(1e-30).epsilon(1e-3));
}

TEST_CASE("a line that starts beyond pinch-off comes down to the same voltage as one from below") {
  // A cell to +0.5 V beside many at -0.5 V: with weak transistors pinched off at VREF the parabola through the line's own range has its other root below the start.
  NeuronModel model = test::quiet_model();
  model.transistor = {.beta = 5e-5, .v_pinch = 0.0, .theta = 0.2};
  const std::vector<double> cells(16, 40e-6);
  std::vector<std::int8_t> levels(16, -1);
  levels[0] = 1;
  const LineCurrent current = line_current(model, cells, levels, 0.5);
  REQUIRE(-current.c1 / current.c2 < 2.0);  // where it would run away from
  const double below = driven_line(model, cells, levels, 0.5, -0.6, 1e-6), above = driven_line(model, cells, levels, 0.5, current.centre + 2.0, 1e-6);
  CHECK(above == doctest::Approx(below).epsilon(1e-6));
}

TEST_CASE("least squares finds the parameters of a known function, also from two threads, and says when it cannot") {
  const Eigen::VectorXd truth{{2.0, -0.7, 0.3}};
  const auto value = [](const Eigen::VectorXd& x, double t) { return x[0] * std::exp(x[1] * t) + x[2]; };
  const auto residuals = [&](const Eigen::VectorXd& x) {
    Eigen::VectorXd f(40);
    for (Eigen::Index i = 0; i < f.size(); ++i) f[i] = value(x, 0.1 * static_cast<double>(i)) - value(truth, 0.1 * static_cast<double>(i));
    return f;
  };
  const Eigen::VectorXd start{{1.0, -0.2, 0.0}};
  const LeastSquaresResult one = minimise(residuals, start, 1e-6, 1, 100), two = minimise(residuals, start, 1e-6, 2, 100);
  CHECK(one.converged);
  CHECK((one.x - truth).norm() < 1e-5);
  CHECK(one.rms < 1e-6);
  CHECK(one.x == two.x);
  // A residual that is not a number leaves no finite solution to call converged.
  const LeastSquaresResult none = minimise([](const Eigen::VectorXd& x) { return Eigen::VectorXd::Constant(4, std::sqrt(-1.0 - x[0] * x[0])).eval(); },
                                           Eigen::VectorXd::Ones(1), 1e-6, 1, 5);
  CHECK_FALSE(std::isfinite(none.rms));
}
