// One part of a validation command: what was held against what, in text and in JSON, and what missed its limit.
#pragma once
#include <string>
#include <vector>

#include "core/json_file.hpp"

namespace mho::validation {

struct Section {
  std::string name;                 // what messages call it
  std::string text;                 // for people; lines end with \n
  Json json = Json::object();       // the same figures with units
  std::vector<std::string> missed;  // one line for each limit that is not met
  std::string skipped;              // why nothing was done, empty when it was
};

}  // namespace mho::validation
