#include "devices/pulse_curves.hpp"

#include <fmt/format.h>

#include <charconv>
#include <cmath>
#include <fstream>
#include <limits>
#include <map>

#include "core/errors.hpp"
#include "core/parallel.hpp"
#include "core/statistics.hpp"

namespace mho::devices {
namespace {

std::vector<std::string> split(const std::string& line) {
  std::vector<std::string> cells(1);
  for (const char c : line)
    if (c == ',')
      cells.emplace_back();
    else if (c != '\r')
      cells.back() += c;
  return cells;
}

// One CSV file, row by row, with its columns by name.
class Rows {
 public:
  explicit Rows(const std::string& path) : path_(path), stream_(path) {
    std::string header;
    if (!stream_ || !std::getline(stream_, header)) throw IoError(path, "cannot be read");
    ++line_;
    const std::vector<std::string> names = split(header);
    width_ = names.size();
    for (size_t i = 0; i < names.size(); ++i) columns_[names[i]] = i;
    for (const char* name :
         {"experiment", "pulse_ns", "fixed_line", "fixed_V", "swept_line", "swept_V",
          "R_before_median_ohm", "R_after_median_ohm", "R_after_p10_ohm", "R_after_p90_ohm"})
      if (!columns_.contains(name)) throw error(name, "the header lacks this column");
  }

  bool next() {
    std::string text;
    while (std::getline(stream_, text)) {
      ++line_;
      if (text.empty() || text == "\r") continue;
      cells_ = split(text);
      if (cells_.size() != width_)
        throw error("", fmt::format("has {} columns, the header {}", cells_.size(), width_));
      return true;
    }
    return false;
  }

  const std::string& text(const std::string& column) const { return cells_[columns_.at(column)]; }

  double number(const std::string& column, double min, double max) const {
    const std::string& cell = text(column);
    double value = 0.0;
    const auto [end, status] = std::from_chars(cell.data(), cell.data() + cell.size(), value);
    if (status != std::errc() || end != cell.data() + cell.size() ||
        !(value >= min && value <= max))
      throw error(column, fmt::format("'{}' is not a number from {:g} to {:g}", cell, min, max));
    return value;
  }

  ConfigError error(const std::string& column, const std::string& what) const {
    return ConfigError(path_, line_, column, what);
  }

