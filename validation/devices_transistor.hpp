// The compact form of the thick-oxide select transistor (devices/thick_transistor.hpp) fitted to
// and held against the BSIM4 card in ngspice: bias points of the transistor alone, and of a 1T1R
// cell.
#pragma once
#include <cstdint>
#include <span>
#include <vector>

#include "circuits/transistor_dc.hpp"
#include "devices/thick_transistor.hpp"
#include "validation/section.hpp"

namespace mho::validation {

// Metric of the card's own fit: asinh(I/I0), I0 = 3 nA·W/L = 6 nA: relative above, absolute below.
constexpr double transistor_current_scale = 6e-9;  // [A]

// V_G 0 … 5 V, V_S and V_D 0 … 4 V with V_D > V_S, bulk at 0.
std::vector<circuits::TransistorBias> transistor_fit_grid();
std::vector<circuits::TransistorBias> transistor_random_points(int count, std::uint64_t seed);

struct TransistorFit {
  devices::ThickTransistor transistor;
  double rms = 0.0;  // of the differences of asinh(I/I0)
  int iterations = 0;
};
// Least squares in that metric over all parameters but the spread, from fixed starting values.
TransistorFit fit_transistor(std::span<const circuits::TransistorBias> points,
                             std::span<const double> currents);

// Errors of the shipped parameters against ngspice; the model that ngspice runs is the one that the
// environment chooses (circuits/pdk.hpp). No threshold: it reports.
Section validate_transistor(std::uint64_t seed);

}  // namespace mho::validation
