// A model library in sky130's layout, read without ngspice: expressions, bins, corners, and every
// way a library can be wrong.
#include "circuits/pdk.hpp"

#include <doctest/doctest.h>
#include <unistd.h>

#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <regex>

#include "circuits/expression.hpp"
#include "core/errors.hpp"
#include "core/json_file.hpp"

using namespace mho;
using namespace mho::circuits;
namespace fs = std::filesystem;

namespace {

const std::string shipped = std::string(MHO_SOURCE_DIR) + "/circuits/testdata/pdk";
const std::string cell = "libs.ref/sky130_fd_pr/spice/sky130_fd_pr__nfet_g5v0d10v5";

double value(const std::string& text) {
  return evaluate_expression(text, [](std::string_view name) -> double {
    if (name == "x") return 3.0;
    throw ExpressionError("undefined parameter " + std::string(name));
  });
}

// A parameter of an emitted card; NaN when it is not there.
double entry(const TransistorModels& models, const std::string& key) {
  std::smatch match;
  if (!std::regex_search(models.text, match, std::regex("[ ]" + key + "=(\\S+)"))) return NAN;
  return std::stod(match[1]);
}

TransistorModels flat(double w, double l, const std::string& corner = "tt") {
  return flatten_transistor(
      {shipped, "fixture130"},
      {.device = "nfet_g5v0d10v5", .w = w, .l = l, .corner = corner, .model = "n50"});
}

// The fixture with one file changed; `file` is relative to the installation.
struct Changed {
  fs::path root = fs::temp_directory_path() / ("mho_pdk_test_" + std::to_string(getpid()));
  Changed(const std::string& file, const std::string& from, const std::string& to) {
    fs::remove_all(root);
    fs::copy(shipped, root, fs::copy_options::recursive);
    const fs::path path = root / "fixture130" / file;
    std::string text = read_text_file(path.string());
    const size_t at = text.find(from);
    REQUIRE(at != std::string::npos);
    text.replace(at, from.size(), to);
    std::ofstream(path) << text;
  }
  ~Changed() { fs::remove_all(root); }
  TransistorModels flatten(const TransistorRequest& request = {}) const {
    return flatten_transistor({root.string(), "fixture130"}, request);
  }
  std::string message(const TransistorRequest& request = {}) const {
    try {
      flatten(request);
    } catch (const Error& e) {
      CHECK(e.status() == ExitStatus::bad_input);
      return e.what();
    }
    return "no error";
  }
};

bool close(double a, double b) { return std::abs(a - b) <= 1e-12 * std::abs(b); }

bool has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos && text.find('\n') == std::string::npos;
}

}  // namespace

TEST_CASE("expressions: numbers with suffixes, precedence, powers, functions, nominal values") {
  CHECK(value("1.5") == 1.5);
  CHECK(value(".80e-2") == 0.8e-2);
  CHECK(value("2meg+3k-1u") == 2e6 + 3e3 - 1e-6);
  CHECK(close(value("10um"), 1e-5));
  CHECK(value("2+3*4-6/3") == 12.0);
  CHECK(value("-2^2 + 2**3**2/2") == -4.0 + 256.0);  // powers bind tighter and to the right
  CHECK(value("2*-x") == -6.0);
  CHECK(value("(1+x)*sqrt(x*3)") == 12.0);
  CHECK(value("max(1,min(x,2))+pow(2,x)+abs(-1)") == 11.0);
  CHECK(value("ln(exp(2))+log10(1000)") == doctest::Approx(5.0).scale(1e-30));
  CHECK(value("0.5+1*agauss(0,1.0,1)*(0.1/sqrt(x))") == 0.5);
  for (const char* wrong : {"1+", "(1", "1 2", "sqrt(1,2)", "foo(1)", "1+*2", "", "1 ? 2"})
    CHECK_THROWS_AS(value(wrong), ExpressionError);
}

TEST_CASE("the bin is the one whose limits hold W and L, lower limits included, upper ones not") {
  // u0 tells the four bins of the fixture apart.
  CHECK(entry(flat(1e-6, 0.5e-6), "u0") == 0.050138);
  CHECK(entry(flat(0.42e-6, 0.5e-6), "u0") == 0.050138);
  CHECK(entry(flat(1e-6, 0.999e-6), "u0") == 0.050138);
  CHECK(entry(flat(1e-6, 1e-6), "u0") == 0.048);
  CHECK(entry(flat(2e-6, 0.5e-6), "u0") == 0.0495);
  CHECK(entry(flat(2e-6, 1e-6), "u0") == 0.047);
  CHECK(entry(flat(9.99e-6, 7.99e-6), "u0") == 0.047);
  CHECK_THROWS_WITH_AS(flat(1e-6, 0.49e-6), doctest::Contains("at this W it has L 0.5 to 8 um"),
                       ConfigError);
  CHECK_THROWS_WITH_AS(flat(1e-6, 8e-6), doctest::Contains("no bin for W 1 um, L 8 um"),
                       ConfigError);
  CHECK_THROWS_WITH_AS(flat(10e-6, 1e-6), doctest::Contains("it has W 0.42 to 10 um"), ConfigError);
}

