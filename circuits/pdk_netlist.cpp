#include "circuits/pdk_netlist.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "circuits/expression.hpp"
#include "circuits/spice_text.hpp"
#include "core/errors.hpp"

namespace mho::circuits {
namespace {

const std::map<std::string, std::string, std::less<>> devices{{"n18", "nfet_01v8"},
                                                              {"p18", "pfet_01v8"},
                                                              {"n50", "nfet_g5v0d10v5"},
                                                              {"p50", "pfet_g5v0d10v5"}};

double size(const std::vector<std::string>& word, const std::string& key, double fallback,
            const std::string& file, int line) {
  const std::string text = pair_value(word, 6, key);
  if (text.empty() && fallback > 0.0) return fallback;
  try {
    const double value = evaluate_expression(text, [](std::string_view name) -> double {
      throw ExpressionError(
          fmt::format("{} is a parameter; transistors of a PDK need numbers", name));
    });
    if (!(value > 0.0)) throw ExpressionError(fmt::format("is {}", value));
    return value;
  } catch (const ExpressionError& e) {
    throw ConfigError(file, line, key, e.what());
  }
}

}  // namespace

PdkNetlist with_pdk_models(const std::string& text, const std::string& file,
                           const PdkInstallation& pdk, const std::string& corner) {
  PdkNetlist out;
  std::map<std::string, std::string> cards;  // "n18 w l" -> name of its card
  std::vector<std::string> lines(static_cast<size_t>(std::count(text.begin(), text.end(), '\n')) +
                                 1);
  for (const LogicalLine& line : logical_lines(text)) {
    std::string& place = lines[static_cast<size_t>(line.line()) - 1];
    const std::vector<std::string> word = card_words(line.text);
    place = line.text;
    if (word.size() < 6 || word[0][0] != 'm' || !devices.contains(word[5])) continue;
    const double fingers = size(word, "nf", 1.0, file, line.line());
    const double w = size(word, "w", 0.0, file, line.line()) / fingers;
    const double l = size(word, "l", 0.0, file, line.line());
    std::string& card = cards[fmt::format("{} {:.6g} {:.6g}", word[5], w, l)];
    if (card.empty()) {
      card = fmt::format("{}_{}", word[5], cards.size());
      const TransistorModels flat = flatten_transistor(
          pdk, {.device = devices.at(word[5]), .w = w, .l = l, .corner = corner, .model = card});
      out.models += flat.text;
      out.sources.push_back(flat.source);
    }
    place.clear();
    for (size_t i = 0; i < word.size(); ++i) place += (i == 5 ? card : word[i]) + " ";
  }
  for (const std::string& line : lines) out.text += line + "\n";
  return out;
}

}  // namespace mho::circuits
