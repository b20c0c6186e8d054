// Files that are read whole and written whole or not at all, and numbers with their unit in JSON.
#pragma once
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

namespace mho {

using Json = nlohmann::ordered_json;

std::string read_text_file(const std::string& path);                             // throws IoError
void write_text_file(const std::string& path, std::string_view content);         // temporary name, then rename. Throws IoError
Json read_json_file(const std::string& path);                                    // throws ConfigError{file, line}
void write_json_file(const std::string& path, const Json& value);
void make_output_folder(const std::string& path);                                // creates it and checks that it can be written

// {"value": v, "unit": u} and, with an error, {"value": v, "error": e, "unit": u}.
Json quantity(double value, std::string_view unit);
Json quantity(double value, double error, std::string_view unit);

}  // namespace mho