TEST_CASE("a flattened card has plain numbers: corner parameters in, statistics off, no limits") {
  const TransistorModels tt = flat(1e-6, 0.5e-6), long_tt = flat(1e-6, 2e-6);
  CHECK(tt.nmos_thick == "n50");
  CHECK(tt.text.starts_with(".model n50 nmos\n+ level=54 version=4.5 "));
  CHECK(tt.text.find_first_of("{}'") == std::string::npos);
  CHECK(std::isnan(entry(tt, "lmin")));
  CHECK(std::isnan(entry(tt, "wmax")));
  CHECK(entry(tt, "lk1") == 0.0);  // second pair of a line
  CHECK(entry(tt, "vth0") == 0.76894);
  CHECK(close(entry(long_tt, "vth0"), 0.75894));  // − 20 m + 2·5 m
  CHECK(close(entry(tt, "cgso"), 2.5e-10));       // through three parameters
  CHECK(entry(tt, "toxe") == 1.16e-8);            // with mc_mm_switch = 1
  CHECK(close(entry(flat(1e-6, 0.5e-6, "ss"), "toxe"), 1.03 * 1.16e-8));
  CHECK(close(entry(flat(1e-6, 0.5e-6, "SS"), "vth0"), 0.81894));
  CHECK(has(tt.source, "sky130_fd_pr__nfet_g5v0d10v5.pm3.spice:13"));
  const Changed spread(cell + ".pm3.spice", "vth0_slope_spectre = 0.0", "vth0_slope_spectre = 2");
  CHECK(entry(spread.flatten(), "vth0") == 0.76894);
}

TEST_CASE("W and L in expressions are in the library's unit") {
  const Changed scaled(cell + ".pm3.spice", "k1 = 0.60067", "k1 = {l+10*w}");
  CHECK(close(entry(scaled.flatten(), "k1"), 10.5));
}

TEST_CASE("a wrong library gives one line with file, line and key") {
  const std::string pm3 = cell + ".pm3.spice";
  CHECK(has(Changed("libs.tech/ngspice/all.spice", ".option", ".options").message(), "no error"));
  CHECK(has(Changed("libs.tech/ngspice/sky130.lib.spice", ".lib tt", ".lib typ").message(),
            "sky130.lib.spice: .lib tt: no such section"));
  CHECK(has(Changed(pm3, "k1 = 0.60067", "k1 = {0.6+k1_nowhere}").message(),
            "pm3.spice:42: k1: undefined parameter k1_nowhere"));
  CHECK(has(Changed(pm3, "k1 = 0.60067", "k1 = {0.6+*2}").message(),
            "pm3.spice:42: k1: \"0.6+*2\": cannot read \"*2\""));
  CHECK(has(Changed(pm3, "k1 = 0.60067", "k1 = {0.6").message(), "pm3.spice:42: k1: "));
  CHECK(has(Changed(pm3, "k1 = 0.60067 lk1 = 0.0", "k1 =").message(),
            "pm3.spice:42: k1: lacks a value"));
  CHECK(has(Changed(cell + "__tt.corner.spice", "vth0_diff_0 = 0.0",
                    "vth0_diff_0 = {1+sky130_fd_pr__nfet_g5v0d10v5__vth0_diff_0}")
                .message(),
            "depends on itself"));
  CHECK(has(Changed(pm3, "{1.16e-8*", "{(1.16e-8*").message(), "pm3.spice:33: toxe: "));
  CHECK(has(Changed(pm3, ".subckt  sky", ".subckt  other_sky").message(),
            "nfet_g5v0d10v5: no .subckt sky130_fd_pr__nfet_g5v0d10v5 in section tt"));
  CHECK(has(Changed(cell + "__tt.corner.spice", "v5.pm3", "v5__lost.pm3").message(),
            "nfet_g5v0d10v5__lost.pm3.spice: no such file (.include in "));
  CHECK(has(Changed(pm3, "lmin = 5e-07", "lmin = {short}").message(), "lmin: undefined"));
  CHECK(has(
      Changed("libs.tech/ngspice/sky130.lib.spice", "v5__tt.corner", "v5__gone.corner").message(),
      "gone.corner.spice: no such file (.include in "));
  // Files of other cells are not read, so they need not be there.
  const Changed same("libs.tech/ngspice/sky130.lib.spice", ".param mc_mm_switch=1",
                     ".include \"../x/sky130_fd_pr__pfet_01v8__tt.corner.spice\"");
  CHECK(has(same.message(), "no error"));
  CHECK(has(same.message({.corner = "ff"}), ".lib ff: no such section"));
  CHECK(has(same.message({.device = "pfet_g5v0d10v5"}), "pfet_g5v0d10v5: no .subckt"));
  try {
    flatten_transistor({shipped, "not_there"}, {});
    FAIL("no error");
  } catch (const IoError& e) {
    CHECK(has(e.what(), "not_there/libs.tech/ngspice/sky130.lib.spice: no such file"));
  }
}

TEST_CASE("an included file that includes itself is an error, not an endless read") {
  const Changed loop("libs.tech/ngspice/parameters/lod.spice", ".param", ".include \"lod.spice\"");
  CHECK(has(loop.message(), "lod.spice: includes itself"));
}

TEST_CASE("PDK_ROOT and PDK choose the source, the card that ships otherwise") {
  unsetenv("PDK_ROOT");
  unsetenv("PDK");
  CHECK(!pdk_from_environment());
  const TransistorModels embedded = thick_transistor_models();
  CHECK(embedded.source == "netlists/card_130nm.lib (n50)");
  CHECK(entry(embedded, "vth0") == 0.76894);
  CHECK(entry(embedded, "pscbe2") == 2.9279e-9);
  setenv("PDK_ROOT", shipped.c_str(), 1);
  CHECK(!pdk_from_environment());  // one of them alone chooses nothing
  setenv("PDK", "fixture130", 1);
  CHECK(has(thick_transistor_models().source, "fixture130/libs.ref/sky130_fd_pr/spice"));
  // The bin of the cell's transistor has the card's own numbers, and what the card leaves out.
  for (const char* key : {"toxe", "vth0", "u0", "ags", "jsd", "cgdo"})
    CHECK(close(entry(thick_transistor_models(), key), entry(embedded, key)));
  unsetenv("PDK_ROOT");
  unsetenv("PDK");
}
