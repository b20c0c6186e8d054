// mho neuron levels: the same random columns at three pairs of word line levels, for the choice that docs/circuits.md argues.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <memory>

#include "cli/commands.hpp"
#include "cli/neuron.hpp"
#include "core/errors.hpp"
#include "validation/conversion_plan.hpp"
#include "validation/conversion_runs.hpp"

namespace mho::cli {
namespace {

struct LevelsOptions {
  int columns = 4;
  std::vector<int> rows{64, 256};
};

struct Levels {
  double low, high;  // [V]
};

struct LevelsResult {
  int rows = 0, columns = 0;
  Levels levels{};
  double gain = 0, rms = 0, worst = 0, rms_after_gain = 0;  // [1], [V]: driven line against the conductance-weighted mean of the inputs
  double step = 0, step_spread = 0;                         // [V] held minus driven line: mean and standard deviation
  double word_line = 0, array = 0;                          // [J] per conversion and row
};

// Driven lines against m = Σ G x / Σ G · v_read, over all columns and bits.
LevelsResult measure(const std::vector<circuits::ColumnInput>& inputs, const validation::ConversionRuns& runs) {
  LevelsResult r;
  std::vector<double> mean, line, step;
  for (size_t i = 0; i < inputs.size(); ++i) {
    if (!runs.records[i]) throw NumericalError(runs.failures.front());
    const circuits::ConversionRecord& record = *runs.records[i];
    const auto& g = inputs[i].conductance;
    for (size_t k = 0; k < inputs[i].levels.size(); ++k) {
      double sum = 0.0, sum_x = 0.0;
      for (size_t row = 0; row < g.size(); ++row) {
        sum += g[row];
        sum_x += g[row] * inputs[i].levels[k][row];
      }
      mean.push_back(sum_x / sum * inputs[i].point.v_read);
      line.push_back(record.v_line_driven[k]);
      step.push_back(record.v_line_held[k] - record.v_line_driven[k]);
    }
    r.word_line += record.joule[1] / static_cast<double>(g.size() * inputs.size());
    r.array += record.joule[0] / static_cast<double>(g.size() * inputs.size());
  }
  const double n = static_cast<double>(mean.size());
  double mm = 0.0, ml = 0.0;
  for (size_t i = 0; i < mean.size(); ++i) {
    mm += mean[i] * mean[i];
    ml += mean[i] * line[i];
    r.step += step[i] / n;
  }
  r.gain = ml / mm;
  for (size_t i = 0; i < mean.size(); ++i) {
    const double error = line[i] - mean[i];
    r.rms += error * error / n;
    r.worst = std::max(r.worst, std::abs(error));
    r.rms_after_gain += (line[i] - r.gain * mean[i]) * (line[i] - r.gain * mean[i]) / n;
    r.step_spread += (step[i] - r.step) * (step[i] - r.step) / n;
  }
  r.rms = std::sqrt(r.rms);
  r.rms_after_gain = std::sqrt(r.rms_after_gain);
  r.step_spread = std::sqrt(r.step_spread);
  r.columns = static_cast<int>(inputs.size());
  return r;
}

void levels(const CommonOptions& common, const LevelsOptions& o) {
  validation::CalibrationSettings settings = neuron_settings(common);
  const circuits::ControlProgram program = neuron_program(settings);
  if (!common.out.empty()) make_output_folder(common.out);
  const Cache cache({}, !common.no_cache);
  std::string text = fmt::format("{:>5}{:>14}{:>9}{:>11}{:>11}{:>13}{:>11}{:>11}{:>15}{:>13}\n{:>5}{:>14}{:>9}{:>11}{:>11}{:>13}{:>11}{:>11}{:>15}{:>13}\n", "", "word line",
                                 "driven", "error", "error", "rms after", "step at", "its", "word line", "array", "rows", "[V]", "gain", "rms [mV]", "worst [mV]", "gain [mV]",
                                 "fall [mV]", "std [mV]", "[fJ/row]", "[fJ/row]");
  Json json = Json::array();
  for (const int rows : o.rows) {
    std::vector<circuits::ColumnInput> inputs;
    validation::PlanOptions plan;
    plan.min_rows = plan.max_rows = rows;
    plan.max_code = 1;  // nothing after the sign decision is looked at
    for (int i = 0; i < o.columns; ++i) {
      inputs.push_back(validation::random_column(common.seed.value_or(settings.seed), static_cast<std::uint32_t>(i), Purpose::validation_plan, settings.circuit, plan));
      inputs.back().point.v_trim = 0.0;  // the trim that each pair of levels would need plays no part in what is compared
      inputs.back().point.pulse_multiplier = 1;
    }
    for (const Levels pair : {Levels{0.9, 2.2}, Levels{0.9, 2.5}, Levels{0.0, 3.3}}) {
      settings.circuit.wl_low = pair.low;
      settings.circuit.wl_high = pair.high;
      validation::RunSettings run;
      run.ngspice.tolerance = settings.tolerance;
      run.ngspice.temperature = settings.temperature;
      run.transistors = circuits::transistors_at(settings.corner);
      run.workers = settings.workers;
      run.title = fmt::format("{} rows, word lines {:g} to {:g} V", rows, pair.low, pair.high);
      LevelsResult r = measure(inputs, validation::run_conversions(settings.circuit, program, inputs, run, cache));
      r.rows = rows;
      r.levels = pair;
      text += fmt::format("{:>5}{:>14}{:>9.4f}{:>11.2f}{:>11.2f}{:>13.2f}{:>11.1f}{:>11.1f}{:>15.1f}{:>13.1f}\n", rows, fmt::format("{:g} -> {:g}", pair.low, pair.high), r.gain,
                          1e3 * r.rms, 1e3 * r.worst, 1e3 * r.rms_after_gain, 1e3 * r.step, 1e3 * r.step_spread, 1e15 * r.word_line, 1e15 * r.array);
      json.push_back(Json{{"rows", rows}, {"columns", r.columns}, {"wl_low", quantity(pair.low, "V")}, {"wl_high", quantity(pair.high, "V")}, {"gain", r.gain},
                          {"rms", quantity(r.rms, "V")}, {"worst", quantity(r.worst, "V")}, {"rms_after_gain", quantity(r.rms_after_gain, "V")},
                          {"step", quantity(r.step, "V")}, {"step_std", quantity(r.step_spread, "V")}, {"word_line_per_row", quantity(r.word_line, "J")},
                          {"array_per_row", quantity(r.array, "J")}});
    }
  }
  text += fmt::format("\n{} random columns of each size, {} magnitude bits; gain and errors of the driven line are against the conductance-weighted mean of the inputs\n", o.columns, 3);
  deliver(common, "neuron_levels", json, text);
}

}  // namespace

void add_neuron_levels(CLI::App& neuron) {
  const auto o = std::make_shared<LevelsOptions>();
  CLI::App* command = add_command(neuron, "levels", "linearity and energy at three pairs of word line levels", [o](const CommonOptions& common) { levels(common, *o); });
  command->get_option("config")->required(false)->description("job (TOML) whose [calibrate] table counts; without it: defaults");
  command->add_option("--columns", o->columns, "random columns of each size")->check(CLI::Range(1, 10000))->capture_default_str();
  command->add_option("--rows", o->rows, "sizes, even")->check(CLI::Range(2, 4096))->capture_default_str();
}

}  // namespace mho::cli
