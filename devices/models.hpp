// The list of compact models. A new model is its own file and one entry here; cards, cells, pulses,
// write–verify and the law tests follow.
#pragma once
#include <variant>

#include "devices/gap_model.hpp"

namespace mho::devices {

using AnyMemristor = std::variant<GapModel>;

}  // namespace mho::devices
