#include "chip/rbm_chip.hpp"

#include "core/errors.hpp"

namespace mho::chip {
namespace {

// Half the difference of each pair of rows, into the row that `order` says.
template <class Order>
void halves_of_pairs(const Eigen::MatrixXf& lines, Eigen::MatrixXf& out, const Order& order) {
  out.resize(lines.rows() / 2, lines.cols());
  for (Eigen::Index p = 0; p < lines.cols(); ++p)
    for (Eigen::Index i = 0; i < out.rows(); ++i) out(order(i), p) = 0.5f * (lines(2 * i, p) - lines(2 * i + 1, p));
}

InputCodes in_order(const InputCodes& codes, const std::vector<int>& order) {
  InputCodes ordered(codes.rows(), codes.cols());
  for (Eigen::Index p = 0; p < codes.cols(); ++p)
    for (Eigen::Index i = 0; i < codes.rows(); ++i) ordered(i, p) = codes(order[static_cast<size_t>(i)], p);
  return ordered;
}

}  // namespace

void SumCorrection::apply(Eigen::MatrixXf& log_odds) const {
  if (slope.size() == 0) return;
  log_odds.array().colwise() *= slope.array();
  log_odds.colwise() += offset;
}

SumCorrection fit_correction(const Eigen::MatrixXf& measured, const Eigen::MatrixXf& expected) {
  MHO_ASSERT(measured.rows() == expected.rows() && measured.cols() == expected.cols() && measured.cols() > 0);
  SumCorrection correction{Eigen::VectorXf::Ones(measured.rows()), Eigen::VectorXf::Zero(measured.rows())};
  for (Eigen::Index i = 0; i < measured.rows(); ++i) {
    const Eigen::ArrayXd x = measured.row(i).cast<double>().transpose(), y = expected.row(i).cast<double>().transpose();
    const double mean_x = x.mean(), mean_y = y.mean(), variance = (x - mean_x).square().sum();
    const double slope = variance > 0 ? ((x - mean_x) * (y - mean_y)).sum() / variance : 1.0;
    correction.slope[i] = static_cast<float>(slope), correction.offset[i] = static_cast<float>(mean_y - slope * mean_x);
  }
  return correction;
}

RbmChip::RbmChip(const RbmMapping& mapping, std::span<const Eigen::MatrixXf> conductance, std::span<const solver::OperatingPoint> points, const ChipConfig& config,
                 const CoreFactory& make_core)
    : order_(mapping.order), hidden_(mapping.specs[1].weights.rows()),
      engine_(mapping.specs, mapping.directions, mapping.by_direction(conductance), points, config, make_core) {}

void RbmChip::to_hidden(const InputCodes& visible, Eigen::MatrixXf& log_odds) const {
  Eigen::MatrixXf lines;
  engine_.multiply(0, in_order(visible, order_), lines);
  halves_of_pairs(lines, log_odds, [](Eigen::Index j) { return j; });
  to_hidden_.apply(log_odds);
}

void RbmChip::to_visible(const InputCodes& hidden, Eigen::MatrixXf& log_odds) const {
  Eigen::MatrixXf lines;
  engine_.multiply(1, hidden, lines);
  halves_of_pairs(lines, log_odds, [&](Eigen::Index i) { return static_cast<Eigen::Index>(order_[static_cast<size_t>(i)]); });
  to_visible_.apply(log_odds);
}

std::vector<solver::EventCounts> RbmChip::events() const {
  std::vector<solver::EventCounts> events = engine_.events();
  for (size_t b = 0; b < events.size(); ++b) {
    const MappedBlock& block = engine_.mapping().blocks[b];
    events[b].macs /= 2;
    if (block.matrix != 0) continue;
    const double rows_per_line = static_cast<double>(block.outputs) / block.physical_rows();
    events[b].wl_pulses *= rows_per_line, events[b].wl_stages *= rows_per_line;
  }
  return events;
}

CacheKey rbm_die_key(const Rbm& rbm, const RbmLayout& layout, const ChipConfig& config, std::uint64_t seed, std::uint32_t die) {
  CacheKey key("rbm die 1");  // raised whenever mapping, programming or relaxation computes something else
  add_to_key(key, config);
  key.add("seed", static_cast<std::int64_t>(seed)).add("die", std::int64_t{die});
  for (const int n : {layout.groups, layout.parts, layout.bias_lines}) key.add("layout", std::int64_t{n});
  key.add("hidden", std::int64_t{rbm.hidden()});
  for (const auto& [name, data, size] : {std::tuple{"weights", rbm.weights.data(), rbm.weights.size()}, std::tuple{"visible", rbm.visible_bias.data(), rbm.visible_bias.size()},
                                         std::tuple{"hidden", rbm.hidden_bias.data(), rbm.hidden_bias.size()}})
    key.add_bytes(name, data, sizeof(float) * static_cast<size_t>(size));
  return key;
}

RbmDie program_rbm_die(const Rbm& rbm, const RbmLayout& layout, const ChipConfig& config, std::uint64_t seed, std::uint32_t number, int threads, const Cache& cache, bool show_progress) {
  RbmDie die;
  die.cells.die = number;
  die.cells.bad_rows = draw_bad_rows(config, seed, number);
  die.mapping = map_rbm(rbm, layout, config, die.cells.bad_rows);
  die.cells.mapping = die.mapping.cells;
  std::vector<Eigen::MatrixXd> targets;
  for (size_t b = 0; b < die.mapping.cells.blocks.size(); ++b) targets.push_back(die.mapping.targets(rbm, b, config.mapping));
  program_cells(die.cells, targets, rbm_die_key(rbm, layout, config, seed, number), config, seed, threads, cache, show_progress);
  return die;
}

std::vector<PointChoice> choose_rbm_points(const Rbm& rbm, const RbmLayout& layout, const ChipConfig& config, const ImageSet& training, const HiddenSampler& sampler, std::uint64_t seed,
                                           const CoreFactory& make_core, const LineTrim& line_trim, int threads) {
  const RbmMapping mapping = map_rbm(rbm, layout, config, no_bad_rows(config));
  std::vector<Eigen::MatrixXf> targets;
  for (size_t b = 0; b < mapping.cells.blocks.size(); ++b) targets.push_back(mapping.targets(rbm, b, config.mapping).cast<float>());
  const InputCodes visible = visible_codes(training, layout.visible_bits);
  const InputCodes hidden = sampled_hidden(SoftwareRbm(rbm, layout.visible_bits), sampler, visible, seed);
  const std::vector<InputCodes> inputs{in_order(visible, mapping.order), hidden};
  return choose_operating_points(mapping.specs, mapping.directions, mapping.by_direction(targets), inputs, config, make_core, line_trim, threads);
}

}  // namespace mho::chip
