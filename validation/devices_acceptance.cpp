#include "validation/devices_acceptance.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <map>
#include <optional>
#include <regex>

#include "core/data_path.hpp"
#include "core/errors.hpp"
#include "core/units.hpp"
#include "devices/card.hpp"

namespace mho::validation {
namespace {
using devices::AnyMemristor;
using devices::DeviceTrace;
using devices::Drive;
using devices::State;
using devices::TransientResult;

double number(const std::string& text, const std::string& file, int line, const std::string& key) {
  try {
    size_t used = 0;
    const double value = std::stod(text, &used);
    if (used == text.size() && std::isfinite(value)) return value;
  } catch (const std::exception&) {
  }
  throw ConfigError(file, line, key, fmt::format("'{}' is not a number", text));
}

std::vector<std::string> split(const std::string& text, char at) {
  std::vector<std::string> parts(1);
  for (char c : text) {
    if (c == at) parts.emplace_back();
    else parts.back() += c;
  }
  for (std::string& p : parts) {
    p.erase(0, p.find_first_not_of(" \r"));
    p.erase(p.find_last_not_of(" \r") + 1);
  }
  return parts;
}

// "541.8" ohm -> SI.
double in_si(const std::string& text, const std::string& unit, const std::string& file, int line) {
  const double value = number(text, file, line, "value");
  if (unit == "1") return value;
  for (const char* base : {"V", "A", "ohm", "s", "m", "K"})
    if (const auto factor = parse_quantity("1 " + unit, base)) return value * *factor;
  throw ConfigError(file, line, "unit", fmt::format("'{}' is none of V, A, ohm, s, m, K, 1", unit));
}

// First capture of `pattern` in the stimulus, as a number.
std::optional<double> find(const std::string& text, const std::string& pattern) {
  std::smatch m;
  if (!std::regex_search(text, m, std::regex(pattern))) return std::nullopt;
  return std::stod(m[1]);
}

const std::string real = "([-+]?[0-9.]+(?:e[-+]?[0-9]+)?)";

double time_through(const DeviceTrace& trace, size_t state, double level) {
  for (size_t i = 1; i < trace.size(); ++i) {
    const double a = trace.state[i - 1][static_cast<Eigen::Index>(state)],
                 b = trace.state[i][static_cast<Eigen::Index>(state)];
    if ((a - level) * (b - level) <= 0.0 && a != b)
      return trace.t[i - 1] + (trace.t[i] - trace.t[i - 1]) * (level - a) / (b - a);
  }
  return std::nan("");
}

// Value of a column at time t, on a straight line between points.
template <class Column>
double at_time(const DeviceTrace& trace, double t, const Column& column) {
  const auto after = std::lower_bound(trace.t.begin(), trace.t.end(), t * (1.0 - 1e-12));
  const size_t i = std::min(static_cast<size_t>(after - trace.t.begin()), trace.size() - 1);
  if (i == 0 || std::abs(trace.t[i] - t) <= 1e-9 * t) return column(i);
  const double share = (t - trace.t[i - 1]) / (trace.t[i] - trace.t[i - 1]);
  return column(i - 1) + std::min(1.0, share) * (column(i) - column(i - 1));
}

State state_at(const DeviceTrace& trace, double t) {
  State s = State::Zero();
  for (Eigen::Index k = 0; k < s.size(); ++k)
    s[k] = at_time(trace, t, [&](size_t i) { return trace.state[i][k]; });
  return s;
}

// Times at which the drive of a triangle is at the end of its SET half and at its own end.
struct Halves {
  double set_end, end;
};
Halves halves(const DeviceTrace& trace) {
  double set_end = trace.t.back();
  bool raised = false;
  for (size_t i = 0; i < trace.size(); ++i) {
    if (trace.drive[i] > 0.0) raised = true;
    if (raised && trace.drive[i] <= 1e-12) {
      set_end = trace.t[i];
      break;
    }
  }
  return {set_end, trace.t.back()};
}

size_t index_of_state(const AnyMemristor& model, const std::string& name) {
  const auto info = devices::state_info(model);
  for (size_t i = 0; i < info.size(); ++i)
    if (info[i].name == name) return i;
  return info.size();
}

// Names as the acceptance file writes them, and as the models do.
const std::map<std::string, std::string> aliases{{"x0", "x"}, {"Eh", "energy_drift"}, {"N", "density"}};

// Puts an assignment into the model's parameters or its observed start state. N is in 1e26 1/m³.
void assign(AnyMemristor& model, State& observed, const std::string& written, double value,
            const AcceptanceLine& line, const std::string& file) {
  const auto alias = aliases.find(written);
  const std::string name = alias == aliases.end() ? written : alias->second;
  if (const size_t k = index_of_state(model, name); k < devices::state_info(model).size()) {
    observed[static_cast<Eigen::Index>(k)] = value;
    return;
  }
  for (const devices::ParameterView& p : devices::parameters(model))
    if (p.key == name) {
      *p.value = value;
      return;
    }
  throw ConfigError(file, line.line, "stimulus", fmt::format("{} of card {} has no state or parameter {}", line.stimulus, line.card, written));
}

// A quantity from a finished run; nan when it does not occur.
double reading(const AcceptanceLine& line, const AnyMemristor& model, const TransientResult& run,
               bool second) {
  const DeviceTrace& trace = run.trace;
  const std::string& q = line.quantity;
  const auto has = [&](const std::string& text) { return q.find(text) != std::string::npos; };
  const double sign = devices::published_sign(model);
  const bool magnitude = has("magnitude");
  const auto as_published = [&](double v) { return magnitude ? std::abs(v) : sign * v; };
  const Halves h = halves(trace);
  if (has("time N")) {
    const auto to = find(q, "->" + real);
    const double t = time_through(trace, index_of_state(model, "density"), to.value_or(0.0) * 1e26);
    return t;
  }
  if (has("through")) {
    const auto level = find(q, "through " + real);
    const bool falls = has("falls");
    const size_t k = index_of_state(model, "gap");
    for (size_t i = 1; i < trace.size(); ++i) {
      const double a = trace.state[i - 1][static_cast<Eigen::Index>(k)],
                   b = trace.state[i][static_cast<Eigen::Index>(k)], c = *level * 1e-9;
      if (falls ? (a > c && b <= c) : (a < c && b >= c))
        return trace.drive[i - 1] + (trace.drive[i] - trace.drive[i - 1]) * (c - a) / (b - a);
    }
    return std::nan("");
  }
  if (has("V_set")) return as_published(set_voltage(trace));
  if (has("V_reset")) return as_published(reset_peak(trace).v);
  if (has("I_reset")) return sign * reset_peak(trace).i;
  if (has("peak current")) {
    double top = 0.0;
    for (double i : trace.current) top = std::max(top, std::abs(i));
    return top;
  }
  if (has("half of I_max")) {
    double top = 0.0;
    for (size_t i = 0; i < trace.size(); ++i)
      if (trace.t[i] <= h.set_end) top = std::max(top, trace.current[i]);
    for (size_t i = 1; i < trace.size(); ++i)
      if (trace.current[i] >= 0.5 * top)
        return trace.drive[i - 1] + (trace.drive[i] - trace.drive[i - 1]) *
                                        (0.5 * top - trace.current[i - 1]) /
                                        (trace.current[i] - trace.current[i - 1]);
    return std::nan("");
  }
  if (has("T_max")) return *std::max_element(trace.temperature.begin(), trace.temperature.end());
  const bool of_set = has("LRS") || has("after SET") ||
                      (line.stimulus.find("after SET") == 0 && !second);
  const State observed = state_at(trace, of_set ? h.set_end : h.end);
  if (q[0] == 'R') {
    const double v = find(q, "at " + real + " V").value_or(find(q, "at \\+" + real + " V").value_or(0.1));
    return 1.0 / devices::conductance(model, sign * v, devices::from_observed(model, observed));
  }
  for (const devices::StateInfo& info : devices::state_info(model))
    if (q.rfind(info.name, 0) == 0)
      return observed[static_cast<Eigen::Index>(index_of_state(model, std::string(info.name)))];
  return std::nan("");
}

struct Prepared {
  AnyMemristor model;
  State start;
};

Prepared prepare(const AcceptanceLine& line, const Stimulus& stimulus, const std::string& file) {
  static const std::map<std::string, std::string> cards{{"skywater", "sky130_reram"}, {"jart_v1b", "jart_vcm_v1b"}, {"stanford2016_a", "stanford_2016_a"}, {"stanford2016_d", "stanford_2016_d"}};
  const auto renamed = cards.find(line.card);
  const std::string name = renamed == cards.end() ? line.card : renamed->second;
  const devices::Card card = devices::load_card(data_path("devices/params/" + name + ".toml"));
  Prepared p{std::visit([](const auto& d) { return AnyMemristor(d.model); }, card.device), {}};
  const bool reset_first = line.quantity.find("20->") != std::string::npos || stimulus.kind == Stimulus::Kind::pulse;
  State observed = devices::observe(p.model, reset_first ? devices::high_state(p.model) : devices::low_state(p.model));
  for (const auto& [key, value] : stimulus.assignments) assign(p.model, observed, key, value, line, file);
  p.start = devices::from_observed(p.model, observed);
  return p;
}

Drive drive_of(const Stimulus& s) {
  switch (s.kind) {
    case Stimulus::Kind::triangle: return devices::triangle(s.v_first, s.v_second, s.rate);
    case Stimulus::Kind::pulse: return devices::pulse_train({{s.v_first, s.width, s.edge}}, 0.0);
    // Raised within a share of the time that is far below the tolerances: no circuit starts at a full voltage.
    case Stimulus::Kind::constant: return Drive{{0.0, 1e-4 * s.width, s.width}, {0.0, s.v_first, s.v_first}};
    case Stimulus::Kind::fixed_state: break;
  }
  return Drive{{0.0, 1e-9}, {0.0, 0.0}};
}

}  // namespace

NamedEngine ode_engine() {
  return {"ODE", [](const AnyMemristor& model, const devices::Load& load, const Drive& drive,
                    const State& start, double max_dv) {
            devices::TransientOptions options;
            options.max_dv = max_dv;
            return devices::run_transient(model, load, drive, start, options);
          }};
}

double set_voltage(const DeviceTrace& trace) {
  constexpr double grid = 1e-3;  // [V]
  double best = -1.0, v_best = std::nan(""), v_last = 0.0, ln_last = 0.0;
  bool any = false;
  size_t i = 1;
  double top = 0.0;
  for (size_t k = 0; k < trace.size() && trace.drive[k] >= top; ++k) top = trace.drive[k];
  for (double v = grid; v <= top * (1.0 + 1e-12); v += grid) {
    while (i < trace.size() && trace.drive[i] < v * (1.0 - 1e-12)) ++i;
    if (i >= trace.size()) break;
    const double dv = trace.drive[i] - trace.drive[i - 1], share = dv > 0.0 ? (v - trace.drive[i - 1]) / dv : 1.0;
    const double current = trace.current[i - 1] + share * (trace.current[i] - trace.current[i - 1]);
    if (!(current > 0.0)) continue;
    const double ln = std::log(current);
    // From 20 mV on: below, d ln I/dV is that of any current through zero.
    if (any && v > 0.02 && (ln - ln_last) / (v - v_last) > best && v > 0.05) {
      best = (ln - ln_last) / (v - v_last) - 1.0 / v;  // beyond an ohmic law's
      v_best = 0.5 * (v + v_last);
    }
    any = true;
    v_last = v;
    ln_last = ln;
  }
  return v_best;
}

PeakCurrent reset_peak(const DeviceTrace& trace) {
  PeakCurrent peak{std::nan(""), 0.0};
  for (size_t i = 0; i < trace.size(); ++i)
    if (trace.drive[i] < 0.0 && std::abs(trace.current[i]) > std::abs(peak.i)) peak = {trace.drive[i], trace.current[i]};
  return peak;
}

std::vector<AcceptanceLine> load_acceptance(const std::string& path) {
  std::ifstream file(path);
  if (!file) throw IoError(path, "cannot be read");
  std::vector<AcceptanceLine> lines;
  std::string text;
  int n = 0;
  while (std::getline(file, text)) {
    if (++n == 1 || text.empty()) continue;
    const auto fields = split(text, ',');
    if (fields.size() != 7) throw ConfigError(path, n, "", fmt::format("has {} fields, wants 7", fields.size()));
    AcceptanceLine line{n, fields[0], fields[1], fields[2], fields[4], fields[6], {}, 0.0, false};
    for (const std::string& v : split(fields[3], '/')) line.values.push_back(in_si(v, fields[4], path, n));
    std::string tolerance = fields[5];
    line.relative = !tolerance.empty() && tolerance.back() == '%';
    if (line.relative) {
      tolerance.pop_back();
      line.tolerance = number(tolerance, path, n, "tolerance") / 100.0;
    } else {
      line.tolerance = in_si(tolerance, fields[4], path, n);
    }
    lines.push_back(std::move(line));
  }
  if (lines.empty()) throw ConfigError(path, 0, "", "holds no lines");
  return lines;
}

Stimulus parse_stimulus(const AcceptanceLine& line, const std::string& file) {
  const std::string& text = line.stimulus;
  Stimulus s;
  const auto begins = [&](const char* word) { return text.rfind(word, 0) == 0; };
  std::smatch m;
  // A published sweep whose first half is negative sets with negative voltages.
  if (std::regex_search(text, m, std::regex("^tri SET " + real + " / RESET " + real + " V"))) {
    s.v_first = std::stod(m[1]);
    s.v_second = -std::stod(m[2]);
  } else if (std::regex_search(text, m, std::regex("^tri " + real + "/" + real + " V"))) {
    const double sign = std::stod(m[1]) > 0.0 ? 1.0 : -1.0;
    s.v_first = sign * std::stod(m[1]);
    s.v_second = sign * std::stod(m[2]);
  } else if (std::regex_search(text, m, std::regex("^tri " + real + " V"))) {
    s.v_first = std::stod(m[1]);
  } else if (begins("static")) {
    s.kind = Stimulus::Kind::fixed_state;
  } else if (std::regex_search(text, m, std::regex("^constant " + real + " V"))) {
    s.kind = Stimulus::Kind::constant;
    s.v_first = std::stod(m[1]);
    s.width = 4.0 * line.values[0];
  } else if (std::regex_search(text, m, std::regex("^RESET " + real + " V " + real + " ns edges " + real + " ns"))) {
    s.kind = Stimulus::Kind::pulse;
    s.v_first = std::stod(m[1]);
    s.edge = std::stod(m[2]) * 1e-9;
    s.width = std::stod(m[3]) * 1e-9;
  } else {
    throw ConfigError(file, line.line, "stimulus", fmt::format("'{}' is not understood", text));
  }
  if (s.kind == Stimulus::Kind::triangle) {
    const auto rate = find(text, " " + real + " V/s");
    if (!rate) throw ConfigError(file, line.line, "stimulus", fmt::format("'{}' has no ramp rate", text));
    s.rate = *rate;
  }
  if (const auto r = find(text, "Rs=" + real)) s.load.r_series = *r * (text.find("Rs=" + fmt::format("{:g}k", *r)) != std::string::npos ? 1e3 : 1.0);
  if (std::regex_search(text, m, std::regex("Icc=" + real + " ([umn])A"))) s.load.compliance = std::stod(m[1]) * (m[2] == "u" ? 1e-6 : m[2] == "m" ? 1e-3 : 1e-9);
  if (const auto wl = find(text, "WL=" + real)) {
    s.load.transistor = devices::SelectTransistor{};
    s.load.v_wl_set = s.load.v_wl_reset = *wl;
  }
  const std::regex assignment("(x0|gap|width|Eh)=" + real + "( nm)?");
  for (std::sregex_iterator it(text.begin(), text.end(), assignment), end; it != end; ++it) {
    const std::string name = (*it)[1];
    const bool length = name == "gap" || name == "width";
    s.assignments.emplace_back(name, std::stod((*it)[2]) * (length ? 1e-9 : 1.0));
  }
  return s;
}

Section validate_acceptance(const std::string& path, const std::vector<NamedEngine>& engines) {
  Section section;
  section.name = "acceptance";
  section.json["lines"] = Json::array();
  std::string table = fmt::format("{:>4} {:<16}{:<42}{:<40}{:>12}", "line", "card", "stimulus", "quantity", "wanted");
  for (const NamedEngine& e : engines) table += fmt::format("{:>13}", e.name);
  table += fmt::format("{:>12}\n", "tolerance");
  std::map<std::string, Stimulus> last;                       // triangle of each card
  std::map<std::string, TransientResult> runs;                // by card, stimulus and engine
  size_t met = 0, all = 0;
  for (const AcceptanceLine& line : load_acceptance(path)) {
    const bool after = line.stimulus.rfind("after", 0) == 0;
    if (after && !last.contains(line.card)) throw ConfigError(path, line.line, "stimulus", "stands before any triangle of its card");
    const Stimulus stimulus = after ? last.at(line.card) : parse_stimulus(line, path);
    if (!after && stimulus.kind == Stimulus::Kind::triangle) last[line.card] = stimulus;
    const Prepared p = prepare(line, stimulus, path);
    const double sign = stimulus.kind == Stimulus::Kind::constant ? devices::published_sign(p.model) : 1.0;
    Stimulus oriented = stimulus;
    oriented.v_first *= sign;
    for (size_t k = 0; k < line.values.size(); ++k) {
      const double value = line.values[k], allowed = line.relative ? line.tolerance * std::abs(value) : line.tolerance;
      table += fmt::format("{:>4} {:<16}{:<42}{:<40}{:>12.5g}", line.line, line.card, line.stimulus, line.quantity, value);
      Json json{{"line", line.line}, {"card", line.card}, {"stimulus", line.stimulus}, {"quantity", line.quantity}, {"wanted", value}, {"unit", line.unit}, {"tolerance", allowed}};
      const auto judge = [&](const std::string& by, double got) {
        const bool ok = std::abs(got - value) <= allowed * (1.0 + 1e-9);
        ++all;
        met += ok ? 1 : 0;
        table += fmt::format("{:>12.5g}{}", got, ok ? " " : "!");
        json[by] = got;
        if (!ok) section.missed.push_back(fmt::format("acceptance line {} ({}, {}): {} by {}, wants {:g} ± {:g}", line.line, line.card, line.quantity, fmt::format("{:.5g}", got), by, value, allowed));
      };
      if (stimulus.kind == Stimulus::Kind::fixed_state) {
        const auto v = find(line.quantity, "at " + real + " V");
        judge("functions", 1.0 / devices::conductance(p.model, v.value_or(0.1), p.start));
        for (size_t e = 1; e < engines.size(); ++e) table += fmt::format("{:>13}", "-");
      } else {
        for (const NamedEngine& e : engines) {
          const std::string key = fmt::format("{}|{}|{}|{}|{}|{}|{}|{}", line.card, e.name, stimulus.v_first, stimulus.v_second, stimulus.rate, stimulus.load.r_series, stimulus.load.compliance, line.quantity.find("time") == 0 ? line.quantity : "");
          if (!runs.contains(key)) runs.emplace(key, e.run(p.model, stimulus.load, drive_of(oriented), p.start, 1e-3));
          const TransientResult& run = runs.at(key);
          judge(e.name, run ? reading(line, p.model, run, k > 0) : std::nan(""));
        }
      }
      table += fmt::format("{:>12}\n", line.relative ? fmt::format("{:g} %", 100.0 * line.tolerance) : fmt::format("{:g}", allowed));
      section.json["lines"].push_back(json);
    }
  }
  section.text = table + fmt::format("{} of {} comparisons within tolerance\n", met, all);
  section.json["met"] = met;
  section.json["all"] = all;
  return section;
}

}  // namespace mho::validation
