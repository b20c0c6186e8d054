#include "cli/job/offset_trim.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "core/errors.hpp"

namespace mho::job {

chip::CentreTrim offset_null(const chip::CoreFactory& make_core, const chip::ChipConfig& config) {
  return [make_core, config](Eigen::Index rows) {
    constexpr int bits = 3;
    Eigen::MatrixXd column(rows, 1);
    for (Eigen::Index i = 0; i < rows; ++i) {
      const bool raised = (i / 2) % 2 == i % 2;  // + cell of one pair, − cell of the next
      column(i, 0) = raised ? 0.5 * (config.mapping.g_min + config.mapping.g_max) : config.mapping.g_min;
    }
    const std::vector<solver::LevelMatrix> zeros(bits, solver::LevelMatrix::Zero(rows, 1));
    const auto offset = [&](double trim) {
      Eigen::MatrixXf v;
      make_core(column, {.v_read = config.operating.v_read_max, .v_trim = trim}, bits)->integrate(zeros, v);
      return static_cast<double>(v(0, 0));
    };
    // Secant; the offset is almost a straight line of the trim.
    double a = 0.0, b = 0.01, at_a = offset(a), at_b = offset(b);
    for (int n = 0; n < 30; ++n) {
      if (std::abs(at_a) < 1e-6) return a;
      if (at_b == at_a) break;
      const double next = std::clamp(b - at_b * (b - a) / (at_b - at_a), -0.5, 0.5);
      a = b, at_a = at_b;
      b = next, at_b = offset(b);
      if (std::abs(b - a) < 1e-7) return b;
    }
    throw NumericalError(fmt::format("no trim within ±0.5 V nulls the offset of a core with {} rows", rows));
  };
}

}  // namespace mho::job
