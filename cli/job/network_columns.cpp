#include "cli/job/network_columns.hpp"

#include <algorithm>

#include "chip/block_levels.hpp"
#include "chip/software_engine.hpp"
#include "core/random.hpp"

namespace mho::job {

std::vector<circuits::ColumnInput> network_columns(Job& job, int count) {
  const auto& matrices = job.network().matrices();
  const chip::ProgrammedDie& die = job.die(0);
  const auto codes = chip::record_input_codes(job.network(), chip::SoftwareEngine(matrices), job.training_images(), {.threads = job.threads()});
  std::vector<std::vector<size_t>> blocks(matrices.size());
  for (size_t b = 0; b < die.mapping.blocks.size(); ++b) blocks[die.mapping.blocks[b].matrix].push_back(b);
  std::vector<circuits::ColumnInput> columns;
  for (int n = 0; n < count; ++n) {
    RandomStream random(job.config().seed, 0, 0, static_cast<std::uint32_t>(n), Purpose::validation_plan);
    const size_t m = static_cast<size_t>(n) % matrices.size();
    const size_t b = blocks[m][random.below(static_cast<std::uint32_t>(blocks[m].size()))];
    const chip::MappedBlock& block = die.mapping.blocks[b];
    std::vector<solver::LevelMatrix> levels;
    chip::block_levels(matrices[m], block, codes[m], random.below(static_cast<std::uint32_t>(codes[m].cols())), 1, levels);
    const Eigen::VectorXd g = die.relaxed[b].col(random.below(static_cast<std::uint32_t>(block.outputs))).cast<double>();
    const solver::OperatingPoint& p = job.points()[m].point;
    circuits::ColumnInput column;
    // A cell that relaxation took to zero is an open circuit; FastCore and ngspice both see 1 nS.
    for (const double x : g) column.conductance.push_back(std::max(x, 1e-9));
    for (const solver::LevelMatrix& bit : levels) column.levels.emplace_back(bit.data(), bit.data() + bit.size());
    column.point = {.v_read = p.v_read, .v_trim = p.v_trim, .v_decrement = p.v_decrement, .pulse_multiplier = p.pulse_multiplier, .max_code = p.max_code};
    columns.push_back(std::move(column));
  }
  return columns;
}

}  // namespace mho::job
