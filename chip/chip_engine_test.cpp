// Laws of the engine: without circuit errors it is the software engine; events add up; threads and batches change nothing.
#include "chip/chip_engine.hpp"

#include <doctest/doctest.h>

#include <cmath>

#include "chip/test_matrices.hpp"
#include "core/parallel.hpp"

using namespace mho;
using namespace mho::chip;

namespace {

struct Setup {
  std::vector<MatrixSpec> specs;
  ChipConfig config;
  Mapping mapping;
  std::vector<Eigen::MatrixXf> conductance;
  std::vector<solver::OperatingPoint> points;

  Setup(std::vector<MatrixSpec> specs_, double v_decrement, int max_code, WeightScale scale = WeightScale::block) : specs(std::move(specs_)) {
    config.mapping.w_max_quantile = 1.0;
    config.mapping.scale = scale;
    config.mapping.max_bias_rows = 20;
    mapping = map_network(specs, config, no_bad_rows(config));
    for (const MappedBlock& b : mapping.blocks)
      conductance.push_back(target_conductance(specs[b.matrix], b, config.mapping).cast<float>());
    points.assign(specs.size(), {.v_read = 0.3, .v_decrement = v_decrement, .pulse_multiplier = 4, .max_code = max_code});
  }
  ChipEngine engine(const CoreFactory& make_core = ideal_cores()) const {
    return {specs, mapping, conductance, points, config, make_core};
  }
};

Eigen::MatrixXd software(const MatrixSpec& spec, const InputCodes& codes) {
  return (spec.weights.cast<double>().transpose() * codes.cast<double>() * double(spec.input_lsb)).colwise() + spec.bias.cast<double>();
}

// The closed form with times and losses that depend on the data, to watch what happens to them.
class TimedCore final : public CoreModel {
 public:
  explicit TimedCore(std::unique_ptr<CoreModel> core) : core_(std::move(core)) {}
  void integrate(std::span<const solver::LevelMatrix> levels, Eigen::MatrixXf& v, solver::EventCounts* counts) const override {
    core_->integrate(levels, v, counts);
    if (counts) counts->array_joule += 1e-15 * v.cast<double>().squaredNorm();
  }
  void convert(const Eigen::MatrixXf& v, solver::CodeMatrix& codes, solver::EventCounts* counts) const override {
    core_->convert(v, codes, counts);
    if (!counts) return;
    for (Eigen::Index b = 0; b < codes.cols(); ++b) counts->core_time += 3e-7 * codes.col(b).cwiseAbs().maxCoeff();
  }
  void decode(std::span<const solver::LevelMatrix> levels, const solver::CodeMatrix& codes, Eigen::MatrixXf& sums) const override {
    core_->decode(levels, codes, sums);
  }
  double lsb() const override { return core_->lsb(); }

 private:
  std::unique_ptr<CoreModel> core_;
};

CoreFactory timed_cores() {
  return [ideal = ideal_cores()](const Eigen::MatrixXd& g, const solver::OperatingPoint& point, int bits) -> std::unique_ptr<CoreModel> {
    return std::make_unique<TimedCore>(ideal(g, point, bits));
  };
}

}  // namespace

