// The BSIM4 card fitted to currents: typical values, then temperature, then corners.
//
// Each stage is a bounded least-squares problem: a parameter p in [low, high] is
//   p = low + (high − low) (1 + sin x)/2,  or the same in log p,
// x free; Levenberg-Marquardt (solver/least_squares.hpp) with ngspice as the function. Residuals of
// the typical stage: asinh(I/I0) − asinh(I_data/I0) of the geometries that are not held out
// (transistor_data.hpp), with a weak pull to the middle of the range. Temperature and corners are
// fitted to what they change: the same difference at the corner minus that at tt and 27 degC, so
// that they do not repair the typical card.
#pragma once
#include <cstdint>

#include "validation/transistor_data.hpp"

namespace mho::validation {

struct FreeParameter {
  std::string key;
  double low, high;  // in the card's unit
  bool logarithmic = false;
};
// The typical stage's of a device: "n18", "p18"; thick oxide has none and throws Error.
std::vector<FreeParameter> typical_parameters(const std::string& device);
std::vector<FreeParameter> temperature_parameters();

struct CardFitOptions {
  int starts = 8;                 // random starts beside the card
  int rough = 15, refined = 100;  // iterations of each start, and of the best two
  std::uint64_t seed = 1;
  int workers = 2;     // processes
  double pull = 0.05;  // residual of a parameter at the end of its range
};

circuits::TransistorCard fit_typical(const circuits::TransistorCard& start,
                                     const TransistorCurves& data, const CardFitOptions& options);

// Adds kt1, kt2, ute, ua1, ub1, uc1, at, prt and the like; `data` are tt at several temperatures,
// 27 among them.
circuits::TransistorCard fit_temperature(spice::Session& session,
                                         const circuits::TransistorCard& card,
                                         const std::vector<const TransistorCurves*>& data);

circuits::CornerShift fit_corner(spice::Session& session, const circuits::TransistorCard& card,
                                 const TransistorCurves& typical, const TransistorCurves& corner);

}  // namespace mho::validation
