// Results of steps as text, for the cache. Numbers keep every bit.
#pragma once
#include <string>
#include <vector>

#include "chip/inference.hpp"

namespace mho::job {

std::string to_text(const chip::ChipInference& inference);
// False when the text is not such a result.
[[nodiscard]] bool from_text(const std::string& text, chip::ChipInference& inference);
std::string to_text(const std::vector<chip::PointChoice>& points);
[[nodiscard]] bool from_text(const std::string& text, std::vector<chip::PointChoice>& points);

}  // namespace mho::job
