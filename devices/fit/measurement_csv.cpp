#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "core/errors.hpp"
#include "core/units.hpp"
#include "devices/fit/csv_columns.hpp"
#include "devices/fit/measurement.hpp"
#include "devices/fit/sweep_features.hpp"

namespace mho::devices {
namespace {

constexpr size_t min_sweep_points = 8, min_pulses = 3;
constexpr size_t max_points = 5'000'000;
constexpr double nan = std::numeric_limits<double>::quiet_NaN();

constexpr std::array<ColumnKind, 12> kinds{{
    {"time", "|t|time|", "s", -1e9, 1e9},
    {"v", "|v|voltage|bias|v_source|", "V", -100.0, 100.0},
    {"v_cell", "|v_cell|v_device|", "V", -100.0, 100.0},
    {"i", "|i|current|", "A", -10.0, 10.0},
    {"cycle", "|cycle|cycle_number|", "1", 0.0, 1e9},
    {"pulse", "|pulse|pulse_number|", "1", 0.0, 1e9},
    {"width", "|width|pulse_width|", "s", 0.0, 1e4},
    {"edge", "|edge|rise_time|", "s", 0.0, 1e4},
    {"g", "|g|conductance|", "S", 1e-15, 10.0},
    {"r", "|r|resistance|", "ohm", 0.1, 1e15},
    {"v_read", "|v_read|", "V", -10.0, 10.0},
    {"v_wl", "|v_wl|v_gate|", "V", -10.0, 20.0},
}};

class Interpreter {
 public:
  Interpreter(CsvColumns columns, const std::string& file, const MeasurementOptions& options)
      : c_(std::move(columns)), o_(options) {
    m_.file = file;
  }

  Measurement read() {
    for (const CsvComment& comment : c_.comments) setup(comment);
    if (!c_.unused.empty()) {
      std::string names;
      for (const std::string& n : c_.unused) names += (names.empty() ? "" : ", ") + n;
      m_.notes.push_back(fmt::format("columns that are not used: {}", names));
    }
    if (c_.line.size() > max_points)
      throw error(c_.line[max_points], "", fmt::format("more than {} points", max_points));
    if (c_.find("cycle"))
      for (size_t k = 0; k < c_.line.size(); ++k)
        if (const double n = at("cycle", k); n != std::floor(n))
          throw error(c_.line[k], "cycle", fmt::format("{:g} is not a whole number", n));
    const bool pulses = c_.find("pulse") || c_.find("width") || c_.find("g") || c_.find("r");
    if (pulses && !c_.find("i"))
      trains();
    else
      sweeps();
    return std::move(m_);
  }

 private:
  ConfigError error(int line, const std::string& column, const std::string& what) const {
    return {m_.file, line, column, what};
  }
  double at(std::string_view key, size_t k) const { return c_.find(key)->values[k]; }
  void want(std::string_view key, std::string_view example) const {
    if (c_.find(key)) return;
    std::string names;
    for (const CsvColumn& c : c_.columns)
      names += (names.empty() ? "" : ", ") + std::string(c.kind->key);
    throw error(
        c_.header_line, std::string(key),
        fmt::format("no such column; wants {}. Columns that are there: {}", example, names));
  }

  void setup(const CsvComment& c) {
    const auto number = [&](std::string_view unit, double min, double max) {
      const auto v = parse_quantity(c.value, unit);
      if (!v)
        throw error(c.line, c.key,
                    fmt::format("is not a quantity in {}, for example \"{}\"", unit,
                                format_quantity(max, unit)));
      if (!(*v >= min && *v <= max))
        throw error(c.line, c.key,
                    fmt::format("is outside {} to {}", format_quantity(min, unit),
                                format_quantity(max, unit)));
      return *v;
    };
    if (c.key == "r_series") m_.r_series = number("ohm", 0.0, 1e9);
    if (c.key == "compliance") m_.compliance = number("A", 1e-12, 10.0);
    if (c.key == "v_read") v_read_ = number("V", 1e-4, 10.0);
    if (c.key == "set_polarity") {
      if (c.value != "positive" && c.value != "negative")
        throw error(c.line, c.key, "is neither positive nor negative");
      negative_ = c.value == "negative";
    }
  }

