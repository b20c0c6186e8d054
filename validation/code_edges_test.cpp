// Edges of made-up converters whose linearity is known.
#include "validation/code_edges.hpp"

#include <doctest/doctest.h>

#include <cmath>

using namespace mho::validation;

namespace {

constexpr double lsb = 0.01, step = 1e-4;

CodeEdges sweep(double (*warp)(double)) {
  std::vector<double> v;
  std::vector<int> code;
  for (int i = -1000; i <= 1000; ++i) {
    v.push_back(i * step + 0.3e-4);
    code.push_back(static_cast<int>(warp(v.back()) / lsb));  // truncates towards zero
  }
  return code_edges(v, code);
}

}  // namespace

TEST_CASE("an ideal converter that truncates towards zero is a straight line through its edges") {
  const CodeEdges e = sweep([](double v) { return v; });
  CHECK(e.code.size() == 19);  // −9 to −1 and 1 to 10: the sweep starts just above −10 LSB
  CHECK(e.lsb == doctest::Approx(lsb).scale(1e-30).epsilon(1e-3));
  CHECK(std::abs(e.offset) < step);
  for (double inl : e.inl) CHECK(std::abs(inl) <= step / lsb);  // an edge is known to half a step
  for (size_t i = 1; i < e.dnl.size(); ++i) CHECK(std::abs(e.dnl[i]) <= 2 * step / lsb);
}

TEST_CASE("one edge that is late by 0.4 LSB shows in INL and DNL there") {
  const CodeEdges e = sweep([](double v) { return v > 0.05 && v < 0.054 ? 0.0499 : v; });
  for (size_t i = 0; i < e.code.size(); ++i)
    if (e.code[i] == 5) {
      CHECK(e.inl[i] == doctest::Approx(0.4).scale(1e-30).epsilon(0.15));  // the line follows a little
      CHECK(e.dnl[i] == doctest::Approx(0.4).scale(1e-30).epsilon(0.05));
      CHECK(e.dnl[i + 1] == doctest::Approx(-0.4).scale(1e-30).epsilon(0.05));
    }
}

TEST_CASE("fewer than three edges give no line") {
  CHECK(code_edges({0.0, 1.0}, {0, 1}).inl.empty());
}
