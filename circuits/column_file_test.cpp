// A column as a JSON file: the way there and back, and one line for each way to write a wrong one.
#include "circuits/column_file.hpp"

#include <doctest/doctest.h>
#include <unistd.h>

#include <filesystem>

#include "core/errors.hpp"

using namespace mho;
using namespace mho::circuits;

namespace {

struct File {
  explicit File(const std::string& text) { write_text_file(path, text); }
  ~File() { std::filesystem::remove(path); }
  std::string path = (std::filesystem::temp_directory_path() / ("mho-column-" + std::to_string(getpid()) + ".json")).string();
};

ColumnInput column() {
  ColumnInput input;
  input.conductance = {1e-6, 40e-6, 3.25e-6};
  input.levels = {{1, 0, -1}, {-1, 1, 0}};
  input.point = {.v_read = 0.25, .v_trim = -0.1, .v_decrement = 0.05, .pulse_multiplier = 2, .max_code = 15};
  return input;
}

std::string complaint(const std::string& text) {
  const File file(text);
  try {
    read_column(file.path);
  } catch (const ConfigError& e) {
    const std::string what = e.what();
    CHECK(what.rfind(file.path, 0) == 0);
    CHECK(what.find('\n') == std::string::npos);
    CHECK(e.status() == ExitStatus::bad_input);
    return what;
  }
  return "no complaint";
}

}  // namespace

TEST_CASE("a column comes back from its file as it was") {
  const File file(Json(column()).dump());
  CHECK(Json(read_column(file.path)).dump() == Json(column()).dump());
  const File short_one(R"({"conductance": [1e-5], "levels": [[1]]})");
  CHECK(read_column(short_one.path).point.max_code == ReadPoint{}.max_code);
}

TEST_CASE("a wrong column file ends in one line with file, key and what would be right") {
  const auto with = [](const char* key, const Json& value) {
    Json json = column();
    json[key] = value;
    return complaint(json.dump());
  };
  CHECK(with("v_raed", 1.0).find("v_raed: is not a key") != std::string::npos);
  CHECK(with("v_read", "0.3 V").find("v_read: wants a number") != std::string::npos);
  CHECK(with("v_read", 30.0).find("v_read: is 30 V, outside") != std::string::npos);
  CHECK(with("v_decrement", 0.0).find("v_decrement") != std::string::npos);
  CHECK(with("max_code", 1.5).find("max_code: wants a whole number") != std::string::npos);
  CHECK(with("pulse_multiplier", 0).find("pulse_multiplier: is 0") != std::string::npos);
  CHECK(with("conductance", Json::array({1e-6, -1e-6, 1e-6})).find("conductance[1]: is -1e-06 S") != std::string::npos);
  CHECK(with("conductance", Json::array({1e-6, "x", 1e-6})).find("conductance[1]: wants a number") != std::string::npos);
  CHECK(with("conductance", Json::array()).find("conductance: wants a list") != std::string::npos);
  CHECK(with("levels", Json::array({Json::array({1, 0})})).find("levels[0]: has 2 levels for 3 rows") != std::string::npos);
  CHECK(with("levels", Json::array({Json::array({1, 0, 2})})).find("levels[0][2]: is 2; a level is -1, 0 or 1") != std::string::npos);
  CHECK(with("levels", 3).find("levels: wants a list") != std::string::npos);
  CHECK(complaint("[1]").find("wants an object") != std::string::npos);
  CHECK(complaint(R"({"conductance": [1e-6]})").find("levels: is missing") != std::string::npos);
  CHECK(complaint("{\"conductance\": [1e-6],\n oops}").find(":2") != std::string::npos);
  CHECK_THROWS_AS(read_column("/nowhere/column.json"), IoError);
}

TEST_CASE("a column with more rows than the core does not fit") {
  CircuitParams circuit;
  circuit.rows = 2;
  CHECK_THROWS_WITH_AS(check_column(column(), circuit, "column"), "column: conductance: a column of 3 rows does not fit a core of 2", ConfigError);
}
