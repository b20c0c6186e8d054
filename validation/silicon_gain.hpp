// The gain of the whole chain at the operating point of the measured layer, candidate by candidate
// in ngspice, beside what the chip shows.
#pragma once
#include <cstdint>
#include <vector>

#include "circuits/spice/session.hpp"
#include "validation/silicon.hpp"

namespace mho::validation {

struct GainReport {
  std::string text;
  Json json;
};
// cells: R × C [S], what one die holds after programming and relaxation; lines: Σ w D/Σ w² of each
// column (silicon.hpp), C.
GainReport gain_report(const SiliconLayer& layer, const Eigen::MatrixXd& cells,
                       const Eigen::VectorXd& lines, const SiliconSettings& settings);

// Floating source lines [V], C, at an operating point of ngspice: cells g (R × C [S]) from bit lines that drivers [ohm] tie to +v or −v [V] by the
// sign of their level, each of these two behind `supply` [ohm].
std::vector<double> resistor_lines(spice::Session& session, const Eigen::MatrixXd& g, const std::vector<std::int8_t>& levels, double v, double driver,
                                   double supply);

}  // namespace mho::validation
