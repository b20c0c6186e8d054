// Cells that do not behave: stuck at one end of their range, never formed, or now and then in an
// undefined state.
//
//   (1)  u ~ U(0,1):  u < p_low              stuck low
//                     u < p_low + p_high     stuck high
//                     u < p_low + p_high + p_unformed   never formed
//   (2)  a pristine cell shows G = G_p · 10^(−d·U(0,1)), below the read noise of a formed one; a
//        programming pulse is too weak to form it (forming wants about 3 V on the cell, 1 µs)
//   (3)  a bad device is in an undefined state in cycle k with probability r, independent over
//        cycles, and then shows ln G ~ U(ln G_low, ln G_high)
//
// (1) shares: Chen et al., IEEE Trans. Computers 64, 180 (2015), 10.1109/TC.2014.12, print 9.04 %
// and 1.75 % of a 4-Mb HfO2 chip, mostly over-formed cells and shorted bit lines; good arrays lie
// below 1 %. (3) Fieback et al. (TU Delft, 2021): intermittent undefined state in up to 1.07 % of
// the cycles of a bad device. The ranges in (2) and (3) are assumptions.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>

#include "core/params.hpp"
#include "core/random.hpp"

namespace mho::devices {

// Counter blocks of Purpose::device_to_device that belong to defects.
constexpr std::uint32_t defect_block = 2000;                     // (1), (2): one block
constexpr std::uint32_t intermittent_block = 2001;               // (3): is this device bad
constexpr std::uint32_t intermittent_cycle_block = 0x80000000u;  // (3): one block per cycle

// Cells that cannot be written. Off by default.
struct DefectParams {
  double stuck_low = 0.0;         // [1] p_low, share of cells that stay at low conductance
  double stuck_high = 0.0;        // [1] p_high, share of cells that stay at high conductance
  double unformed = 0.0;          // [1] p_unformed, share of cells without a filament
  double pristine = 0.1e-6;       // [S] G_p, largest conductance of a pristine cell
  double pristine_decades = 1.0;  // [1] d, width of its distribution
};
// False when the shares sum to more than 1.
inline bool shares_fit(const DefectParams& p) {
  return p.stuck_low + p.stuck_high + p.unformed <= 1.0;
}

enum class Defect { none, stuck_low, stuck_high, unformed };
std::string_view name_of(Defect defect);

struct CellDefect {
  Defect kind = Defect::none;
  double pristine = 0.0;  // [S] what it shows when unformed, else 0
};
// (1), (2). `device` is the cell's stream of Purpose::device_to_device, at any place.
CellDefect draw_defect(const DefectParams& params, RandomStream device);

// Devices that leave their states now and then. Off by default.
struct IntermittentParams {
  double share = 0.0;    // [1] bad devices among all
  double rate = 0.0107;  // [1] r, share of the cycles of a bad device
  double low = 1e-6;     // [S] G_low
  double high = 100e-6;  // [S] G_high
};
// What one cell shows in cycle `cycle`: `conductance` [S], or the undefined value of (3). The same
// for the same cell and cycle in whatever order cycles are asked for. cycle < 2³¹.
double intermittent_conductance(const IntermittentParams& params, double conductance,
                                std::uint32_t cycle, RandomStream device);

// Reads [defects] and [intermittent] of defects_*.toml. Throws ConfigError, IoError.
struct DefectCard {
  DefectParams defects;
  IntermittentParams intermittent;
};
DefectCard load_defects(const std::string& path);

}  // namespace mho::devices

namespace mho {
template <>
struct ParameterTable<devices::DefectParams> {
  using S = devices::DefectParams;
  static constexpr auto table = std::to_array<Parameter<S>>({
      {"stuck_low", &S::stuck_low, "1", 0.0, 1.0, "share of cells stuck at low conductance"},
      {"stuck_high", &S::stuck_high, "1", 0.0, 1.0, "share of cells stuck at high conductance"},
      {"unformed", &S::unformed, "1", 0.0, 1.0, "share of cells that were never formed"},
      {"pristine", &S::pristine, "S", 1e-15, 1e-3, "largest conductance of an unformed cell"},
      {"pristine_decades", &S::pristine_decades, "1", 0.0, 10.0,
       "decades below it over which unformed cells lie"},
  });
};

template <>
struct ParameterTable<devices::IntermittentParams> {
  using S = devices::IntermittentParams;
  static constexpr auto table = std::to_array<Parameter<S>>({
      {"share", &S::share, "1", 0.0, 1.0, "share of devices with an intermittent undefined state"},
      {"rate", &S::rate, "1", 0.0, 1.0, "share of their cycles that end undefined"},
      {"low", &S::low, "S", 1e-12, 1e-2, "smallest conductance of the undefined state"},
      {"high", &S::high, "S", 1e-12, 1e-2, "largest conductance of the undefined state"},
  });
};
}  // namespace mho
