// Where the files that ship with mho lie: netlists, cards, control programs, examples.
#pragma once
#include <string>

namespace mho {

// Full path of a shipped file, e.g. data_path("netlists/ota.sub"): below MHO_ROOT if that is set, else in the source tree that mho was
// built from, else in the installed share folder. Throws IoError when it is in none of them.
std::string data_path(const std::string& name);

}  // namespace mho
