#include "circuits/pdk.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <map>
#include <set>
#include <string_view>
#include <vector>

#include "circuits/expression.hpp"
#include "circuits/spice_library.hpp"
#include "core/data_path.hpp"
#include "core/errors.hpp"

namespace mho::circuits {
namespace {

constexpr std::string_view prefix = "sky130_fd_pr__";

// The bins of a model as ngspice names them: "name" or "name.number".
bool is_bin_of(const ModelCard& card, const std::string& name) {
  if (card.name == name) return true;
  if (!card.name.starts_with(name + ".")) return false;
  return card.name.find_first_not_of("0123456789", name.size() + 1) == std::string::npos;
}

bool is_limit(std::string_view key) {
  return key == "lmin" || key == "lmax" || key == "wmin" || key == "wmax";
}

// Parameters that stand for statistics: zero, whatever the library says.
bool is_statistics(std::string_view name) {
  return name == "mc_mm_switch" || name == "mc_pr_switch" || name.ends_with("_slope_spectre");
}

// Values of names at one geometry: the instance's own, the subcircuit's, then the global ones.
class Scope {
 public:
  Scope(const SpiceLibrary& library, const TransistorRequest& request) : library_(library) {
    values_.emplace("w", request.w / library.scale);
    values_.emplace("l", request.l / library.scale);
    for (const auto& [name, value] : library.transistor_parameters) local_[name] = &value;
  }

  double evaluate(const std::string& key, const SourcedText& value) {
    try {
      return evaluate_expression(value.text, [&](std::string_view name) {
        return parameter(std::string(name), key, value);
      });
    } catch (const ExpressionError& e) {
      throw ConfigError(value.file, value.line, key, e.what());
    }
  }

 private:
  double parameter(const std::string& name, const std::string& key, const SourcedText& user) {
    if (is_statistics(name)) return 0.0;
    if (const auto known = values_.find(name); known != values_.end()) return known->second;
    const SourcedText* definition = nullptr;
    if (const auto found = local_.find(name); found != local_.end())
      definition = found->second;
    else if (const auto global = library_.parameters.find(name);
             global != library_.parameters.end())
      definition = &global->second;
    if (!definition)
      throw ConfigError(user.file, user.line, key, fmt::format("undefined parameter {}", name));
    if (!open_.insert(name).second)
      throw ConfigError(user.file, user.line, key,
                        fmt::format("parameter {} depends on itself", name));
    const double value = evaluate(name, *definition);
    open_.erase(name);
    values_[name] = value;
    return value;
  }

