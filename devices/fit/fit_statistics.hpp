// What a fit knows about its parameters: errors, correlations, and which of them the data do not
// determine.
//
// With weighted residuals r (W) and Jacobian J at the minimum, H = JᵀWJ:
//   residual errors   cov = s² f H⁻¹,  s² = Σ w r²/(N − n),  f = (1 + ρ)/(1 − ρ)
// where ρ is the correlation of neighbouring residuals: a model that is off in shape leaves runs of
// residuals, and N points are then worth N/f (autoregressive noise of order 1). The error of the
// model itself is not in it.
//   between cycles    cov = H⁻¹ (Σ_c g_c g_cᵀ) H⁻¹ · C/(C − 1),  g_c = J_cᵀ W r_c
// the cluster-robust form for C ≥ 3 cycles, which contains how much the device differs from cycle
// to cycle. The error that is reported is the larger of the two. Eigenvalues are those of H scaled
// to a unit diagonal: 1 each when all parameters act independently, and one near 0 for each
// combination that the data do not see.
#pragma once
#include <Eigen/Core>
#include <string>
#include <vector>

namespace mho::devices {

struct FitStatistics {
  Eigen::VectorXd error, residual_error, cycle_error;  // [u] one standard deviation; cycle_error
                                                       // NaN below 3 cycles; infinite: no influence
  Eigen::MatrixXd correlation;                         // [1]
  Eigen::VectorXd eigenvalues;                         // ascending
  double s = 0.0, rho = 0.0,
         points = 0.0;  // [1] scale of the residuals, correlation of neighbours, number of points
  std::vector<std::string> warnings;
};

// `part_sizes`: residuals of each cycle, in order. `held`: parameters at a bound, which are left
// out. `names`: for warnings.
FitStatistics fit_statistics(const Eigen::MatrixXd& jacobian, const Eigen::VectorXd& residuals,
                             const Eigen::VectorXd& weights,
                             const std::vector<Eigen::Index>& part_sizes,
                             const std::vector<bool>& held, const std::vector<std::string>& names);

constexpr double strong_correlation = 0.95, weak_eigenvalue = 2e-3, undetermined_error = 0.5;

}  // namespace mho::devices
