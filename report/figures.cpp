#include "report/figures.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "core/statistics.hpp"
#include "report/gnuplot.hpp"

namespace mho::report {
namespace {

constexpr int width = 760;

std::vector<double> scaled(const std::vector<double>& values, double factor) {
  std::vector<double> out(values);
  for (double& v : out) v *= factor;
  return out;
}

// Points that a curve keeps: at most `most`, evenly taken.
std::vector<double> thinned(const std::vector<double>& values, size_t most) {
  if (values.size() <= most) return values;
  std::vector<double> out;
  for (size_t i = 0; i < most; ++i) out.push_back(values[i * (values.size() - 1) / (most - 1)]);
  return out;
}

}  // namespace

std::string waveform_svg(const WaveformSeries& spice, const WaveformSeries& ode) {
  const auto block = [](const char* name, const WaveformSeries& s, size_t most) {
    return DataBlock{name, {thinned(scaled(s.t, 1e9), most), thinned(scaled(s.out, 1e3), most), thinned(scaled(s.line, 1e3), most)}};
  };
  return gnuplot_svg("waveform", "ngspice and behavioural waveforms of one conversion", width, 460,
                     {block("spice", spice, 4000), block("ode", ode, 400)}, R"(
set multiplot layout 2,1 margins 0.09,0.98,0.13,0.97 spacing 0.04
set ylabel 'amplifier output [mV]' offset 0.5
set format x ''
plot $spice using 1:2 with lines lt 1 title 'ngspice', $ode using 1:2 with points lt 2 title 'ODE model'
unset key
set format x
set ylabel 'source line [mV]'
set xlabel 'time [ns]'
plot $spice using 1:3 with lines lt 1, $ode using 1:3 with points lt 2
unset multiplot
)");
}

std::string adc_svg(const AdcCurve& curve) {
  return gnuplot_svg("adc", "transfer and integral nonlinearity of the ADC", width, 440,
                     {{"transfer", {scaled(curve.v, 1e3), curve.code}}, {"inl", {curve.edge_code, curve.edge_inl}}}, R"(
set multiplot layout 1,2 margins 0.08,0.98,0.17,0.96 spacing 0.11
set xlabel 'integrated voltage [mV]'
set xtics 200
set ylabel 'code' offset 1
set xzeroaxis lc rgb '#c4c8ce'
plot $transfer using 1:2 with steps lt 1 notitle
set xtics autofreq
set xlabel 'code'
set ylabel 'INL [LSB]' offset 1
set offsets 0,0,0.05,0.05
plot $inl using 1:2 with linespoints lt 1 notitle
unset multiplot
)");
}

std::string conductance_svg(const CellSeries& cells, double window) {
  // Bands of the deviation by target: 1 % and 99 %, 10 % and 90 %, median.
  const double highest = cells.target.empty() ? 0 : *std::max_element(cells.target.begin(), cells.target.end());
  const double bin = 2e-6;
  double lowest_band = -1e6 * window, highest_band = 1e6 * window;  // [µS] the key stands above the bands
  std::vector<DataBlock> data;
  for (const auto& [name, values] : {std::pair{"programmed", &cells.programmed}, std::pair{"relaxed", &cells.relaxed}}) {
    DataBlock band{name, std::vector<std::vector<double>>(6)};
    for (double low = 0; low <= highest; low += bin) {
      std::vector<double> deviation;
      for (size_t i = 0; i < cells.target.size(); ++i)
        if (cells.target[i] >= low && cells.target[i] < low + bin) deviation.push_back(1e6 * ((*values)[i] - cells.target[i]));
      if (deviation.size() < 20) continue;
      band.columns[0].push_back(1e6 * (low + bin / 2));
      const double levels[] = {0.01, 0.1, 0.5, 0.9, 0.99};
      for (size_t q = 0; q < 5; ++q) band.columns[q + 1].push_back(quantile(deviation, levels[q]));
      lowest_band = std::min(lowest_band, band.columns[1].back());
      highest_band = std::max(highest_band, band.columns[5].back());
    }
    data.push_back(band);
  }
  DataBlock some{"cells", std::vector<std::vector<double>>(3)};
  const size_t step = std::max<size_t>(1, cells.target.size() / 700);
  for (size_t i = 0; i < cells.target.size(); i += step) {
    some.columns[0].push_back(1e6 * cells.target[i]);
    some.columns[1].push_back(1e6 * cells.programmed[i]);
    some.columns[2].push_back(1e6 * cells.relaxed[i]);
  }
  data.push_back(some);
  return gnuplot_svg("conductance", "conductance targets against programmed and relaxed cells", width, 440, data, fmt::format(R"(
set multiplot layout 1,2 margins 0.08,0.98,0.17,0.96 spacing 0.10
set xlabel 'target [µS]'
set xtics 10
set ylabel 'conductance [µS]' offset 1
plot $cells using 1:3 with points pt 7 ps 0.18 lc rgb '#e0a27f' notitle, $cells using 1:2 with points pt 7 ps 0.18 lc rgb '#1f5fa8' notitle, x with lines lc rgb '#8a8f98' lw 0.8 notitle, \
     NaN with points pt 7 ps 0.5 lc rgb '#1f5fa8' title 'as written', NaN with points pt 7 ps 0.5 lc rgb '#e0a27f' title 'at the time of use'
set ylabel 'deviation [µS]' offset 1
set yrange [{1}:{2}]
set xzeroaxis lc rgb '#8a8f98'
set style fill solid noborder
plot $relaxed using 1:2:6 with filledcurves lc rgb '#f6dfd2' title '98 % at the time of use', \
     $relaxed using 1:3:5 with filledcurves lc rgb '#eab796' title '80 %', \
     $programmed using 1:2:6 with filledcurves lc rgb '#9dbbdd' title '98 % as written', \
     $relaxed using 1:4 with lines lc rgb '#d1622b' lw 1.4 title 'median at the time of use', \
     {0} with lines dt 2 lw 0.8 lc rgb '#8a8f98' notitle, -{0} with lines dt 2 lw 0.8 lc rgb '#8a8f98' notitle
unset multiplot
)", 1e6 * window, lowest_band - 0.03 * (highest_band - lowest_band), highest_band + 0.4 * (highest_band - lowest_band)));
}

std::string accuracy_svg(double software, double mean_of_dies, const std::vector<double>& dies) {
  DataBlock points{"dies", std::vector<std::vector<double>>(2)};
  double low = std::min(software, mean_of_dies), high = std::max(software, mean_of_dies);
  for (size_t d = 0; d < dies.size(); ++d) {
    points.columns[0].push_back(static_cast<double>(d));
    points.columns[1].push_back(100 * dies[d]);
    low = std::min(low, dies[d]), high = std::max(high, dies[d]);
  }
  const double margin = std::max(0.002, 0.25 * (high - low));
  return gnuplot_svg("accuracy", "accuracy over dies", width, 300, {points}, fmt::format(R"(
set xrange [-0.6:{}]
set yrange [{}:{}]
set xtics 1
set xlabel 'die'
set ylabel 'accuracy [%]' offset 0.5
set key outside right center
plot {} with lines lt 6 dt 2 title 'software', {} with lines lt 2 title 'mean of dies', $dies using 1:2 with points pt 7 ps 0.8 lc rgb '#1f5fa8' title 'one die'
)", static_cast<double>(dies.size()) - 0.4, 100 * (low - margin), std::min(100.0, 100 * (high + margin)), 100 * software, 100 * mean_of_dies));
}

std::string energy_svg(const std::vector<std::string>& layers, const std::vector<std::string>& components,
                       const std::vector<std::vector<double>>& joule) {
  DataBlock block{"energy", std::vector<std::vector<double>>(components.size()), layers};
  for (const auto& layer : joule)
    for (size_t c = 0; c < components.size(); ++c) block.columns[c].push_back(1e12 * layer[c]);
  std::string plot = "plot";
  for (size_t c = 0; c < components.size(); ++c)
    plot += fmt::format("{} $energy using {}:xtic(1) lt {} title '{}'", c ? "," : "", c + 2, c + 1, components[c]);
  return gnuplot_svg("energy", "energy by layer and component", width, 380, {block}, R"(
set style data histograms
set style histogram rowstacked
set style fill solid noborder
set boxwidth 0.62
set yrange [0:*]
set ylabel 'energy per image [pJ]' offset 0.5
set xtics scale 0
set key outside right center invert
)" + plot);
}

std::string codes_svg(const std::vector<std::string>& layers, const std::vector<std::vector<double>>& share) {
  std::vector<DataBlock> data;
  std::string plot;
  const size_t columns = std::min<size_t>(4, layers.size()), rows = (layers.size() + columns - 1) / columns;
  for (size_t l = 0; l < layers.size(); ++l) {
    DataBlock block{fmt::format("codes{}", l), std::vector<std::vector<double>>(2)};
    for (size_t b = 0; b < share[l].size(); ++b) {
      block.columns[0].push_back((static_cast<double>(b) + 0.5) / static_cast<double>(share[l].size()));
      block.columns[1].push_back(share[l][b] > 0 ? 100 * share[l][b] : NAN);
    }
    data.push_back(block);
    plot += fmt::format("set title '{}' offset 0,-0.6 tc rgb '#3d434c'\nplot $codes{} using 1:2 with boxes lc rgb '#1f5fa8' notitle\n", layers[l], l);
  }
  return gnuplot_svg("codes", "use of the range of the ADC by layer", width, static_cast<int>(40 + 170 * rows), data, fmt::format(R"(
set multiplot layout {},{} margins 0.08,0.98,{},{} spacing 0.065,0.17
set style fill solid noborder
set boxwidth {} absolute
set xrange [0:1]
set xtics 0,0.5,1
set logscale y
set yrange [0.001:100]
set format y '10^{{%T}}'
set ytics 0.01,100,100
{}
unset multiplot
)", rows, columns, rows > 1 ? 0.1 : 0.17, rows > 1 ? 0.93 : 0.86, 0.85 / static_cast<double>(share.empty() ? 1 : share.front().size()), plot));
}

}  // namespace mho::report
