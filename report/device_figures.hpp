// Pictures of one device and of populations of cells, from plain numbers. SI units in, convenient units on the axes.
#pragma once
#include <string>
#include <vector>

#include "report/gnuplot.hpp"

namespace mho::report {

// One curve, named in the key: applied voltage and current over time.
struct DeviceCurve {
  std::string name;
  std::vector<double> t, v, i;  // [s], [V], [A]
  bool points = false;          // drawn as points, not as a line
};
// I over V, linear and logarithmic.
Picture iv_picture(const std::string& title, const std::vector<DeviceCurve>& curves);

struct PulseSeries {
  std::string name;
  std::vector<double> pulse, conductance;  // [1], [S] after each
};
// Waveforms of voltage and current, and the conductance after each pulse.
Picture pulse_picture(const std::string& title, const std::vector<DeviceCurve>& curves, const std::vector<PulseSeries>& series);

// Quantiles of a population over time.
struct QuantileSeries {
  std::vector<double> t;                        // [s]
  std::vector<double> low, median, high;        // [S] 10 %, 50 %, 90 %
};
std::string relaxation_svg(const std::string& title, const std::vector<QuantileSeries>& series);

// Residual and pulses by target.
struct ProgrammedLevels {
  std::vector<double> target, mean_pulses, success, residual_sigma;  // [S], [1], [1], [S]
};
std::string programming_svg(const std::string& title, const ProgrammedLevels& levels);

}  // namespace mho::report