  double sign() const { return o_.set_is_negative.value_or(negative_) ? -1.0 : 1.0; }

  // ---- sweeps
  void sweeps() {
    m_.cell_voltage = !c_.find("v") && c_.find("v_cell");
    if (!m_.cell_voltage) want("v", "v[V]");
    want("i", "i[A]");
    if (!c_.find("time") && !(o_.rate > 0.0))
      throw error(c_.header_line, "time",
                  "no such column; wants t[s], or the rate of the sweep as an option");
    if (c_.find("v") && c_.find("v_cell"))
      m_.notes.push_back("v is taken as the drive; v_cell is not used");
    if (c_.line.size() < 2)
      throw error(c_.line.front(), "",
                  fmt::format("one point; a sweep needs at least {}", min_sweep_points));
    const std::string_view voltage = m_.cell_voltage ? "v_cell" : "v";
    const std::vector<double>& v = c_.find(voltage)->values;
    const std::vector<int> cycle = cycles(v);
    const bool magnitude = current_is_magnitude(v);
    for (size_t k = 0; k < v.size(); ++k) {
      if (m_.sweeps.empty() || m_.sweeps.back().number != cycle[k]) start_cycle(cycle[k], k);
      SweepCycle& s = m_.sweeps.back();
      s.v.push_back(sign() * v[k]);
      s.i.push_back(sign() * (magnitude && v[k] < 0.0 ? -1.0 : 1.0) * at("i", k));
      s.t.push_back(c_.find("time") ? at("time", k) : 0.0);
      s.line.push_back(c_.line[k]);
    }
    for (SweepCycle& s : m_.sweeps) check(s);
    keep_switching();
  }

  void start_cycle(int number, size_t k) {
    for (const SweepCycle& s : m_.sweeps)
      if (s.number == number)
        throw error(
            c_.line[k], "cycle",
            fmt::format("cycle {} goes on after cycle {}", number, m_.sweeps.back().number));
    m_.sweeps.push_back({number, {}, {}, {}, {}});
  }

  // Cycle number of each point: its column, else one more whenever the polarity that came first
  // returns after the other.
  std::vector<int> cycles(const std::vector<double>& v) {
    std::vector<int> number(v.size(), 1);
    if (const CsvColumn* column = c_.find("cycle")) {
      for (size_t k = 0; k < v.size(); ++k) number[k] = static_cast<int>(column->values[k]);
      return number;
    }
    double peak = 0.0;
    for (double x : v) peak = std::max(peak, std::abs(x));
    int now = 1;
    double first = 0.0;
    bool other = false;
    for (size_t k = 0; k < v.size(); ++k) {
      if (first == 0.0 && std::abs(v[k]) > 0.05 * peak) first = v[k] > 0.0 ? 1.0 : -1.0;
      if (v[k] * first < -0.05 * peak) other = true;
      if (other && v[k] * first > 0.0) {
        ++now;
        other = false;
      }
      number[k] = now;
    }
    if (now > 1)
      m_.notes.push_back(
          fmt::format("no column of cycles: split into {} where the first polarity returns", now));
    return number;
  }

  // Instruments may write |I|: both polarities of voltage, and no current that is clearly negative.
  bool current_is_magnitude(const std::vector<double>& v) {
    const std::vector<double>& i = c_.find("i")->values;
    double largest = 0.0, v_low = 0.0, v_high = 0.0;
    for (size_t k = 0; k < v.size(); ++k) {
      largest = std::max(largest, std::abs(i[k]));
      v_low = std::min(v_low, v[k]);
      v_high = std::max(v_high, v[k]);
    }
    if (!(v_low < -0.05 * v_high && v_high > -0.05 * v_low)) return false;
    for (size_t k = 0; k < v.size(); ++k)
      if (i[k] < -1e-3 * largest) return false;
    m_.notes.push_back(
        "no current is negative although voltages are: taken as |I|, with the sign of the voltage");
    return true;
  }

