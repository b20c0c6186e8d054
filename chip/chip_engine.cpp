#include "chip/chip_engine.hpp"

#include <algorithm>

#include "chip/block_levels.hpp"
#include "core/errors.hpp"

namespace mho::chip {
namespace {

// Input vectors per pass through a core: enough for efficient products, small enough to stay in cache.
constexpr Eigen::Index chunk_columns = 512;

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
    : mapping_(mapping), ledgers_(mapping.blocks.size()) {
  MHO_ASSERT(conductance.size() == mapping.blocks.size() && points.size() == matrices.size());
  for (const MatrixSpec& spec : matrices) specs_.push_back(spec);
  for (size_t b = 0; b < mapping_.blocks.size(); ++b) {
    const MappedBlock& block = mapping_.blocks[b];
    const MatrixSpec& spec = specs_[block.matrix];
    MHO_ASSERT(conductance[b].rows() == block.physical_rows() && conductance[b].cols() == block.outputs);
    cores_.push_back(make_core(conductance[b].cast<double>(), points[block.matrix], magnitude_bits(spec)));
    scale_.push_back(static_cast<float>(block.w_max / config.full_scale_conductance() * double(spec.input_lsb)));
  }
}

void ChipEngine::multiply(size_t matrix, const InputCodes& codes, Eigen::MatrixXf& out) const {
  out.setZero(specs_[matrix].weights.cols(), codes.cols());
  for (size_t b = 0; b < mapping_.blocks.size(); ++b)
    if (mapping_.blocks[b].matrix == matrix) multiply_block(b, codes, out);
}

void ChipEngine::multiply_block(size_t b, const InputCodes& codes, Eigen::MatrixXf& out) const {
  const MappedBlock& block = mapping_.blocks[b];
  const CoreModel& core = *cores_[b];
  std::vector<solver::LevelMatrix> levels;
  Eigen::MatrixXf integrated, sums;
  solver::CodeMatrix adc;
  for (Eigen::Index first = 0; first < codes.cols(); first += chunk_columns) {
    const Eigen::Index count = std::min(chunk_columns, codes.cols() - first);
    solver::EventCounts counts;
    block_levels(specs_[block.matrix], block, codes, first, count, levels);
    core.integrate(levels, integrated, &counts);
    core.convert(integrated, adc, &counts);
    core.decode(levels, adc, sums);
    out.block(block.first_output, first, block.outputs, count) += scale_[b] * sums;
    counts.macs = static_cast<double>(block.inputs) * static_cast<double>(block.outputs) * static_cast<double>(count);
    const std::lock_guard lock(mutex_);
    ledgers_[b].add(counts);
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
