#include "report/neuron_figures.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>

namespace mho::report {
namespace {

constexpr const char* shades[] = {"#dbe9f6", "#fde5d4", "#dff2e1", "#eae3f5", "#fbf3cf", "#e7e9ec",
                                  "#fadcdc", "#d8f0ef", "#f3e0ee", "#e9efd0", "#d5d9f0", "#f0dccb"};

// Points that a picture can tell apart: one is dropped when no trace has moved by `resolution`
// since the last kept one, up to the point before a move.
std::vector<size_t> distinct_points(const ConversionTraces& c, double resolution) {
  std::vector<size_t> kept;
  for (size_t i = 0; i < c.t.size(); ++i) {
    const bool end = i == 0 || i + 1 == c.t.size();
    const bool moved = end || std::any_of(c.voltages.begin(), c.voltages.end(), [&](const auto& v) {
                         return std::abs(v.second[i] - v.second[kept.back()]) > resolution;
                       });
    if (!moved) continue;
    if (i > 0 && kept.back() + 1 < i) kept.push_back(i - 1);
    kept.push_back(i);
  }
  return kept;
}

// Rectangles behind the curves, and the legend of their colours; names above them while they are
// few.
std::string shading(const std::vector<ConversionTraces::Phase>& phases,
                    std::map<std::string, std::string>& colour) {
  std::string text;
  for (const auto& p : phases)
    if (!colour.contains(p.name)) colour.emplace(p.name, shades[colour.size() % std::size(shades)]);
  for (const auto& p : phases)
    text += fmt::format(
        "set object rectangle from {:.6g}, graph 0 to {:.6g}, graph 1 fc rgb '{}' fs solid 1.0 "
        "noborder behind\n",
        1e9 * p.start, 1e9 * p.end, colour.at(p.name));
  return text;
}

std::string phase_names(const std::vector<ConversionTraces::Phase>& phases) {
  constexpr size_t most = 48;
  std::string text;
  if (phases.size() > most) return text;
  for (const auto& p : phases)
    text += fmt::format(
        "set label '{}' at {:.6g}, graph 1.02 rotate by 90 left font ',8' noenhanced tc rgb "
        "'#3d434c'\n",
        p.name, 0.5e9 * (p.start + p.end));
  return text;
}

DataBlock corners_block(const std::string& name,
                        const std::vector<std::pair<double, double>>& corners, double end,
                        double scale, double offset) {
  DataBlock block{name, {{}, {}}};
  for (const auto& [t, v] : corners) {
    block.columns[0].push_back(1e9 * t);
    block.columns[1].push_back(scale * v + offset);
  }
  if (!corners.empty()) {
    block.columns[0].push_back(1e9 * end);
    block.columns[1].push_back(scale * corners.back().second + offset);
  }
  return block;
}

// Whole numbers get a bin each while they are few.
struct Bins {
  double low, width;
  std::vector<double> counts;
};
Bins bins_of(const std::vector<double>& x) {
  const auto [low, high] = std::minmax_element(x.begin(), x.end());
  const bool whole = *high - *low < 40.0 &&
                     std::all_of(x.begin(), x.end(), [](double v) { return v == std::round(v); });
  const double count =
      whole ? *high - *low + 1.0
            : std::clamp(std::ceil(std::sqrt(static_cast<double>(x.size()))), 3.0, 40.0);
  const double least = 1e-4 * std::max(std::abs(*high), 1e-9);  // of values that are all the same
  Bins bins{whole ? *low - 0.5 : *low, whole ? 1.0 : std::max((*high - *low) / count, least),
            std::vector<double>(static_cast<size_t>(count), 0.0)};
  for (const double v : x)
    bins.counts[static_cast<size_t>(std::clamp((v - bins.low) / bins.width, 0.0, count - 1.0))] +=
        1.0;
  return bins;
}

}  // namespace

Picture conversion_picture(const std::string& title, const ConversionTraces& c) {
  Picture p{"conversion", title, 1100, 640};
  const double end = c.t.empty() ? 0.0 : c.t.back();
  DataBlock traces{"traces", std::vector<std::vector<double>>(1 + c.voltages.size())};
  for (const size_t i : distinct_points(c, 0.5e-3)) {
    traces.columns[0].push_back(1e9 * c.t[i]);
    for (size_t v = 0; v < c.voltages.size(); ++v)
      traces.columns[v + 1].push_back(1e3 * c.voltages[v].second[i]);
  }
  p.data.push_back(traces);
  std::string upper, lower, tics;
  for (size_t v = 0; v < c.voltages.size(); ++v)
    upper += fmt::format("{} $traces using 1:{} with lines lt {} title '{}'", v ? "," : "", v + 2,
                         v + 1, c.voltages[v].first);
  for (size_t l = 0; l < c.levels.size(); ++l) {
    p.data.push_back(corners_block(fmt::format("level{}", l), c.levels[l].second, end, 1e3, 0.0));
    upper += fmt::format(", $level{} using 1:2 with lines dt 2 lt {} title '{}'", l,
                         c.voltages.size() + l + 1, c.levels[l].first);
  }
  for (size_t l = 0; l < c.lines.size(); ++l) {
    const double base = static_cast<double>(c.lines.size() - 1 - l);
    p.data.push_back(corners_block(fmt::format("line{}", l), c.lines[l].second, end, 0.7, base));
    lower += fmt::format("{} $line{} using 1:2 with lines lc rgb '#1f5fa8' lw 1.1 notitle",
                         l ? "," : "", l);
    tics += fmt::format("{} '{}' {:g}", l ? "," : "", c.lines[l].first, base + 0.35);
  }
  std::map<std::string, std::string> colour;
  const std::string shades_of_phases = shading(c.phases, colour);
  for (const auto& [name, shade] : colour)
    lower += fmt::format(", NaN with boxes lc rgb '{}' fs solid 1.0 title '{}'", shade, name);
  std::string marks;
  for (const double t : c.marks)
    marks += fmt::format(
        "set arrow from {0:.6g}, graph 0 to {0:.6g}, graph 1 nohead lw 1.6 lc rgb '#b3202a'\n",
        1e9 * t);
  const double first = 0.08, last = 0.84;
  p.script = fmt::format(
      "set multiplot\nset key noenhanced outside right top Left reverse samplen 1.4\nset xrange "
      "[0:{:.6g}]\n{}{}{}"
      "set lmargin at screen {}\nset rmargin at screen {}\nset tmargin at screen 0.89\nset bmargin "
      "at screen 0.46\n"
      "set format x ''\nset ylabel 'voltage - VREF [mV]' offset 0.5\nplot{}\n"
      "unset label\nset tmargin at screen 0.44\nset bmargin at screen 0.09\nset format x '%g'\nset "
      "xlabel 'time [ns]'\nunset ylabel\n"
      "set yrange [-0.3:{:g}]\nset ytics noenhanced ({})\nset grid noytics\nplot{}\nunset "
      "multiplot\n",
      1e9 * end, shades_of_phases, phase_names(c.phases), marks, first, last, upper,
      static_cast<double>(c.lines.size()), tics, lower);
  return p;
}

Picture curves_picture(const std::string& title, const std::string& x_label,
                       const std::string& y_label, const std::vector<Curve>& curves) {
  Picture p{"curves", title};
  p.script = fmt::format(
      "set xlabel '{}' noenhanced\nset ylabel '{}' noenhanced offset 0.5\nset key "
      "noenhanced\n{}plot",
      x_label, y_label, curves.size() > 1 ? "set key outside right\n" : "unset key\n");
  for (size_t k = 0; k < curves.size(); ++k) {
    p.data.push_back({fmt::format("curve{}", k), {curves[k].x, curves[k].y}});
    p.script += fmt::format("{} $curve{} using 1:2 with linespoints lt {} title '{}'", k ? "," : "",
                            k, k % 6 + 1, curves[k].name);
  }
  return p;
}

Picture linearity_picture(const std::string& title, const std::vector<double>& code,
                          const std::vector<double>& inl, const std::vector<double>& dnl) {
  Picture p{"linearity", title, 760, 440};
  p.data = {{"codes", {code, inl, dnl}}};
  p.script =
      "set multiplot layout 2,1 margins 0.1,0.97,0.12,0.97 spacing 0.06\nunset key\nset xzeroaxis "
      "lc rgb '#8a8f98'\nset format x ''\n"
      "set ylabel 'INL [LSB]'\nplot $codes using 1:2 with linespoints lt 1\nset format x '%g'\nset "
      "xlabel 'code'\nset ylabel 'DNL [LSB]'\n"
      "plot $codes using 1:3 with linespoints lt 2\nunset multiplot\n";
  return p;
}

Picture raster_picture(const std::string& title, const std::vector<RasterRow>& rows,
                       double duration) {
  Picture p{"raster", title, 760, static_cast<int>(110 + 26 * std::min<size_t>(rows.size(), 30))};
  DataBlock marks{"marks", {{}, {}}};
  std::string tics;
  for (size_t r = 0; r < rows.size(); ++r) {
    tics += fmt::format("{} '{}' {}", r ? "," : "", rows[r].name, r);
    for (const double t : rows[r].marks) {
      marks.columns[0].push_back(1e6 * t);
      marks.columns[1].push_back(static_cast<double>(r));
    }
  }
  if (marks.columns[0].empty()) marks.columns = {{NAN}, {NAN}};
  p.data = {marks};
  p.script = fmt::format(
      "unset key\nset xlabel 'time [us]'\nset xrange [0:{:.6g}]\nset yrange [-0.7:{:g}]\nset ytics "
      "noenhanced ({})\n"
      "plot $marks using 1:($2-0.35):(0):(0.7) with vectors nohead lt 1\n",
      1e6 * duration, static_cast<double>(rows.size()) - 0.3, tics);
  return p;
}

Picture histogram_picture(const std::string& title, const std::vector<Histogram>& histograms) {
  const size_t count = histograms.size();
  Picture p{"histogram", title, static_cast<int>(60 + 330 * count), 320};
  p.script = fmt::format(
      "set multiplot layout 1,{}\nunset key\nset style fill solid 0.8 noborder\nset yrange "
      "[0:*]\nset ylabel 'dies'\nset xtics rotate by -30\n",
      count);
  for (size_t h = 0; h < count; ++h) {
    const std::vector<double>& x = histograms[h].values;
    const Bins bins = bins_of(x);
    DataBlock block{fmt::format("h{}", h), {{}, {}}};
    for (size_t k = 0; k < bins.counts.size(); ++k) {
      block.columns[0].push_back(bins.low + (static_cast<double>(k) + 0.5) * bins.width);
      block.columns[1].push_back(bins.counts[k]);
    }
    p.data.push_back(block);
    p.script += "unset arrow\n";
    for (const double limit : {histograms[h].low, histograms[h].high})
      if (std::isfinite(limit))
        p.script += fmt::format(
            "set arrow from {0:.6g}, graph 0 to {0:.6g}, graph 1 nohead dt 2 lc rgb '#b3202a'\n",
            limit);
    p.script += fmt::format(
        "set boxwidth {:.6g}\nset xrange [{:.8g}:{:.8g}]\nset xlabel '{}' noenhanced\nplot $h{} "
        "using 1:2 with boxes lt {}\n",
        0.95 * bins.width, bins.low - bins.width,
        bins.low + (static_cast<double>(bins.counts.size()) + 1.0) * bins.width,
        histograms[h].label, h, h % 6 + 1);
  }
  p.script += "unset multiplot\n";
  return p;
}

Picture phase_energy_picture(const std::vector<std::string>& phases,
                             const std::vector<std::string>& components,
                             const std::vector<std::vector<double>>& joule) {
  Picture p{"phases", "energy by phase and component", 760, 380};
  DataBlock block{"energy", std::vector<std::vector<double>>(components.size()), phases};
  for (const auto& phase : joule)
    for (size_t c = 0; c < components.size(); ++c) block.columns[c].push_back(1e15 * phase[c]);
  p.data = {block};
  p.script =
      "set style data histograms\nset style histogram rowstacked\nset style fill solid "
      "noborder\nset boxwidth 0.62\nset ylabel 'energy per conversion [fJ]' offset 0.5\n"
      "set xtics scale 0 noenhanced rotate by -30\nset xzeroaxis lc rgb '#8a8f98'\nset key outside "
      "right center invert\nplot";
  for (size_t c = 0; c < components.size(); ++c)
    p.script += fmt::format("{} $energy using {}:xtic(1) lt {} title '{}'", c ? "," : "", c + 2,
                            c + 1, components[c]);
  return p;
}

}  // namespace mho::report
