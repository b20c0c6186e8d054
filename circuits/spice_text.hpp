// SPICE text without ngspice: cards with their continuations and the lines that they came from,
// their words, and single subcircuits out of a file.
#pragma once
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace mho::circuits {

// A card with its continuations: as written, and the source line of each of its characters.
struct LogicalLine {
  std::string text;
  std::vector<std::pair<size_t, int>> pieces;  // offset of a piece, its line
  int line_at(size_t offset) const {
    int line = pieces.front().second;
    for (const auto& [start, number] : pieces)
      if (start <= offset) line = number;
    return line;
  }
  int line() const { return pieces.front().second; }
};
// Comments and blank lines are left out, also between continuations.
std::vector<LogicalLine> logical_lines(const std::string& text);

std::string lower(std::string_view text);
std::string_view trim(std::string_view text);
std::vector<std::string> words(const std::string& text);
std::string unquoted(std::string text);

// The words of a card in lower case, its name=value pairs as one word each: "w = 2u" is "w=2u".
std::vector<std::string> card_words(const std::string& text);
// Value of the pair `key` among such words, from `from` on, without braces or quotes; empty when it
// is not there.
std::string pair_value(const std::vector<std::string>& word, size_t from, std::string_view key);

// The lines of .subckt `name` to its .ends in `text`, as they stand there. Throws ConfigError
// naming `file` when there is none.
std::string subcircuit(const std::string& text, const std::string& name, const std::string& file);
// That `text` has a .subckt `name` with these pins in this order, "a b g gb vdd". Throws ConfigError naming `file`, line and what is missing, too much or elsewhere.
void check_subcircuit_pins(const std::string& text, const std::string& name, const std::string& pins, const std::string& file);

}  // namespace mho::circuits
