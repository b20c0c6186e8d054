// Laws of the Boltzmann machine on the chip: both directions are one set of cells, bad rows are left out, recovery recovers, and a seed decides everything.
#include "chip/rbm.hpp"

#include <doctest/doctest.h>
#include <unistd.h>

#include <cmath>
#include <filesystem>

#include "chip/image_recovery.hpp"
#include "chip/onnx_writer.hpp"
#include "chip/rbm_chip.hpp"
#include "core/errors.hpp"
#include "core/random.hpp"

using namespace mho;
using namespace mho::chip;

namespace {

Rbm random_rbm(int visible, int hidden, double bias) {
  Rbm rbm;
  rbm.weights.resize(visible, hidden), rbm.visible_bias.resize(visible), rbm.hidden_bias.resize(hidden);
  RandomStream random(21, 0, 0, 0, Purpose::test);
  for (float& w : rbm.weights.reshaped()) w = static_cast<float>(std::clamp(0.4 * random.normal(), -1.0, 1.0));
  for (float& b : rbm.visible_bias) b = static_cast<float>(bias * random.normal());
  for (float& c : rbm.hidden_bias) c = static_cast<float>(bias * random.normal());
  return rbm;
}

InputCodes random_codes(Eigen::Index units, Eigen::Index count, int largest) {
  InputCodes codes(units, count);
  RandomStream random(22, 0, 0, static_cast<std::uint32_t>(largest), Purpose::test);
  for (std::int8_t& c : codes.reshaped()) c = static_cast<std::int8_t>(random.below(static_cast<std::uint32_t>(largest) + 1));
  return codes;
}

ChipConfig config_of(int grid_rows = 8, int grid_columns = 6) {
  ChipConfig config;
  config.core_grid_rows = grid_rows, config.core_grid_columns = grid_columns;
  config.mapping.w_max_quantile = 1.0;
  return config;
}

// The machine on ideal cores with target conductances and an ADC of steps far below everything else.
struct Ideal {
  RbmMapping mapping;
  RbmChip chip;
  Ideal(const Rbm& rbm, const RbmLayout& layout, const ChipConfig& config, const BadRows& bad) : mapping(map_rbm(rbm, layout, config, bad)), chip(make(rbm, config)) {}

  RbmChip make(const Rbm& rbm, const ChipConfig& config) const {
    std::vector<Eigen::MatrixXf> conductance;
    for (size_t b = 0; b < mapping.cells.blocks.size(); ++b) conductance.push_back(mapping.targets(rbm, b, config.mapping).cast<float>());
    const solver::OperatingPoint point{.v_read = 0.3, .v_decrement = 2e-4, .pulse_multiplier = 2, .max_code = 32000};
    return {mapping, conductance, std::vector{point, point}, config, ideal_cores()};
  }
};

// Images of two kinds with a known rule, 8 × 8.
ImageSet stripes(size_t count) {
  ImageSet set;
  set.height = set.width = 8;
  RandomStream random(23, 0, 0, 0, Purpose::test);
  for (size_t n = 0; n < count; ++n) {
    const auto phase = random.below(4);
    for (std::uint32_t i = 0; i < 64; ++i) set.pixels.push_back((i + phase) % 4 < 2 ? 255 : 0);
    set.labels.push_back(static_cast<std::uint8_t>(phase));
  }
  return set;
}

struct TemporaryFile {
  std::string path = (std::filesystem::temp_directory_path() / ("mho_rbm_test_" + std::to_string(getpid()) + ".onnx")).string();
  ~TemporaryFile() { std::filesystem::remove(path); }
};

std::string shipped(const char* name) { return std::string(MHO_SOURCE_DIR) + "/examples/" + name; }

}  // namespace

