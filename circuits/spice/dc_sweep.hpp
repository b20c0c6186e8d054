// A static sweep in ngspice: one netlist, one source that steps through the integers 0 … count − 1,
// and branch currents read at every step.
#pragma once
#include <string>
#include <vector>

#include "circuits/spice/session.hpp"

namespace mho::spice {

struct DcSweepRequest {
  std::string name;                // what messages call the netlist
  std::string netlist;             // text without .dc, .options and .end; has the source `source`
  std::string source;              // voltage source that is swept, 0, 1, … count − 1 [V]
  size_t count = 0;                // steps
  std::vector<std::string> watch;  // voltage sources whose currents are read, lower case
  std::string options;             // text after .options
};

// currents[w][step] [A], into the positive node of source watch[w]. Throws NetlistError
// (numerical_failure) when the sweep does not reach its end or gives a number that is not finite.
std::vector<std::vector<double>> dc_sweep(Session& session, const DcSweepRequest& request);

}  // namespace mho::spice
