#include "chip/block_levels.hpp"

#include <cstdlib>

#include "core/errors.hpp"

namespace mho::chip {

void block_levels(const MatrixSpec& spec, const MappedBlock& block, const InputCodes& codes, Eigen::Index first, Eigen::Index count,
                  std::vector<solver::LevelMatrix>& levels) {
  MHO_ASSERT(codes.rows() == spec.weights.rows() && first + count <= codes.cols());
  levels.resize(static_cast<size_t>(magnitude_bits(spec)));
  for (size_t k = 0; k < levels.size(); ++k) {
    solver::LevelMatrix& level = levels[k];
    level.resize(block.physical_rows(), count);
    for (Eigen::Index p = 0; p < count; ++p) {
      const std::int8_t* code = &codes.coeffRef(block.first_input, first + p);
      std::int8_t* pair = &level.coeffRef(0, p);
      for (int i = 0; i < block.inputs; ++i, pair += 2) {
        const int c = spec.input_signed ? code[i] : static_cast<std::uint8_t>(code[i]);
        const int bit = (std::abs(c) >> k) & 1, value = c < 0 ? -bit : bit;
        pair[0] = static_cast<std::int8_t>(value);
        pair[1] = static_cast<std::int8_t>(-value);
      }
      for (int r = 0; r < block.bias_rows; ++r, pair += 2) pair[0] = 1, pair[1] = -1;
    }
  }
}

}  // namespace mho::chip
