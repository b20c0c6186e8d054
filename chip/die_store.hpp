// A programmed die as bytes, for the cache.
#pragma once
#include <string>
#include <string_view>

#include "chip/die.hpp"

namespace mho::chip {

// Conductances and summary; the map is a function of what the key covers and is not stored.
std::string die_to_bytes(const ProgrammedDie& die);
// Fills conductances and summary of a die whose mapping is set. False when the bytes are not of such a die, which then is left as it was.
[[nodiscard]] bool die_from_bytes(std::string_view bytes, ProgrammedDie& die);

}  // namespace mho::chip
