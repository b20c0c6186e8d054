#include "circuits/amplifier_file.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <map>
#include <set>
#include <sstream>
#include <vector>

#include "circuits/spice_text.hpp"
#include "core/data_path.hpp"
#include "core/errors.hpp"
#include "core/json_file.hpp"

namespace mho::circuits {
namespace {

using Words = std::vector<std::string>;

constexpr const char* amplifier_pins = "inp inm out vdd bn bp cn cp";
constexpr const char* bias_pins = "vdd bn bp cn cp";
const std::set<std::string> card_models{"n18", "p18", "n50", "p50"};

bool is_include(const std::string& card) {
  return card == ".include" || card == ".inc" || card == ".lib";
}

// Words before the first name=value pair.
Words plain_words(const Words& all) {
  Words out;
  for (const std::string& word : all) {
    if (word.find('=') != std::string::npos || word == "params:") break;
    out.push_back(word);
  }
  return out;
}

// What a file defines and uses, with the lines.
class Survey {
 public:
  explicit Survey(std::string path) : path_(std::move(path)) {}

  void read(const std::string& text) {
    for (const LogicalLine& line : logical_lines(text)) {
      const Words word = card_words(line.text);
      if (!word.empty()) read_card(word, line.line());
    }
    if (!open_.empty()) fail(open_.back().second, open_.back().first, "has no .ends");
  }

  void check_uses() const {
    // What an included file defines is ngspice's to judge.
    if (includes_) return;
    for (const auto& [model, line] : used_models_)
      if (!card_models.contains(model) && !models_.contains(model))
        fail(line, model,
             "no such model: n18, p18, n50 and p50 are there, and what the file defines");
    for (const auto& [name, line] : used_subcircuits_)
      if (!pins.contains(name)) fail(line, name, "the file defines no such .subckt");
  }

  [[noreturn]] void fail(int line, const std::string& key, const std::string& what) const {
    throw ConfigError(path_, line, key, what);
  }

  std::map<std::string, std::pair<Words, int>> pins;  // of each .subckt, with its line

 private:
  void read_card(const Words& word, int line) {
    static const std::set<std::string> allowed{".model", ".param", ".parameters", ".func"};
    const std::string& card = word[0];
    const Words plain = plain_words(word);
    if (card == ".subckt") {
      if (plain.size() < 2) fail(line, card, "names no subcircuit");
      if (!open_.empty()) fail(line, plain[1], fmt::format("stands inside {}", open_.back().first));
      if (pins.contains(plain[1]))
        fail(line, plain[1],
             fmt::format("is already defined in line {}", pins.at(plain[1]).second));
      pins[plain[1]] = {Words(plain.begin() + 2, plain.end()), line};
      open_.emplace_back(plain[1], line);
    } else if (card == ".ends") {
      if (open_.empty()) fail(line, card, "ends no .subckt");
      open_.pop_back();
    } else if (is_include(card)) {
      includes_ = true;
    } else if (card == ".model") {
      if (word.size() > 1) models_.insert(word[1]);
    } else if (card[0] == '.') {
      if (!allowed.contains(card))
        fail(line, card, "does not belong here: the file holds subcircuits, models and parameters");
    } else {
      read_element(word, plain, line);
    }
  }
  void read_element(const Words& word, const Words& plain, int line) {
    if (open_.empty()) fail(line, word[0], "stands outside of every .subckt");
    if (word[0][0] == 'm') {
      if (plain.size() < 6) fail(line, word[0], "a transistor needs four nodes and a model");
      used_models_.emplace_back(plain[5], line);
    } else if (word[0][0] == 'x') {
      if (plain.size() < 3) fail(line, word[0], "an instance needs nodes and a subcircuit");
      used_subcircuits_.emplace_back(plain.back(), line);
    }
  }

  std::string path_;
  std::vector<std::pair<std::string, int>> open_;  // .subckt without its .ends so far
  std::vector<std::pair<std::string, int>> used_models_, used_subcircuits_;
  std::set<std::string> models_;
  bool includes_ = false;
};

// Paths of includes made absolute: ngspice would look for them in the working folder.
std::string with_absolute_includes(const std::string& text, const std::string& path) {
  std::istringstream in(text);
  std::string out;
  int number = 1;
  for (std::string line; std::getline(in, line); ++number) {
    const Words word = words(line);
    if (word.size() >= 2 && is_include(lower(word[0]))) {
      const auto target = std::filesystem::absolute(path).parent_path() / unquoted(word[1]);
      if (!std::filesystem::is_regular_file(target))
        throw ConfigError(path, number, word[0], fmt::format("no file {}", target.string()));
      line = fmt::format("{} \"{}\"", word[0], target.lexically_normal().string());
      for (size_t i = 2; i < word.size(); ++i) line += " " + word[i];
    }
    out += line + "\n";
  }
  return out;
}

}  // namespace

AmplifierFile parse_amplifier(const std::string& text, const std::string& path,
                              const std::string& name) {
  Survey survey(path);
  survey.read(text);
  AmplifierFile file{path, lower(name), with_absolute_includes(text, path), false};
  if (!survey.pins.contains(file.name)) {
    Words known;
    for (const auto& [subcircuit, pins] : survey.pins) known.push_back(subcircuit);
    survey.fail(0, "",
                known.empty() ? fmt::format("defines no .subckt {}", file.name)
                              : fmt::format("defines no .subckt {}; it has {}", file.name,
                                            fmt::join(known, ", ")));
  }
  check_subcircuit_pins(text, file.name, amplifier_pins, path);
  file.own_bias = survey.pins.contains("ota_bias");
  if (file.own_bias) check_subcircuit_pins(text, "ota_bias", bias_pins, path);
  if (file.name != "ota" && survey.pins.contains("ota"))
    survey.fail(survey.pins.at("ota").second, "ota",
                fmt::format("is the neuron's name for its amplifier, which {} shall be; rename it",
                            file.name));
  survey.check_uses();
  return file;
}

AmplifierFile read_amplifier(const std::string& path, const std::string& name) {
  return parse_amplifier(read_text_file(path), path, name);
}

std::string amplifier_text(const AmplifierFile& amplifier) {
  std::string text = amplifier.text;
  if (amplifier.name != "ota")
    text += fmt::format(".subckt ota {0}\nxown {0} {1}\n.ends\n", amplifier_pins, amplifier.name);
  if (!amplifier.own_bias) {
    const std::string shipped = "netlists/ota.sub";
    text += subcircuit(read_text_file(data_path(shipped)), "ota_bias", shipped);
  }
  return text;
}

}  // namespace mho::circuits
