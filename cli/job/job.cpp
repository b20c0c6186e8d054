#include "cli/job/job.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>

#include "chip/software_engine.hpp"
#include "cli/job/machine.hpp"
#include "cli/job/stores.hpp"
#include "core/parallel.hpp"
#include "core/progress.hpp"
#include "solver/phase_map.hpp"

namespace mho::job {
namespace {

// Changes when a step computes something else from the same inputs, so that results of older programs are not reused.
constexpr std::int64_t results_version = 8;

void add_images(CacheKey& key, const chip::ImageSet& images, bool labels) {
  key.add_bytes("pixels", images.pixels.data(), images.pixels.size());
  if (!images.features.empty()) key.add_bytes("features", images.features.data(), images.features.size() * sizeof(float));
  if (labels) key.add_bytes("labels", images.labels.data(), images.labels.size());
}

// One line on stderr when layers use the neuron where its fit saw nothing.
void warn_outside(const solver::NeuronModel& model, const chip::Network& network, const chip::ChipConfig& config, const std::vector<chip::PointChoice>& points,
                  const validation::CalibrationSettings& at) {
  solver::ModelUse use;
  use.corner = circuits::corner_name(at.corner);
  use.temperature = at.temperature;
  for (const chip::MappedBlock& block : chip::map_network(network.matrices(), config, chip::no_bad_rows(config)).blocks) use.rows.push_back(block.physical_rows());
  for (const chip::PointChoice& p : points) {
    use.v_read.push_back(p.point.v_read);
    use.v_decrement.push_back(p.point.v_decrement);
    use.v_integrated.push_back(p.quantile_voltage);
  }
  if (const std::string text = solver::outside_of_fit(model, use); !text.empty()) fmt::print(stderr, "mho: warning: {}\n", text);
}

}  // namespace

// Adds the wall time between construction and destruction to a step.
class Job::Timer {
 public:
  Timer(Job& job, const std::string& name) : job_(job), name_(name), start_(std::chrono::steady_clock::now()) {
    reset_peak_memory();
  }
  ~Timer() {
    StepTime& step = job_.step(name_);
    step.seconds += std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count();
    step.peak_memory = std::max(step.peak_memory, peak_memory());
    ++step.parts;
    step.from_cache += from_cache ? 1 : 0;
  }
  bool from_cache = false;