TEST_CASE("both directions are the same cells: <h|Wv> = <W'h|v>, and both are the software's sums") {
  const Rbm rbm = random_rbm(74, 20, 0.3);
  Rbm unbiased = rbm;
  unbiased.visible_bias.setZero(), unbiased.hidden_bias.setZero();
  const ChipConfig config = config_of();
  const InputCodes v = random_codes(74, 5, 7), h = random_codes(20, 5, 1);
  const Ideal ideal(unbiased, {}, config, no_bad_rows(config));
  Eigen::MatrixXf up, down;
  ideal.chip.to_hidden(v, up), ideal.chip.to_visible(h, down);
  for (Eigen::Index n = 0; n < 5; ++n) {
    const double forward = h.col(n).cast<double>().dot(up.col(n).cast<double>()), backward = down.col(n).cast<double>().dot(v.col(n).cast<double>()) / 7;
    CHECK(forward == doctest::Approx(backward).epsilon(2e-3));
  }
  const Ideal biased(rbm, {}, config, no_bad_rows(config));
  const SoftwareRbm software(rbm, 3);
  Eigen::MatrixXf expected;
  biased.chip.to_hidden(v, up), software.to_hidden(v, expected);
  CHECK((up - expected).cwiseAbs().maxCoeff() < 0.02);  // 8 blocks · half a step of the ADC
  biased.chip.to_visible(h, down), software.to_visible(h, expected);
  CHECK((down - expected).cwiseAbs().maxCoeff() < 0.02);
}

TEST_CASE("every weight lies in four cells, a difference along rows and along columns") {
  const Rbm rbm = random_rbm(37, 9, 0.3);
  const ChipConfig config = config_of();
  const RbmMapping map = map_rbm(rbm, {}, config, no_bad_rows(config));
  CHECK(map.cells.blocks.size() == 16);
  double sum = 0;
  for (size_t b = 0; b < map.cells.blocks.size(); ++b) {
    const Eigen::MatrixXd g = map.targets(rbm, b, config.mapping), w = map.block_weights(rbm, b);
    const double unit = config.full_scale_conductance() / map.w_max;
    for (Eigen::Index i = 0; i < w.rows(); ++i)
      for (Eigen::Index j = 0; j < w.cols(); ++j) {
        CHECK(g(2 * i, 2 * j) - g(2 * i, 2 * j + 1) == doctest::Approx(unit * w(i, j)));
        CHECK(g(2 * i, 2 * j) - g(2 * i + 1, 2 * j) == doctest::Approx(unit * w(i, j)));
        CHECK(g(2 * i + 1, 2 * j + 1) == g(2 * i, 2 * j));
      }
    sum += w.sum();
  }
  // Shares of biases add up: nothing is mapped twice or left out.
  CHECK(sum == doctest::Approx(double(rbm.weights.sum() + rbm.visible_bias.sum() + rbm.hidden_bias.sum())).epsilon(1e-5));
}

TEST_CASE("the machine of the chip: 16 cores, 401,760 cells; bad rows are left out of both directions") {
  const Rbm rbm = random_rbm(794, 120, 0.3);
  const ChipConfig config = config_of();
  const RbmMapping map = map_rbm(rbm, {}, config, no_bad_rows(config));
  CHECK(map.cells.cores_used() == 16);
  CHECK(map.cells.cells_used() == 401760);  // as on the chip (Wan et al. 2022)
  CHECK(map.cells.blocks[0].physical_rows() == 124);
  CHECK(map.cells.blocks[0].outputs == 204);
  CHECK(map.cells.blocks[15].outputs == 202);
  const BadRows bad = draw_bad_rows(config, 5, 0);
  const RbmMapping around = map_rbm(rbm, {}, config, bad);
  for (const MappedBlock& block : around.cells.blocks)
    for (const int row : block.positive_rows)
      for (const int r : {row, row + 1}) CHECK(bad[static_cast<size_t>(block.core)][static_cast<size_t>(r)] == 0);
  CHECK(rbm_place_csv(around).find("hidden,119,") != std::string::npos);
}

