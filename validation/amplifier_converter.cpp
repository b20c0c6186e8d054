#include "validation/amplifier_converter.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "circuits/column.hpp"
#include "circuits/energy_table.hpp"
#include "circuits/mode_table.hpp"
#include "circuits/model_card.hpp"
#include "circuits/pdk_netlist.hpp"
#include "core/data_path.hpp"
#include "core/json_file.hpp"
#include "solver/energy_fit.hpp"
#include "validation/conversion_runs.hpp"
#include "validation/converter_thresholds.hpp"

namespace mho::validation {
namespace {

circuits::Transistors transistors_of(const circuits::AmplifierSetup& setup) {
  circuits::Transistors t;
  t.amplifier = circuits::amplifier_text(setup.amplifier);
  const auto pdk = circuits::pdk_from_environment();
  if (!pdk) {
    t.models = circuits::card_text(circuits::corner_of(setup.corner));
    return t;
  }
  std::string text = t.amplifier;  // first, so that its lines keep their numbers; no cells are read
  for (const char* file : {"latch.sub", "switch.sub", "neuron.sub"}) text += read_text_file(data_path(fmt::format("netlists/{}", file)));
  const circuits::PdkNetlist flat = circuits::with_pdk_models(text, setup.amplifier.path, *pdk, setup.corner);
  t.netlist = flat.text + flat.models;
  return t;
}

}  // namespace

void measure_converter(const circuits::AmplifierSetup& setup, const Cache& cache, circuits::AmplifierFigures& figures, std::string& failure) {
  constexpr int beyond = 3;  // codes
  const circuits::ControlProgram ramp = circuits::named_program("preset_ramp");
  const int codes = setup.point.max_code;
  const double lsb = circuits::lsb_at_output(setup.circuit, setup.point);
  circuits::ReadPoint point = setup.point;
  point.max_code = codes + 2 * beyond + codes / 8;  // decrements may be smaller than the ideal one, and go on beyond zero
  std::vector<circuits::ConversionSetup> setups;
  for (double sign : {1.0, -1.0}) {
    setups.push_back(converter_setup(setup.circuit, ramp, point, sign * lsb * (codes + beyond)));
    setups.back().transistors = transistors_of(setup);
  }
  RunSettings run;
  run.ngspice.tolerance = 1e-4;
  run.ngspice.fast = true;
  run.ngspice.temperature = setup.temperature;
  run.title = "converter, full-scale ramps";
  const ConversionRuns runs = run_conversions(setups, run, cache);
  const double never = std::numeric_limits<double>::infinity();
  figures.inl = figures.dnl = figures.energy = never;
  figures.missing = 2.0 * codes;
  failure = runs.failures.empty() ? "" : runs.failures.front();
  if (!failure.empty()) return;
  const std::vector<circuits::ConversionRecord> records{*runs.records[0], *runs.records[1]};
  figures.energy = 0.0;
  for (const circuits::ConversionRecord& r : records)
    figures.energy += 0.5 * solver::energy_of(r, circuits::neurons_per_bias).total() * codes / std::max(r.decrements, 1);
  const ComparatorTurn turn = comparator_turn(ramp, records);
  if (!std::isfinite(turn.residue)) return;
  figures.inl = figures.dnl = figures.missing = 0.0;
  for (const circuits::ConversionRecord& r : records) {
    const ConverterLine line = converter_line(ramp_thresholds(r, turn.residue, codes), codes);
    figures.inl = std::max(figures.inl, line.codes < 3 ? never : line.inl);
    figures.dnl = std::max(figures.dnl, line.codes < 3 ? never : line.dnl);
    figures.missing += line.missing + (codes - line.codes);
  }
}

}  // namespace mho::validation
