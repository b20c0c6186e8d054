// The picture of a fit: measurement and model of some cycles, and what lies between them. SI units
// in.
#pragma once
#include <string>
#include <vector>

namespace mho::report {

struct FitCurve {
  std::string title;  // "cycle 3, held out"
  std::vector<double> x, measured,
      model;  // [V] and [A] of a sweep; pulse number and [S] of a train
};

// log |I| over V (or G over pulse number) of up to four cycles, each with ln(model/measured) below
// it.
std::string fit_svg(const std::vector<FitCurve>& curves, bool pulses);

}  // namespace mho::report
