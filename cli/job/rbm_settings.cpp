#include "cli/job/rbm_settings.hpp"

#include "circuits/mode_table.hpp"

namespace mho::job {

RbmSettings read_rbm_settings(TomlFile& file) {
  RbmSettings s;
  const auto whole = [&](std::string_view key, int fallback, int min, int max) { return static_cast<int>(file.integer(key, fallback, min, max)); };
  s.layout.groups = whole("rbm.groups", s.layout.groups, 1, 1 << 20);
  s.layout.parts = whole("rbm.parts", s.layout.parts, 1, 1 << 20);
  s.layout.bias_lines = whole("rbm.bias_lines", s.layout.bias_lines, 1, 64);
  s.layout.visible_bits = whole("rbm.visible_bits", s.layout.visible_bits, 1, 7);
  s.cycles = whole("rbm.cycles", s.cycles, 1, 100000);
  s.sample_visible = file.boolean("rbm.sample_visible", s.sample_visible);
  s.known_label = file.boolean("rbm.known_label", s.known_label);
  s.stochastic = file.choice("rbm.hidden_neuron", "stochastic", {"stochastic", "logistic"}) == "stochastic";
  s.correct_sums = file.boolean("rbm.correct_sums", s.correct_sums);
  s.weight_bits = whole("rbm.weight_bits", s.weight_bits, 2, 16);
  s.picture_images = whole("rbm.picture_images", s.picture_images, 1, 100);
  return s;
}

chip::HiddenSampler hidden_sampler(const RbmSettings& settings) {
  if (!settings.stochastic) return {};
  const circuits::ControlProgram program = circuits::named_program("stochastic");
  for (const auto& [name, entries] : program.tables)
    if (name == "weight") return chip::HiddenSampler(std::span(entries).subspan(1));  // pulses count from 1
  throw Error("the program stochastic has no table 'weight'");
}

}  // namespace mho::job
