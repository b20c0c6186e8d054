// An L-stable Rosenbrock step of order 4 with an embedded error estimate of order 3 on Eigen vectors: RODAS4.
//
// For y' = f(y, t) with J = ∂f/∂y and step h, stages u_i solve
//   (1/(γh) − J) u_i = f(y + Σ_j<i a_ij u_j, t + α_i h) + Σ_j<i (c_ij/h) u_j + γ_i h ∂f/∂t,     γ = 1/4
// and y_new = y + Σ m_i u_i with the last stage as the error estimate (stiffly accurate).
// Hairer, Wanner, Solving Ordinary Differential Equations II, 2nd ed. (1996), IV.7 and table 7.2 of IV.10 (code RODAS).
// An implicit step costs one factorisation of at most 2 × 2 here; an explicit pair needs steps of the fastest time scale
// (a soft wall of 2 pm, a filament's 0.2 ns thermal one) long after it has died out.
#pragma once
#include <Eigen/LU>
#include <algorithm>
#include <cmath>

namespace mho::devices {

// Vector: an Eigen column vector; Matrix the square matrix that goes with it.
// System offers  void rate(const Vector& y, double t, Vector& f)
//                void jacobian(const Vector& y, double t, Vector& f, Matrix& j, Vector& df_dt)
template <class Vector, class Matrix>
class Rosenbrock {
 public:
  struct Step {
    Vector y;      // after h
    Vector error;  // estimate of its local error
  };

  template <class System>
  Step step(System& system, const Vector& y, double t, double h) const {
    Vector f, df_dt, f_new;
    Matrix j;
    system.jacobian(y, t, f, j, df_dt);
    Matrix w = -j;
    w.diagonal().array() += 1.0 / (gamma * h);
    const Eigen::PartialPivLU<Matrix> lu(w);
    const auto solve = [&](const Vector& b) -> Vector { return lu.solve(b); };
    const Vector u1 = solve(f + (h * d1) * df_dt);
    system.rate(y + a21 * u1, t + c2 * h, f_new);
    const Vector u2 = solve(f_new + (h * d2) * df_dt + (c21 / h) * u1);
    system.rate(y + a31 * u1 + a32 * u2, t + c3 * h, f_new);
    const Vector u3 = solve(f_new + (h * d3) * df_dt + (c31 * u1 + c32 * u2) / h);
    system.rate(y + a41 * u1 + a42 * u2 + a43 * u3, t + c4 * h, f_new);
    const Vector u4 = solve(f_new + (h * d4) * df_dt + (c41 * u1 + c42 * u2 + c43 * u3) / h);
    Vector z = y + a51 * u1 + a52 * u2 + a53 * u3 + a54 * u4;
    system.rate(z, t + h, f_new);
    const Vector u5 = solve(f_new + (c51 * u1 + c52 * u2 + c53 * u3 + c54 * u4) / h);
    z += u5;
    system.rate(z, t + h, f_new);
    const Vector error =
        solve(f_new + (c61 * u1 + c62 * u2 + c63 * u3 + c64 * u4 + c65 * u5) / h);
    return {z + error, error};
  }

 private:
  static constexpr double gamma = 0.25;
  static constexpr double d1 = 0.25, d2 = -0.1043, d3 = 0.1035, d4 = -0.0362;
  static constexpr double c2 = 0.386, c3 = 0.21, c4 = 0.63;
  static constexpr double a21 = 1.544, a31 = 0.9466785280815826, a32 = 0.2557011698983284,
                          a41 = 3.314825187068521, a42 = 2.896124015972201,
                          a43 = 0.9986419139977817, a51 = 1.221224509226641,
                          a52 = 6.019134481288629, a53 = 12.53708332932087,
                          a54 = -0.6878860361058950;
  static constexpr double c21 = -5.6688, c31 = -2.430093356833875, c32 = -0.2063599157091915,
                          c41 = -0.1073529058151375, c42 = -9.594562251023355,
                          c43 = -20.47028614809616, c51 = 7.496443313967647,
                          c52 = -10.24680431464352, c53 = -33.99990352819905,
                          c54 = 11.70890893206160, c61 = 8.083246795921522,
                          c62 = -7.981132988064893, c63 = -31.52159432874371,
                          c64 = 16.31930543123136, c65 = -6.058818238834054;
};

}  // namespace mho::devices
