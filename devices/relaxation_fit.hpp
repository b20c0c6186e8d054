// RelaxationParams fitted to measured cells, with standard errors.
#pragma once
#include <cstddef>
#include <span>
#include <string>

#include "devices/relaxation.hpp"
#include "devices/relaxation_data.hpp"

namespace mho::devices {

// Two estimates taken in turn until they agree, both from all reads of all cells:
// 1. The polynomials by weighted least squares. With m = G(0) + μ, e = |G(t)| − m and r = E|Y| − m
// the
//    rise by reflection (relaxation_law.hpp),
//        E e = r,      E e² + 2 m r = σ²,
//    so μ is the regression of |G(t)| − G(0) − r on {1, u, u²} × {1, d, d²} with weight 1/σ², and
//    σ² that of e² + 2 m r on {1, u, u², u³} × {1, d} and {1, u} × d² with weight 1/(σ²(σ² + ℓ²)),
//    which is the inverse variance of e² up to a factor (the kurtosis is k(1 + ℓ²/σ²)).
// 2. The shape (ν, ℓ) by maximum likelihood of the marginal densities of all reads at fixed μ and
// σ². The reads
//    of one cell are dependent: the estimate is consistent all the same, only its errors need
//    care.
// Standard errors: delete-a-group jackknife over cells (both stages repeated without one group of
// cells after the other), which covers dependence within a cell and between the stages.
struct RelaxationFitOptions {
  double largest_start = 48e-6;  // [S] cells that start above are left out
  int rounds = 6;                // at most, of the two stages
  int groups = 20;               // of the jackknife; 0: no standard errors
  bool clock = true;             // false: ℓ = 0, one Student law for all times
};

enum class RelaxationFitStatus { converged, not_converged };

struct RelaxationFit {
  RelaxationParams params;
  RelaxationParams error;  // standard error of each fitted member; 0 where nothing was fitted
  size_t cells = 0, reads = 0;
  double log_likelihood = 0.0;  // of conductances in g_unit, sum over reads
  RelaxationFitStatus status = RelaxationFitStatus::not_converged;
};

// Fewer than 200 cells in range throw Error. `initial` gives g_full, g_unit and variance_floor,
// which are not fitted, and where the search begins. Same result at any number of threads.
RelaxationFit fit_relaxation(std::span<const MeasuredCell> cells, const RelaxationParams& initial,
                             const RelaxationFitOptions& options, int threads);

// A file that load_relaxation() reads, with the standard errors as comments.
std::string relaxation_toml(const RelaxationFit& fit, const std::string& source);

}  // namespace mho::devices
