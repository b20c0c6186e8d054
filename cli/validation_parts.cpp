#include "cli/validation_parts.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>

#include "cli/command.hpp"
#include "core/errors.hpp"

namespace mho::cli {

void run_parts(const std::string& name, const std::vector<ValidationPart>& parts, const PartOptions& o) {
  std::string names;
  for (const ValidationPart& p : parts) names += (names.empty() ? "" : ", ") + p.name;
  for (const std::string& chosen : o.only)
    if (std::none_of(parts.begin(), parts.end(), [&](const ValidationPart& p) { return p.name == chosen; }))
      throw Error(fmt::format("--only names no part '{}'; there are {}", chosen, names));
  if (!o.out.empty()) make_output_folder(o.out);
  Json json = Json::object();
  std::vector<std::string> missed;
  for (const ValidationPart& part : parts) {
    if (!o.only.empty() && std::find(o.only.begin(), o.only.end(), part.name) == o.only.end()) continue;
    if (!o.json) fmt::print("== {}: {}\n", part.name, part.what);
    std::fflush(stdout);
    const validation::Section s = part.run();
    if (!o.json) {
      if (!s.skipped.empty()) fmt::print("skipped: {}\n\n", s.skipped);
      else {
        fmt::print("{}", s.text);
        for (const std::string& m : s.missed) fmt::print("MISSED: {}\n", m);
        fmt::print("\n");
      }
    }
    std::fflush(stdout);
    Json section = s.json;
    section["missed"] = s.missed;
    if (!s.skipped.empty()) section["skipped"] = s.skipped;
    json[part.name] = section;
    // What is done is kept, whatever comes after it.
    if (!o.out.empty()) write_json_file(o.out + "/validate_" + name + ".json", json);
    missed.insert(missed.end(), s.missed.begin(), s.missed.end());
  }
  if (o.json) fmt::print("{}\n", json.dump(1));
  if (!missed.empty())
    throw Error(fmt::format("validate {}: {} limit{} missed, the first: {}", name, missed.size(), missed.size() > 1 ? "s" : "", missed.front()), ExitStatus::threshold_missed);
}

}  // namespace mho::cli