  void check(SweepCycle& s) {
    const int first = s.line.front(), last = s.line.back();
    if (s.v.size() < min_sweep_points)
      throw error(
          first, "",
          fmt::format("cycle {} has {} point{} up to line {}; a sweep needs at least {}", s.number,
                      s.v.size(), s.v.size() == 1 ? "" : "s", last, min_sweep_points));
    const auto [low, high] = std::minmax_element(s.v.begin(), s.v.end());
    if (!(*high - *low > 1e-3))
      throw error(first, "v",
                  fmt::format("stays at {:g} V up to line {}: not a sweep", *low, last));
    if (c_.find("time"))
      clock(s);
    else
      for (size_t k = 1; k < s.t.size(); ++k)
        s.t[k] = s.t[k - 1] + std::max(std::abs(s.v[k] - s.v[k - 1]), 1e-6) / o_.rate;
    const double origin = s.t.front();
    for (double& t : s.t) t -= origin;
    for (size_t k = 1; k < s.t.size(); ++k)
      if (!(s.t[k] > s.t[k - 1]))
        throw error(s.line[k], "time", "moves by less than the rounding of its numbers");
  }

  void clock(SweepCycle& s) {
    size_t equal = 0;
    for (size_t k = 1; k < s.t.size(); ++k) {
      if (s.t[k] < s.t[k - 1])
        throw error(
            s.line[k], "time",
            fmt::format("{:.9g} s comes after {:.9g} s of line {}; it must increase within a cycle "
                        "(a clock that restarts with each sweep: number the sweeps in a "
                        "column of cycles, or leave time out and give the rate)",
                        s.t[k], s.t[k - 1], s.line[k - 1]));
      if (s.t[k] > s.t[k - 1]) continue;
      ++equal;
      if (!o_.spread_equal_times)
        throw error(s.line[k], "time",
                    fmt::format("{:.9g} s repeats that of line {}; it must increase (an option "
                                "spreads the equal stamps of a coarse clock)",
                                s.t[k], s.line[k - 1]));
    }
    if (equal == 0) return;
    // Points that share a stamp stand evenly between it and the next one; the last group takes the
    // step before it.
    double step = 0.0;
    const std::vector<double> stamp = s.t;
    for (size_t k = 0; k < stamp.size();) {
      size_t end = k;
      while (end < stamp.size() && stamp[end] == stamp[k]) ++end;
      if (end < stamp.size()) step = (stamp[end] - stamp[k]) / static_cast<double>(end - k);
      if (!(step > 0.0))
        throw error(s.line[k], "time",
                    fmt::format("stays at {:.9g} s up to line {}", stamp[k], s.line[end - 1]));
      for (size_t j = k; j < end; ++j) s.t[j] = stamp[k] + step * static_cast<double>(j - k);
      k = end;
    }
    m_.notes.push_back(
        fmt::format("cycle {}: {} equal time stamps are spread evenly", s.number, equal));
  }

  // Cycles without a switching event say nothing about switching: left out, and an error when no
  // cycle is left.
  void keep_switching() {
    std::vector<SweepCycle> kept;
    double largest = 1.0;
    for (SweepCycle& s : m_.sweeps) {
      double peak = 0.0;
      for (double x : s.i) peak = std::max(peak, std::abs(x));
      if (peak == 0.0)
        throw error(s.line.front(), "i",
                    fmt::format("is 0 A in every line up to {}", s.line.back()));
      const double ratio = switching_ratio(s.v, s.i, 1e-6 * peak);
      largest = std::max(largest, ratio);
      if (ratio >= o_.min_ratio)
        kept.push_back(std::move(s));
      else
        m_.notes.push_back(
            fmt::format("cycle {} (lines {} to {}) has no switching event and is left out",
                        s.number, s.line.front(), s.line.back()));
    }
    if (kept.empty())
      throw error(c_.line.front(), "",
                  fmt::format("lines {} to {} hold no switching event: the conductance changes by "
                              "a factor of {:.3g} at most, wants {:g}",
                              c_.line.front(), c_.line.back(), largest, o_.min_ratio));
    m_.sweeps = std::move(kept);
  }

