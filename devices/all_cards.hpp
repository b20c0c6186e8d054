// Tests: every card of devices/params.
#pragma once
#include <string>
#include <vector>

#include "devices/card.hpp"

namespace mho::devices {

inline const std::string params_folder = std::string(MHO_SOURCE_DIR) + "/devices/params/";

inline std::vector<Card> all_cards() {
  std::vector<Card> cards;
  for (const std::string& path : card_files(params_folder)) cards.push_back(load_card(path));
  return cards;
}

}  // namespace mho::devices
