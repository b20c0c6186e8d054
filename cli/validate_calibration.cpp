// mho validate calibration: what the errors of the calibration's parameters do to accuracy and energy of a network on the chip.
#include <fmt/format.h>

#include <memory>

#include "cli/command.hpp"
#include "cli/commands.hpp"
#include "cli/job/tables.hpp"
#include "core/errors.hpp"
#include "core/statistics.hpp"

namespace mho::cli {
namespace {

struct Outcome {
  double accuracy = 0, joule = 0, latency = 0;  // [1], [J] and [s] per image
};

// Points, inference and energy with this model, each from the cache where an earlier run left it.
Outcome run_with(const CommonOptions& options, const validation::Calibration& fitted, const solver::NeuronModel& neuron, const solver::EnergyModel& energy) {
  job::Job job = options.start();
  validation::Calibration drawn = fitted;
  drawn.neuron = neuron;
  drawn.energy = energy;
  job.use(std::move(drawn));
  Outcome o;
  for (int d = 0; d < job.config().dies; ++d) o.accuracy += job.inference(static_cast<std::uint32_t>(d)).accuracy / job.config().dies;
  o.joule = job.estimate().total.energy.total();
  o.latency = job.estimate().total.latency;
  return o;
}

void validate(const CommonOptions& options, int draws) {
  job::Job job = options.start();
  const validation::Calibration& c = job.calibration();
  if (c.covariance.parameters.empty()) throw Error("this calibration has no covariance; calibrate again");
  const Outcome fitted = run_with(options, c, c.neuron, c.energy);
  std::string text = fmt::format("{:<14}{:>14}{:>18}{:>18}\n", "model", "accuracy [%]", "energy [nJ/image]", "latency [us]");
  const auto row = [&](const std::string& name, const Outcome& o) { text += fmt::format("{:<14}{:>14.2f}{:>18.3f}{:>18.3f}\n", name, 100 * o.accuracy, 1e9 * o.joule, 1e6 * o.latency); };
  row("fitted", fitted);
  std::vector<double> accuracy, joule, latency;
  for (int d = 0; d < draws; ++d) {
    const auto [neuron, energy] = solver::draw_model(c.neuron, c.energy, c.covariance, job.config().calibrate.seed, static_cast<std::uint32_t>(d));
    const Outcome o = run_with(options, c, neuron, energy);
    row(fmt::format("draw {}", d), o);
    accuracy.push_back(o.accuracy);
    joule.push_back(o.joule);
    latency.push_back(o.latency);
  }
  const double a = standard_deviation(accuracy), e = standard_deviation(joule), t = standard_deviation(latency);
  text += fmt::format("\n{} images on {} dies, the same for all models; ± over {} draws of the calibration's parameters\n", job.test_images().size(), job.config().dies, draws) +
          fmt::format("accuracy {:.2f} ± {:.2f} %   energy {:.3f} ± {:.3f} nJ ({:.2f} %)   latency {:.3f} ± {:.3f} us\n", 100 * fitted.accuracy, 100 * a, 1e9 * fitted.joule, 1e9 * e,
                      100 * e / fitted.joule, 1e6 * fitted.latency, 1e6 * t);
  const Json json{{"images", job.test_images().size()}, {"dies", job.config().dies}, {"draws", draws}, {"accuracy", quantity(fitted.accuracy, a, "1")},
                  {"energy", quantity(fitted.joule, e, "J")}, {"latency", quantity(fitted.latency, t, "s")}, {"accuracy_of_draws", accuracy},
                  {"energy_of_draws", Json{{"values", joule}, {"unit", "J"}}}};
  deliver(options, "validate_calibration", json, text);
}

}  // namespace

void add_validate_calibration(CLI::App& parent) {
  const auto draws = std::make_shared<int>(8);
  CLI::App* command = add_inferring_command(parent, "calibration", "errors of the calibration's parameters as error bars on accuracy and energy; goes on where it was interrupted",
                                            [draws](const CommonOptions& options) { validate(options, *draws); });
  command->add_option("--draws", *draws, "models drawn from the errors of the parameters")->check(CLI::Range(2, 100000))->capture_default_str();
}

}  // namespace mho::cli
