#include "circuits/model_card.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>

#include "circuits/spice_library.hpp"
#include "core/data_path.hpp"
#include "core/errors.hpp"
#include "core/json_file.hpp"
#include "core/toml_file.hpp"

namespace mho::circuits {
namespace {

constexpr const char* card_file = "netlists/card_130nm.lib";

double number(const std::string& key, const SourcedText& value) {
  char* end = nullptr;
  const double x = std::strtod(value.text.c_str(), &end);
  if (end == value.text.c_str() || *end)
    throw ConfigError(value.file, value.line, key, fmt::format("{} is not a number", value.text));
  return x;
}

}  // namespace

std::string_view corner_name(Corner corner) {
  constexpr std::string_view names[] = {"tt", "ss", "ff", "sf", "fs"};
  return names[static_cast<size_t>(corner)];
}

Corner corner_of(std::string_view name) {
  for (const Corner corner : all_corners)
    if (corner_name(corner) == name) return corner;
  throw Error(fmt::format("no corner {}; there are tt, ss, ff, sf, fs", name));
}

double TransistorCard::value(std::string_view key, double fallback) const {
  for (const auto& [known, x] : values)
    if (known == key) return x;
  return fallback;
}

void TransistorCard::set(std::string_view key, double value) {
  for (auto& [known, x] : values)
    if (known == key) {
      x = value;
      return;
    }
  values.emplace_back(key, value);
}

std::vector<TransistorCard> read_cards(const std::string& path) {
  const SpiceLibrary library =
      read_spice_library(path, "", "", [](const std::string&) { return true; });
  std::vector<TransistorCard> cards;
  for (const ModelCard& model : library.models) {
    TransistorCard card{model.name, model.type, {}};
    for (const auto& [key, value] : model.values) card.values.emplace_back(key, number(key, value));
    cards.push_back(std::move(card));
  }
  return cards;
}

const TransistorCard& card_named(const std::vector<TransistorCard>& cards, std::string_view name) {
  for (const TransistorCard& card : cards)
    if (card.name == name) return card;
  throw Error(fmt::format("no .model {} among the cards", name));
}

std::string card_text(const TransistorCard& card) {
  std::string text = fmt::format(".model {} {}\n+", card.name, card.type);
  size_t column = 1;
  for (const auto& [key, value] : card.values) {
    const std::string pair = fmt::format(" {}={}", key, value);
    if (column + pair.size() > 120) {
      text += "\n+";
      column = 1;
    }
    text += pair;
    column += pair.size();
  }
  return text + "\n";
}

TransistorCard shifted(TransistorCard card, const CornerShift& shift) {
  const auto add = [&](const char* key, double by) {
    if (by != 0.0) card.set(key, card.value(key, 0.0) + by);
  };
  const auto scale = [&](const char* key, double by) {
    if (by != 0.0) card.set(key, card.value(key, 0.0) * (1.0 + by));
  };
  add("vth0", shift.vth0);
  add("lvth0", shift.lvth0);
  add("wvth0", shift.wvth0);
  add("pvth0", shift.pvth0);
  add("k1", shift.k1);
  add("voff", shift.voff);
  add("wint", shift.wint);
  add("lint", shift.lint);
  scale("u0", shift.u0);
  scale("vsat", shift.vsat);
  scale("rdsw", shift.rdsw);
  return card;
}

CornerShift corner_shift(Corner corner, std::string_view device) {
  CornerShift shift;
  if (corner == Corner::tt) return shift;
  TomlFile file(data_path("netlists/corners.toml"));
  const std::string table = fmt::format("{}.{}", corner_name(corner), device);
  const std::vector<std::string> devices = file.tables(corner_name(corner));
  if (std::find(devices.begin(), devices.end(), device) == devices.end())
    throw ConfigError(file.path(), 0, table, "no such table");
  // All tables of the corner are read, so that a key that does not exist is found.
  for (const std::string& name : devices) {
    CornerShift one;
    file.read(fmt::format("{}.{}", corner_name(corner), name), one);
    if (name == device) shift = one;
  }
  for (const Corner other : all_corners)
    if (other != corner)
      for (const std::string& name : file.tables(corner_name(other))) {
        CornerShift unused;
        file.read(fmt::format("{}.{}", corner_name(other), name), unused);
      }
  file.finish();
  return shift;
}

std::vector<TransistorCard> embedded_cards() { return read_cards(data_path(card_file)); }

std::string card_text(Corner corner) {
  if (corner == Corner::tt) return read_text_file(data_path(card_file));
  std::string text;
  for (const TransistorCard& card : embedded_cards())
    text += card_text(shifted(card, corner_shift(corner, card.name)));
  return text;
}

}  // namespace mho::circuits
