// mho validate fastpath: the vectorised form against the ODE form on random columns.
#include <fmt/format.h>

#include <memory>

#include "cli/command.hpp"
#include "cli/commands.hpp"
#include "cli/job/tables.hpp"
#include "validation/fast_path.hpp"

namespace mho::cli {
namespace {

void validate(const CommonOptions& options, int columns) {
  job::Job job = options.start();
  const auto v = validation::validate_fast_path(job.calibration().neuron, columns, job.config().seed, job.threads());
  constexpr double limit = 0.1;  // [LSB]
  const std::string text = fmt::format(
      "vectorised against ODE form, {} random columns\n"
      "  before the ADC, rms [LSB]        {:>10.4f}  at most {:g}{}\n"
      "  before the ADC, worst [LSB]      {:>10.4f}\n"
      "  codes that differ [%]            {:>10.2f}  ({} by more than one)\n"
      "  one conversion, ODE form [µs]    {:>10.1f}\n"
      "  vectorised, batch 256 [µs]       {:>10.3f}  (preparing the column once: {:.1f} ms)\n",
      v.columns, v.v_rms, limit, v.v_rms <= limit ? "" : "   MISSED", v.v_worst, 100 * v.differing_codes, v.off_by_more, 1e6 * v.ode_seconds,
      1e6 * v.fast_seconds, 1e3 * v.prepare_seconds);
  Json json;
  validation::to_json(json, v);
  deliver(options, "validate_fastpath", job::with_units(json), text);
  if (v.v_rms > limit)
    throw Error(fmt::format("validate fastpath: rms is {:.4f} LSB, wants at most {:g}", v.v_rms, limit), ExitStatus::threshold_missed);
}

}  // namespace

void add_validate_fastpath(CLI::App& parent) {
  const auto columns = std::make_shared<int>(1000);
  CLI::App* command = add_command(parent, "fastpath", "vectorised form against the ODE form", [columns](const CommonOptions& options) { validate(options, *columns); });
  command->add_option("--columns", *columns, "random columns")->check(CLI::Range(1, 1000000))->capture_default_str();
}

}  // namespace mho::cli
