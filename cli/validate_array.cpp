// mho validate array: settled lines of one array with shared row drivers, ngspice against the solver.
#include <fmt/format.h>

#include <memory>

#include "cli/command.hpp"
#include "cli/commands.hpp"
#include "cli/job/tables.hpp"
#include "validation/fast_path.hpp"

namespace mho::cli {
namespace {

struct Size {
  int rows = 16, columns = 16, vectors = 8;
};

void validate(const CommonOptions& options, const Size& size) {
  job::Job job = options.start();
  const auto& model = job.calibration().neuron;
  constexpr double limit = 0.5e-3;  // [V]
  std::string text;
  Json all = Json::array();
  double worst = 0;
  // The limit is for the circuit's own driver. Beside it, for information, one that these few columns load as much as 256 columns load the former.
  for (const double r : {model.circuit.r_driver, model.circuit.r_driver * 256 / size.columns}) {
    const auto v = validation::validate_array(model, size.rows, size.columns, size.vectors, r, job.config().seed, job.config().calibrate.tolerance);
    text += fmt::format("{}×{} array, {} input vectors, row drivers of {:.0f} ohm shared by all columns: worst line {:.4f} mV, rms {:.4f} mV (without sharing: worst {:.3f} mV)\n",
                        v.rows, v.columns, v.vectors, r, 1e3 * v.worst, 1e3 * v.rms, 1e3 * v.worst_unshared);
    if (r == model.circuit.r_driver) worst = v.worst;
    Json json;
    validation::to_json(json, v);
    json["r_driver"] = quantity(r, "ohm");
    all.push_back(json);
  }
  text += fmt::format("every line within 0.5 mV at the circuit's own driver: {}\n", worst <= limit ? "yes" : "MISSED");
  deliver(options, "validate_array", job::with_units(Json{{"arrays", all}}), text);
  if (worst > limit) throw Error(fmt::format("validate array: worst line is {:.4f} mV off, wants at most 0.5 mV", 1e3 * worst), ExitStatus::threshold_missed);
}

}  // namespace

void add_validate_array(CLI::App& parent) {
  const auto size = std::make_shared<Size>();
  CLI::App* command = add_command(parent, "array", "lines of an array with shared row drivers against ngspice", [size](const CommonOptions& options) { validate(options, *size); });
  command->add_option("--rows", size->rows, "rows")->check(CLI::Range(1, 256))->capture_default_str();
  command->add_option("--columns", size->columns, "columns")->check(CLI::Range(1, 256))->capture_default_str();
  command->add_option("--vectors", size->vectors, "input vectors")->check(CLI::Range(1, 1000))->capture_default_str();
}

}  // namespace mho::cli
