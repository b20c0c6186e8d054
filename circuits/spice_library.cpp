#include "circuits/spice_library.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <optional>
#include <set>
#include <sstream>
#include <string_view>

#include "circuits/expression.hpp"
#include "circuits/spice_text.hpp"
#include "core/errors.hpp"
#include "core/json_file.hpp"

namespace mho::circuits {
namespace {

constexpr std::string_view blanks = " \t\r";

bool in_name(char c) {
  return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '.';
}

// Where the next "name =" outside braces, quotes and parentheses starts, and its '='.
struct Place {
  size_t name, equals;
};
std::optional<Place> next_assignment(std::string_view text, size_t from) {
  int depth = 0;
  bool quoted = false;
  for (size_t i = from; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '\'') quoted = !quoted;
    depth += (c == '{' || c == '(') - (c == '}' || c == ')');
    if (c != '=' || depth > 0 || quoted) continue;
    size_t end = i;
    while (end > from && blanks.find(text[end - 1]) != std::string_view::npos) --end;
    size_t start = end;
    while (start > from && in_name(text[start - 1])) --start;
    if (start < end) return Place{start, i};
  }
  return std::nullopt;
}

// The pairs of a card from `from` on. A parenthesis around all of them is SPICE's older habit.
Assignments assignments(const LogicalLine& line, size_t from, const std::string& file) {
  std::string text = lower(line.text);
  if (const size_t open = text.find_first_not_of(blanks, from);
      open != std::string::npos && text[open] == '(') {
    text[open] = ' ';
    if (const size_t close = text.rfind(')'); close != std::string::npos) text[close] = ' ';
  }
  Assignments out;
  for (auto place = next_assignment(text, from); place;) {
    const auto next = next_assignment(text, place->equals + 1);
    const size_t start = place->equals + 1, end = next ? next->name : text.size();
    std::string_view value = trim(std::string_view(text).substr(start, end - start));
    const std::string name(
        trim(std::string_view(text).substr(place->name, place->equals - place->name)));
    const int number = line.line_at(place->name);
    if (value.empty()) throw ConfigError(file, number, name, "lacks a value after '='");
    if (const char open = value.front(); open == '{' || open == '\'') {
      if (value.size() < 2 || value.back() != (open == '{' ? '}' : '\''))
        throw ConfigError(file, number, name, fmt::format("{} without its end", value));
      value = trim(value.substr(1, value.size() - 2));
    }
    out.push_back({name, {std::string(value), file, number}});
    place = next;
  }
  return out;
}

class Reader {
 public:
  Reader(std::string subcircuit, const std::function<bool(const std::string&)>& wanted)
      : subcircuit_(std::move(subcircuit)), wanted_(wanted) {}

  // `asked` says which line wants the file.
  void read(const std::filesystem::path& path, const std::string& section,
            const std::string& asked) {
    if (!std::filesystem::is_regular_file(path))
      throw IoError(path.string(),
                    asked.empty() ? "no such file" : fmt::format("no such file ({})", asked));
    if (!open_.insert(path.string() + '\n' + section).second)
      throw IoError(path.string(), fmt::format("includes itself ({})", asked));
    const std::vector<LogicalLine> lines = logical_lines(read_text_file(path.string()));
    bool inside = section.empty(), found = inside;
    for (const LogicalLine& line : lines) {
      const std::vector<std::string> word = words(line.text);
      const std::string card = lower(word[0]);
      if (card == ".lib" && word.size() == 2) {
        inside = section.empty() || lower(word[1]) == section;
        found = found || inside;
      } else if (card == ".endl") {
        inside = section.empty();
      } else if (inside) {
        read_card(line, word, card, path);
      }
    }
    if (!found) throw ConfigError(path.string(), 0, ".lib " + section, "no such section");
    open_.erase(path.string() + '\n' + section);
  }

  SpiceLibrary library;

 private:
  void read_card(const LogicalLine& line, const std::vector<std::string>& word,
                 const std::string& card, const std::filesystem::path& path) {
    const std::string file = path.string();
    if (card == ".ends") {
      depth_ = std::max(0, depth_ - 1);
      if (depth_ == 0) ours_ = false;
    } else if (card == ".subckt") {
      ++depth_;
      if (depth_ == 1 && word.size() > 1 && lower(word[1]) == subcircuit_) {
        ours_ = true;
        library.subcircuit_file = file;
        library.subcircuit_line = line.line();
        keep(assignments(line, 0, file));
      }
    } else if (depth_ > 0 && !ours_) {
      return;
    } else if (card == ".include" || card == ".inc" || (card == ".lib" && word.size() == 3)) {
      if (word.size() < 2) throw ConfigError(file, line.line(), card, "names no file");
      const std::filesystem::path target = path.parent_path() / unquoted(word[1]);
      if (wanted_(target.filename().string()))
        read(target.lexically_normal(), card == ".lib" ? lower(word[2]) : "",
             fmt::format("{} in {}:{}", card, file, line.line()));
    } else if (card == ".param" || card == ".parameters") {
      keep(assignments(line, card.size(), file));
    } else if (card == ".option" || card == ".options") {
      read_scale(line, card.size(), file);
    } else if (card == ".model" && word.size() >= 3) {
      read_model(line, word, file);
    } else if (ours_ && card[0] == 'm' && word.size() > 5) {
      library.model_name = lower(word[5]);
    }
  }
  void keep(const Assignments& values) {
    if (ours_) {
      library.transistor_parameters.insert(library.transistor_parameters.end(), values.begin(),
                                           values.end());
      return;
    }
    for (const auto& [name, value] : values) library.parameters[name] = value;
  }
  void read_scale(const LogicalLine& line, size_t from, const std::string& file) {
    for (const auto& [name, value] : assignments(line, from, file))
      if (name == "scale" && read_spice_number(value.text, library.scale) == 0)
        throw ConfigError(value.file, value.line, name,
                          fmt::format("\"{}\" is not a number", value.text));
  }
  void read_model(const LogicalLine& line, const std::vector<std::string>& word,
                  const std::string& file) {
    std::string type = lower(word[2]);
    type = type.substr(0, type.find('('));
    if (type != "nmos" && type != "pmos") return;
    // After the type: both words stand in the first piece of the line.
    const size_t name_at = line.text.find(word[1], word[0].size());
    const size_t from = line.text.find(word[2], name_at + word[1].size()) + type.size();
    library.models.push_back(
        {lower(word[1]), type, assignments(line, from, file), file, line.line()});
  }

  std::string subcircuit_;
  const std::function<bool(const std::string&)>& wanted_;
  std::set<std::string> open_;  // files being read
  int depth_ = 0;               // of .subckt
  bool ours_ = false;           // inside the transistor's subcircuit
};

}  // namespace

SpiceLibrary read_spice_library(const std::string& path, const std::string& section,
                                const std::string& subcircuit,
                                const std::function<bool(const std::string& file_name)>& wanted) {
  Reader reader(lower(subcircuit), wanted);
  reader.read(path, lower(section), "");
  return std::move(reader.library);
}

}  // namespace mho::circuits