TEST_CASE("with ideal cores and a fine ADC the chip equals software, signed or unsigned, at any number of bits") {
  for (const bool is_signed : {false, true})
    for (const int bits : {1, 2, 3, 4, 6}) {
      CAPTURE(is_signed);
      CAPTURE(bits);
      const Setup setup({test::random_matrix(0, 230, 150, bits, is_signed), test::random_matrix(1, 9, 8, bits, is_signed)}, 3e-3, 32767);
      const ChipEngine engine = setup.engine();
      for (size_t m = 0; m < setup.specs.size(); ++m) {
        const InputCodes codes = test::random_codes(setup.specs[m], 40);
        const Eigen::MatrixXd expected = software(setup.specs[m], codes);
        Eigen::MatrixXf out;
        engine.multiply(m, codes, out);
        // Half an LSB of each segment at most, in weight units; float rounding is far below.
        double bound = 0;
        for (size_t b = 0; b < setup.mapping.blocks.size(); ++b)
          if (const MappedBlock& block = setup.mapping.blocks[b]; block.matrix == m && block.column_block == 0)
            bound += 0.5 * setup.points[m].v_decrement / (setup.points[m].v_read * 4) * setup.conductance[b].colwise().sum().maxCoeff() *
                     block.w_max / setup.config.full_scale_conductance() * double(setup.specs[m].input_lsb);
        const double largest = (out.cast<double>() - expected).cwiseAbs().maxCoeff();
        CHECK(largest <= 1.1 * bound);
        CHECK(bound < 0.05 * expected.cwiseAbs().maxCoeff());
      }
    }
}

TEST_CASE("scales of columns: the chip equals software, and the relative error of a column of small weights is that of the others") {
  std::vector<MatrixSpec> specs{test::random_matrix(0, 150, 20)};
  specs[0].bias.setZero();
  const InputCodes codes = test::random_codes(specs[0], 60);
  specs[0].weights.col(7) *= 0.02f;
  const Eigen::MatrixXd expected = software(specs[0], codes);
  const auto relative_errors = [&](WeightScale scale) {
    Eigen::MatrixXf out;
    Setup(specs, 0.03, 63, scale).engine().multiply(0, codes, out);
    const Eigen::MatrixXd difference = out.cast<double>() - expected;
    return Eigen::VectorXd(difference.rowwise().norm().array() / expected.rowwise().norm().array());
  };
  const Eigen::VectorXd of_column = relative_errors(WeightScale::column), of_block = relative_errors(WeightScale::block);
  CHECK(of_column.maxCoeff() < 2 * of_column.mean());  // each column has codes enough
  CHECK(of_block[7] > 5 * of_column[7]);               // a fiftieth of the range leaves it one or two
}

TEST_CASE("samples of a held line that loses charge weigh the bits by geometric sums, the full-scale code stays exact") {
  const Setup setup({test::random_matrix(0, 6, 3)}, 1e-4, 32767);  // half a step of the ADC is 0.1 % of the sums
  const double r = 0.9;
  const ChipEngine engine = setup.engine(ideal_cores({.hold_ratio = r}));
  const auto sum = [&](int samples) { return (1 - std::pow(r, samples)) / (1 - r); };
  const double w[] = {sum(4), sum(8), sum(16)};  // pulse multiplier 4
  InputCodes codes = InputCodes::Zero(6, 8);
  for (int c = 0; c < 8; ++c) codes(2, c) = static_cast<std::int8_t>(c);
  Eigen::MatrixXf out;
  engine.multiply(0, codes, out);
  const Eigen::MatrixXd expected = software(setup.specs[0], codes);
  for (Eigen::Index j = 0; j < 3; ++j)
    for (int c = 0; c < 8; ++c) {
      const double share = ((c & 1) * w[0] + ((c >> 1) & 1) * w[1] + ((c >> 2) & 1) * w[2]) / (w[0] + w[1] + w[2]);
      const double bias = double(setup.specs[0].bias[j]);
      CHECK(double(out(j, c)) == doctest::Approx(bias + share * (expected(j, 7) - bias)).scale(1e-30).epsilon(0.01));
    }
}

TEST_CASE("a coarse ADC rounds within half a step and saturates at its last code") {
  Setup setup({test::random_matrix(0, 50, 20)}, 0.02, 5);
  const InputCodes codes = test::random_codes(setup.specs[0], 30);
  Eigen::MatrixXf fine, coarse;
  setup.engine().multiply(0, codes, coarse);
  setup.points[0].max_code = 10000;
  setup.engine().multiply(0, codes, fine);
  CHECK(coarse.cwiseAbs().maxCoeff() < fine.cwiseAbs().maxCoeff());
  CHECK(((coarse.array() * fine.array()) > 0).all());
}

