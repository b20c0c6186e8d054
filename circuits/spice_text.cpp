#include "circuits/spice_text.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <sstream>

#include "core/errors.hpp"

namespace mho::circuits {
namespace {

constexpr std::string_view blanks = " \t\r";

// Without the comment at its end: from ';', or from '$' after a blank.
std::string_view without_comment(std::string_view text) {
  text = text.substr(0, text.find(';'));
  for (size_t i = text.find('$'); i != std::string_view::npos; i = text.find('$', i + 1))
    if (i == 0 || blanks.find(text[i - 1]) != std::string_view::npos) return text.substr(0, i);
  return text;
}

}  // namespace

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return out;
}

std::string_view trim(std::string_view text) {
  const size_t first = text.find_first_not_of(blanks);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(blanks) - first + 1);
}

std::vector<LogicalLine> logical_lines(const std::string& text) {
  std::vector<LogicalLine> lines;
  std::istringstream in(text);
  std::string raw;
  for (int number = 1; std::getline(in, raw); ++number) {
    std::string_view piece = trim(raw);
    if (piece.empty() || piece.front() == '*') continue;
    piece = trim(without_comment(piece));
    if (piece.empty()) continue;
    const bool continues = piece.front() == '+';
    if (continues && lines.empty()) continue;
    if (!continues) lines.emplace_back();
    LogicalLine& line = lines.back();
    line.pieces.emplace_back(line.text.size(), number);
    line.text += continues ? piece.substr(1) : piece;
    line.text += ' ';
  }
  return lines;
}

std::vector<std::string> words(const std::string& text) {
  std::istringstream in(text);
  std::vector<std::string> out;
  for (std::string word; in >> word;) out.push_back(word);
  return out;
}

std::string unquoted(std::string text) {
  if (text.size() >= 2 && (text.front() == '"' || text.front() == '\''))
    return text.substr(1, text.size() - 2);
  return text;
}

std::vector<std::string> card_words(const std::string& text) {
  // Blanks go away around '=', and inside braces, quotes and parentheses of a value.
  std::string closed;
  int depth = 0;
  bool quoted = false;
  for (const char c : lower(text)) {
    const bool blank = blanks.find(c) != std::string_view::npos;
    if (blank && (depth > 0 || quoted)) continue;
    if (blank && !closed.empty() && (closed.back() == '=' || closed.back() == ' ')) continue;
    if (c == '=' && !closed.empty() && closed.back() == ' ') closed.pop_back();
    if (c == '\'') quoted = !quoted;
    if (c == '{' || c == '}') depth += c == '{' ? 1 : -1;
    closed += blank ? ' ' : c;
  }
  return words(closed);
}

std::string pair_value(const std::vector<std::string>& word, size_t from, std::string_view key) {
  for (size_t i = from; i < word.size(); ++i) {
    const size_t equals = word[i].find('=');
    if (equals == std::string::npos || std::string_view(word[i]).substr(0, equals) != key) continue;
    const std::string value = word[i].substr(equals + 1);
    if (value.size() >= 2 && (value.front() == '{' || value.front() == '\''))
      return value.substr(1, value.size() - 2);
    return value;
  }
  return {};
}

std::string subcircuit(const std::string& text, const std::string& name, const std::string& file) {
  std::istringstream in(text);
  std::string out;
  bool inside = false;
  for (std::string line; std::getline(in, line);) {
    const std::vector<std::string> word = words(lower(line));
    if (word.size() > 1 && word[0] == ".subckt" && word[1] == name) inside = true;
    if (inside) out += line + "\n";
    if (inside && !word.empty() && word[0] == ".ends") return out;
  }
  throw ConfigError(file, 0, "", fmt::format("no .subckt {} with its .ends", name));
}

void check_subcircuit_pins(const std::string& text, const std::string& name, const std::string& pins, const std::string& file) {
  const std::vector<std::string> wanted = words(pins);
  for (const LogicalLine& line : logical_lines(text)) {
    const std::vector<std::string> word = card_words(line.text);
    if (word.size() < 2 || word[0] != ".subckt" || word[1] != name) continue;
    std::vector<std::string> have;
    for (size_t i = 2; i < word.size() && word[i].find('=') == std::string::npos && word[i] != "params:"; ++i) have.push_back(word[i]);
    const auto lacking = [](const std::vector<std::string>& of, const std::vector<std::string>& in) {
      std::string out;
      for (const std::string& pin : of)
        if (std::find(in.begin(), in.end(), pin) == in.end()) out += " " + pin;
      return out;
    };
    const std::string missing = lacking(wanted, have), extra = lacking(have, wanted);
    std::string what;
    if (!missing.empty()) what += fmt::format("lacks the pins{}; ", missing);
    if (!extra.empty()) what += fmt::format("has pins too many:{}; ", extra);
    if (what.empty() && have != wanted) what = "has its pins in another order; ";
    if (!what.empty()) throw ConfigError(file, line.line(), name, fmt::format("{}they are {}", what, pins));
    return;
  }
  throw ConfigError(file, 0, name, "the file defines no such .subckt");
}

}  // namespace mho::circuits
