#include "chip/chip_engine.hpp"

#include <algorithm>

#include "chip/block_levels.hpp"
#include "core/errors.hpp"
#include "solver/supply_drop.hpp"

namespace mho::chip {
namespace {

// Input vectors per pass through a core: enough for efficient products, small enough to stay in cache.
constexpr Eigen::Index chunk_columns = 512;
// Numbers of inputs of one use of a matrix: 16,384 images of 1,024 positions, 256 uses; beyond, noise repeats.
constexpr std::uint32_t call_bits = 24;

}  // namespace

EventLedger::EventLedger() {
  for (const solver::EventField& f : solver::event_fields) sums_.emplace_back(step_bits(f));
}

void EventLedger::add(const solver::EventCounts& counts) {
  for (size_t f = 0; f < sums_.size(); ++f) sums_[f].add(counts.*solver::event_fields[f].member);
}

solver::EventCounts EventLedger::total() const {
  solver::EventCounts counts;
  for (size_t f = 0; f < sums_.size(); ++f) counts.*solver::event_fields[f].member = sums_[f].value();
  return counts;
}

ChipEngine::ChipEngine(std::span<const MatrixSpec> matrices, const Mapping& mapping, std::span<const Eigen::MatrixXf> conductance,
                       std::span<const solver::OperatingPoint> points, const ChipConfig& config, const CoreFactory& make_core)
    : ChipEngine(matrices, mapping, conductance, points, config,
                 [&](size_t, const Eigen::MatrixXd& g, const solver::OperatingPoint& point, int bits) { return make_core(g, point, bits); }, EngineOptions{}) {}

ChipEngine::ChipEngine(std::span<const MatrixSpec> matrices, const Mapping& mapping, std::span<const Eigen::MatrixXf> conductance,
                       std::span<const solver::OperatingPoint> points, const ChipConfig& config, const BlockCores& make_core, const EngineOptions& options)
    : mapping_(mapping), options_(options), rounds_(matrices.size()), ledgers_(mapping.blocks.size()) {
  MHO_ASSERT(conductance.size() == mapping.blocks.size() && points.size() == matrices.size());
  for (const MatrixSpec& spec : matrices) specs_.push_back(spec);
  for (size_t b = 0; b < mapping_.blocks.size(); ++b) {
    const MappedBlock& block = mapping_.blocks[b];
    const MatrixSpec& spec = specs_[block.matrix];
    MHO_ASSERT(conductance[b].rows() == block.physical_rows() && conductance[b].cols() == block.outputs);
    cores_.push_back(make_core(b, conductance[b].cast<double>(), points[block.matrix], magnitude_bits(spec)));
    Eigen::VectorXf& scale = scale_.emplace_back(block.outputs);
    for (int j = 0; j < block.outputs; ++j) scale[j] = static_cast<float>(block.column_w_max(j) / config.full_scale_conductance() * double(spec.input_lsb));
    auto& rounds = rounds_[block.matrix];
    const auto free = std::find_if(rounds.begin(), rounds.end(), [&](const std::vector<size_t>& round) {
      return std::none_of(round.begin(), round.end(), [&](size_t other) { return mapping_.blocks[other].core == block.core; });
    });
    (free == rounds.end() ? rounds.emplace_back() : *free).push_back(b);
  }
}

namespace {

// The engine for some images. Counts how often a matrix is used, so that its uses within an image have noise of their own.
class ImagesEngine final : public MatrixEngine {
 public:
  ImagesEngine(const ChipEngine& engine, size_t first, size_t count, size_t matrices) : engine_(engine), first_(first), count_(count), calls_(matrices) {}
  void multiply(size_t matrix, const InputCodes& codes, Eigen::MatrixXf& out) const override {
    const size_t positions = static_cast<size_t>(codes.cols()) / std::max<size_t>(count_, 1);
    engine_.multiply_inputs(matrix, codes, static_cast<std::uint32_t>(first_ * positions), calls_[matrix]++, out);
  }

 private:
  const ChipEngine& engine_;
  size_t first_, count_;
  mutable std::vector<std::uint32_t> calls_;
};

}  // namespace

std::unique_ptr<MatrixEngine> ChipEngine::at_images(size_t first, size_t count) const { return std::make_unique<ImagesEngine>(*this, first, count, specs_.size()); }

void ChipEngine::multiply(size_t matrix, const InputCodes& codes, Eigen::MatrixXf& out) const { multiply_inputs(matrix, codes, 0, 0, out); }

void ChipEngine::multiply_inputs(size_t matrix, const InputCodes& codes, std::uint32_t first_input, std::uint32_t call, Eigen::MatrixXf& out) const {
  out.setZero(specs_[matrix].weights.cols(), codes.cols());
  if (options_.supplies) {
    for (const std::vector<size_t>& round : rounds_[matrix]) multiply_blocks(round, codes, first_input, call, out);
    return;
  }
  for (size_t b = 0; b < mapping_.blocks.size(); ++b)
    if (mapping_.blocks[b].matrix == matrix) multiply_blocks(std::span(&b, 1), codes, first_input, call, out);
}

void ChipEngine::multiply_blocks(std::span<const size_t> blocks, const InputCodes& codes, std::uint32_t first_input, std::uint32_t call, Eigen::MatrixXf& out) const {
  std::vector<std::vector<solver::LevelMatrix>> levels(blocks.size());
  std::vector<std::vector<solver::SupplyMatrix>> supplies(blocks.size());
  std::vector<const solver::FastCore*> loads;
  for (const size_t b : blocks) loads.push_back(cores_[b]->lines());
  const bool shared = options_.supplies && std::none_of(loads.begin(), loads.end(), [](const auto* load) { return load == nullptr; });
  Eigen::MatrixXf integrated, sums;
  solver::CodeMatrix adc;
  for (Eigen::Index first = 0; first < codes.cols(); first += chunk_columns) {
    const Eigen::Index count = std::min(chunk_columns, codes.cols() - first);
    for (size_t n = 0; n < blocks.size(); ++n) {
      const MappedBlock& block = mapping_.blocks[blocks[n]];
      block_levels(specs_[block.matrix], block, codes, first, count, levels[n]);
    }
    if (shared) supplies = solver::supplies_of_cores(loads, levels, options_.supplies->source, options_.supplies->step);
    for (size_t n = 0; n < blocks.size(); ++n) {
      const size_t b = blocks[n];
      const MappedBlock& block = mapping_.blocks[b];
      const CoreModel& core = *cores_[b];
      solver::EventCounts counts;
      core.read(levels[n], integrated, &counts, {options_.seed, options_.die, static_cast<std::uint32_t>(b), first_input + static_cast<std::uint32_t>(first) + (call << call_bits)}, supplies[n]);
      core.convert(integrated, adc, &counts);
      if (options_.adc) core.decode(levels[n], adc, sums);
      else core.normalise(levels[n], integrated, sums);
      out.block(block.first_output, first, block.outputs, count) += scale_[b].asDiagonal() * sums;
      counts.macs = static_cast<double>(block.inputs) * static_cast<double>(block.outputs) * static_cast<double>(count);
      const std::lock_guard lock(mutex_);
      ledgers_[b].add(counts);
    }
  }
}

std::vector<solver::EventCounts> ChipEngine::events() const {
  const std::lock_guard lock(mutex_);
  std::vector<solver::EventCounts> totals;
  for (const EventLedger& ledger : ledgers_) totals.push_back(ledger.total());
  return totals;
}

void ChipEngine::reset_events() {
  const std::lock_guard lock(mutex_);
  ledgers_.assign(mapping_.blocks.size(), EventLedger{});
}

}  // namespace mho::chip
