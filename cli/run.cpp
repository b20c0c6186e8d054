// mho run: the five steps, from transistors to the energy of classifying a digit, or of recovering one.
#include <fmt/format.h>

#include "cli/command.hpp"
#include "cli/commands.hpp"
#include "cli/job/rbm_job.hpp"
#include "cli/job/results.hpp"

namespace mho::cli {
namespace {

// How the run was started, for manifest and report.
std::string command_line(const CommonOptions& options) {
  std::string text = "mho run " + options.config;
  for (const std::string& assignment : options.overrides()) text += fmt::format(" --set '{}'", assignment);
  return text + " --out " + options.out;
}

// task = "rbm".
void run_recovery(job::Job& job, const CommonOptions& options) {
  const job::RbmResults results = job::run_rbm(job);
  const Json run = job::rbm_json(results, job, command_line(options));
  job::write_rbm_tables(results, job, run, options.out);
  fmt::print("{}", options.json ? run.dump(1) + "\n" : job::rbm_table(results, job));
  std::fflush(stdout);
  if (job.config().pictures) job::write_rbm_report(results, job, run, options.out);
  if (!options.json) fmt::print("{}/run.json{}\n", options.out, job.config().pictures ? fmt::format(", {}/report.html", options.out) : "");
}

}  // namespace

void add_run(CLI::App& mho) {
  CLI::App* command = add_inferring_command(mho, "run", "calibrate, program, infer, estimate, report", [](const CommonOptions& options) {
    job::Job job = options.start();
    if (job.config().task == job::Task::rbm) return run_recovery(job, options);
    job.check_inputs();
    // In the order of the steps, so that each is announced and kept before the next begins.
    if (job.config().core == job::CoreKind::calibrated) job.calibration();
    for (int d = 0; d < job.config().dies; ++d) job.die(static_cast<std::uint32_t>(d));
    if (job.config().passes_beside > 0) job.die_with_passes(0, job.config().passes_beside);
    job.software_accuracy();
    for (int d = 0; d < job.config().dies; ++d) job.inference(static_cast<std::uint32_t>(d));
    if (job.config().core == job::CoreKind::calibrated) job.estimate();
    const job::PictureData pictures = job::picture_data(job);
    const Json run = job::run_json(job, pictures, command_line(options));
    job::write_tables(job, pictures, run, options.out);
    fmt::print("{}", options.json ? run.dump(1) + "\n" : job::run_table(job, pictures));
    std::fflush(stdout);
    if (job.config().pictures) job::write_report(job, pictures, run, options.out);
    if (!options.json) fmt::print("{}/run.json{}\n", options.out, job.config().pictures ? fmt::format(", {}/report.html", options.out) : "");
  });
  command->get_option("--out")->required();
}

}  // namespace mho::cli