TEST_CASE("results and events do not depend on the batch or on the number of threads") {
  const Setup setup(test::mnist_shapes(), 0.05, 63);
  const size_t m = 4;
  const InputCodes codes = test::random_codes(setup.specs[m], 1500);
  const ChipEngine whole = setup.engine(timed_cores());
  Eigen::MatrixXf expected;
  whole.multiply(m, codes, expected);
  const auto expected_events = whole.events();

  std::vector<std::vector<solver::EventCounts>> totals;
  for (const int threads : {1, 2, 5}) {
    const ChipEngine engine = setup.engine(timed_cores());
    std::vector<Eigen::MatrixXf> parts(15);
    parallel_for(parts.size(), threads, [&](size_t i) {
      engine.multiply(m, codes.middleCols(static_cast<Eigen::Index>(i) * 100, 100), parts[i]);
    });
    for (size_t i = 0; i < parts.size(); ++i) CHECK(parts[i] == expected.middleCols(static_cast<Eigen::Index>(i) * 100, 100));
    totals.push_back(engine.events());
  }
  for (size_t b = 0; b < expected_events.size(); ++b) {
    const solver::EventCounts &one = totals[0][b], &many = totals[2][b], &all = expected_events[b];
    // Bit for bit at any number of threads.
    CHECK(one.array_joule == many.array_joule);
    CHECK(one.core_time == many.core_time);
    // Whole counts also for another cut into batches; sums of reals to rounding.
    CHECK(one.wl_pulses == all.wl_pulses);
    CHECK(one.compares == all.compares);
    CHECK(one.decrements == all.decrements);
    CHECK(one.conversions == all.conversions);
    CHECK(one.macs == all.macs);
    CHECK(one.array_joule == doctest::Approx(all.array_joule).scale(1e-30).epsilon(1e-9));
    CHECK(one.core_time == doctest::Approx(all.core_time).scale(1e-30).epsilon(1e-9));
  }
}

TEST_CASE("events follow from sizes: word lines by rows and bits, compares one more than decrements, macs by weights") {
  const Setup setup({test::random_matrix(0, 150, 20)}, 0.05, 63);
  const ChipEngine engine = setup.engine();
  Eigen::MatrixXf out;
  engine.multiply(0, test::random_codes(setup.specs[0], 33), out);
  double macs = 0;
  for (size_t b = 0; b < setup.mapping.blocks.size(); ++b) {
    const solver::EventCounts e = engine.events()[b];
    const MappedBlock& block = setup.mapping.blocks[b];
    CHECK(e.wl_pulses == block.physical_rows() * 3 * 33);
    CHECK(e.conversions == 20 * 33);
    CHECK(e.samples == 20 * 33 * 4 * 7);
    CHECK(e.compares == e.decrements + e.conversions);
    macs += e.macs;
  }
  CHECK(macs == 150 * 20 * 33);
}

TEST_CASE("an exact sum does not depend on order") {
  RandomStream random(1, 0, 0, 0, Purpose::test);
  std::vector<double> terms;
  for (int i = 0; i < 1000; ++i) terms.push_back(1e-12 * random.normal() * std::pow(10.0, 6 * random.uniform()));
  ExactSum forward(100), backward(100);
  double plain = 0;
  for (const double t : terms) forward.add(t), plain += t;
  for (auto t = terms.rbegin(); t != terms.rend(); ++t) backward.add(*t);
  CHECK(forward.value() == backward.value());
  CHECK(forward.value() == doctest::Approx(plain).scale(1e-30).epsilon(1e-12));
  ExactSum counts(0);
  for (int i = 0; i < 10; ++i) counts.add(1e12 + i);
  CHECK(counts.value() == 1e13 + 45);
}