  const SpiceLibrary& library_;
  std::map<std::string, double> values_;
  std::map<std::string, const SourcedText*> local_;
  std::set<std::string> open_;  // being evaluated
};

struct Range {
  double low = 0.0, high = 1.0;  // [m]
  bool holds(double x) const { return at_least(x, low) && !at_least(x, high); }
  // With room for the rounding of limits that are written in metres: 5e-07 against 0.5·1e-6.
  static bool at_least(double x, double limit) { return x >= limit * (1.0 - 1e-9); }
};
struct Bin {
  Range l, w;
};

Bin limits(const ModelCard& card, Scope& scope) {
  Bin bin;
  for (const auto& [key, value] : card.values) {
    if (key == "lmin") bin.l.low = scope.evaluate(key, value);
    if (key == "lmax") bin.l.high = scope.evaluate(key, value);
    if (key == "wmin") bin.w.low = scope.evaluate(key, value);
    if (key == "wmax") bin.w.high = scope.evaluate(key, value);
  }
  return bin;
}

// "0.5 to 2, 4 to 8 um": ranges that touch are one.
std::string joined(std::vector<Range> ranges) {
  std::sort(ranges.begin(), ranges.end(),
            [](const Range& a, const Range& b) { return a.low < b.low; });
  std::vector<Range> merged;
  for (const Range& r : ranges) {
    if (!merged.empty() && Range::at_least(merged.back().high, r.low))
      merged.back().high = std::max(merged.back().high, r.high);
    else
      merged.push_back(r);
  }
  std::string text;
  for (const Range& r : merged)
    text += fmt::format("{}{:.4g} to {:.4g}", text.empty() ? "" : ", ", r.low * 1e6, r.high * 1e6);
  return text + " um";
}

const ModelCard& pick_bin(const SpiceLibrary& library, const TransistorRequest& request,
                          Scope& scope) {
  std::vector<Range> l, w;  // lengths at this width, widths
  for (const ModelCard& card : library.models) {
    if (!is_bin_of(card, library.model_name)) continue;
    const Bin bin = limits(card, scope);
    if (bin.w.holds(request.w) && bin.l.holds(request.l)) return card;
    w.push_back(bin.w);
    if (bin.w.holds(request.w)) l.push_back(bin.l);
  }
  std::string known = "the subcircuit has no models";
  if (!l.empty())
    known = "at this W it has L " + joined(l);
  else if (!w.empty())
    known = "it has W " + joined(w);
  throw ConfigError(library.subcircuit_file, library.subcircuit_line, request.device,
                    fmt::format("no bin for W {:.4g} um, L {:.4g} um; {}", request.w * 1e6,
                                request.l * 1e6, known));
}

std::string model_text(const ModelCard& card, const std::string& name, Scope& scope) {
  std::string text = fmt::format(".model {} {}\n+", name, card.type);
  size_t column = 1;
  for (const auto& [key, value] : card.values) {
    if (is_limit(key)) continue;
    const std::string pair = fmt::format(" {}={}", key, scope.evaluate(key, value));
    if (column + pair.size() > 140) {
      text += "\n+";
      column = 1;
    }
    text += pair;
    column += pair.size();
  }
  return text + "\n";
}

}  // namespace

std::optional<PdkInstallation> pdk_from_environment() {
  const char* root = std::getenv("PDK_ROOT");
  const char* name = std::getenv("PDK");
  if (!root || !*root || !name || !*name) return std::nullopt;
  return PdkInstallation{root, name};
}

TransistorModels flatten_transistor(const PdkInstallation& pdk, const TransistorRequest& request) {
  const std::string device = std::string(prefix) + request.device;
  const std::string file =
      fmt::format("{}/{}/libs.tech/ngspice/sky130.lib.spice", pdk.root, pdk.name);
  // Of the library's own cells only this transistor; parameter files do not have the prefix.
  const auto wanted = [&](const std::string& name) {
    return !name.starts_with(prefix) || name.starts_with(device + ".") ||
           name.starts_with(device + "__");
  };
  const SpiceLibrary library = read_spice_library(file, request.corner, device, wanted);
  if (library.subcircuit_file.empty())
    throw ConfigError(file, 0, request.device,
                      fmt::format("no .subckt {} in section {}", device, request.corner));
  if (library.model_name.empty())
    throw ConfigError(library.subcircuit_file, library.subcircuit_line, request.device,
                      "no transistor line in the subcircuit");
  Scope scope(library, request);
  const ModelCard& card = pick_bin(library, request, scope);
  return {model_text(card, request.model, scope),
          fmt::format("{}:{} ({} {}, W {:.4g} um, L {:.4g} um)", card.file, card.line, device,
                      request.corner, request.w * 1e6, request.l * 1e6),
          request.model};
}

TransistorModels embedded_thick_transistor(const std::string& model) {
  const std::string file = data_path("netlists/card_130nm.lib");
  const SpiceLibrary library =
      read_spice_library(file, "", "", [](const std::string&) { return true; });
  Scope scope(library, {});
  for (const ModelCard& card : library.models)
    if (card.name == "n50")
      return {model_text(card, model, scope), "netlists/card_130nm.lib (n50)", model};
  throw ConfigError(file, 0, "n50", "no such .model");
}

TransistorModels thick_transistor_models(const TransistorRequest& request) {
  if (const auto pdk = pdk_from_environment()) return flatten_transistor(*pdk, request);
  return embedded_thick_transistor(request.model);
}

}  // namespace mho::circuits