TEST_CASE("what does not fit ends in one line that says how much is missing") {
  const Rbm rbm = random_rbm(794, 120, 0.3);
  const auto message = [&](const ChipConfig& config, const RbmLayout& layout = {}) -> std::string {
    try {
      map_rbm(rbm, layout, config, no_bad_rows(config));
    } catch (const ConfigError& e) {
      return e.what();
    }
    return {};
  };
  CHECK(message(config_of(2, 3)).find("4 of its 16 blocks") != std::string::npos);
  CHECK(message(config_of(), {.groups = 4}).find("needs blocks of 124 rows × 402 columns") != std::string::npos);
  CHECK(message(config_of(), {.groups = 4}).find("146 columns are missing") != std::string::npos);
  CHECK(message(config_of(), {.groups = 800}).find("too few for 800 groups") != std::string::npos);
  for (const std::string& text : {message(config_of(2, 3)), message(config_of(), {.groups = 4})}) CHECK(text.find('\n') == std::string::npos);
}

TEST_CASE("the file: read back as written; others end in one line") {
  const TemporaryFile file;
  const Rbm rbm = random_rbm(20, 6, 0.3);
  OnnxModel model = to_onnx(rbm);
  write_onnx(model, file.path);
  const Rbm read = read_rbm(file.path);
  CHECK(read.weights == rbm.weights);
  CHECK(read.visible_bias == rbm.visible_bias);
  CHECK(read.hidden_bias == rbm.hidden_bias);
  model.constants["others"] = model.constants["weights"];
  model.nodes[2].inputs[1] = "others";
  write_onnx(model, file.path);
  CHECK_THROWS_WITH_AS(read_rbm(file.path), doctest::Contains("have weights 'weights' and 'others', expected the same"), ConfigError);
  CHECK_THROWS_WITH_AS(read_rbm(shipped("mnist-cnn7.onnx")), doctest::Contains("is not a restricted Boltzmann machine"), ConfigError);
}

TEST_CASE("the stochastic neuron: odd about one half, rising, and as often 1 as it says") {
  const std::vector<double> pulses{0.87, 0.84, 0.70, 0.58, 0.44, 0.33, 0.22, 0.18};  // netlists/programs/stochastic.toml
  const HiddenSampler neuron(pulses), logistic;
  CHECK(neuron.distance_from_logistic() < 0.02);  // docs/modes.md: within 0.018 between its steps
  CHECK(neuron.probability(5) == 1.0);            // beyond the sum of all pulses
  RandomStream random(24, 0, 0, 0, Purpose::test);
  for (const double a : {-2.0, -0.5, 0.3, 1.7}) {
    CHECK(neuron.probability(a) + neuron.probability(-a) == doctest::Approx(1).epsilon(0.01));
    CHECK(neuron.probability(a) <= neuron.probability(a + 0.1));
    for (const HiddenSampler* sampler : {&neuron, &logistic}) {
      int ones = 0;
      for (int n = 0; n < 20000; ++n) ones += sampler->sample(static_cast<float>(a), random.next_u32());
      const double p = sampler->probability(a);
      CHECK(std::abs(ones / 20000.0 - p) < 4 * std::sqrt(p * (1 - p) / 20000));
    }
  }
}

TEST_CASE("slope and offset of each unit are found again") {
  const Rbm rbm = random_rbm(74, 20, 0.3);
  Eigen::MatrixXf expected;
  SoftwareRbm(rbm, 3).to_hidden(random_codes(74, 60, 7), expected);
  Eigen::MatrixXf measured = expected;
  for (Eigen::Index i = 0; i < measured.rows(); ++i) measured.row(i).array() = measured.row(i).array() * (0.6f + 0.02f * static_cast<float>(i)) - 1.5f;
  measured.row(3).setConstant(2), expected.row(3).setConstant(5);
  fit_correction(measured, expected).apply(measured);
  CHECK((measured - expected).cwiseAbs().maxCoeff() < 1e-4);
}

