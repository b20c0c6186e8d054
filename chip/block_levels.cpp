#include "chip/block_levels.hpp"

#include <array>
#include <cstdlib>
#include <cstring>

#include "core/errors.hpp"

namespace mho::chip {
namespace {

using Pair = std::array<std::int8_t, 2>;       // level of the + row and of the − row
using PairTable = std::array<Pair, 256>;       // by the byte of the code

PairTable pairs_of_bit(std::size_t bit, bool is_signed) {
  PairTable table;
  for (int byte = 0; byte < 256; ++byte) {
    const int code = is_signed && byte >= 128 ? byte - 256 : byte;
    const int b = (std::abs(code) >> bit) & 1, level = code < 0 ? -b : b;
    table[static_cast<size_t>(byte)] = {static_cast<std::int8_t>(level), static_cast<std::int8_t>(-level)};
  }
  return table;
}

}  // namespace

void block_levels(const MatrixSpec& spec, const MappedBlock& block, const InputCodes& codes, Eigen::Index first, Eigen::Index count,
                  std::vector<solver::LevelMatrix>& levels) {
  MHO_ASSERT(codes.rows() == spec.weights.rows() && first + count <= codes.cols());
  levels.resize(static_cast<size_t>(magnitude_bits(spec)));
  for (size_t k = 0; k < levels.size(); ++k) {
    const PairTable table = pairs_of_bit(k, spec.input_signed);
    solver::LevelMatrix& level = levels[k];
    level.resize(block.physical_rows(), count);
    for (Eigen::Index p = 0; p < count; ++p) {
      const std::int8_t* code = &codes.coeffRef(block.first_input, first + p);
      std::int8_t* pair = &level.coeffRef(0, p);
      for (int i = 0; i < block.inputs; ++i, pair += 2) std::memcpy(pair, &table[static_cast<std::uint8_t>(code[i])], sizeof(Pair));
      for (int r = 0; r < block.bias_rows; ++r, pair += 2) pair[0] = 1, pair[1] = -1;
    }
  }
}

}  // namespace mho::chip
