#include "report/device_figures.hpp"

#include <fmt/format.h>

#include <cmath>
#include <limits>

#include "report/gnuplot.hpp"

namespace mho::report {
namespace {
constexpr int width = 760;
constexpr size_t most_points = 4000, most_marks = 180;

// Every n-th point of a curve, so that a picture stays below some hundred kilobytes; the last one always.
std::vector<size_t> kept(size_t n, size_t most) {
  std::vector<size_t> at;
  const size_t stride = n / most + 1;
  for (size_t i = 0; i < n; i += stride) at.push_back(i);
  if (n > 0 && at.back() != n - 1) at.push_back(n - 1);
  return at;
}

DataBlock block_of(size_t index, const DeviceCurve& c) {
  DataBlock b{fmt::format("c{}", index), std::vector<std::vector<double>>(4)};
  for (size_t i : kept(c.t.size(), c.points ? most_marks : most_points)) {
    b.columns[0].push_back(1e6 * c.t[i]);
    b.columns[1].push_back(c.v[i]);
    b.columns[2].push_back(1e6 * c.i[i]);
    b.columns[3].push_back(c.i[i] != 0.0 ? 1e6 * std::abs(c.i[i]) : std::numeric_limits<double>::quiet_NaN());
  }
  return b;
}

// "plot $c0 using A with lines lt 1 title 'ode', …"
std::string plot(const std::vector<std::string>& names, const std::string& prefix, const std::string& columns, const std::string& style) {
  std::string text = "plot ";
  for (size_t k = 0; k < names.size(); ++k)
    text += fmt::format("{}${}{} using {} with {} lt {} dt {} title '{}'", k ? ", " : "", prefix, k, columns, style, k + 1, k % 2 + 1, names[k]);
  return text + "\n";
}

// The same of current curves, of which some are points.
std::string plot(const std::vector<DeviceCurve>& curves, const std::string& columns) {
  std::string text = "plot ";
  size_t lines = 0;
  for (size_t k = 0; k < curves.size(); ++k) {
    if (!curves[k].points) ++lines;
    text += fmt::format("{}$c{} using {} with {} title '{}'", k ? ", " : "", k, columns,
                        curves[k].points ? std::string("points lt 6 pt 6 ps 0.45") : fmt::format("lines lt {} dt {}", lines, (lines - 1) % 2 + 1), curves[k].name);
  }
  return text + "\n";
}

template <class Series>
std::vector<std::string> names_of(const std::vector<Series>& all) {
  std::vector<std::string> names;
  for (const Series& s : all) names.push_back(s.name);
  return names;
}
}  // namespace

Picture iv_picture(const std::string& title, const std::vector<DeviceCurve>& curves) {
  std::vector<DataBlock> data;
  for (size_t k = 0; k < curves.size(); ++k) data.push_back(block_of(k, curves[k]));
  return {"iv", title, width, 420, data,
                     "set multiplot layout 1,2 margins 0.09,0.98,0.15,0.96 spacing 0.12\nset xlabel 'applied voltage [V]'\nset ylabel 'current [uA]' offset 1\n"
                     "set xzeroaxis lc rgb '#c4c8ce'\n" +
                         plot(curves, "2:3") + "unset key\nset logscale y\nset format y '10^{%L}'\nset ylabel '|current| [uA]' offset 1\n" + plot(curves, "2:4") +
                         "unset multiplot\n"};
}

Picture pulse_picture(const std::string& title, const std::vector<DeviceCurve>& curves, const std::vector<PulseSeries>& series) {
  std::vector<DataBlock> data;
  for (size_t k = 0; k < curves.size(); ++k) data.push_back(block_of(k, curves[k]));
  for (size_t k = 0; k < series.size(); ++k) {
    DataBlock b{fmt::format("g{}", k), {series[k].pulse, {}}};
    for (double g : series[k].conductance) b.columns[1].push_back(1e6 * g);
    data.push_back(b);
  }
  const auto names = names_of(curves);
  return {"pulse", title, width, 620, data,
                     "set multiplot layout 3,1 margins 0.10,0.98,0.09,0.97 spacing 0.09\nset ylabel 'applied [V]' offset 1\nset xlabel 'time [us]' offset 0,0.5\n" + plot(names, "c", "1:2", "lines") +
                         "unset key\nset ylabel 'current [uA]' offset 1\n" + plot(names, "c", "1:3", "lines") +
                         "set ylabel 'conductance [uS]' offset 1\nset xlabel 'pulse' offset 0,0.5\n" + plot(names_of(series), "g", "1:2", "linespoints") + "unset multiplot\n"};
}

std::string relaxation_svg(const std::string& title, const std::vector<QuantileSeries>& series) {
  std::vector<DataBlock> data;
  std::string text;
  for (size_t k = 0; k < series.size(); ++k) {
    DataBlock b{fmt::format("q{}", k), std::vector<std::vector<double>>(4)};
    for (size_t i = 0; i < series[k].t.size(); ++i) {
      b.columns[0].push_back(series[k].t[i]);
      b.columns[1].push_back(1e6 * series[k].low[i]);
      b.columns[2].push_back(1e6 * series[k].median[i]);
      b.columns[3].push_back(1e6 * series[k].high[i]);
    }
    data.push_back(b);
    text += fmt::format("{}$q{} using 1:2:4 with filledcurves fc rgb '#9db8d8' fs transparent solid 0.35 notitle, $q{} using 1:3 with linespoints lt 1 notitle", k ? ", " : "plot ", k, k);
  }
  return gnuplot_svg("relaxation", title, width, 420, data, "set logscale x\nset format x '10^{%L}'\nset xlabel 'time since programming [s]'\nset ylabel 'conductance [uS]: 10 %, median, 90 %' offset 1\n" + text + "\n");
}

std::string programming_svg(const std::string& title, const ProgrammedLevels& levels) {
  DataBlock b{"p", std::vector<std::vector<double>>(4)};
  for (size_t i = 0; i < levels.target.size(); ++i) {
    b.columns[0].push_back(1e6 * levels.target[i]);
    b.columns[1].push_back(levels.mean_pulses[i]);
    b.columns[2].push_back(100.0 * levels.success[i]);
    b.columns[3].push_back(1e6 * levels.residual_sigma[i]);
  }
  return gnuplot_svg("programming", title, width, 360, {b}, R"(
set multiplot layout 1,3 margins 0.08,0.98,0.18,0.95 spacing 0.1
unset key
set xlabel 'target [uS]'
set ylabel 'mean pulses' offset 1
set yrange [0:*]
plot $p using 1:2 with linespoints lt 1
set ylabel 'reach the window [%]' offset 1
set yrange [*:100]
plot $p using 1:3 with linespoints lt 2
set ylabel 'residual, standard deviation [uS]' offset 1
set yrange [0:*]
plot $p using 1:4 with linespoints lt 3
unset multiplot
)");
}

}  // namespace mho::report
