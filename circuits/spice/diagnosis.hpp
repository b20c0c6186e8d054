// What ngspice printed, read as an error: libngspice's return codes say nothing, so its text decides (ngspice 39).
#pragma once
#include <string>
#include <string_view>

namespace mho::spice {

// True for a printed line that announces a failure, and not one of the notes and warnings of a normal run.
bool announces_error(std::string_view line);

struct Diagnosis {
  int line = 0;               // of the deck, its title being line 1; 0: ngspice does not say
  std::string message;        // one line: the netlist's text, if ngspice quotes it, and the reason
  bool numerical = false;     // no operating point or no convergence; otherwise the netlist is refused
};
// `log`: lines as printed, without "stderr " and "stdout ".
Diagnosis diagnose(std::string_view log);

}  // namespace mho::spice
