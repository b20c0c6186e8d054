// A card: one model with the parameters of one published or assumed device, its spread, and the
// select transistor of its cell.
#pragma once
#include <string>
#include <type_traits>
#include <variant>
#include <vector>

#include "core/toml_file.hpp"
#include "devices/models.hpp"
#include "devices/select_transistor.hpp"

namespace mho::devices {

template <Memristor M>
struct Device {
  M model;
  typename M::Spread spread;
};

template <class Variant>
struct DevicesOf;
template <class... Ms>
struct DevicesOf<std::variant<Ms...>> {
  using type = std::variant<Device<Ms>...>;
};
using AnyDevice = DevicesOf<AnyMemristor>::type;

// Defaults: stanford_d_analog.toml.
struct Card {
  std::string name = "stanford_d_analog";
  std::string source;  // paper and table
  std::string doi;
  AnyDevice device;
  SelectTransistor transistor;
};

// Reads a card file: model = "stanford_gap", name, source, doi, [parameters], [spread],
// [transistor]. Every parameter must be there; without [spread] all devices are the same.
// Throws ConfigError, IoError.
Card load_card(const std::string& path);
Card read_card(TomlFile& file);

AnyMemristor model_of(const Card& card);

// Paths of the card files in `folder`, sorted: its TOML files that name a model.
std::vector<std::string> card_files(const std::string& folder);

}  // namespace mho::devices
