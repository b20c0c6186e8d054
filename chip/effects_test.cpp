// Laws of the switches: without any a chip answers as software does, each alone does something, and noise is a matter of seed, die, block and image only.
#include "chip/effects.hpp"

#include <doctest/doctest.h>

#include <map>
#include <set>

#include "chip/inference.hpp"
#include "chip/onnx_builder.hpp"
#include "chip/software_engine.hpp"
#include "solver/test_models.hpp"

using namespace mho;
using namespace mho::chip;

namespace {

Network small_network() {
  OnnxBuilder builder(10, 10, 4);
  builder.conv(1, 6, {3, 3}, {1, 1}, {1, 1, 1, 1}).node("Relu").quantize(2.0f, 3).pool({2, 2}, {2, 2}, {0, 0, 0, 0}, false);
  builder.node("Flatten").dense(150, 7);
  return Network(builder.model);
}

struct Setup {
  solver::NeuronModel neuron = solver::test::default_model();
  Network network = small_network();
  ChipConfig config;
  ProgrammedDie die;  // written and relaxed with errors of a few microsiemens
  ImageSet images = random_images(10, 10, 30, 3);

  explicit Setup(std::uint32_t number = 0) {
    config.mapping.w_max_quantile = 1.0;
    config.mapping.max_bias_rows = 20;
    die.die = number;
    die.bad_rows = no_bad_rows(config);
    die.mapping = map_network(network.matrices(), config, die.bad_rows);
    RandomStream random(4, number, 0, 0, Purpose::test);
    for (const Eigen::MatrixXf& target : target_conductances(network.matrices(), die.mapping, config.mapping)) {
      die.programmed.push_back(target.unaryExpr([&](float g) { return std::max(g + 1e-6f * static_cast<float>(random.normal()), 1e-7f); }));
      die.relaxed.push_back(die.programmed.back().unaryExpr([&](float g) { return std::max(g + 2e-6f * static_cast<float>(random.normal()), 1e-7f); }));
    }
  }
  // Of ideal lines, with or without the neuron's circuit: the laws hold at any point.
  std::vector<solver::OperatingPoint> points(const Effects& effects) const {
    static std::map<bool, std::vector<solver::OperatingPoint>> chosen;
    auto& of = chosen[effects.neuron];
    Effects lines = with_all_switches({}, false);
    lines.neuron = effects.neuron;
    if (of.empty()) of = points_of(choose_points_on(network, config, random_images(10, 10, 20, 5), effect_cores(neuron, lines), {}, 2));
    return of;
  }
  ChipEngine engine(const Effects& effects, std::uint64_t seed = 1) const {
    const DieCells cells = cells_of(die, network.matrices(), config, effects, seed);
    EngineOptions options{.adc = effects.adc, .supplies = std::nullopt, .seed = seed, .die = die.die};
    if (effects.shared_supplies) options.supplies = SupplyLine{effects.supply_source, effects.supply_step};
    return ChipEngine(network.matrices(), die.mapping, cells.conductance, points(effects), config,
                      [&](size_t b, const Eigen::MatrixXd& g, const solver::OperatingPoint& point, int bits) {
                        return make_effect_core(neuron, effects, g, point, bits, cells.sigma.empty() ? Eigen::MatrixXd() : cells.sigma[b]);
                      },
                      options);
  }
  Eigen::MatrixXf answers(const Effects& effects, std::uint64_t seed = 1, int threads = 2) const { return logits(network, engine(effects, seed), images, {.threads = threads}); }
};

double distance(const Eigen::MatrixXf& a, const Eigen::MatrixXf& b) { return static_cast<double>((a - b).norm() / b.norm()); }

}  // namespace

TEST_CASE("with every switch off a chip answers as software does; each effect alone does not, bad rows apart") {
  const Setup setup;
  const Effects none = with_all_switches({}, false);
  const Eigen::MatrixXf software = logits(setup.network, SoftwareEngine(setup.network.matrices()), setup.images), exact = setup.answers(none);
  CHECK(distance(exact, software) < 1e-4);
  for (const EffectSwitch& s : effect_switches) {
    if (s.key == "bad_rows") continue;  // another map of the same weights
    CAPTURE(s.key);
    Effects alone = none;
    alone.*s.member = true;
    const double moved = distance(setup.answers(alone), exact);
    CHECK(moved > 1e-5);
    CHECK(moved < 0.6);  // no effect buries the answer: 1 is an answer that has nothing of it
  }
}

