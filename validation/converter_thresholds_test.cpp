// Thresholds found from records of converters whose steps are known: arithmetic in place of ngspice, through the shipped control programs.
#include "validation/converter_thresholds.hpp"

#include <doctest/doctest.h>

#include <cmath>

#include "core/errors.hpp"
#include "validation/modes.hpp"

using namespace mho;
using namespace mho::validation;

namespace {

constexpr double unit = 2.5e-3, turn = 1.3e-3;  // [V] of a decrement, where the comparator turns
constexpr int codes = 31;

// A conversion of v: each decrement takes unit · weight · (1 + bend · |v|) off, each comparison amplifies the distance from the turn.
circuits::ConversionRecord convert(const circuits::ControlProgram& program, double v, double bend = 0.0) {
  circuits::ProgramInput input;
  input.max_code = codes;
  input.v_decrement = 0.016;
  circuits::ControlState state(program, input);
  circuits::ConversionRecord record;
  bool decided = false;
  double out = v;
  for (double t = 1.0; !state.ended(); t += 1.0) {
    const circuits::Step& step = state.step();
    circuits::StepRecord s{state.step_index(), t, out, 0, 0, 0, 0, {}, 0, 0.0};
    if (step.name == "decrement_integrate") {
      const double weight = program.name == "preset_binary" ? state.get("w") / state.get("parts") : 1.0;
      const double sign = program.name == "preset_binary" ? state.get("q") : state.sign();
      out -= sign * unit * weight * (1.0 + bend * std::abs(out));
      s.v_out = out;
      record.v_residue.push_back(out);
    }
    if (step.decides) {
      if (!decided) record.v_integrated = out;
      decided = true;
      s.v_decision = 20.0 * (out - turn) + 0.03;  // the latch turns at 30 mV
      s.decision = out > turn ? 1 : -1;
      s.v_out = s.decision;
    }
    record.steps.push_back(s);
    state.advance(out > turn);
  }
  record.sign = state.sign();
  record.code = state.code();
  return record;
}

}  // namespace

TEST_CASE("the comparator turns between the decisions next to it, wherever the records lie") {
  const circuits::ControlProgram program = circuits::named_program("preset_unary");
  std::vector<circuits::ConversionRecord> records;
  for (double v : {-0.02, 0.003, 0.031, 0.0427}) records.push_back(convert(program, v));
  const ComparatorTurn found = comparator_turn(program, records);
  CHECK(found.bracket > 0.0);
  CHECK(std::abs(found.residue - turn) <= found.bracket);
  CHECK(std::abs(found.v_latch - 0.03) <= 20.0 * found.bracket);
  CHECK(found.undecided == 0);
  for (const auto& r : records) CHECK(wrong_decisions(program, r, turn, 1e-9) == 0);
  CHECK(wrong_decisions(program, records.back(), turn + unit, 1e-9) == 1);  // one residue lies between
  CHECK(std::isnan(comparator_turn(program, {}).residue));
}

TEST_CASE("a ramp gives the thresholds of whole conversions, of a bent converter too") {
  const circuits::ControlProgram ramp = circuits::named_program("preset_ramp"), unary = circuits::named_program("preset_unary");
  for (double bend : {0.0, 2.0}) {
    const std::array<std::vector<double>, 2> thresholds{ramp_thresholds(convert(ramp, 0.07, bend), turn, codes), ramp_thresholds(convert(ramp, -0.07, bend), turn, codes)};
    for (double v : {-0.061, -0.0333, -0.0042, 0.0007, 0.0049, 0.0257, 0.0581}) {
      // Linear interpolation between residues errs by less than a hundredth of a code.
      if (code_from(thresholds, turn, v - 0.01 * unit) != code_from(thresholds, turn, v + 0.01 * unit)) continue;
      CHECK(code_from(thresholds, turn, v) == convert(unary, v, bend).code);
    }
    const ConverterLine line = converter_line(thresholds[0], 20);
    CHECK(line.codes == 20);
    CHECK(line.missing == 0);
    if (bend == 0.0) {
      CHECK(line.inl < 1e-9);
      CHECK(line.lsb == doctest::Approx(unit).scale(1e-30));
    } else {
      CHECK(line.inl > 0.05);
    }
  }
}

