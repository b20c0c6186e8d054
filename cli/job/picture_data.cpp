#include <algorithm>
#include <cmath>
#include <mutex>

#include "cli/job/results.hpp"
#include "core/statistics.hpp"

namespace mho::job {
namespace {

// A core that also counts its codes.
class CountingCore final : public chip::CoreModel {
 public:
  struct Counts {
    std::mutex mutex;
    std::vector<double> bins = std::vector<double>(CodeHistogram::bins);
  };
  CountingCore(std::unique_ptr<chip::CoreModel> core, int max_code, Counts& counts)
      : core_(std::move(core)), max_code_(max_code), counts_(counts) {}
  void integrate(std::span<const solver::LevelMatrix> levels, Eigen::MatrixXf& v, solver::EventCounts* events) const override {
    core_->integrate(levels, v, events);
  }
  void convert(const Eigen::MatrixXf& v, solver::CodeMatrix& codes, solver::EventCounts* events) const override {
    core_->convert(v, codes, events);
    const std::lock_guard lock(counts_.mutex);
    for (const std::int16_t c : codes.reshaped()) {
      const auto bin = static_cast<size_t>(std::abs(c)) * CodeHistogram::bins / static_cast<size_t>(max_code_ + 1);
      counts_.bins[std::min(bin, CodeHistogram::bins - 1)] += 1;
    }
  }
  void decode(std::span<const solver::LevelMatrix> levels, const solver::CodeMatrix& codes, Eigen::MatrixXf& sums) const override {
    core_->decode(levels, codes, sums);
  }
  double lsb() const override { return core_->lsb(); }

 private:
  std::unique_ptr<chip::CoreModel> core_;
  int max_code_;
  Counts& counts_;
};

CodeHistogram code_histogram(Job& job) {
  const auto& matrices = job.network().matrices();
  const chip::ProgrammedDie& die = job.die(0);
  const auto points = chip::points_of(job.points());
  const chip::CoreFactory make_core = job.cores();
  std::vector<CountingCore::Counts> counts(die.mapping.blocks.size());
  size_t block = 0;  // an engine makes its cores in the order of the blocks
  const chip::CoreFactory counting = [&](const Eigen::MatrixXd& g, const solver::OperatingPoint& point, int bits) -> std::unique_ptr<chip::CoreModel> {
    return std::make_unique<CountingCore>(make_core(g, point, bits), point.max_code, counts[block++]);
  };
  const chip::ChipEngine engine(matrices, die.mapping, die.relaxed, points, job.config().chip, counting);
  chip::classify(job.network(), engine, job.test_images().slice(0, static_cast<size_t>(job.config().code_images)), {.threads = job.threads()});
  CodeHistogram histogram;
  for (const auto& spec : matrices) histogram.layers.push_back(spec.name);
  histogram.share.assign(matrices.size(), std::vector<double>(CodeHistogram::bins));
  for (size_t b = 0; b < counts.size(); ++b)
    for (size_t i = 0; i < CodeHistogram::bins; ++i) histogram.share[die.mapping.blocks[b].matrix][i] += counts[b].bins[i];
  for (auto& layer : histogram.share) {
    double total = 0;
    for (const double n : layer) total += n;
    for (double& n : layer) n /= std::max(total, 1.0);
  }
  return histogram;
}

// Ramp through the converter of the last matrix' first column; edges against a straight line for each polarity.
report::AdcCurve adc_curve(Job& job) {
  const chip::ProgrammedDie& die = job.die(0);
  const chip::MappedBlock& block = die.mapping.blocks.back();
  const solver::OperatingPoint point = job.points()[block.matrix].point;
  const auto core = job.cores()(die.relaxed.back().leftCols(1).cast<double>(), point, chip::magnitude_bits(job.network().matrices()[block.matrix]));
  constexpr int per_code = 512;
  const int half = per_code * (point.max_code + 2);
  Eigen::MatrixXf ramp(1, 2 * half + 1);
  for (int i = -half; i <= half; ++i) ramp(0, i + half) = static_cast<float>(core->lsb() * i / per_code);
  solver::CodeMatrix codes;
  core->convert(ramp, codes);
  report::AdcCurve curve;
  for (Eigen::Index i = 0; i < ramp.cols(); ++i)
    if (i % (per_code / 16) == 0) {
      curve.v.push_back(static_cast<double>(ramp(0, i)));
      curve.code.push_back(codes(0, i));
    }
  for (const bool positive : {false, true}) {
    std::vector<double> edge, at;  // inner edge of a code
    for (Eigen::Index i = 1; i < ramp.cols(); ++i)
      if (codes(0, i) != codes(0, i - 1)) {
        const int code = positive ? codes(0, i) : codes(0, i - 1);
        if (positive ? code < 1 : code > -1) continue;
        edge.push_back(code);
        at.push_back(0.5 * static_cast<double>(ramp(0, i) + ramp(0, i - 1)));
      }
    if (edge.size() < 3) continue;
    const Line line = fit_line(edge, at);
    for (size_t e = 0; e < edge.size(); ++e) {
      curve.edge_code.push_back(edge[e]);
      curve.edge_inl.push_back((at[e] - line.intercept - line.slope * edge[e]) / line.slope);
    }
  }
  return curve;
}

}  // namespace

PictureData picture_data(Job& job) {
  PictureData data;
  if (job.config().core == CoreKind::calibrated) {
    const validation::WaveformPair& w = job.calibration().example;
    data.spice = {w.t_ngspice, w.out_ngspice, w.line_ngspice};
    data.ode = {w.t_ode, w.out_ode, w.line_ode};
  }
  data.adc = adc_curve(job);
  for (const double inl : data.adc.edge_inl) data.inl_worst = std::max(data.inl_worst, std::abs(inl));
  const chip::ProgrammedDie& die = job.die(0);
  for (size_t b = 0; b < die.mapping.blocks.size(); ++b) {
    const auto& block = die.mapping.blocks[b];
    const Eigen::MatrixXd target = chip::target_conductance(job.network().matrices()[block.matrix], block, job.config().chip.mapping);
    for (Eigen::Index i = 0; i < target.size(); ++i) {
      data.cells.target.push_back(target.data()[i]);
      data.cells.programmed.push_back(static_cast<double>(die.programmed[b].data()[i]));
      data.cells.relaxed.push_back(static_cast<double>(die.relaxed[b].data()[i]));
    }
  }
  data.codes = code_histogram(job);
  return data;
}

}  // namespace mho::job
