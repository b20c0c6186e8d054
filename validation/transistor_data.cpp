#include "validation/transistor_data.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <string_view>

#include "core/errors.hpp"
#include "core/gzip_file.hpp"

namespace mho::validation {
namespace {

using circuits::Geometry;
using circuits::TerminalBias;

constexpr std::string_view header = "device,corner,T[degC],W[um],L[um],Vgs[V],Vds[V],Vbs[V],Id[A]";

std::string card_of(std::string_view device) {
  constexpr std::pair<std::string_view, std::string_view> names[] = {{"nfet_01v8", "n18"},
                                                                     {"pfet_01v8", "p18"},
                                                                     {"nfet_g5v0d10v5", "n50"},
                                                                     {"pfet_g5v0d10v5", "p50"}};
  for (const auto& [library, card] : names)
    if (library == device) return std::string(card);
  return {};
}

std::vector<std::string_view> split(std::string_view line, char separator) {
  std::vector<std::string_view> fields;
  for (size_t start = 0;;) {
    const size_t end = line.find(separator, start);
    fields.push_back(line.substr(start, end - start));
    if (end == std::string_view::npos) return fields;
    start = end + 1;
  }
}

template <class T>
size_t place(std::vector<T>& list, const T& value) {
  const auto at = std::find(list.begin(), list.end(), value);
  if (at != list.end()) return static_cast<size_t>(at - list.begin());
  list.push_back(value);
  return list.size() - 1;
}

// Adds one line to the set that it belongs to.
class Reader {
 public:
  explicit Reader(std::string path) : path_(std::move(path)) {}

  void add(std::string_view text, int line) {
    const std::vector<std::string_view> f = split(text, ',');
    if (f.size() != 9)
      throw ConfigError(path_, line, "", fmt::format("{} fields, not 9", f.size()));
    const std::string device = card_of(f[0]);
    if (device.empty())
      throw ConfigError(path_, line, "device", fmt::format("{} is not known", f[0]));
    double x[7];
    for (size_t i = 0; i < 7; ++i) x[i] = number(f[i + 2], line);
    const circuits::Corner corner = circuits::corner_of(f[1]);
    TransistorCurves& set = set_of(device, corner, x[0]);
    const size_t g = place(set.geometries, Geometry{x[1] * 1e-6, x[2] * 1e-6});
    const size_t b = place(set.biases, TerminalBias{x[3], x[4], x[5]});
    set.currents.resize(set.geometries.size());
    set.currents[g].resize(std::max(set.currents[g].size(), b + 1), std::nan(""));
    set.currents[g][b] = x[6];
  }

  std::vector<TransistorCurves> finish() {
    for (TransistorCurves& set : sets_) {
      for (auto& currents : set.currents) {
        currents.resize(set.biases.size(), std::nan(""));
        for (const double i : currents)
          if (!std::isfinite(i))
            throw ConfigError(path_, 0, set.device, "a geometry lacks bias points of the others");
      }
      set.held_out = held_out_geometries(set.geometries);
    }
    return std::move(sets_);
  }

 private:
  double number(std::string_view text, int line) const {
    double x = 0.0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), x);
    if (error != std::errc() || end != text.data() + text.size() || !std::isfinite(x))
      throw ConfigError(path_, line, "", fmt::format("\"{}\" is not a number", text));
    return x;
  }
  TransistorCurves& set_of(const std::string& device, circuits::Corner corner, double temperature) {
    for (TransistorCurves& set : sets_)
      if (set.device == device && set.corner == corner && set.temperature == temperature)
        return set;
    TransistorCurves set;
    set.device = device;
    set.corner = corner;
    set.temperature = temperature;
    sets_.push_back(set);
    return sets_.back();
  }

  std::string path_;
  std::vector<TransistorCurves> sets_;
};

}  // namespace

