// Tests: every card of devices/params.
#pragma once
#include <algorithm>
#include <filesystem>
#include <string>
#include <vector>

#include "devices/card.hpp"

namespace mho::devices {

inline const std::string params_folder = std::string(MHO_SOURCE_DIR) + "/devices/params/";

inline std::vector<Card> all_cards() {
  std::vector<std::string> paths;
  for (const auto& entry : std::filesystem::directory_iterator(params_folder)) {
    // A card names its model; policies, relaxation, noise and the like do not.
    const std::string path = entry.path().string();
    if (entry.path().extension() == ".toml" && TomlFile(path).has("model")) paths.push_back(path);
  }
  std::sort(paths.begin(), paths.end());
  std::vector<Card> cards;
  for (const std::string& path : paths) cards.push_back(load_card(path));
  return cards;
}

inline AnyMemristor model_of(const Card& card) {
  return std::visit([](const auto& device) -> AnyMemristor { return device.model; }, card.device);
}

}  // namespace mho::devices