TEST_CASE("noise is that of seed, die, block, image and position: threads and parts of the images change nothing") {
  const Setup setup;
  for (const bool with_circuit : {true, false}) {
    Effects effects = with_all_switches({}, true);
    effects.neuron = with_circuit;
    const Eigen::MatrixXf whole = setup.answers(effects, 1, 1);
    CHECK(setup.answers(effects, 1, 4) == whole);
    const ChipEngine engine = setup.engine(effects);
    CHECK(setup.network.run(engine, setup.images, 21, 7) == whole.middleCols(21, 7));
    CHECK(setup.answers(effects, 2) != whole);
    Effects quiet = effects;
    quiet.read_noise = quiet.circuit_noise = false;
    CHECK(setup.answers(quiet, 1) == setup.answers(quiet, 2));
    // The same image twice is two reads.
    ImageSet twice = setup.images.slice(0, 2);
    std::copy_n(twice.image(0), twice.pixels.size() / 2, twice.pixels.begin() + static_cast<std::ptrdiff_t>(twice.pixels.size() / 2));
    const Eigen::MatrixXf reads = logits(setup.network, engine, twice);
    CHECK(reads.col(0) != reads.col(1));
  }
}

TEST_CASE("uses of a matrix within an image have noise of their own") {
  const Setup setup;
  Effects effects = with_all_switches({}, false);
  effects.circuit_noise = true;
  const ChipEngine engine = setup.engine(effects);
  const InputCodes codes = InputCodes::Constant(setup.network.matrices()[1].weights.rows(), 3, 2);
  const auto of_images = engine.at_images(5, 3);
  Eigen::MatrixXf first, second, again;
  of_images->multiply(1, codes, first);
  of_images->multiply(1, codes, second);
  engine.at_images(5, 3)->multiply(1, codes, again);
  CHECK(first != second);
  CHECK(first == again);
}

TEST_CASE("cells are targets, as written, or relaxed; what relaxation adds can be had alone; read noise that holds is drawn per die") {
  const Setup setup, other(1);
  const auto cells = [&](bool programming, bool relaxation, bool noise) {
    Effects e;
    e.programming = programming, e.relaxation = relaxation, e.read_noise = noise;
    return cells_of(setup.die, setup.network.matrices(), setup.config, e, 1);
  };
  const auto targets = target_conductances(setup.network.matrices(), setup.die.mapping, setup.config.mapping);
  CHECK(cells(false, false, false).conductance[0] == targets[0]);
  CHECK(cells(true, false, false).conductance[0] == setup.die.programmed[0]);
  CHECK(cells(true, true, false).conductance[0] == setup.die.relaxed[0]);
  CHECK((cells(false, true, false).conductance[1] - targets[1] - (setup.die.relaxed[1] - setup.die.programmed[1])).norm() < 1e-6f * targets[1].norm());
  CHECK(cells(false, false, false).sigma.empty());
  const DieCells noisy = cells(true, true, true);
  REQUIRE(noisy.sigma.size() == targets.size());
  CHECK((noisy.sigma[0].array() > 0.0).all());
  CHECK(noisy.conductance[0] != setup.die.relaxed[0]);
  ProgrammedDie same_cells = setup.die;
  same_cells.die = 1;
  CHECK(cells_of(same_cells, setup.network.matrices(), setup.config, {}, 1).conductance[0] != noisy.conductance[0]);
  CHECK_FALSE(needs_programming(with_all_switches({}, false)));
}

TEST_CASE("every switch and value is part of the key, and operating points see neither noise nor a die") {
  const auto key = [](const Effects& e) {
    CacheKey k("test");
    add_to_key(k, e);
    return k.hex();
  };
  std::set<std::string> keys{key({})};
  for (const EffectSwitch& s : effect_switches) {
    Effects e;
    e.*s.member = !(e.*s.member);
    keys.insert(key(e));
  }
  for (const auto& p : ParameterTable<Effects>::table) {
    Effects e;
    e.*p.member += 1.0;
    keys.insert(key(e));
  }
  CHECK(keys.size() == 1 + effect_switches.size() + ParameterTable<Effects>::table.size());
  for (bool Effects::*of_die : {&Effects::bad_rows, &Effects::programming, &Effects::relaxation, &Effects::read_noise, &Effects::circuit_noise, &Effects::shared_supplies, &Effects::adc}) {
    Effects e;
    e.*of_die = !(e.*of_die);
    CHECK(key(seen_by_points(e)) == key(seen_by_points({})));
  }
}