std::vector<TransistorCurves> read_transistor_curves(const std::string& path) {
  const std::string text = read_gzip_text(path);
  Reader reader(path);
  int line = 0;
  for (std::string_view row : split(text, '\n')) {
    ++line;
    if (!row.empty() && row.back() == '\r') row.remove_suffix(1);
    if (line == 1) {
      if (row != header) throw ConfigError(path, 1, "", fmt::format("header is not {}", header));
    } else if (!row.empty()) {
      reader.add(row, line);
    }
  }
  return reader.finish();
}

const TransistorCurves& curves_of(const std::vector<TransistorCurves>& all,
                                  const std::string& device, circuits::Corner corner,
                                  double temperature) {
  for (const TransistorCurves& set : all)
    if (set.device == device && set.corner == corner && set.temperature == temperature) return set;
  throw Error(fmt::format("the data hold no {} at {} and {} degC", device,
                          circuits::corner_name(corner), temperature));
}

std::vector<bool> held_out_geometries(std::span<const Geometry> geometries) {
  const auto narrower = [](const Geometry& a, const Geometry& b) { return a.w < b.w; };
  const auto shorter = [](const Geometry& a, const Geometry& b) { return a.l < b.l; };
  const auto [w_min, w_max] = std::minmax_element(geometries.begin(), geometries.end(), narrower);
  const auto [l_min, l_max] = std::minmax_element(geometries.begin(), geometries.end(), shorter);
  std::vector<size_t> inner;
  for (size_t i = 0; i < geometries.size(); ++i) {
    const Geometry& g = geometries[i];
    if (g.w > w_min->w && g.w < w_max->w && g.l > l_min->l && g.l < l_max->l) inner.push_back(i);
  }
  std::sort(inner.begin(), inner.end(), [&](size_t a, size_t b) {
    return std::pair(geometries[a].w, geometries[a].l) <
           std::pair(geometries[b].w, geometries[b].l);
  });
  std::vector<bool> held(geometries.size(), false);
  for (size_t from_last = 0; from_last < inner.size(); from_last += 2)
    held[inner[inner.size() - 1 - from_last]] = true;
  return held;
}

double current_coordinate(double current, const Geometry& g) {
  return std::asinh(current / (3e-9 * g.w / g.l));
}

double current_at(double coordinate, const Geometry& g) {
  return std::sinh(coordinate) * 3e-9 * g.w / g.l;
}

std::vector<std::vector<double>> card_currents(spice::Session& session,
                                               const circuits::TransistorCard& card,
                                               const TransistorCurves& data) {
  return circuits::drain_curves(session,
                                {circuits::card_text(card), card.name, "", data.temperature},
                                data.geometries, data.biases);
}

CardErrors card_errors(const std::vector<std::vector<double>>& currents,
                       const TransistorCurves& data) {
  CardErrors errors;
  double fit = 0.0, held = 0.0, body = 0.0;
  size_t fit_count = 0, held_count = 0, body_count = 0;
  for (size_t g = 0; g < data.geometries.size(); ++g) {
    double sum = 0.0;
    for (size_t b = 0; b < data.biases.size(); ++b) {
      const double e = current_coordinate(currents[g][b], data.geometries[g]) -
                       current_coordinate(data.currents[g][b], data.geometries[g]);
      sum += e * e;
      if (data.held_out[g] && data.biases[b].v_bs != 0.0) body += e * e, ++body_count;
    }
    const size_t count = data.biases.size();
    errors.geometry.push_back(std::sqrt(sum / static_cast<double>(count)));
    (data.held_out[g] ? held : fit) += sum;
    (data.held_out[g] ? held_count : fit_count) += count;
  }
  const auto root = [](double sum, size_t n) {
    return n ? std::sqrt(sum / static_cast<double>(n)) : std::numeric_limits<double>::quiet_NaN();  // never within a limit
  };
  errors.fit = root(fit, fit_count);
  errors.held_out = root(held, held_count);
  errors.held_out_body = root(body, body_count);
  return errors;
}

}  // namespace mho::validation
