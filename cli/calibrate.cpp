// mho calibrate: fits the behavioural neuron and its energies to ngspice conversions, says how well each parameter is known and what that does to conversions; or prints what it would run.
#include <fmt/format.h>

#include <memory>

#include "cli/command.hpp"
#include "cli/commands.hpp"
#include "cli/job/tables.hpp"
#include "validation/plan_report.hpp"

namespace mho::cli {
namespace {

struct CalibrateOptions {
  bool plan = false;
  int draws = 8;
};

void calibrate(const CommonOptions& common, const CalibrateOptions& o) {
  job::Job job = common.start();
  const validation::CalibrationSettings& settings = job.config().calibrate;
  if (o.plan) {
    const validation::PlanReport plan = validation::plan_report(settings, job.cache());
    deliver(common, "calibration_plan", validation::to_json(plan), validation::plan_table(plan));
    return;
  }
  const validation::Calibration& calibration = job.calibration();
  Json json;
  validation::to_json(json, calibration);
  std::string text = job::calibration_table(calibration) + "\n" + job::parameters_table(calibration);
  if (o.draws > 0) {
    const auto u = validation::carry_uncertainty(calibration, validation::planned_runs(settings).back().inputs, o.draws, settings.seed, job.threads());
    json["uncertainty"] = u;
    text += fmt::format("errors of the parameters, carried to {} unseen conversions by {} drawn models, one standard deviation:\n"
                        "  integrated voltage [LSB]     {:.4f}\n  codes that change [%]        {:.2f}\n  energy of a conversion [%]   {:.3f}\n  energy, mean over them [%]   {:.3f}\n\n",
                        u.conversions, u.draws, u.v_rms, 100 * u.codes_changed, 100 * u.energy, 100 * u.energy_mean);
  }
  deliver(common, "calibration", json, text + job::times_table(job));
}

}  // namespace

void add_calibrate(CLI::App& mho) {
  const auto o = std::make_shared<CalibrateOptions>();
  CLI::App* command = add_command(mho, "calibrate", "fit the behavioural neuron and its energies to ngspice conversions", [o](const CommonOptions& common) { calibrate(common, *o); });
  command->add_flag("--plan", o->plan, "print what would be run, how it covers what can be run, and how long it takes; run nothing");
  command->add_option("--uncertainty", o->draws, "models drawn from the errors of the parameters; 0: none")->check(CLI::Range(0, 100000))->capture_default_str();
}

}  // namespace mho::cli
