#include "core/toml_file.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <limits>
#include <set>
#include <sstream>
#include <toml++/toml.h>

#include "core/units.hpp"

namespace mho {

struct TomlFile::State {
  std::string path;
  toml::table root;
  std::set<std::string, std::less<>> asked;  // every key that a getter was called with
  std::vector<Resolved> resolved;

  void ask(std::string_view key) { asked.emplace(key); }
  void resolve(std::string_view key, std::string value, std::string_view unit = "") {
    const auto same = [&](const Resolved& r) { return r.key == key; };
    if (std::find_if(resolved.begin(), resolved.end(), same) == resolved.end())
      resolved.push_back({std::string(key), std::move(value), std::string(unit)});
  }
};

namespace {
std::string value_text(const toml::node& node) {
  std::ostringstream out;
  node.visit([&](auto&& n) { out << n; });
  return out.str();
}

std::string in_quotes(std::string_view text) {
  std::ostringstream out;
  out << toml::value<std::string>(text);
  return out.str();
}

std::string number_text(double value, std::string_view unit) {
  return unit == "1" ? fmt::format("{}", value) : in_quotes(format_quantity(value, unit, 12));
}

// Levenshtein distance, for "did you mean".
size_t distance(std::string_view a, std::string_view b) {
  std::vector<size_t> row(b.size() + 1);
  for (size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (size_t i = 1; i <= a.size(); ++i) {
    size_t diagonal = row[0];
    row[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      const size_t above = row[j];
      row[j] = std::min({row[j] + 1, row[j - 1] + 1, diagonal + (a[i - 1] == b[j - 1] ? 0 : 1)});
      diagonal = above;
    }
  }
  return row[b.size()];
}

void collect(const toml::table& table, const std::string& prefix, std::vector<std::pair<std::string, int>>& out);

void collect(const toml::node& node, const std::string& key, std::vector<std::pair<std::string, int>>& out) {
  if (const toml::table* t = node.as_table()) {
    collect(*t, key, out);
  } else if (const toml::array* a = node.as_array(); a && !a->empty() && a->get(0)->is_table()) {
    for (size_t i = 0; i < a->size(); ++i) collect(*a->get(i), fmt::format("{}[{}]", key, i), out);
  } else {
    out.emplace_back(key, static_cast<int>(node.source().begin.line));
  }
}

void collect(const toml::table& table, const std::string& prefix, std::vector<std::pair<std::string, int>>& out) {
  for (const auto& [name, node] : table) {
    const std::string key = prefix.empty() ? std::string(name.str()) : prefix + "." + std::string(name.str());
    collect(node, key, out);
  }
}
}  // namespace

namespace {
struct Flaw {
  int line = 0;  // 0: none
  const char* what = "";
};

// What toml++ 3.3 takes for granted instead of refusing it: bytes beyond ASCII outside of strings and comments (it asks whether they
// are blanks by a table with holes), and table headers without a name. Neither is TOML. Reads as far as text is valid.
class FlawScan {
 public:
  explicit FlawScan(std::string_view text) : text_(text) {
    if (text_.starts_with("\xEF\xBB\xBF")) text_.remove_prefix(3);
  }

