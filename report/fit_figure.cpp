#include "report/fit_figure.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "report/gnuplot.hpp"

namespace mho::report {
namespace {

constexpr int width = 760;

DataBlock block(const FitCurve& c, size_t number, bool pulses) {
  DataBlock b{fmt::format("curve{}", number), std::vector<std::vector<double>>(4)};
  const double unit = pulses ? 1e6 : 1.0;
  double largest = 0.0;
  for (double i : c.measured) largest = std::max(largest, std::abs(i));
  for (size_t k = 0; k < c.x.size(); ++k) {
    const double measured = std::abs(c.measured[k]), model = std::abs(c.model[k]);
    b.columns[0].push_back(c.x[k]);
    b.columns[1].push_back(measured > 0.0 ? unit * measured : NAN);
    b.columns[2].push_back(model > 1e-9 * largest ? unit * model : NAN);
    b.columns[3].push_back(
        measured > 3e-6 * largest && model > 1e-9 * largest ? std::log(model / measured) : NAN);
  }
  return b;
}

}  // namespace

std::string fit_svg(const std::vector<FitCurve>& curves, bool pulses) {
  const size_t count = std::min<size_t>(4, curves.size());
  std::vector<DataBlock> data;
  std::string upper, lower;
  for (size_t c = 0; c < count; ++c) {
    data.push_back(block(curves[c], c, pulses));
    const std::string side = c == 0 ? "" : "set ylabel ''\n";
    upper += fmt::format(
        "{}set title '{}' offset 0,-0.6 tc rgb '#3d434c'\nplot $curve{} using 1:2 with points lt 6 "
        "ps 0.25 title 'measured', '' using 1:3 with lines lt 2 title 'model'\nunset key\n",
        side, curves[c].title, c);
    lower += fmt::format("{}plot $curve{} using 1:4 with points lt 1 ps 0.25\n", side, c);
  }
  return gnuplot_svg("fit", "fit against data", width, 480, data,
                     fmt::format(R"(
set multiplot layout 2,{} margins 0.10,0.98,0.11,0.93 spacing 0.05,0.07
{}
set key bottom right
set ylabel '{}' offset 0.5
set format x ''
{}
set title ''
set format x
unset logscale y
set format y '%g'
set xlabel '{}'
set ylabel 'ln (model/measured)' offset 0.5
set xzeroaxis lc rgb '#8a8f98'
set yrange [-3:3]
{}unset multiplot
)",
                                 std::max<size_t>(count, 1),
                                 pulses ? "" : "set logscale y\nset format y '10^{%T}'",
                                 pulses ? "conductance [µS]" : "|current| [A]", upper,
                                 pulses ? "pulse" : "voltage [V]", lower));
}

}  // namespace mho::report
