// The parts of a validation command: chosen by --only, printed as they end, kept in the output folder, and one status for all.
#pragma once
#include <functional>
#include <string>
#include <vector>

#include "validation/section.hpp"

namespace mho::cli {

struct ValidationPart {
  std::string name, what;
  std::function<validation::Section()> run;
};

struct PartOptions {
  std::vector<std::string> only;  // empty: all
  std::string out;                // folder for validate_<name>.json; empty: none
  bool json = false;
};

// Runs the chosen parts of `mho validate <name>`. Throws Error with ExitStatus::threshold_missed when a limit is missed, Error when --only names no part.
void run_parts(const std::string& name, const std::vector<ValidationPart>& parts, const PartOptions& options);

}  // namespace mho::cli
