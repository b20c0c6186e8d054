// A Rosenbrock-W method for stiff systems of charges, M y' = f(y), as a controlled stepper of Boost.Odeint: integrate_adaptive and its relatives drive it.
//
// ROS34PW2 of Rang and Angermann, BIT 45, 761 (2005), Table 4.3: four stages, order 3 with any approximation of ∂f/∂y (a W-method), L-stable and stiffly accurate with the exact
// one, embedded result of order 2; M may be singular (index 1). In the form without products by the Jacobian (Hairer and Wanner, Solving ODEs II, Eq. IV.7.25):
//   (M/(h γ) − ∂f/∂y) u_i = f(y + Σ_(j<i) a_ij u_j) + M Σ_(j<i) c_ij/h u_j,      y_new = y + Σ m_j u_j
// A linear invariant of M y' = f, such as the charge of an isolated line, is one of every step. Boost.Odeint's own rosenbrock4 has dense matrices and no M.
#pragma once
#include <Eigen/Dense>
#include <Eigen/SparseCore>
#include <algorithm>
#include <array>
#include <boost/numeric/odeint/stepper/controlled_step_result.hpp>
#include <boost/numeric/odeint/stepper/stepper_categories.hpp>
#include <boost/numeric/odeint/util/unwrap_reference.hpp>
#include <cmath>

namespace mho::solver {

struct RosenbrockCoefficients {
  static constexpr int stages = 4;
  double gamma;
  Eigen::Matrix4d a, c;        // strictly lower triangular
  Eigen::Vector4d m, error;    // m and m − m̂
};
inline const RosenbrockCoefficients& ros34pw2() {
  static const RosenbrockCoefficients table = [] {
    constexpr double g = 4.3586652150845900e-01;
    Eigen::Matrix4d alpha, gamma;
    alpha << 0, 0, 0, 0, 8.7173304301691801e-01, 0, 0, 0, 8.4457060015369423e-01, -1.1299064236484185e-01, 0, 0, 0, 0, 1, 0;
    gamma << g, 0, 0, 0, -8.7173304301691801e-01, g, 0, 0, -9.0338057013044082e-01, 5.4180672388095326e-02, g, 0, 2.4212380706095346e-01, -1.2232505839045147e+00, 5.4526025533510214e-01, g;
    const Eigen::RowVector4d b(2.4212380706095346e-01, -1.2232505839045147e+00, 1.5452602553351020e+00, 4.3586652150845900e-01),
        embedded(3.7810903145819369e-01, -9.6042292212423178e-02, 5.0000000000000000e-01, 2.1793326075422950e-01);
    const Eigen::Matrix4d inverse = gamma.inverse();
    Eigen::Matrix4d c = -inverse;
    c.diagonal().setZero();
    return RosenbrockCoefficients{g, alpha * inverse, c, (b * inverse).transpose(), ((b - embedded) * inverse).transpose()};
  }();
  return table;
}

// A system is asked, as `const System&`, for
//   system(y, f, t)                   f(y) [e.g. A], which must not depend on t
//   system.mass()                     M, an Eigen::SparseMatrix<double> [e.g. F]
//   system.shifted(y, shift, matrix)  matrix = shift · M − ∂f/∂y, of the same pattern in every call
// Factors: factorize(matrix) and solve(b), with any symbolic analysis done before; factorize() throws when it cannot.
template <class Factors>
class RosenbrockStepper {
 public:
  using state_type = Eigen::VectorXd;
  using deriv_type = Eigen::VectorXd;
  using value_type = double;
  using time_type = double;
  using stepper_category = boost::numeric::odeint::controlled_stepper_tag;

  // Largest error of a step: |error_n| <= absolute + relative · |y_n| for every n.
  RosenbrockStepper(Factors& factors, double absolute, double relative) : factors_(&factors), absolute_(absolute), relative_(relative) {}

  template <class System>
  boost::numeric::odeint::controlled_step_result try_step(System reference, state_type& y, time_type& t, time_type& dt) {
    const typename boost::numeric::odeint::unwrap_reference<System>::type& system = reference;
    step(system, y, dt);
    const double error = (error_.array().abs() / (absolute_ + relative_ * y.array().abs().max(next_.array().abs()))).maxCoeff();
    // The error of the embedded result is of order 3. A step that is not a number is tried again at the smallest fraction.
    const double factor = std::isfinite(error) ? std::clamp(0.9 / std::cbrt(std::max(error, 1e-30)), 0.1, 5.0) : 0.1;
    if (!(error <= 1.0)) {
      dt *= std::min(factor, 0.5);
      return boost::numeric::odeint::fail;
    }
    t += dt;
    y.swap(next_);
    dt *= factor;
    return boost::numeric::odeint::success;
  }
  // One step of dt whatever its error: afterwards next() and error().
  template <class System>
  void step(const System& system, const state_type& y, double dt) {
    const RosenbrockCoefficients& k = ros34pw2();
    system.shifted(y, 1.0 / (dt * k.gamma), matrix_);
    factors_->factorize(matrix_);
    for (int i = 0; i < RosenbrockCoefficients::stages; ++i) {
      next_ = y;
      if (i > 0) combined_.setZero(y.size());
      for (int j = 0; j < i; ++j) {
        if (k.a(i, j) != 0.0) next_ += k.a(i, j) * u_[static_cast<size_t>(j)];
        combined_ += k.c(i, j) / dt * u_[static_cast<size_t>(j)];
      }
      f_.resize(y.size());
      system(next_, f_, 0.0);
      if (i > 0) f_.noalias() += system.mass() * combined_;
      u_[static_cast<size_t>(i)] = factors_->solve(f_);
    }
    next_ = y;
    error_.setZero(y.size());
    for (int i = 0; i < RosenbrockCoefficients::stages; ++i) {
      next_ += k.m[i] * u_[static_cast<size_t>(i)];
      error_ += k.error[i] * u_[static_cast<size_t>(i)];
    }
  }
  const state_type& next() const { return next_; }
  const state_type& error() const { return error_; }

 private:
  Factors* factors_;
  double absolute_, relative_;
  Eigen::SparseMatrix<double> matrix_;
  std::array<Eigen::VectorXd, RosenbrockCoefficients::stages> u_;
  Eigen::VectorXd f_, next_, combined_, error_;
};

}  // namespace mho::solver