 private:
  std::string path_;
  std::ifstream stream_;
  std::map<std::string, size_t> columns_;
  std::vector<std::string> cells_;
  size_t width_ = 0;
  int line_ = 0;
};

// The curve that the present row belongs to, without points.
PulseCurve curve_of(const Rows& rows) {
  PulseCurve curve;
  const std::string& name = rows.text("experiment");
  if (!name.starts_with("set") && !name.starts_with("reset"))
    throw rows.error("experiment",
                     fmt::format("'{}' starts neither with set nor with reset", name));
  curve.polarity = name.starts_with("set") ? Polarity::set : Polarity::reset;
  curve.ramp = name.find("ramp") != std::string::npos;
  curve.width = 1e-9 * rows.number("pulse_ns", 1e-3, 1e12);
  curve.v_held = rows.number("fixed_V", 0.0, 20.0);
  const std::string line = curve.polarity == Polarity::set ? "BL" : "SL";
  const std::string &held = rows.text("fixed_line"), &swept = rows.text("swept_line");
  curve.word_line_swept = swept == "WL";
  if (!(held == line && swept == "WL") && !(held == "WL" && swept == line))
    throw rows.error("swept_line",
                     fmt::format("{} and {} held, wants WL and {}", swept, held, line));
  return curve;
}

bool same_curve(const PulseCurve& a, const PulseCurve& b) {
  return a.polarity == b.polarity && a.ramp == b.ramp && a.width == b.width &&
         a.word_line_swept == b.word_line_swept && a.v_held == b.v_held;
}

Pulse pulse_at(const PulseCurve& curve, const PulseBench& bench, double v) {
  Pulse pulse{{curve.polarity, curve.word_line_swept ? curve.v_held : v,
               curve.word_line_swept ? v : curve.v_held},
              curve.width,
              bench.edge};
  if (bench.wl_time_constant > 0.0)
    pulse.bias.v_wl *= -std::expm1(-curve.width / bench.wl_time_constant);
  return pulse;
}
}  // namespace

std::vector<PulseCurve> read_pulse_curves(const std::string& path) {
  Rows rows(path);
  std::vector<PulseCurve> curves;
  while (rows.next()) {
    const PulseCurve curve = curve_of(rows);
    if (curves.empty() || !same_curve(curves.back(), curve)) {
      for (const PulseCurve& other : curves)
        if (same_curve(other, curve))
          throw rows.error("experiment", "the rows of this curve are not next to each other");
      curves.push_back(curve);
    }
    const PulseCurvePoint point{
        rows.number("swept_V", 0.0, 20.0), rows.number("R_before_median_ohm", 1.0, 1e12),
        rows.number("R_after_median_ohm", 1.0, 1e12), rows.number("R_after_p10_ohm", 1.0, 1e12),
        rows.number("R_after_p90_ohm", 1.0, 1e12)};
    auto& points = curves.back().points;
    if (!points.empty() && point.v <= points.back().v)
      throw rows.error("swept_V", "does not increase along its curve");
    points.push_back(point);
  }
  if (curves.empty()) throw rows.error("", "holds no curve");
  return curves;
}

double read_resistance(const GapModel& model, const PulseBench& bench, double gap) {
  const auto curve = model.at(gap);
  // v + r_path·I(v) = v_read has one root in [0, v_read]; I is convex there, so Newton from above
  // descends to it.
  double v = bench.v_read;
  for (int n = 0; n < 100; ++n) {
    const CurrentSlope c = curve.current(v);
    const double step =
        (v + bench.r_path * c.current - bench.v_read) / (1.0 + bench.r_path * c.slope);
    v -= step;
    if (std::abs(step) <= 1e-12 * bench.v_read) break;
  }
  return bench.v_read / curve.current(v).current;
}

double gap_of_resistance(const GapModel& model, const PulseBench& bench, double r) {
  if (r <= bench.r_path) return model.state_min();
  const double current = bench.v_read / r, v = bench.v_read - current * bench.r_path;
  return std::clamp(model.state_for(current / v, v), model.state_min(), model.state_max());
}

std::vector<double> simulate_pulse_curve(const PulseCurve& curve, const GapModel& model,
                                         const SelectTransistor& transistor,
                                         const PulseBench& bench, int threads,
                                         const PulseOptions& options) {
  const auto after = [&](double gap, double v) {
    const PulseResult result =
        apply_pulse(model, transistor, pulse_at(curve, bench, v), gap, options);
    return result ? result.state : std::numeric_limits<double>::quiet_NaN();
  };
  std::vector<double> r(curve.points.size());
  if (!curve.ramp) {
    parallel_for(r.size(), threads, [&](size_t i) {
      const PulseCurvePoint& p = curve.points[i];
      r[i] = read_resistance(model, bench, after(gap_of_resistance(model, bench, p.r_before), p.v));
    });
    return r;
  }
  double gap =
      curve.points.empty() ? 0.0 : gap_of_resistance(model, bench, curve.points.front().r_before);
  for (size_t i = 0; i < r.size(); ++i) {
    const bool stopped = i > 0 && curve.polarity == Polarity::reset && r[i - 1] >= bench.r_stop;
    if (!stopped) gap = after(gap, curve.points[i].v);
    r[i] = read_resistance(model, bench, gap);
  }
  return r;
}

std::optional<Jump> find_jump(const std::vector<double>& v, const std::vector<double>& r) {
  constexpr size_t plateau = 10;
  const size_t n = r.size();
  if (n < 2 * plateau || v.size() != n) return std::nullopt;
  Jump jump{};
  jump.r_high = quantile({r.begin(), r.begin() + plateau}, 0.5);
  jump.r_low = quantile({r.end() - plateau, r.end()}, 0.5);
  const double middle = 0.5 * (std::log(jump.r_high) + std::log(jump.r_low));
  size_t i = 1;
  while (i < n && !(std::log(r[i - 1]) >= middle && std::log(r[i]) < middle)) ++i;
  if (i == n) return std::nullopt;
  const double above = std::log(r[i - 1]), below = std::log(r[i]);
  jump.v = v[i - 1] + (v[i] - v[i - 1]) * (above - middle) / (above - below);
  const double half = 0.5 * std::log(jump.r_high / jump.r_low);
  for (size_t length = 1; length < n; ++length) {
    double largest = 0.0;
    for (size_t k = 0; k + length < n; ++k) {
      const double fall = std::log(r[k] / r[k + length]);
      if (fall > largest) largest = fall, jump.first = k, jump.last = k + length;
    }
    if (largest > half) break;
  }
  return jump;
}

}  // namespace mho::devices
