#include "devices/card.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>

namespace mho::devices {
namespace {
// Fills a table of which every key must be there: a card that leaves a parameter out would be a
// different device in silence.
template <class S>
void read_complete(TomlFile& file, const std::string& prefix, S& values) {
  for (const Parameter<S>& p : ParameterTable<S>::table)
    if (!file.has(prefix + "." + std::string(p.key)))
      throw file.error(prefix, fmt::format("lacks the key {}: {} [{}]", p.key, p.meaning, p.unit));
  file.read(prefix, values);
}

template <Memristor M>
Device<M> read_device(TomlFile& file) {
  Device<M> device;
  read_complete(file, "parameters", device.model.params);
  if (file.has("spread"))
    read_complete(file, "spread", device.spread);
  else
    device.spread = M::no_spread(device.model.params);
  if (const Misfit misfit = M::misfit(device.model.params, device.spread); !misfit.key.empty())
    throw file.error(misfit.key, misfit.what);
  return device;
}

template <class... Ms>
AnyDevice read_any(TomlFile& file, std::type_identity<std::variant<Ms...>>) {
  const std::string chosen = file.choice("model", "", {std::string(Ms::name)...});
  AnyDevice device;
  ((chosen == Ms::name ? void(device = read_device<Ms>(file)) : void()), ...);
  return device;
}
}  // namespace

Card read_card(TomlFile& file) {
  Card card;
  card.name = file.text("name", "");
  card.source = file.text("source", "");
  card.doi = file.text("doi", "");
  if (card.name.empty() || card.source.empty())
    throw file.error("name", "a card needs a name and a source");
  card.device = read_any(file, std::type_identity<AnyMemristor>{});
  file.read("transistor", card.transistor);
  return card;
}

AnyMemristor model_of(const Card& card) {
  return std::visit([](const auto& device) { return AnyMemristor(device.model); }, card.device);
}

std::vector<std::string> card_files(const std::string& folder) {
  std::vector<std::string> paths;
  for (const auto& entry : std::filesystem::directory_iterator(folder))
    if (const std::string path = entry.path().string();
        entry.path().extension() == ".toml" && TomlFile(path).has("model"))
      paths.push_back(path);
  std::sort(paths.begin(), paths.end());
  return paths;
}

Card load_card(const std::string& path) {
  TomlFile file(path);
  Card card = read_card(file);
  file.finish();
  return card;
}

}  // namespace mho::devices
