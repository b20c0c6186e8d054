// The pictures of a report, from plain numbers. SI units in, convenient units on the axes.
#pragma once
#include <string>
#include <vector>

namespace mho::report {

struct WaveformSeries {
  std::vector<double> t, out, line;  // [s], [V] relative to the neuron's reference
};
// Transistor level as lines, behavioural model as points.
std::string waveform_svg(const WaveformSeries& spice, const WaveformSeries& ode);

// code(v) of a ramp, and the deviation of each code's edge from a straight line [LSB], by polarity.
struct AdcCurve {
  std::vector<double> v, code;               // [V], [1]
  std::vector<double> edge_code, edge_inl;   // [1], [LSB]
};
std::string adc_svg(const AdcCurve& curve);

// Cells: target, right after programming, and at the time of use [S].
struct CellSeries {
  std::vector<double> target, programmed, relaxed;
};
std::string conductance_svg(const CellSeries& cells, double window);

// software, mean and each die [1].
std::string accuracy_svg(double software, double mean, const std::vector<double>& dies);

// joule[layer][component] [J].
std::string energy_svg(const std::vector<std::string>& layers, const std::vector<std::string>& components, const std::vector<std::vector<double>>& joule);

// share[layer][bin]: share of conversions whose |code|/max_code falls into the bin.
std::string codes_svg(const std::vector<std::string>& layers, const std::vector<std::vector<double>>& share);

}  // namespace mho::report
