#include "circuits/mismatched_netlist.hpp"

#include <fmt/format.h>

#include <sstream>
#include <vector>

#include "circuits/expression.hpp"
#include "core/data_path.hpp"
#include "core/errors.hpp"
#include "core/json_file.hpp"

namespace mho::circuits {
namespace {

double size_of(const std::string& line, const std::vector<std::string>& words, const std::string& key, double fallback) {
  for (const std::string& word : words) {
    if (!word.starts_with(key + "=")) continue;
    double value = 0.0;
    if (read_spice_number(std::string_view(word).substr(key.size() + 1), value) == word.size() - key.size() - 1) return value;
    throw Error(fmt::format("mismatch: \"{}\": {} is not a number", line, key));
  }
  if (fallback == 0.0) throw Error(fmt::format("mismatch: \"{}\" has no {}", line, key));
  return fallback;
}

}  // namespace

std::string mismatched(const std::string& text, const Mismatch& mismatch, RandomStream& stream) {
  std::string out;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    out += line;
    if (!line.empty() && line[0] == 'm') {
      std::istringstream split(line);
      std::vector<std::string> words;
      for (std::string word; split >> word;) words.push_back(word);
      if (words.size() < 8) throw Error(fmt::format("mismatch: cannot read the transistor \"{}\"", line));
      const std::string& model = words[5];
      out += instance_mismatch(model, draw_mismatch(mismatch.of(model), size_of(line, words, "w", 0.0), size_of(line, words, "l", 0.0), size_of(line, words, "m", 1.0), stream));
    }
    out += '\n';
  }
  return out;
}

void apply_mismatch(ConversionSetup& setup, const Mismatch& mismatch, std::uint64_t seed, std::uint32_t die, double farad_per_area) {
  RandomStream stream(seed, die, 0, 0, Purpose::neuron_mismatch);
  const auto shipped = [](const char* file) { return read_text_file(data_path(fmt::format("netlists/{}", file))); };
  setup.transistors.amplifier = mismatched(setup.transistors.amplifier.empty() ? shipped("ota.sub") : setup.transistors.amplifier, mismatch, stream);
  setup.transistors.latch = mismatched(setup.transistors.latch.empty() ? shipped("latch.sub") : setup.transistors.latch, mismatch, stream);
  for (double* c : {&setup.circuit.c_sample, &setup.circuit.c_integ}) *c *= 1.0 + draw_capacitor_mismatch(mismatch.a_c, *c / farad_per_area, stream);
}

}  // namespace mho::circuits