TEST_CASE("binary conversions give both thresholds beside their code") {
  const circuits::ControlProgram program = circuits::named_program("preset_binary");
  std::vector<circuits::ConversionRecord> records;
  for (int code = -29; code <= 29; code += 2) records.push_back(convert(program, turn + unit * (code + 0.4)));
  const BinaryThresholds found = binary_thresholds(program, records, turn);
  CHECK(found.spread < 1e-12);
  int known = 0;
  for (size_t p = 0; p < 2; ++p)
    for (size_t k = 0; k < found.thresholds[p].size(); ++k) {
      if (!std::isfinite(found.thresholds[p][k])) continue;
      ++known;
      CHECK(found.thresholds[p][k] == doctest::Approx((p == 0 ? turn : -turn) + unit * static_cast<double>(k + 1)).scale(1e-30).epsilon(1e-9));
    }
  CHECK(known > 40);
}

TEST_CASE("an undecided comparison tells no threshold and is not a wrong sign") {
  const circuits::ControlProgram program = circuits::named_program("preset_binary");
  std::vector<circuits::ConversionRecord> records;
  for (int code = -29; code <= 29; code += 2) records.push_back(convert(program, turn + unit * (code + 0.4)));
  // In every other conversion the latch fails near its threshold, on both sides; the program goes on as its outputs lean.
  for (size_t i = 0; i < records.size(); i += 2)
    for (auto& s : records[i].steps)
      if (std::abs(s.v_decision - 0.03) < 20.0 * 0.65 * unit) s.decision = 0;
  const ComparatorTurn where = comparator_turn(program, records);
  CHECK(where.undecided > 5);
  CHECK(std::abs(where.residue - turn) <= where.bracket);
  const BinaryThresholds found = binary_thresholds(program, records, turn);
  for (size_t p = 0; p < 2; ++p)
    for (size_t k = 0; k < found.thresholds[p].size(); ++k)
      if (std::isfinite(found.thresholds[p][k])) CHECK(found.thresholds[p][k] == doctest::Approx((p == 0 ? turn : -turn) + unit * static_cast<double>(k + 1)).scale(1e-30).epsilon(1e-9));
  for (const auto& r : records) CHECK(wrong_decisions(program, r, turn, 1e-9) == 0);
}

TEST_CASE("a latch given longer starts as before and moves what follows by as much") {
  const circuits::ControlProgram program = circuits::named_program("preset_binary"), longer = with_latch_time(program, 3e-9);
  CHECK(longer.text != program.text);
  for (size_t i = 0; i < program.phases.size(); ++i) {
    const circuits::Phase &a = program.phases[i], &b = longer.phases[i];
    CHECK(b.duration - a.duration == doctest::Approx(a.name == "compare" ? 2e-9 : 0.0).scale(1e-30));
    REQUIRE(a.events.size() == b.events.size());
    for (size_t e = 0; e < a.events.size(); ++e) CHECK(a.events[e].time == b.events[e].time);
  }
  CHECK_THROWS_AS(with_latch_time(circuits::named_program("hold"), 3e-9), Error);
}

TEST_CASE("codes that have no place, and a converter that runs backwards, are missing") {
  CHECK(converter_line({0.1, 0.2, 0.3, 0.3, 0.4}, 5).missing == 1);
  CHECK(converter_line({0.1, 0.2, NAN, NAN, 0.3, 0.4}, 6).missing == 1);  // two codes between 0.2 and 0.3
  const ConverterLine back = converter_line({0.4, 0.3, 0.2, 0.1}, 4);
  CHECK(back.missing == 4);
  CHECK(std::isinf(back.inl));
}
