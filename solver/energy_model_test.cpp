// Energy is linear in the counts, counts of parts add up to counts of the whole, and a model survives its file.
#include "solver/energy_model.hpp"

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "core/random.hpp"

using namespace mho;
using namespace mho::solver;

namespace {

EventCounts random_counts(std::uint32_t index) {
  RandomStream random(31, 0, 0, index, Purpose::test);
  EventCounts counts;
  for (const EventField& f : event_fields) counts.*f.member = random.uniform();
  return counts;
}

// Names of the coefficients of a component, as in its file.
std::vector<std::string> coefficient_names() {
  std::vector<std::string> names;
  const Json model = EnergyModel{};
  for (const auto& [name, value] : model.at("array").items())
    if (name != "relative_error") names.push_back(name);
  return names;
}

EnergyModel random_model() {
  RandomStream random(32, 0, 0, 0, Purpose::test);
  Json model = EnergyModel{};
  for (const std::string_view component : component_names)
    for (auto& [name, value] : model[std::string(component)].items()) value = random.uniform();
  model["total_relative_error"] = random.uniform();
  model["neurons_per_bias"] = 128;
  return model.get<EnergyModel>();
}

}  // namespace

TEST_CASE("counts add field by field, and the list of fields covers the whole struct") {
  static_assert(sizeof(EventCounts) == event_fields.size() * sizeof(double));
  const EventCounts a = random_counts(0), b = random_counts(1);
  EventCounts sum = a;
  sum += b;
  for (const EventField& f : event_fields) CHECK(sum.*f.member == a.*f.member + b.*f.member);
  sum = a;
  sum += EventCounts{};
  for (const EventField& f : event_fields) CHECK(sum.*f.member == a.*f.member);
}

TEST_CASE("energy is additive and proportional in the counts, and the components add up to the total") {
  const EnergyModel model = random_model();
  const EventCounts a = random_counts(2), b = random_counts(3);
  EventCounts sum = a, twice = a;
  sum += b;
  twice += a;
  const EnergyBreakdown ea = model.energy(a), eb = model.energy(b), es = model.energy(sum), e2 = model.energy(twice);
  EnergyBreakdown added = ea;
  added += eb;
  double total = 0;
  for (size_t c = 0; c < ea.joule.size(); ++c) {
    CHECK(es.joule[c] == doctest::Approx(added.joule[c]).scale(1e-30).epsilon(1e-14));
    CHECK(e2.joule[c] == doctest::Approx(2 * ea.joule[c]).scale(1e-30).epsilon(1e-14));
    total += ea.joule[c];
  }
  CHECK(ea.total() == doctest::Approx(total).scale(1e-30).epsilon(1e-14));
  CHECK(model.energy(EventCounts{}).total() == 0.0);
}

TEST_CASE("each coefficient belongs to one count: the energy of that count alone is the coefficient") {
  // core_time and macs cost nothing by themselves.
  static_assert(sizeof(EnergyModel::Coefficients) % sizeof(double) == 0);
  CHECK(coefficient_names().size() == sizeof(EnergyModel::Coefficients) / sizeof(double));
  for (const std::string& name : coefficient_names()) {
    CAPTURE(name);
    Json json = EnergyModel{};
    json["word line"][name] = 3.0;
    const EnergyModel model = json.get<EnergyModel>();
    int responds = 0;
    for (const EventField& f : event_fields) {
      EventCounts one;
      one.*f.member = 1.0;
      const EnergyBreakdown e = model.energy(one);
      CHECK(e.total() == e[Component::word_line]);
      if (e.total() != 0.0) {
        CHECK(e.total() == 3.0);
        ++responds;
      }
    }
    CHECK(responds == 1);
  }
}

TEST_CASE("a model read back from its JSON text is the same model, a file without a coefficient is refused") {
  const EnergyModel model = random_model();
  const std::string text = Json(model).dump();
  const EnergyModel back = Json::parse(text).get<EnergyModel>();
  CHECK(Json(back).dump() == text);
  for (size_t c = 0; c < model.component.size(); ++c) CHECK(back.relative_error[c] == model.relative_error[c]);
  CHECK(back.energy(random_counts(4)).joule == model.energy(random_counts(4)).joule);
  CHECK(back.total_relative_error == model.total_relative_error);
  CHECK(back.neurons_per_bias == model.neurons_per_bias);
  Json broken = Json::parse(text);
  broken["amplifier"].erase("sample");
  CHECK_THROWS(broken.get<EnergyModel>());
}
