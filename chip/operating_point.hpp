// Chooses the settings of each layer from its activations on training images.
//
// The rule. The `quantile` of |integrated voltage| over all columns of all blocks of a matrix and over recorded input vectors shall equal
// `swing`, reached with as few samples as possible: the smallest pulse multiplier M ≤ max_multiplier at which it is reached with v_read_max;
// then v_read is lowered until it is just reached, not below v_read_min. The charge decrement is that for which max_code steps cover the
// voltage that the quantile has in the end, within v_decrement_min … v_decrement_max. The line's reference comes from `line_trim`, which
// knows the circuit's systematic offset for a number of rows. All blocks of a matrix share one point: they run in parallel from the same supplies.
#pragma once
#include <functional>
#include <span>
#include <vector>

#include "chip/core_model.hpp"
#include "chip/mapping.hpp"
#include "core/json_file.hpp"

namespace mho::chip {

struct PointChoice {
  solver::OperatingPoint point;
  double quantile_voltage = 0;  // [V] the quantile of |integrated voltage| at the chosen point
  double lsb = 0;               // [V] before the ADC
  double beyond_range = 0;      // [1] share of integrated voltages beyond max_code · lsb
  bool swing_reached = false;   // quantile_voltage within 2 % of the swing
};

// Reference of the sampled line minus VREF [V] that nulls the systematic offset of a mapped matrix of so many physical rows.
using LineTrim = std::function<double(Eigen::Index rows)>;

// codes[m]: K × P input codes of matrix m, recorded on training images (record_input_codes); `samples` evenly spaced columns are used.
// conductance: as for ChipEngine; programmed or target conductances. One choice per matrix. Throws ConfigError when a matrix has no input vectors
// or when all of them are zero in effect.
std::vector<PointChoice> choose_operating_points(std::span<const MatrixSpec> matrices, const Mapping& mapping,
                                                 std::span<const Eigen::MatrixXf> conductance, std::span<const InputCodes> codes,
                                                 const ChipConfig& config, const CoreFactory& make_core,
                                                 const LineTrim& line_trim = {}, int threads = 1);

std::vector<solver::OperatingPoint> points_of(std::span<const PointChoice> choices);

// Target conductances of all blocks, for points that are chosen once for all dies.
std::vector<Eigen::MatrixXf> target_conductances(std::span<const MatrixSpec> matrices, const Mapping& mapping,
                                                 const MappingRules& rules);

Json to_json(const PointChoice& choice);
PointChoice point_choice_from_json(const Json& json);

}  // namespace mho::chip