  Flaw find() {
    for (; i_ < text_.size(); ++i_) {
      const char c = text_[i_];
      if (c == '\n') ++line_;
      if (!end_.empty()) {
        if (c == '\\' && end_.front() == '"' && i_ + 1 < text_.size() && static_cast<unsigned char>(text_[i_ + 1]) > 127)
          return {line_, "a backslash before a character that is not ASCII"};
        inside(c);
      } else if (c == '#') {
        end_ = "\n";
      } else if ((c == '"' || c == '\'') && opens_string()) {
        const std::string_view three = c == '"' ? R"(""")" : "'''";
        end_ = text_.substr(i_).starts_with(three) ? three : three.substr(0, 1);
        i_ += end_.size() - 1;
        fresh_ = false;
      } else if (static_cast<unsigned char>(c) > 127) {
        return {line_, "a character that is not ASCII outside of strings and comments"};
      } else if (c == '[' && fresh_ && depth_ == 0) {
        if (nameless_header()) return {line_, "a table header without a name"};
        fresh_ = false;
      } else {
        plain(c);
      }
    }
    return {};
  }

 private:
  // Within a string or comment, which end_ closes; what stands on one line ends there in any case.
  void inside(char c) {
    if (c == '\\' && end_.front() == '"' && i_ + 1 < text_.size() && text_[i_ + 1] != '\n') {
      ++i_;
    } else if (text_.substr(i_).starts_with(end_) || (c == '\n' && end_.size() == 1)) {
      i_ += end_.size() - 1;
      end_ = {};
      if (c == '\n') plain(c);
    }
  }

  void plain(char c) {
    if (c == '\n' && depth_ == 0) {
      fresh_ = true;
      value_ = false;
    } else if (c == '=') {
      value_ = true;
    } else if (value_ && (c == '[' || c == '{')) {
      ++depth_;
    } else if (value_ && depth_ > 0 && (c == ']' || c == '}')) {
      --depth_;
    }
    if (c != ' ' && c != '\t' && c != '\n' && c != '\r') fresh_ = false;
  }

  // A quote within a bare value or key (1"a") opens nothing: toml++ reads on over it.
  bool opens_string() const { return i_ == 0 || std::string_view(" \t\r\n=[{,.").find(text_[i_ - 1]) != std::string_view::npos; }

  bool nameless_header() const {
    const size_t bracket = text_.substr(i_).starts_with("[[") ? 2 : 1;
    const size_t at = text_.find_first_not_of(" \t", i_ + bracket);
    if (at == std::string_view::npos) return true;
    const char c = text_[at];
    return !((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_' ||
             c == '"' || c == '\'');
  }

  std::string_view text_;
  size_t i_ = 0;
  int line_ = 1, depth_ = 0;
  bool fresh_ = true, value_ = false;  // nothing yet on this line; behind its '='
  std::string_view end_;
};
}  // namespace

TomlFile::TomlFile(std::unique_ptr<State> state) : state_(std::move(state)) {}
TomlFile::TomlFile(TomlFile&&) noexcept = default;
TomlFile& TomlFile::operator=(TomlFile&&) noexcept = default;
TomlFile::~TomlFile() = default;

TomlFile TomlFile::from_text(const std::string& text, const std::string& name) {
  auto state = std::make_unique<State>();
  state->path = name;
  if (const Flaw flaw = FlawScan(text).find(); flaw.line > 0) throw ConfigError(name, flaw.line, "", flaw.what);
  try {
    state->root = toml::parse(std::string_view(text), std::string_view(name));
  } catch (const toml::parse_error& e) {
    throw ConfigError(name, static_cast<int>(e.source().begin.line), "", std::string(e.description()));
  }
  return TomlFile(std::move(state));
}

TomlFile::TomlFile(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  if (!in) throw IoError(path, "cannot be read");
  std::ostringstream text;
  text << in.rdbuf();
  if (in.bad() || !text) throw IoError(path, "cannot be read");
  *this = from_text(text.str(), path);
}

const std::string& TomlFile::path() const { return state_->path; }

namespace {
const toml::node* find(const toml::table& root, std::string_view key) {
  return root.at_path(key).node();
}
}  // namespace

void TomlFile::set(const std::string& assignment) {
  const size_t equals = assignment.find('=');
  if (equals == std::string::npos || equals == 0)
    throw ConfigError("--set", 0, assignment, "wants key=value");
  const std::string key = assignment.substr(0, equals), value = assignment.substr(equals + 1);
  // A value that is not TOML by itself (0.2 V) is taken as a string.
  toml::table parsed;
  try {
    const std::string text = "v = " + value;
    if (FlawScan(text).find().line == 0)
      parsed = toml::parse(std::string_view(text), std::string_view("--set"));
    else
      parsed.insert_or_assign("v", value);
  } catch (const toml::parse_error&) {
    parsed.insert_or_assign("v", value);
  }
  toml::table* at = &state_->root;
  std::string_view rest = key;
  for (size_t dot = rest.find('.'); dot != std::string_view::npos; dot = rest.find('.')) {
    const std::string_view name = rest.substr(0, dot);
    if (!at->contains(name)) at->insert_or_assign(name, toml::table{});
    at = at->get(name)->as_table();
    if (!at) throw ConfigError("--set", 0, key, fmt::format("{} is not a table in {}", name, path()));
    rest.remove_prefix(dot + 1);
  }
  at->insert_or_assign(rest, *parsed.get("v"));
}

bool TomlFile::has(std::string_view key) const { return find(state_->root, key) != nullptr; }

int TomlFile::line_of(std::string_view key) const {
  const toml::node* node = find(state_->root, key);
  return node ? static_cast<int>(node->source().begin.line) : 0;
}

ConfigError TomlFile::error(std::string_view key, const std::string& what) const {
  return ConfigError(state_->path, line_of(key), std::string(key), what);
}

double TomlFile::number(std::string_view key, double fallback, std::string_view unit, double min, double max) {
  state_->ask(key);
  const toml::node* node = find(state_->root, key);
  if (!node) {
    state_->resolve(key, number_text(fallback, unit), unit);
    return fallback;
  }
  double value = std::numeric_limits<double>::quiet_NaN();
  if (unit == "1") {
    if (const auto v = node->value<double>()) value = *v;
  } else if (const auto* s = node->as_string()) {
    if (const auto v = parse_quantity(s->get(), unit)) value = *v;
  }
  if (std::isnan(value))
    throw error(key, unit == "1" ? fmt::format("{} is not a number", value_text(*node))
                                 : fmt::format("{} is not a quantity in {}, for example \"{}\"", value_text(*node), unit,
                                               format_quantity(fallback, unit)));
  if (!(value >= min && value <= max))
    throw error(key, fmt::format("{} is outside {} to {}", format_quantity(value, unit), format_quantity(min, unit),
                                 format_quantity(max, unit)));
  state_->resolve(key, value_text(*node), unit);
  return value;
}

long long TomlFile::integer(std::string_view key, long long fallback, long long min, long long max) {
  state_->ask(key);
  const toml::node* node = find(state_->root, key);
  if (!node) {
    state_->resolve(key, fmt::format("{}", fallback));
    return fallback;
  }
  const auto* v = node->as_integer();
  if (!v) throw error(key, fmt::format("{} is not a whole number", value_text(*node)));
  if (v->get() < min || v->get() > max) throw error(key, fmt::format("{} is outside {} to {}", v->get(), min, max));
  state_->resolve(key, value_text(*node));
  return v->get();
}

bool TomlFile::boolean(std::string_view key, bool fallback) {
  state_->ask(key);
  const toml::node* node = find(state_->root, key);
  if (!node) {
    state_->resolve(key, fallback ? "true" : "false");
    return fallback;
  }
  const auto* v = node->as_boolean();
  if (!v) throw error(key, fmt::format("{} is not true or false", value_text(*node)));
  state_->resolve(key, value_text(*node));
  return v->get();
}

std::string TomlFile::text(std::string_view key, const std::string& fallback) {
  state_->ask(key);
  const toml::node* node = find(state_->root, key);
  if (!node) {
    state_->resolve(key, in_quotes(fallback));
    return fallback;
  }
  const auto* v = node->as_string();
  if (!v) throw error(key, fmt::format("{} is not a string", value_text(*node)));
  state_->resolve(key, value_text(*node));
  return v->get();
}

std::string TomlFile::choice(std::string_view key, const std::string& fallback, const std::vector<std::string>& choices) {
  const std::string value = text(key, fallback);
  if (std::find(choices.begin(), choices.end(), value) == choices.end())
    throw error(key, fmt::format("\"{}\" is not one of {}", value, fmt::join(choices, ", ")));
  return value;
}

std::vector<std::string> TomlFile::text_list(std::string_view key, const std::vector<std::string>& fallback) {
  state_->ask(key);
  const toml::node* node = find(state_->root, key);
  if (!node) return fallback;
  const toml::array* a = node->as_array();
  if (!a) throw error(key, "is not a list of strings");
  std::vector<std::string> out;
  for (const toml::node& item : *a) {
    const auto* v = item.as_string();
    if (!v) throw error(key, fmt::format("{} is not a string", value_text(item)));
    out.push_back(v->get());
  }
  state_->resolve(key, value_text(*node));
  return out;
}

std::vector<std::string> TomlFile::tables(std::string_view prefix) const {
  const toml::node* node = prefix.empty() ? &state_->root : find(state_->root, prefix);
  std::vector<std::pair<std::pair<toml::source_index, toml::source_index>, std::string>> found;
  if (const toml::table* t = node ? node->as_table() : nullptr)
    for (const auto& [name, child] : *t)
      if (child.is_table())
        found.push_back({{child.source().begin.line, child.source().begin.column}, std::string(name.str())});
  std::sort(found.begin(), found.end());
  std::vector<std::string> names;
  for (auto& f : found) names.push_back(std::move(f.second));
  return names;
}

size_t TomlFile::array_size(std::string_view key) const {
  const toml::node* node = find(state_->root, key);
  const toml::array* a = node ? node->as_array() : nullptr;
  return a ? a->size() : 0;
}

const std::vector<TomlFile::Resolved>& TomlFile::resolved() const { return state_->resolved; }

void TomlFile::finish() const {
  std::vector<std::pair<std::string, int>> present;
  collect(state_->root, "", present);
  std::sort(present.begin(), present.end(), [](const auto& a, const auto& b) { return a.second < b.second; });
  for (const auto& [key, line] : present) {
    if (state_->asked.contains(key)) continue;
    const auto nearest = std::min_element(state_->asked.begin(), state_->asked.end(), [&](const auto& a, const auto& b) {
      return distance(key, a) < distance(key, b);
    });
    throw ConfigError(path(), line, key,
                      nearest != state_->asked.end() ? fmt::format("unknown key; the nearest known one is {}", *nearest)
                                                     : "unknown key");
  }
}

}  // namespace mho
