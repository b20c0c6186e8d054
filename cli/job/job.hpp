// The five steps of a job, each computed when first asked for, kept in the cache under a key of everything that it depends on, and timed.
#pragma once
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "chip/estimate.hpp"
#include "chip/inference.hpp"
#include "cli/job/job_config.hpp"

namespace mho::job {

struct StepTime {
  std::string name;
  double seconds = 0;        // [s] wall
  double peak_memory = 0;    // [byte] largest resident set of this process during the step
  size_t parts = 0;          // pieces of work: calibrations, dies
  size_t from_cache = 0;     // of these, taken from the cache
};

struct JobOptions {
  bool cache = true;
  bool progress = true;  // on stderr
};

class Job {
 public:
  explicit Job(JobConfig config, JobOptions options = {});

  const JobConfig& config() const { return config_; }
  const Cache& cache() const { return cache_; }
  // Reads network and images and maps every die, so that bad input ends a job before its long steps.
  void check_inputs();
  const chip::Network& network();
  const chip::ImageSet& training_images();  // images that choose; labels are not used
  const chip::ImageSet& test_images();

  // Step 1. Throws Error when the cores are ideal.
  const validation::Calibration& calibration();
  // From now on this model in place of the config's, as for one drawn from its covariance. Before anything that depends on it.
  void use(validation::Calibration calibration);
  // Step 2. Mapped and programmed dies, by number; with_passes is a die programmed with another number of passes.
  const chip::ProgrammedDie& die(std::uint32_t number);
  const chip::ProgrammedDie& die_with_passes(std::uint32_t number, int passes);
  // Step 3. Operating points (training images only), accuracy in software, and inference on a die.
  const std::vector<chip::PointChoice>& points();
  // weight_bits 0: weights as they are; else as with_weight_levels makes them.
  double software_accuracy(int weight_bits = 0);
  const chip::ChipInference& inference(std::uint32_t number);
  // Step 4. Mean over the dies, per image: events of all dies on the map of die 0. Throws Error when the cores are ideal.
  const chip::Estimate& estimate();
  std::vector<double> energy_of_dies();  // [J] per image

  // One core of the kind and with the effects that the config asks for, noise and shared supplies apart. Ideal cores need no calibration.
  chip::CoreFactory cores();
  // That of the calibration, or, with ideal cores, one of which only the capacitors count.
  const solver::NeuronModel& neuron();
  chip::LineTrim line_trim();

  int threads() const;
  const std::vector<StepTime>& times() const { return times_; }
  // Runs `body` as a piece of the step `name`; it returns whether its result came from the cache.
  void timed(const std::string& name, const std::function<bool()>& body);

 private:
  class Timer;
  StepTime& step(const std::string& name);
  CacheKey inference_key(std::string_view kind);

  JobConfig config_;
  JobOptions options_;
  Cache cache_;
  std::optional<chip::Network> network_;
  std::optional<chip::ImageSet> training_, test_;
  std::optional<validation::Calibration> calibration_;
  std::string neuron_text_;  // the fitted neuron, for keys
  std::map<std::pair<std::uint32_t, int>, chip::ProgrammedDie> dies_;
  std::optional<std::vector<chip::PointChoice>> points_;
  std::map<int, double> software_accuracies_;  // by weight bits
  std::map<std::uint32_t, chip::ChipInference> inferences_;
  std::optional<chip::Estimate> estimate_;
  std::vector<StepTime> times_;
};

}  // namespace mho::job
