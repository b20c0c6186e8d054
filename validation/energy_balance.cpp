#include "validation/energy_balance.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <optional>

#include "circuits/expression.hpp"
#include "circuits/spice_text.hpp"
#include "core/errors.hpp"

namespace mho::validation {
namespace {

using Words = std::vector<std::string>;

struct Subcircuit {
  Words pins;
  std::vector<Words> lines;
  std::map<std::string, std::string> parameters;  // defaults
};

bool is_pair(const std::string& word) { return word.find('=') != std::string::npos; }
std::pair<std::string, std::string> pair_of(const std::string& word) {
  const size_t at = word.find('=');
  return {word.substr(0, at), word.substr(at + 1)};
}

std::string kind_of_subcircuit(const std::string& name) {
  static const std::map<std::string, std::string> kinds{
      {"ota", "amplifier"},        {"ota_bias", "bias generator"},
      {"swdrv", "switch drivers"}, {"wldrv", "word line drivers"},
      {"latch", "latch"},          {"tgate", "switches"},
      {"tgate_small", "switches"}};
  const auto at = kinds.find(name);
  return at == kinds.end() ? name : at->second;
}

// Rewrites the elements at the top of a deck, opening neuron and cell.
class Meters {
 public:
  explicit Meters(MeteredDeck& deck) : deck_(deck) {}
  std::map<std::string, Subcircuit> opened;  // neuron and cell

  void element(const Words& words) {
    switch (words[0][0]) {
      case 'v':
        emit(words);
        break;
      case 'r':
        passive(words, deck_.resistors,
                words[0].starts_with("rr") ? "cells (resistive part)"
                                           : "drivers and wires (resistors)");
        break;
      case 'c':
        if (words[0] != "cdetector") return passive(words, deck_.capacitors, "capacitors");
        emit(words);
        break;
      case 'm':
        part(words, 5, "select transistors");
        break;
      case 'x':
        instance(words);
        break;
      default:
        throw Error(fmt::format("energy balance: cannot meter the element {}", words[0]));
    }
  }

 private:
  void emit(const Words& words) { deck_.text += fmt::format("{}\n", fmt::join(words, " ")); }
  void passive(const Words& words, std::vector<MeteredDeck::Passive>& list,
               const std::string& kind) {
    double value = 0.0;
    if (words.size() != 4 || circuits::read_spice_number(words[3], value) != words[3].size())
      throw Error(fmt::format("energy balance: cannot read \"{}\"", fmt::join(words, " ")));
    list.push_back({kind, words[1], words[2], value});
    emit(words);
  }
  // Pins are words 1 … end−1.
  void part(Words words, size_t end, const std::string& kind) {
    for (size_t i = 1; i < end; ++i) {
      if (words[i] == "0") continue;
      const std::string number = std::to_string(deck_.pins.size()), pin = "pin" + number,
                        meter = "vpin" + number;
      deck_.text += fmt::format("{} {} {} 0\n", meter, words[i], pin);
      deck_.pins.push_back({kind, words[i], meter});
      words[i] = pin;
    }
    emit(words);
  }
  void instance(const Words& words) {
    size_t end = words.size();
    while (end > 0 && is_pair(words[end - 1])) --end;
    const std::string& name = words[end - 1];
    const auto at = opened.find(name);
    if (at == opened.end()) return part(words, end - 1, kind_of_subcircuit(name));
    const Subcircuit& inside = at->second;
    if (inside.pins.size() + 2 != end)
      throw Error(fmt::format("energy balance: {} does not have the pins of {}", words[0], name));
    std::map<std::string, std::string> node{{"0", "0"}}, parameter = inside.parameters;
    for (size_t i = 0; i < inside.pins.size(); ++i) node[inside.pins[i]] = words[i + 1];
    for (size_t i = end; i < words.size(); ++i)
      parameter[pair_of(words[i]).first] = pair_of(words[i]).second;
    for (Words line : inside.lines) {
      line[0] += "_" + words[0];
      const size_t nodes = node_count(line);
      for (size_t i = 1; i < line.size(); ++i) {
        if (i <= nodes) line[i] = node.try_emplace(line[i], line[i] + "_" + words[0]).first->second;
        for (const auto& [key, value] : parameter)
          if (line[i] == "{" + key + "}") line[i] = value;
      }
      element(line);
    }
  }
  static size_t node_count(const Words& line) {
    if (line[0][0] == 'm') return 4;
    if (line[0][0] != 'x') return 2;
    size_t end = line.size();
    while (is_pair(line[end - 1])) --end;
    return end - 2;
  }
  MeteredDeck& deck_;
};

// Meters of a running conversion: powers of all parts between accepted points.
class Account {
 public:
  Account(const MeteredDeck& deck, spice::TransientRequest& request) : deck_(deck) {
    const auto watch = [&](const std::string& name) {
      const auto [at, added] = position_.try_emplace(name, request.watch.size());
      if (added) request.watch.push_back(name);
      return at->second;
    };
    for (size_t i = 0; i < request.watch.size(); ++i) position_.try_emplace(request.watch[i], i);
    for (const auto& p : deck.pins) pins_.push_back({watch(p.node), watch(p.meter + "#branch")});
    const auto ends = [&](const MeteredDeck::Passive& p) {
      return std::array{p.a == "0" ? none : watch(p.a), p.b == "0" ? none : watch(p.b)};
    };
    for (const auto& r : deck.resistors) resistors_.push_back(ends(r));
    for (const auto& c : deck.capacitors) capacitors_.push_back(ends(c));
    detector_voltage_ = watch("detector");
    detector_current_ = watch("vdetector#branch");
  }

