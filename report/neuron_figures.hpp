// Pictures of conversions of the neuron, from plain numbers in SI units.
#pragma once
#include <string>
#include <utility>
#include <vector>

#include "report/gnuplot.hpp"

namespace mho::report {

// One conversion by phase: voltages above, control lines below, the time of each phase shaded in
// its colour.
struct ConversionTraces {
  std::vector<double> t;  // [s]
  std::vector<std::pair<std::string, std::vector<double>>>
      voltages;  // [V] relative to VREF, each as long as t
  std::vector<std::pair<std::string, std::vector<std::pair<double, double>>>>
      levels;  // levels that move: corners (s, V relative to VREF)
  std::vector<std::pair<std::string, std::vector<std::pair<double, double>>>>
      lines;  // control lines: corners (s, 0 to 1)
  struct Phase {
    std::string name;
    double start, end;  // [s]
  };
  std::vector<Phase> phases;  // in time
  std::vector<double> marks;  // [s]
};
Picture conversion_picture(const std::string& title, const ConversionTraces& traces);

// y over x, one curve per series.
struct Curve {
  std::string name;
  std::vector<double> x, y;
};
Picture curves_picture(const std::string& title, const std::string& x_label,
                       const std::string& y_label, const std::vector<Curve>& curves);

// Deviation of each code's edge from the straight line, and of each step from one, by code [LSB].
Picture linearity_picture(const std::string& title, const std::vector<double>& code,
                          const std::vector<double>& inl, const std::vector<double>& dnl);

// Marks over time [s], one line of them per run.
struct RasterRow {
  std::string name;
  std::vector<double> marks;  // [s]
};
Picture raster_picture(const std::string& title, const std::vector<RasterRow>& rows,
                       double duration);

// Histograms of quantities over dies, with the limits of a specification (NAN: none).
struct Histogram {
  std::string label;
  std::vector<double> values;
  double low, high;
};
Picture histogram_picture(const std::string& title, const std::vector<Histogram>& histograms);

// joule[phase][component] [J] per conversion.
Picture phase_energy_picture(const std::vector<std::string>& phases,
                             const std::vector<std::string>& components,
                             const std::vector<std::vector<double>>& joule);

}  // namespace mho::report
