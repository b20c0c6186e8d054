#include "report/amplifier_figures.hpp"

#include <fmt/format.h>

#include <cmath>
#include <limits>

#include "report/gnuplot.hpp"

namespace mho::report {
namespace {

constexpr int width = 760;

std::vector<double> scaled(std::vector<double> values, double factor) {
  for (double& v : values) v *= factor;
  return values;
}

}  // namespace

std::string bode_svg(const std::string& title, const std::vector<LoopCurve>& loops) {
  std::vector<DataBlock> data;
  std::string upper = "plot ", lower = "plot ";
  for (size_t k = 0; k < loops.size(); ++k) {
    DataBlock b{fmt::format("loop{}", k), {loops[k].frequency, {}, {}}};
    for (const double m : loops[k].magnitude)
      b.columns[1].push_back(m > 0.0 ? 20.0 * std::log10(m)
                                     : std::numeric_limits<double>::quiet_NaN());
    for (const double p : loops[k].phase) b.columns[2].push_back(180.0 + p);
    data.push_back(std::move(b));
    upper += fmt::format("{}$loop{} using 1:2 with lines lt {} title '{}'", k ? ", " : "", k, k + 1,
                         loops[k].name);
    lower += fmt::format("{}$loop{} using 1:3 with lines lt {} notitle", k ? ", " : "", k, k + 1);
  }
  return gnuplot_svg("bode", title, width, 480, data,
                     "set multiplot layout 2,1 margins 0.11,0.96,0.14,0.97 spacing 0.08\n"
                     "set logscale x\nset xrange [1e3:1e10]\nset format x '10^{%L}'\n"
                     "set xzeroaxis lc rgb '#8a8f98'\nset key bottom left\n"
                     "set yrange [-40:*]\nset ylabel 'loop gain [dB]'\n" +
                         upper +
                         "\nset yrange [-90:200]\nset ytics 45\n"
                         "set ylabel 'phase margin [deg]'\nset xlabel 'frequency [Hz]'\n" +
                         lower + "\nunset multiplot\n");
}

std::string transfer_svg(const std::string& title, const TransferCurve& curve) {
  const std::vector<DataBlock> data{
      {"gain", {curve.out, curve.gain}},
      {"need", {{curve.swing_from, curve.swing_to}, {curve.limit, curve.limit}}}};
  return gnuplot_svg("transfer", title, width, 340, data,
                     "set logscale y\nset yrange [1:*]\nset format y '10^{%L}'\n"
                     "set xlabel 'output [V]'\nset ylabel 'DC gain' offset 1\n"
                     "plot $gain using 1:2 with lines lt 1 title 'measured', "
                     "$need using 1:2 with lines lt 2 lw 2.5 title 'needed over the swing'\n");
}

std::string step_svg(const std::string& title, const StepCurves& c) {
  const std::vector<DataBlock> data{
      {"integrate", {scaled(c.t_integrate, 1e9), scaled(c.v_integrate, 1e3)}},
      {"restore", {scaled(c.t_restore, 1e9), c.v_restore}}};
  const auto mark = [](double t) {
    return fmt::format(
        "set arrow from {0:.6g}, graph 0 to {0:.6g}, graph 1 nohead dt 2 lc rgb "
        "'#8a8f98'\n",
        1e9 * t);
  };
  return gnuplot_svg(
      "step", title, width, 340, data,
      "set multiplot layout 1,2 margins 0.09,0.98,0.16,0.92 spacing 0.12\nunset key\n"
      "set title 'integrate'\nset xlabel 'time after the step [ns]'\n"
      "set ylabel 'output - VREF [mV]' offset 1\n" +
          mark(c.integrate_end) +
          "plot $integrate using 1:2 with lines lt 1\nunset arrow\n"
          "set title 'compare and restore'\n"
          "set xlabel 'time after the start of compare [ns]'\n"
          "set ylabel 'output - VREF [V]' offset 1\n" +
          mark(c.restore_start) + mark(c.restore_end) +
          "plot $restore using 1:2 with lines lt 1\nunset multiplot\n");
}

}  // namespace mho::report