  // ---- pulses
  void trains() {
    want("v", "v[V]");
    want("width", "width[s]");
    if (!c_.find("g")) want("r", "g[S] or r[ohm]");
    const double constant_read = o_.v_read > 0.0 ? o_.v_read : v_read_;
    if (!c_.find("v_read") && !(constant_read > 0.0))
      throw error(c_.header_line, "v_read",
                  "no such column; wants v_read[V], a comment \"# v_read = 0.1 V\" or the option");
    for (size_t k = 0; k < c_.line.size(); ++k) {
      const int cycle = c_.find("cycle") ? static_cast<int>(at("cycle", k)) : 1;
      if (m_.trains.empty() || m_.trains.back().number != cycle) {
        for (const PulseCycle& t : m_.trains)
          if (t.number == cycle)
            throw error(
                c_.line[k], "cycle",
                fmt::format("cycle {} goes on after cycle {}", cycle, m_.trains.back().number));
        m_.trains.push_back({cycle, {}});
      } else if (c_.find("pulse") && !(at("pulse", k) > at("pulse", k - 1))) {
        throw error(c_.line[k], "pulse",
                    fmt::format("{:g} comes after {:g}; it must increase within a cycle",
                                at("pulse", k), at("pulse", k - 1)));
      }
      m_.trains.back().pulses.push_back(pulse(k, constant_read));
    }
    for (const PulseCycle& t : m_.trains) check(t);
  }

  MeasuredPulse pulse(size_t k, double constant_read) const {
    MeasuredPulse p{};
    p.line = c_.line[k];
    p.v = sign() * at("v", k);
    p.width = at("width", k);
    p.edge = c_.find("edge") ? at("edge", k) : 0.0;
    if (p.width > 0.0 && p.edge == 0.0) p.edge = 0.01 * p.width;
    p.v_wl = c_.find("v_wl") ? at("v_wl", k) : nan;
    p.v_read = c_.find("v_read") ? sign() * at("v_read", k) : constant_read;
    if (std::abs(p.v_read) < 1e-4)
      throw error(p.line, "v_read", "is 0 V; no conductance is read there");
    p.g = c_.find("g") ? at("g", k) : 1.0 / at("r", k);
    return p;
  }

  void check(const PulseCycle& t) const {
    const int first = t.pulses.front().line, last = t.pulses.back().line;
    if (t.pulses.size() < min_pulses)
      throw error(
          first, "",
          fmt::format("cycle {} has {} pulse{} up to line {}; a train needs at least {}", t.number,
                      t.pulses.size(), t.pulses.size() == 1 ? "" : "s", last, min_pulses));
    double low = t.pulses.front().g, high = low;
    for (const MeasuredPulse& p : t.pulses) {
      low = std::min(low, p.g);
      high = std::max(high, p.g);
    }
    if (!(high / low > 1.05))
      throw error(
          first, "",
          fmt::format(
              "lines {} to {} hold no switching event: the conductance stays within {:.3g} %",
              first, last, 100.0 * (high / low - 1.0)));
  }

  CsvColumns c_;
  const MeasurementOptions& o_;
  Measurement m_;
  double v_read_ = 0.0;
  bool negative_ = false;
};

}  // namespace

Measurement read_measurement(std::string_view text, const std::string& file,
                             const MeasurementOptions& options) {
  return Interpreter(read_columns(text, file, kinds), file, options).read();
}

Measurement load_measurement(const std::string& path, const MeasurementOptions& options) {
  return read_measurement(read_csv_text(path), path, options);
}

}  // namespace mho::devices
