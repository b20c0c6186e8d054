// mho device list, mho device show: the cards that there are, and everything in one of them.
#include <fmt/format.h>

#include <filesystem>

#include "cli/commands.hpp"
#include "cli/device.hpp"
#include "core/data_path.hpp"
#include "core/units.hpp"

namespace mho::cli {
namespace {

void list(bool as_json) {
  Json json = Json::array();
  std::string text = fmt::format("{:<24}{:<16}{:>12}{:>12}  {}\n", "card", "model", "low [S]", "high [S]", "source");
  for (const std::string& path : devices::card_files(data_path("devices/params"))) {
    const devices::Card card = devices::load_card(path);
    const devices::AnyMemristor model = model_of(card);
    // In the RESET polarity's small signal some models conduct otherwise; a read is in the SET polarity.
    const double low = devices::conductance(model, 0.1, devices::low_state(model)), high = devices::conductance(model, 0.1, devices::high_state(model));
    const std::string name = std::filesystem::path(path).stem().string();
    text += fmt::format("{:<24}{:<16}{:>12.4g}{:>12.4g}  {}\n", name, devices::model_name(model), low, high, card.source);
    json.push_back({{"card", name}, {"model", std::string(devices::model_name(model))}, {"title", std::string(devices::model_title(model))}, {"source", card.source}, {"doi", card.doi},
                    {"conductance_low", quantity(low, "S")}, {"conductance_high", quantity(high, "S")}});
  }
  text += "conductances at 0.1 V, at the ends of the state\n";
  fmt::print("{}", as_json ? json.dump(1) + "\n" : text);
}

template <class S>
void add_rows(const S& values, const std::string& table, std::string& text, std::string& markdown, Json& json) {
  for (const Parameter<S>& p : ParameterTable<S>::table) {
    const double value = values.*p.member;
    const std::string shown = format_quantity(value, p.unit, 6);
    text += fmt::format("  {:<18}{:>16}   {:<26}{}\n", p.key, shown, fmt::format("[{:g}, {:g}]", p.min, p.max), p.meaning);
    markdown += fmt::format("| `{}` | {} | {:g} to {:g} {} | {} |\n", p.key, shown, p.min, p.max, p.unit == "1" ? "" : p.unit, p.meaning);
    json[table][std::string(p.key)] = quantity(value, p.unit);
  }
}

void show(const DeviceOptions& options, bool as_markdown) {
  const devices::Card card = load_device(options);
  const devices::AnyMemristor model = model_of(card);
  Json json{{"card", card.name}, {"model", std::string(devices::model_name(model))}, {"source", card.source}, {"doi", card.doi}};
  std::string markdown = "| key | value | valid | meaning |\n|---|---|---|---|\n";
  std::string text = fmt::format("{}: {} ({})\n{}{}\n\nstates", card.name, devices::model_title(model), devices::model_name(model), card.source, card.doi.empty() ? "" : ", doi:" + card.doi);
  for (const auto& s : devices::state_info(model)) text += fmt::format("  {} [{}]", s.name, s.unit);
  text += fmt::format("\npublished sign: a {} voltage is SET\n\n[parameters]\n", devices::published_sign(model) > 0.0 ? "positive" : "negative");
  std::visit(
      [&](const auto& d) {
        add_rows(d.model.params, "parameters", text, markdown, json);
        text += "[spread]\n";
        std::string other;
        add_rows(d.spread, "spread", text, other, json);
      },
      card.device);
  text += "[transistor]\n";
  std::string other;
  add_rows(card.transistor, "transistor", text, other, json);
  deliver(options, "card", json, as_markdown ? markdown : text);
}

}  // namespace

void add_device_list(CLI::App& device) {
  const auto as_json = std::make_shared<bool>(false);
  CLI::App* command = device.add_subcommand("list", "the cards that mho ships");
  command->add_flag("--json", *as_json, "print JSON instead of a table");
  command->callback([as_json] { list(*as_json); });
}

void add_device_show(CLI::App& device) {
  const auto o = std::make_shared<DeviceOptions>();
  const auto markdown = std::make_shared<bool>(false);
  CLI::App* command = device.add_subcommand("show", "a card: model, parameters with units and ranges, spread, transistor, source");
  add_device_options(*command, *o);
  command->add_flag("--markdown", *markdown, "the parameter table as docs/models shows it");
  command->callback([o, markdown] { show(*o, *markdown); });
}

}  // namespace mho::cli
