// Laws of the foundation: units round trip, unknown keys are named, random streams are independent of order.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <atomic>
#include <cmath>
#include <vector>

#include "core/cache.hpp"
#include "core/parallel.hpp"
#include "core/random.hpp"
#include "core/statistics.hpp"
#include "core/toml_file.hpp"
#include "core/units.hpp"

using namespace mho;

TEST_CASE("a quantity is read in its SI unit and nothing else is accepted") {
  CHECK(parse_quantity("10 ns", "s").value() == doctest::Approx(1e-8).scale(1e-30));
  CHECK(parse_quantity("34fF", "F").value() == doctest::Approx(3.4e-14).scale(1e-30));
  CHECK(parse_quantity("3 µS", "S").value() == doctest::Approx(3e-6).scale(1e-30));
  CHECK(parse_quantity("-0.3 V", "V").value() == doctest::Approx(-0.3).scale(1e-30));
  CHECK_FALSE(parse_quantity("10 nF", "s"));
  CHECK_FALSE(parse_quantity("10", "s"));
  CHECK_FALSE(parse_quantity("nan V", "V"));
  CHECK(parse_quantity("7", "1").value() == 7.0);
  for (double v : {3.4e-14, 1.0, 0.02, 47e3}) CHECK(parse_quantity(format_quantity(v, "V", 12), "V").value() == doctest::Approx(v).scale(1e-30));
}

TEST_CASE("an unknown key is an error that names line and nearest key") {
  TomlFile file = TomlFile::from_text("[neuron]\nv_raed = \"0.3 V\"\n", "x.toml");
  CHECK(file.number("neuron.v_read", 0.2, "V", 0, 1) == 0.2);
  try {
    file.finish();
    FAIL("no error");
  } catch (const ConfigError& e) {
    CHECK(e.line == 2);
    CHECK(std::string(e.what()).find("nearest known one is neuron.v_read") != std::string::npos);
  }
}

TEST_CASE("a value out of range or of the wrong kind is an error, --set overrides") {
  TomlFile file = TomlFile::from_text("v = \"3 V\"\nn = 2.5\n", "x.toml");
  CHECK_THROWS_AS(file.number("v", 0.1, "V", 0, 1), ConfigError);
  CHECK_THROWS_AS(file.integer("n", 1, 0, 10), ConfigError);
  file.set("v=0.5 V");
  CHECK(file.number("v", 0.1, "V", 0, 1) == 0.5);
  CHECK_THROWS_AS(TomlFile::from_text("a = = 2\n", "bad.toml"), ConfigError);
}

TEST_CASE("characters beyond ASCII stand in strings and comments only, and tables have names") {
  const std::string fine = "\xEF\xBB\xBF# µ \"\n[a]\nb = \"1 µS # \\\" µ\"\nc = 'µ'\nd = \"\"\"µ\nµ\"\"\"\ne = [\n[1, 2],\n[\n3] ]\n[ \"f µ\" ]\n\"µ\".'µ' = 1\n[[g]]\n";
  TomlFile file = TomlFile::from_text(fine, "x.toml");
  CHECK(file.text("a.c", "") == "µ");
  file.set("a.b=2 µS");
  CHECK(file.number("a.b", 0.0, "S", 0.0, 1.0) == doctest::Approx(2e-6).scale(1e-30));
  for (const char* text : {"\nb µ = 1\n", "\nb = 1 \xC2\xA0\n", "\n\xC2\xBC = 1\n", "# fine\nb = '1' µ\n", "\n[\nb = 1\n", "\n[[ ]]\n", "\n [=]", "\nb = 1\"µ\"\n", "\nb = \"\"\"\\µ\"\"\"\n"}) {
    CAPTURE(text);
    try {
      TomlFile::from_text(text, "x.toml");
      FAIL("no error");
    } catch (const ConfigError& e) {
      CHECK(e.line == 2);
    }
  }
}

TEST_CASE("random numbers depend on the key alone, and have the moments of their distribution") {
  std::vector<double> forward, chi;
  for (std::uint32_t cell = 0; cell < 20000; ++cell) {
    RandomStream s(7, 1, 2, cell, Purpose::test);
    forward.push_back(s.normal());
    chi.push_back(s.chi_squared(3.0));
  }
  RandomStream again(7, 1, 2, 19999, Purpose::test);
  CHECK(again.normal() == forward.back());
  CHECK(std::abs(mean(forward)) < 4.0 / std::sqrt(20000.0));
  CHECK(standard_deviation(forward) == doctest::Approx(1.0).scale(1e-30).epsilon(0.02));
  CHECK(mean(chi) == doctest::Approx(3.0).scale(1e-30).epsilon(4 * std::sqrt(6.0 / 20000) / 3));
}

TEST_CASE("each index of a parallel loop runs once at any thread count") {
  for (int threads : {1, 2, 5}) {
    std::vector<std::atomic<int>> count(1000);
    parallel_for(count.size(), threads, [&](size_t i) { ++count[i]; }, 7);
    for (auto& c : count) CHECK(c == 1);
  }
  CHECK_THROWS_AS(parallel_for(10, 2, [](size_t i) { if (i == 3) throw NumericalError("x"); }), NumericalError);
}

TEST_CASE("a cache key changes with every part of what it covers") {
  const auto key = [](double a, const char* b) { return CacheKey("k").add("a", a).add("b", b).hex(); };
  CHECK(key(1, "x") == key(1, "x"));
  CHECK(key(1, "x") != key(2, "x"));
  CHECK(key(1, "x") != key(1, "y"));
}

TEST_CASE("what was read can be written as TOML that reads the same") {
  TomlFile file = TomlFile::from_text("name = \"a \\\"b\\\"\"\n[neuron]\nv_read = \"300 mV\"\n", "x.toml");
  const auto read = [](TomlFile& f) {
    return fmt::format("{} {} {} {}", f.text("name", ""), f.number("neuron.v_read", 0.1, "V", 0, 1), f.number("neuron.c", 3.4e-14, "F", 0, 1),
                       f.integer("neuron.n", 7, 0, 9));
  };
  const std::string first = read(file);
  REQUIRE(file.resolved().size() == 4);
  TomlFile again = TomlFile::from_text("", "y.toml");
  for (const TomlFile::Resolved& r : file.resolved()) again.set(r.key + "=" + r.value);
  CHECK(read(again) == first);
}