  void accepted(double t, std::span<const double> v) {
    if (last_.empty()) {
      first_.assign(v.begin(), v.end());
    } else if (t > t_last_) {
      step(t - t_last_, v);
    }
    last_.assign(v.begin(), v.end());
    t_last_ = t;
  }

  std::map<std::string, double> taken() const {
    std::map<std::string, double> sum = taken_;
    for (size_t i = 0; i < capacitors_.size(); ++i) {
      const double v0 = across(first_, capacitors_[i]), v1 = across(last_, capacitors_[i]);
      sum[deck_.capacitors[i].kind] += 0.5 * deck_.capacitors[i].value * (v1 * v1 - v0 * v0);
    }
    return sum;
  }

 private:
  static constexpr size_t none = static_cast<size_t>(-1);
  using Ends = std::array<size_t, 2>;
  static double across(std::span<const double> v, const Ends& e) {
    return (e[0] == none ? 0.0 : v[e[0]]) - (e[1] == none ? 0.0 : v[e[1]]);
  }

  void step(double dt, std::span<const double> v) {
    // Which rule ngspice used for this step: the charge of the detector's 1 fF tells
    // (circuits/conversion.cpp).
    const double i1 = -v[detector_current_], i0 = -last_[detector_current_],
                 charge = 1e-15 * (v[detector_voltage_] - last_[detector_voltage_]);
    const bool euler = std::abs(i1 * dt - charge) < std::abs(0.5 * (i0 + i1) * dt - charge);
    for (size_t i = 0; i < pins_.size(); ++i) {
      const auto [voltage, current] = pins_[i];
      const double flown = (euler ? v[current] : 0.5 * (v[current] + last_[current])) * dt;
      taken_[deck_.pins[i].kind] += 0.5 * (v[voltage] + last_[voltage]) * flown;
    }
    for (size_t i = 0; i < resistors_.size(); ++i) {
      const double v0 = across(last_, resistors_[i]), v1 = across(v, resistors_[i]);
      taken_[deck_.resistors[i].kind] += 0.5 * (v0 * v0 + v1 * v1) / deck_.resistors[i].value * dt;
    }
  }

  const MeteredDeck& deck_;
  std::map<std::string, size_t> position_;
  std::vector<std::pair<size_t, size_t>> pins_;
  std::vector<Ends> resistors_, capacitors_;
  size_t detector_voltage_ = 0, detector_current_ = 0;
  std::vector<double> first_, last_;
  double t_last_ = -1.0;
  std::map<std::string, double> taken_;
};

}  // namespace

double EnergyBalance::taken() const {
  double sum = 0.0;
  for (const auto& part : parts) sum += part.second;
  return sum;
}
double EnergyBalance::residual() const { return (delivered - taken()) / delivered; }

MeteredDeck metered_deck(const std::string& deck) {
  MeteredDeck metered;
  Meters meters(metered);
  std::vector<Words> top;
  std::string inside;  // name of the subcircuit that the line is in
  for (const circuits::LogicalLine& line : circuits::logical_lines(deck)) {
    const Words words = circuits::words(circuits::lower(line.text));
    const bool opens = words[0] == ".subckt", ends = words[0] == ".ends";
    if (opens) inside = words[1];
    if (inside.empty() && words[0][0] != '.') {
      top.push_back(words);
      continue;
    }
    metered.text += line.text + "\n";
    if (opens && (inside == "neuron" || inside == "cell")) {
      Subcircuit& s = meters.opened[inside];
      for (size_t i = 2; i < words.size(); ++i) {
        if (is_pair(words[i]))
          s.parameters.insert(pair_of(words[i]));
        else
          s.pins.push_back(words[i]);
      }
    } else if (!ends && meters.opened.contains(inside)) {
      meters.opened[inside].lines.push_back(words);
    }
    if (ends) inside.clear();
  }
  for (const Words& words : top) meters.element(words);
  return metered;
}

EnergyBalance balance_energy(spice::Session& session, const circuits::ConversionSetup& setup,
                             const circuits::ConversionOptions& options) {
  MeteredDeck deck;
  std::optional<Account> account;
  session.intercept = [&](spice::TransientRequest& request, spice::Hooks& hooks) {
    deck = metered_deck(request.netlist);
    request.netlist = deck.text;
    const size_t own = request.watch.size();
    account.emplace(deck, request);
    hooks.accepted = [&account, own, host = hooks.accepted](double t, std::span<const double> v) {
      account->accepted(t, v);
      host(t, v.first(own));
    };
  };
  const circuits::ConversionRecord record = circuits::run_conversion(session, setup, options);
  session.intercept = nullptr;
  EnergyBalance balance;
  for (double joule : record.joule) balance.delivered += joule;
  for (const auto& [kind, joule] : account->taken()) balance.parts.emplace_back(kind, joule);
  return balance;
}

}  // namespace mho::validation