 private:
  Job& job_;
  std::string name_;
  std::chrono::steady_clock::time_point start_;
};

Job::Job(JobConfig config, JobOptions options) : config_(std::move(config)), options_(options), cache_({}, options.cache) {
  chip::Effects& effects = config_.effects;
  if (config_.core == CoreKind::ideal) {
    // Without a calibrated circuit there are no lines and no noise of neurons: cells, mapping and resolution are left.
    for (bool chip::Effects::*off : {&chip::Effects::wires, &chip::Effects::drivers, &chip::Effects::transistors, &chip::Effects::bent_cells, &chip::Effects::read_noise,
                                     &chip::Effects::shared_supplies, &chip::Effects::neuron, &chip::Effects::circuit_noise})
      effects.*off = false;
  }
  if (!effects.bad_rows) config_.chip.bad_rows = {.mean = 0, .minimum = 0, .maximum = 0};
}

StepTime& Job::step(const std::string& name) {
  for (StepTime& s : times_)
    if (s.name == name) return s;
  times_.push_back({.name = name});
  return times_.back();
}

void Job::timed(const std::string& name, const std::function<bool()>& body) {
  throw_if_interrupted();
  Timer timer(*this, name);
  timer.from_cache = body();
}

int Job::threads() const { return config_.threads > 0 ? config_.threads : default_threads(); }

void Job::check_inputs() {
  training_images();
  test_images();
  for (int d = 0; d < config_.dies; ++d)
    chip::map_network(network().matrices(), config_.chip, chip::draw_bad_rows(config_.chip, config_.seed, static_cast<std::uint32_t>(d)));
}

const chip::Network& Job::network() {
  if (!network_) network_ = chip::Network::load(config_.network);
  return *network_;
}

const chip::ImageSet& Job::training_images() {
  if (!training_)
    training_ = chip::load_data_set(config_.data_set, config_.data, chip::Split::train).slice(0, static_cast<size_t>(config_.training_images));
  return *training_;
}

const chip::ImageSet& Job::test_images() {
  if (!test_) test_ = chip::load_data_set(config_.data_set, config_.data, chip::Split::test).slice(0, static_cast<size_t>(config_.images));
  return *test_;
}

const validation::Calibration& Job::calibration() {
  if (calibration_) return *calibration_;
  if (config_.core == CoreKind::ideal)
    throw Error("infer.core = \"ideal\" has no calibrated neuron and knows no energy; set infer.core = \"calibrated\"");
  Timer timer(*this, "calibrate");
  validation::Calibration calibrated = validation::calibrate(config_.calibrate, cache_);
  timer.from_cache = calibrated.from_cache;
  if (const std::string text = validation::doubts(calibrated); !text.empty()) fmt::print(stderr, "mho: warning: {}\n", text);
  use(std::move(calibrated));
  return *calibration_;
}

void Job::use(validation::Calibration calibration) {
  calibration_ = std::move(calibration);
  Json neuron;
  solver::to_json(neuron, calibration_->neuron);
  if (calibration_->neuron.corner == "tt" && calibration_->neuron.temperature == 27) neuron.erase("condition");  // keys at the default are those of models without one
  neuron_text_ = neuron.dump();
}

chip::CoreFactory Job::cores() {
  return chip::effect_cores(neuron(), chip::seen_by_points(config_.effects));
}

const solver::NeuronModel& Job::neuron() {
  static const solver::NeuronModel ideal;  // its capacitors alone are used
  return config_.core == CoreKind::ideal ? ideal : calibration().neuron;
}

chip::LineTrim Job::line_trim() {
  if (!config_.effects.neuron) return {};
  return [&model = calibration().neuron](Eigen::Index rows) { return solver::line_trim(model, rows); };
}

const chip::ProgrammedDie& Job::die(std::uint32_t number) { return die_with_passes(number, config_.chip.programming.options.passes); }

const chip::ProgrammedDie& Job::die_with_passes(std::uint32_t number, int passes) {
  const auto found = dies_.find({number, passes});
  if (found != dies_.end()) return found->second;
  throw_if_interrupted();
  const auto& matrices = network().matrices();
  Timer timer(*this, "program");
  chip::ChipConfig config = config_.chip;
  config.programming.options.passes = passes;
  const auto at =
      dies_.emplace(std::pair{number, passes}, chip::program_die(matrices, config, config_.seed, number, threads(), cache_, options_.progress))
          .first;
  timer.from_cache = at->second.from_cache;
  return at->second;
}

const std::vector<chip::PointChoice>& Job::points() {
  if (points_) return *points_;
  const chip::CoreFactory make_core = cores();
  const chip::Network& net = network();
  const chip::ImageSet& images = training_images();
  Timer timer(*this, "operating points");
  CacheKey key = inference_key("points");
  chip::add_to_key(key, chip::seen_by_points(config_.effects));
  key.add("quantile", config_.chip.operating.quantile);
  for (const auto& p : ParameterTable<chip::OperatingRules>::table) key.add(p.key, config_.chip.operating.*p.member);
  for (const int n : {config_.chip.operating.max_multiplier, config_.chip.operating.max_code, config_.chip.operating.samples})
    key.add("rule", std::int64_t{n});
  chip::add_to_key(key, config_.chip);
  add_images(key, images, false);
  points_.emplace();
  if (const auto text = cache_.find("points", key); text && from_text(*text, *points_)) {
    timer.from_cache = true;
  } else {
    *points_ = chip::choose_points_on(net, config_.chip, images, make_core, line_trim(), threads());
    cache_.store("points", key, to_text(*points_));
  }
  if (config_.core == CoreKind::calibrated && config_.effects.neuron) warn_outside(calibration().neuron, net, config_.chip, *points_, config_.calibrate);
  return *points_;
}

CacheKey Job::inference_key(std::string_view kind) {
  CacheKey key(kind);
  key.add("version", results_version).add_file("network", config_.network);
  key.add("core", std::int64_t{config_.core == CoreKind::ideal});
  key.add("neuron", std::string_view(neuron_text_));
  return key;
}

double Job::software_accuracy(int weight_bits) {
  if (const auto found = software_accuracies_.find(weight_bits); found != software_accuracies_.end()) return found->second;
  const chip::Network& net = network();
  const chip::ImageSet& images = test_images();
  Timer timer(*this, "infer in software");
  CacheKey key("software");
  key.add("version", results_version).add_file("network", config_.network);
  add_images(key, images, true);
  const chip::MappingRules& rules = config_.chip.mapping;
  if (weight_bits > 0) key.add("weight bits", std::int64_t{weight_bits}).add("quantile", rules.w_max_quantile).add("scale", static_cast<std::int64_t>(rules.scale));
  double& accuracy = software_accuracies_[weight_bits];
  if (const auto text = cache_.find("software", key); text && text->size() == sizeof(double)) {
    std::copy(text->begin(), text->end(), reinterpret_cast<char*>(&accuracy));
    timer.from_cache = true;
    return accuracy;
  }
  const auto matrices = weight_bits > 0 ? chip::with_weight_levels(net.matrices(), weight_bits, rules.w_max_quantile, rules.scale) : net.matrices();
  const std::string title = weight_bits > 0 ? fmt::format("infer with {}-bit weights", weight_bits) : "infer in software";
  accuracy = chip::accuracy(chip::classify(net, chip::SoftwareEngine(matrices), images, {.threads = threads(), .progress = options_.progress, .title = title}), images);
  cache_.store("software", key, {reinterpret_cast<const char*>(&accuracy), sizeof(double)});
  return accuracy;
}

const chip::ChipInference& Job::inference(std::uint32_t number) {
  if (const auto found = inferences_.find(number); found != inferences_.end()) return found->second;
  const solver::NeuronModel& model = neuron();
  const auto chosen = chip::points_of(points());
  const chip::Effects& effects = config_.effects;
  const auto map_only = [&] {
    chip::ProgrammedDie die;
    die.die = number;
    die.bad_rows = chip::draw_bad_rows(config_.chip, config_.seed, number);
    die.mapping = chip::map_network(network().matrices(), config_.chip, die.bad_rows);
    return die;
  };
  const chip::ProgrammedDie mapped = chip::needs_programming(effects) ? chip::ProgrammedDie{} : map_only();
  const chip::ProgrammedDie& programmed = chip::needs_programming(effects) ? die(number) : mapped;
  const chip::ImageSet& images = test_images();
  throw_if_interrupted();
  Timer timer(*this, "infer");
  CacheKey key = inference_key("inference");
  chip::add_to_key(key, effects);
  key.add("seed", static_cast<std::int64_t>(config_.seed));
  key.add("die", std::string_view(chip::die_key(network().matrices(), config_.chip, config_.seed, number).hex()));
  for (const solver::OperatingPoint& p : chosen) {
    key.add("v_read", p.v_read).add("v_trim", p.v_trim).add("v_decrement", p.v_decrement);
    key.add("multiplier", std::int64_t{p.pulse_multiplier}).add("max_code", std::int64_t{p.max_code});
  }
  add_images(key, images, true);
  chip::ChipInference result;
  if (const auto text = cache_.find("inference", key); text && from_text(*text, result)) {
    timer.from_cache = true;
  } else {
    const chip::DieCells cells = chip::cells_of(programmed, network().matrices(), config_.chip, effects, config_.seed);
    result = chip::infer(network(), config_.chip, programmed, cells, effects, config_.seed, chosen, model, images,
                         {.threads = threads(), .progress = options_.progress, .title = fmt::format("infer on die {}", number)});
    cache_.store("inference", key, to_text(result));
  }
  return inferences_.emplace(number, std::move(result)).first->second;
}

const chip::Estimate& Job::estimate() {
  if (estimate_) return *estimate_;
  if (config_.core == CoreKind::calibrated && !config_.effects.neuron) throw Error("effects.neuron = false has neurons without energy; set effects.neuron = true");
  const solver::EnergyModel& model = calibration().energy;
  std::vector<solver::EventCounts> events = inference(0).events;
  for (int d = 1; d < config_.dies; ++d) {
    const auto& more = inference(static_cast<std::uint32_t>(d)).events;
    for (size_t b = 0; b < events.size(); ++b) events[b] += more[b];
  }
  Timer timer(*this, "estimate");
  estimate_ = chip::estimate(network().matrices(), die(0).mapping, events, test_images().size() * static_cast<size_t>(config_.dies), model);
  return *estimate_;
}

std::vector<double> Job::energy_of_dies() {
  const solver::EnergyModel& model = calibration().energy;
  std::vector<double> energies;
  for (int d = 0; d < config_.dies; ++d) {
    const auto number = static_cast<std::uint32_t>(d);
    energies.push_back(chip::estimate(network().matrices(), die(number).mapping, inference(number).events, test_images().size(), model)
                           .total.energy.total());
  }
  return energies;
}

}  // namespace mho::job