TEST_CASE("corruption: 20 % of the pixels, each once; the bottom third; all else as it was") {
  const ImageSet images = stripes(20);
  const CorruptedImages flips = corrupt(images, Corruption::flips, 0.5, 1);
  for (Eigen::Index n = 0; n < 20; ++n) {
    CHECK(64 - flips.known.col(n).count() == 13);
    for (Eigen::Index i = 0; i < 64; ++i) CHECK(flips.corrupted(i, n) == (flips.known(i, n) ? flips.original(i, n) : 1 - flips.original(i, n)));
  }
  CHECK(flips.error == doctest::Approx(std::sqrt(13.0)));
  CHECK(corrupt(images, Corruption::flips, 0.5, 1).corrupted == flips.corrupted);
  CHECK(corrupt(images, Corruption::flips, 0.5, 2).corrupted != flips.corrupted);
  const CorruptedImages third = corrupt(images, Corruption::bottom_third, 0.5, 1);
  CHECK(64 - third.known.col(0).count() == 24);  // rows 5, 6 and 7 of 8
  CHECK(third.error == doctest::Approx(std::sqrt(24 * 0.25)));
  CHECK(mean_grey(images) == doctest::Approx(0.5).epsilon(0.05));
}

TEST_CASE("the same result for any number of threads; another die draws other numbers") {
  const ImageSet images = stripes(200);
  const Rbm rbm = random_rbm(74, 20, 0.3);
  const ChipConfig config = config_of();
  const CorruptedImages corrupted = corrupt(images, Corruption::flips, 0.5, 1);
  std::vector<Recovery> results;
  std::vector<std::vector<solver::EventCounts>> events;
  for (const int threads : {1, 3}) {
    const Ideal ideal(rbm, {}, config, no_bad_rows(config));
    results.push_back(recover(ideal.chip, {}, corrupted, {.cycles = 3, .seed = 4, .threads = threads}));
    events.push_back(ideal.chip.events());
  }
  CHECK(results[0].recovered == results[1].recovered);
  CHECK(results[0].error_of_cycle == results[1].error_of_cycle);
  double macs = 0;
  for (size_t b = 0; b < events[0].size(); ++b) {
    for (const solver::EventField& f : solver::event_fields) CHECK(events[0][b].*f.member == events[1][b].*f.member);
    macs += events[0][b].macs;
  }
  CHECK(macs == 74 * 20 * 2 * 3 * 200);  // weights × directions × cycles × images
  CHECK(recover(SoftwareRbm(rbm, 3), {}, corrupted, {.sample_visible = true, .seed = 4, .die = 1}).recovered != recover(SoftwareRbm(rbm, 3), {}, corrupted, {.sample_visible = true, .seed = 4}).recovered);
}

TEST_CASE("known pixels come back as they were; a known label stays") {
  const ImageSet images = stripes(30);
  const CorruptedImages third = corrupt(images, Corruption::bottom_third, 0.5, 1);
  const Recovery r = recover(SoftwareRbm(random_rbm(74, 20, 0.3), 3), {}, third, {.cycles = 2, .known_label = true});
  for (Eigen::Index n = 0; n < 30; ++n)
    for (Eigen::Index i = 0; i < 64; ++i)
      if (third.known(i, n)) CHECK(r.recovered(i, n) == third.original(i, n));
}

TEST_CASE("the shipped machine recovers test images, in software and on programmed cells of ideal cores") {
  const Rbm rbm = read_rbm(shipped("mnist-rbm.onnx"));
  CHECK(rbm.visible() == 794);
  CHECK(rbm.hidden() == 120);
  CHECK(rbm.weights.cwiseAbs().maxCoeff() <= 1.0f);
  const ImageSet images = load_mnist(shipped("data"), Split::test).slice(0, 40);
  const double grey = mean_grey(load_mnist(shipped("data"), Split::train));
  const ChipConfig config = config_of();
  const Ideal ideal(rbm, {}, config, no_bad_rows(config));
  for (const Corruption corruption : {Corruption::flips, Corruption::bottom_third}) {
    const CorruptedImages corrupted = corrupt(images, corruption, grey, 1);
    const double software = recover(SoftwareRbm(rbm, 3), {}, corrupted, {}).error(), chip = recover(ideal.chip, {}, corrupted, {}).error();
    CHECK(software < 0.8 * corrupted.error);
    CHECK(chip == doctest::Approx(software).epsilon(0.05));  // target conductances, fine ADC: what differs is rounding, which some samples feel
  }
}
