#include "validation/device_stimuli.hpp"

#include <fmt/format.h>

#include <cmath>

#include "core/random.hpp"
#include "core/units.hpp"

namespace mho::validation {
namespace {
using devices::Card;
using devices::Load;

// One triangle per line. wl: word line of a 1T1R cell while SET, 0: no transistor; RESET has 3 V.
struct Sweep {
  std::string_view card;
  double v_first, v_second, rate;  // [V], [V], [V/s]
  double r_series;                 // [ohm]
  double compliance;               // [A] 0: none
  double wl;                       // [V]
};
constexpr Sweep sweeps[] = {
    {"stanford_v1", 2.0, -2.0, 500.0, 0.0, 0.0, 0.0},
    {"stanford_v1", 2.0, -2.0, 500.0, 0.0, 1e-3, 0.0},
    {"stanford_v1", 2.0, -2.5, 500.0, 100.0, 0.0,
     0.0},  // RESET stands at -1.9999 V: a sweep to -2 V would decide nothing
    {"stanford_v1", 2.0, -4.0, 500.0, 1000.0, 0.0, 0.0},
    {"stanford_2016_a", 2.0, -2.5, 1.0, 0.0, 100e-6, 0.0},
    {"stanford_2016_a", 2.0, -2.5, 1e6, 0.0, 100e-6, 0.0},
    {"stanford_2016_b", 2.0, -2.5, 1.0, 0.0, 100e-6, 0.0},
    {"stanford_2016_c", 2.0, -2.5, 1.0, 0.0, 100e-6, 0.0},
    {"stanford_2016_d", 1.5, -1.5, 1.0, 0.0, 10e-6, 0.0},
    {"stanford_2016_e", 1.5, -1.5, 1.0, 0.0, 10e-6, 0.0},
    {"stanford_2016_f", 1.5, -1.5, 1.0, 0.0, 10e-6, 0.0},
    {"stanford_d_analog", 1.5, -1.5, 1.0, 0.0, 10e-6, 0.0},
    {"stanford_d_analog", 2.4, -2.6, 1.0, 0.0, 0.0, 1.0},
    {"sky130_reram", 2.0, -2.0, 2.0, 1000.0, 0.0, 0.0},
    {"sky130_reram", 2.0, -2.0, 1.0, 0.0, 50e-6, 0.0},
    {"sky130_reram", 2.0, -2.0, 1.0, 0.0, 20e-6, 0.0},
    {"sky130_reram", 2.0, -2.0, 1e3, 0.0, 0.0, 0.0},
    {"sky130_reram", 2.4, -2.6, 1e6, 0.0, 0.0, 1.2},
    {"jart_vcm", 1.3, -1.3, 1.0, 0.0, 0.0, 0.0},
    {"jart_vcm", 1.3, -1.6, 1.0, 1000.0, 0.0, 0.0},
    {"vteam", 1.0, -1.5, 1.0, 0.0, 0.0, 0.0},
    {"vteam", 1.0, -1.5, 1.0, 1000.0, 0.0, 0.0},
    {"yakopcic_taox", 0.75, -1.25, 0.2, 0.0, 0.0, 0.0},
    {"yakopcic_hfo2", 1.5, -1.5, 1.0, 0.0, 0.0, 0.0},
    {"yakopcic_hfo2", 1.5, -1.5, 1.0, 1000.0, 0.0, 0.0},
    {"pku", 2.0, -2.0, 2e4, 0.0, 0.0, 1.28},
    {"pku", 2.0, -2.0, 2e4, 40.0, 100e-6, 0.0},
};

// Behind 1 kohm, or in a 1T1R cell whose word line limits a SET.
std::vector<Load> pulse_loads(const Card& card) {
  Load series;
  series.r_series = 1000.0;
  Load cell;
  cell.transistor = card.transistor;
  cell.v_wl_set = 1.2;
  cell.v_wl_reset = 3.0;
  return {cell, series};
}
std::string_view name_of(const Load& load) { return load.transistor ? "1T1R" : "1 kohm"; }

DeviceStimulus sweep_stimulus(const Card& card, const Sweep& s) {
  DeviceStimulus out;
  out.drive = devices::triangle(s.v_first, s.v_second, s.rate);
  out.name =
      fmt::format("{:+g}/{:+g} V at {}", s.v_first, s.v_second, format_quantity(s.rate, "V/s"));
  out.load.r_series = s.r_series;
  if (s.compliance > 0.0) out.load.compliance = s.compliance;
  if (s.wl > 0.0) {
    out.load.transistor = card.transistor;
    out.load.v_wl_set = s.wl;
    out.load.v_wl_reset = 3.0;
    out.name += fmt::format(", 1T1R WL {:g} V", s.wl);
  }
  if (s.r_series > 0.0) out.name += fmt::format(", {}", format_quantity(s.r_series, "ohm"));
  if (s.compliance > 0.0) out.name += fmt::format(", {}", format_quantity(s.compliance, "A"));
  return out;
}
}  // namespace

std::vector<DeviceStimulus> stimuli(const Card& card, std::uint64_t seed) {
  std::vector<DeviceStimulus> out;
  for (const Sweep& s : sweeps)
    if (card.name == s.card || (card.name.starts_with(s.card) && card.name[s.card.size()] == '_'))
      out.push_back(sweep_stimulus(card, s));
  if (out.empty())  // a card that the table does not know
    out.push_back(sweep_stimulus(card, {card.name, 1.5, -1.5, 1.0, 1000.0, 0.0, 0.0}));
  const std::vector<Load> loads = pulse_loads(card);
  for (size_t l = 0; l < loads.size(); ++l) {
    const Load& load = loads[l];
    for (const double amplitude : {1.4, 2.2})
      for (const double width : {100e-9, 1e-6, 10e-6}) {
        const devices::PulseShape set{amplitude, width, 10e-9}, reset{-amplitude, width, 10e-9};
        out.push_back(
            {fmt::format("{:g} V, {}, {}", amplitude, format_quantity(width, "s"), name_of(load)),
             devices::pulse_train({set, reset, set, reset}, 0.5 * width), load, false});
      }
    RandomStream stream(seed, 0, 0, static_cast<std::uint32_t>(l), Purpose::validation_plan);
    std::vector<devices::PulseShape> pulses;
    for (int i = 0; i < 6; ++i)
      pulses.push_back({(stream.below(2) == 0 ? 1.0 : -1.0) * (0.8 + 1.6 * stream.uniform()),
                        50e-9 * std::pow(100.0, stream.uniform()),
                        5e-9 + 15e-9 * stream.uniform()});
    out.push_back({fmt::format("random train, {}", name_of(load)),
                   devices::pulse_train(pulses, 100e-9), load, true});
  }
  return out;
}

}  // namespace mho::validation
