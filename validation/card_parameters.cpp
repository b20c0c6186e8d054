// Which parameters of the BSIM4 card are free in a fit, and how far.
#include <fmt/format.h>

#include "core/errors.hpp"
#include "validation/card_fit.hpp"

namespace mho::validation {

// BSIM4.5 names and units; l…, w…, p… are the geometry terms per 1/L, 1/W, 1/(L·W), um. Not free:
// toxe, xj, ndep, lint and everything of charges and junctions.
std::vector<FreeParameter> typical_parameters(const std::string& device) {
  if (device != "n18" && device != "p18")
    throw Error(fmt::format("{}: only n18 and p18 have a fit of the typical card", device));
  const bool p = device == "p18";
  return {{"vth0", p ? -1.15 : 0.35, p ? -0.8 : 0.7},
          {"u0", p ? 3e-3 : 0.015, p ? 0.03 : 0.08, true},
          {"vsat", 3e4, 3e5, true},
          {"k1", 0.2, 1.0},
          {"k2", -0.15, 0.1},
          {"k3", -40.0, 40.0},
          {"k3b", -5.0, 5.0},
          {"w0", 1e-8, 1e-5, true},
          {"lpe0", -1e-7, 4e-7},
          {"lpeb", -2e-7, 2e-7},
          {"dvt0", 0.01, 10.0, true},
          {"dvt1", 0.05, 2.0, true},
          {"dvt2", -0.4, 0.4},
          {"dvt0w", -10.0, 10.0},
          {"dvt1w", 1e5, 2e7, true},
          {"dvt2w", -0.3, 0.3},
          {"ua", -2e-9, 4e-9},
          {"ub", -2e-18, 5e-18},
          {"uc", -2e-10, 2e-10},
          {"a0", 0.05, 4.0, true},
          {"ags", -0.5, 2.0},
          {"keta", -0.15, 0.08},
          {"voff", -0.2, -0.02},
          {"voffl", -2e-8, 2e-8},
          {"minv", -3.0, 3.0},
          {"nfactor", 0.3, 4.0, true},
          {"eta0", 1e-4, 0.5, true},
          {"etab", -0.4, 0.1},
          {"dsub", 0.05, 1.5, true},
          {"weta0", -0.02, 0.02},
          {"peta0", -0.01, 0.01},
          {"wetab", -0.02, 0.02},
          {"petab", -0.01, 0.01},
          {"pclm", 0.02, 4.0, true},
          {"pdiblc1", 1e-3, 1.0, true},
          {"pdiblc2", 1e-5, 0.02, true},
          {"pdiblcb", -0.8, 0.8},
          {"drout", 0.05, 3.0, true},
          {"rdsw", 50.0, 1500.0, true},
          {"prwg", 0.0, 3.0},
          {"prwb", -0.5, 0.5},
          {"delta", 1e-3, 0.05, true},
          {"wint", -3e-8, 5e-8},
          {"dwg", -3e-8, 3e-8},
          {"dwb", -3e-8, 3e-8},
          {"b0", -5e-7, 5e-6},
          {"b1", 0.0, 2e-6},
          {"pvag", -0.5, 4.0},
          {"cdsc", 1e-5, 0.02, true},
          {"cdscd", -5e-3, 5e-3},
          {"cdscb", -5e-3, 5e-3},
          {"pscbe1", 1e8, 1e9, true},
          {"pscbe2", 1e-10, 1e-6, true},
          {"lvth0", -0.02, 0.02},
          {"wvth0", -0.06, 0.06},
          {"pvth0", -0.02, 0.02},
          {"lu0", p ? -2e-3 : -6e-3, p ? 2e-3 : 6e-3},
          {"wu0", p ? -4e-3 : -1e-2, p ? 4e-3 : 1e-2},
          {"pu0", p ? -1e-3 : -3e-3, p ? 1e-3 : 3e-3},
          {"lvsat", -2e4, 2e4},
          {"wvsat", -3e4, 3e4},
          {"lvoff", -0.02, 0.02},
          {"wvoff", -0.06, 0.06},
          {"pvoff", -0.01, 0.01},
          {"wnfactor", -1.0, 1.0},
          {"pnfactor", -0.2, 0.2},
          {"pvsat", -6e3, 6e3},
          {"lk2", -0.02, 0.02},
          {"wk2", -0.04, 0.04},
          {"pk2", -0.01, 0.01}};
}

std::vector<FreeParameter> temperature_parameters() {
  return {{"kt1", -0.7, 0.1},     {"kt1l", -5e-8, 5e-8}, {"kt2", -0.1, 0.1},
          {"ute", -2.5, 0.5},     {"ua1", -5e-9, 5e-9},  {"ub1", -1e-17, 1e-17},
          {"uc1", -4e-10, 4e-10}, {"at", -5e4, 2e5},     {"prt", -500.0, 500.0},
          {"lkt1", -0.05, 0.05},  {"wkt1", -0.1, 0.1},   {"lute", -0.3, 0.3},
          {"lat", -1e4, 1e4}};
}

}  // namespace mho::validation
