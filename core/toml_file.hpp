// A TOML file read through parameter tables. Every key must be asked for; finish() reports the others with the nearest known key.
#pragma once
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/errors.hpp"
#include "core/params.hpp"

namespace mho {

class TomlFile {
 public:
  // Reads and parses. Throws IoError when the file cannot be read, ConfigError{file, line} when it is not TOML.
  explicit TomlFile(const std::string& path);
  // Parses `text`; `name` stands for the file in messages.
  static TomlFile from_text(const std::string& text, const std::string& name);
  TomlFile(TomlFile&&) noexcept;
  TomlFile& operator=(TomlFile&&) noexcept;
  ~TomlFile();

  const std::string& path() const;
  // Overrides a key before it is read: set("neuron.v_read=0.2 V"). Throws ConfigError when it has no '='.
  void set(const std::string& assignment);

  // Each getter takes a dotted key ("neuron.v_read"); `fallback` is the value when the key is absent.
  // number(): a quantity string with the unit `unit`, or a bare number when unit is "1". Out of [min, max] throws.
  double number(std::string_view key, double fallback, std::string_view unit, double min, double max);
  long long integer(std::string_view key, long long fallback, long long min, long long max);
  bool boolean(std::string_view key, bool fallback);
  std::string text(std::string_view key, const std::string& fallback);
  // One of `choices`; anything else throws and names the choices.
  std::string choice(std::string_view key, const std::string& fallback, const std::vector<std::string>& choices);
  std::vector<std::string> text_list(std::string_view key, const std::vector<std::string>& fallback);
  bool has(std::string_view key) const;
  int line_of(std::string_view key) const;  // 0 when absent
  // Names of the tables directly below `prefix` ("" for the top), in file order, e.g. the phases of a control program.
  std::vector<std::string> tables(std::string_view prefix) const;
  // Number of elements when `key` is an array of tables; element i is then addressed as "key[i].name".
  size_t array_size(std::string_view key) const;

  // Fills every member of S from the table `prefix`, keeping the present value where a key is absent.
  template <class S>
  void read(std::string_view prefix, S& values) {
    for (const Parameter<S>& p : ParameterTable<S>::table) {
      const std::string key = prefix.empty() ? std::string(p.key) : std::string(prefix) + "." + std::string(p.key);
      values.*p.member = number(key, values.*p.member, p.unit, p.min, p.max);
    }
  }
  // Throws ConfigError for the first key that nobody asked for.
  void finish() const;
  // What the getters returned, defaults included: key and value as TOML text, in the order in which they were asked for.
  struct Resolved {
    std::string key, value, unit;
  };
  const std::vector<Resolved>& resolved() const;
  // A ConfigError at the line of `key`.
  ConfigError error(std::string_view key, const std::string& what) const;

 private:
  struct State;
  std::unique_ptr<State> state_;
  explicit TomlFile(std::unique_ptr<State> state);
};

}  // namespace mho
