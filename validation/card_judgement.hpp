// BSIM4 cards held against a table of currents: typical, temperatures and corners, with
// the geometries of the fit and those that were held out (transistor_data.hpp).
#pragma once
#include "validation/section.hpp"
#include "validation/transistor_data.hpp"

namespace mho::validation {

// Limit of the rms on geometries that were held out, at tt and 27 degC, points with body bias among
// them and alone.
constexpr double held_out_limit = 0.08;

// Every set of the data; the corners are the shifts of netlists/corners.toml.
Section judge_card(spice::Session& session, const std::vector<circuits::TransistorCard>& cards,
                   const std::vector<TransistorCurves>& data);
// One line for each geometry of the set, a comment in SPICE: rms, and whether it was held out.
std::string geometry_table(const TransistorCurves& data, const CardErrors& errors);

}  // namespace mho::validation
