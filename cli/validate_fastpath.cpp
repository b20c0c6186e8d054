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
  const auto speed = validation::measure_fast_speed(job.calibration().neuron, job.config().seed);
  std::string times = fmt::format("\n256 by 256 cells with wires, drivers, transistors, bent cells, read noise, settling, held lines, neuron and ADC; one thread, processor time, medians\n{:>8}{:>12}{:>12}{:>14}{:>12}{:>22}\n", "batch",
                                  "input [µs]", "MVM/s", "product [µs]", "products", "ngspice/conversion");
  for (const auto& b : speed.batches) times += fmt::format("{:8}{:11.2f}{:12.0f}{:13.2f}{:12.2f}{:22.2g}\n", b.inputs, 1e6 * b.seconds, b.rate, 1e6 * b.product, b.products, b.gain);
  times += fmt::format("  one column of 256 rows in ngspice {:.2f} s; {:.0f} digits a bit of {:.3f} µs each: {:.2f} µs of an input are multiply-adds\n  sums over rows, digits and error [LSB]:", speed.ngspice, speed.digits,
                       1e6 * speed.digit_seconds, 3e6 * speed.digits * speed.digit_seconds);
  for (const auto& c : speed.sums) times += fmt::format(" {} {} {:.4f};", c.name, c.digits, c.error);
  times.back() = '\n';
  times += fmt::format("  its lines, with transistors of 20 ohm, from every cell at its own voltage: {:.4f} LSB rms\n", speed.lines_rms);
  for (const std::string& m : speed.missed) times += "  MISSED: " + m + "\n";
  Json json, speed_json;
  validation::to_json(json, v);
  validation::to_json(speed_json, speed);
  json["speed"] = speed_json;
  deliver(options, "validate_fastpath", job::with_units(json), text + times);
  if (v.v_rms > limit)
    throw Error(fmt::format("validate fastpath: rms is {:.4f} LSB, wants at most {:g}", v.v_rms, limit), ExitStatus::threshold_missed);
  if (!speed.missed.empty()) throw Error("validate fastpath: " + speed.missed.front(), ExitStatus::threshold_missed);
}

}  // namespace

void add_validate_fastpath(CLI::App& parent) {
  const auto columns = std::make_shared<int>(1000);
  CLI::App* command = add_command(parent, "fastpath", "vectorised form against the ODE form", [columns](const CommonOptions& options) { validate(options, *columns); });
  command->add_option("--columns", *columns, "random columns")->check(CLI::Range(1, 1000000))->capture_default_str();
}

}  // namespace mho::cli
