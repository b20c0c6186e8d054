#include "cli/job/stores.hpp"

namespace mho::job {
namespace {

using Counts = solver::EventCounts;
const auto& fields = solver::event_fields;

}  // namespace

std::string to_text(const chip::ChipInference& inference) {
  Json events = Json::array();
  for (const Counts& counts : inference.events) {
    Json row = Json::array();
    for (const solver::EventField& field : fields) row.push_back(counts.*field.member);
    events.push_back(row);
  }
  return Json{{"die", inference.die}, {"accuracy", inference.accuracy}, {"classes", inference.classes}, {"events", events}}.dump();
}

bool from_text(const std::string& text, chip::ChipInference& inference) try {
  const Json json = Json::parse(text);
  chip::ChipInference read;
  read.die = json.at("die").get<std::uint32_t>();
  read.accuracy = json.at("accuracy").get<double>();
  read.classes = json.at("classes").get<std::vector<int>>();
  for (const Json& row : json.at("events")) {
    if (row.size() != fields.size()) return false;
    Counts counts;
    for (size_t f = 0; f < fields.size(); ++f) counts.*fields[f].member = row[f].get<double>();
    read.events.push_back(counts);
  }
  inference = std::move(read);
  return true;
} catch (const Json::exception&) {
  return false;
}

std::string to_text(const std::vector<chip::PointChoice>& points) {
  Json list = Json::array();
  for (const chip::PointChoice& point : points) list.push_back(chip::to_json(point));
  return list.dump();
}

bool from_text(const std::string& text, std::vector<chip::PointChoice>& points) try {
  std::vector<chip::PointChoice> read;
  for (const Json& item : Json::parse(text)) read.push_back(chip::point_choice_from_json(item));
  points = std::move(read);
  return true;
} catch (const Json::exception&) {
  return false;
}

}  // namespace mho::job
