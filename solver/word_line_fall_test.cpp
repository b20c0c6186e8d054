// What the falling word lines leave on the source line: scaling with rows, capacitance and swing.
#include "solver/word_line_fall.hpp"

#include <doctest/doctest.h>

#include "solver/test_models.hpp"

using namespace mho;
using namespace mho::solver;

namespace {

double step(const NeuronModel& model, size_t rows) {
  std::vector<double> g(rows);
  for (size_t i = 0; i < rows; ++i) g[i] = i % 4 == 0 || i % 4 == 3 ? 20e-6 : 1e-6;
  const std::vector<std::int8_t> levels(rows, 0);
  return line_after_fall(model, g, levels, 0.3, 0.0);
}

}  // namespace

TEST_CASE("without charge in the transistors nothing is left on the line") {
  CHECK(std::abs(step(test::quiet_model(), 64)) < 1e-5);  // the integrator's tolerance
}

TEST_CASE("electrons go onto the line: the step is negative, deeper for more rows, but less than in proportion") {
  const NeuronModel model = test::default_model();
  const double s16 = step(model, 16), s32 = step(model, 32), s64 = step(model, 64), s256 = step(model, 256);
  CHECK(s16 < -1e-3);
  CHECK(s32 / s16 > 1.5);
  CHECK(s32 / s16 < 2.05);
  CHECK(s64 < s32);
  CHECK(s256 < s64);
  CHECK(s256 / s64 < 4.0);
}

TEST_CASE("on a line so large that it hardly moves, the charge is that of one row times the number of rows") {
  NeuronModel model = test::default_model();
  model.neuron.c_line = 4e-9;
  const double c = model.neuron.c_line, one = c * step(model, 16) / 16;
  CHECK(one < 0.0);
  // No more than the whole channel and both overlaps hold.
  CHECK(-one < model.fall.c_channel * model.transistor.v_pinch + (model.fall.c_overlap + model.fall.c_overlap_m) * 1.6);
  for (const size_t rows : {32u, 64u, 128u}) CHECK(c * step(model, rows) / static_cast<double>(rows) == doctest::Approx(one).scale(1e-30).epsilon(0.02));
}

TEST_CASE("a larger swing of the word lines takes the line further down") {
  NeuronModel model = test::default_model();
  const double small = step(model, 64);
  model.circuit.wl_low = 0.0;
  CHECK(step(model, 64) < small);
}
