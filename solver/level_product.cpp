#include "solver/level_product.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

#include "core/errors.hpp"

#if defined(__x86_64__)
#include <immintrin.h>
#define MHO_AVX512_VNNI __attribute__((target("avx512f,avx512bw,avx512vnni")))
#define MHO_AVX2 __attribute__((target("avx2")))
#endif

namespace mho::solver {
namespace {

constexpr int lines_per_block = 4;  // of 16 columns each: with six inputs 24 accumulators of 32 registers
constexpr int lanes = 16 * lines_per_block;

}  // namespace

// One block of columns times all inputs. Either output may be missing.
struct LevelProduct::Job {
  const Line* digits;
  const float* step;
  const PackedLevels* levels;
  float *signed_out, *active_out;  // the block's first column of the first input
  Eigen::Index columns, out_stride;
  int parts;
};

struct LevelProduct::Kernels {
  // Whole sums of the block's lanes to floats.
  static void store(const Job& job, const std::int32_t* sum, float* out) {
    for (Eigen::Index j = 0; j < job.columns; ++j) {
      const Eigen::Index high = 32 * (j / 16) + j % 16;
      const std::int32_t n = job.parts == 1 ? sum[j] : 256 * sum[high] + sum[high + 16];
      out[j] = static_cast<float>(n) * job.step[j];
    }
  }

  static void plain_input(const Job& job, Eigen::Index b, bool active, float* out) {
    std::int32_t sum[lanes] = {};
    const std::int8_t* level = job.levels->input(b);
    const std::uint8_t* digit = job.digits->digit;
    for (Eigen::Index w = 0; w < job.levels->words(); ++w, level += 4, digit += 4 * lanes) {
      int l[4];
      for (int r = 0; r < 4; ++r) l[r] = active ? level[r] * level[r] : level[r];
      for (int c = 0; c < lanes; ++c) sum[c] += digit[4 * c] * l[0] + digit[4 * c + 1] * l[1] + digit[4 * c + 2] * l[2] + digit[4 * c + 3] * l[3];
    }
    store(job, sum, out + b * job.out_stride);
  }

  static void plain(const Job& job) {
    for (Eigen::Index b = 0; b < job.levels->inputs(); ++b) {
      if (job.signed_out) plain_input(job, b, false, job.signed_out);
      if (job.active_out) plain_input(job, b, true, job.active_out);
    }
  }

#if defined(__x86_64__)
  template <int inputs, bool active>
  MHO_AVX2 static void tile_avx2(const Job& job, Eigen::Index first, float* out) {
    // A pair of products is at most 510, so that 16 bits hold 64 of them.
    constexpr Eigen::Index chunk = 64;
    alignas(32) std::int32_t sum[inputs][lanes] = {};
    const Eigen::Index words = job.levels->words();
    const std::int8_t* level = job.levels->input(first);
    for (int line = 0; line < lines_per_block; ++line)
      for (Eigen::Index begin = 0; begin < words; begin += chunk) {
        __m256i s[inputs][2];
#pragma GCC unroll 3
        for (int n = 0; n < inputs; ++n) s[n][0] = s[n][1] = _mm256_setzero_si256();
        for (Eigen::Index w = begin; w < std::min(words, begin + chunk); ++w) {
          const __m256i* digit = reinterpret_cast<const __m256i*>(job.digits + lines_per_block * w + line);
          const __m256i d0 = _mm256_load_si256(digit), d1 = _mm256_load_si256(digit + 1);
#pragma GCC unroll 3
          for (int n = 0; n < inputs; ++n) {
            std::int32_t word;
            std::memcpy(&word, level + 4 * (n * words + w), 4);
            __m256i l = _mm256_set1_epi32(word);
            if constexpr (active) l = _mm256_abs_epi8(l);
            s[n][0] = _mm256_add_epi16(s[n][0], _mm256_maddubs_epi16(d0, l));
            s[n][1] = _mm256_add_epi16(s[n][1], _mm256_maddubs_epi16(d1, l));
          }
        }
#pragma GCC unroll 3
        for (int n = 0; n < inputs; ++n)
#pragma GCC unroll 2
          for (int half = 0; half < 2; ++half) {
            __m256i* total = reinterpret_cast<__m256i*>(&sum[n][16 * line + 8 * half]);
            *total = _mm256_add_epi32(*total, _mm256_madd_epi16(s[n][half], _mm256_set1_epi16(1)));
          }
      }
    for (int n = 0; n < inputs; ++n) store(job, sum[n], out + (first + n) * job.out_stride);
  }

  template <bool active>
  MHO_AVX2 static void inputs_avx2(const Job& job, float* out) {
    const Eigen::Index count = job.levels->inputs();
    Eigen::Index b = 0;
    for (; b + 3 <= count; b += 3) tile_avx2<3, active>(job, b, out);
    for (; b < count; ++b) tile_avx2<1, active>(job, b, out);
  }

  MHO_AVX2 static void avx2(const Job& job) {
    if (job.signed_out) inputs_avx2<false>(job, job.signed_out);
    if (job.active_out) inputs_avx2<true>(job, job.active_out);
  }

  // As store(), 16 columns at a time. Masked forms: the plain ones start from a register that gcc 12 takes for uninitialised.
  MHO_AVX512_VNNI static void store_vnni(const Job& job, const std::int32_t* sum, float* out) {
    for (Eigen::Index column = 0; column < job.columns; column += 16, sum += 16 * job.parts) {
      const Eigen::Index left = job.columns - column;
      const __mmask16 mask = static_cast<__mmask16>(left >= 16 ? 0xffff : (1 << left) - 1);
      __m512i n = _mm512_load_si512(sum);
      if (job.parts == 2) n = _mm512_add_epi32(_mm512_maskz_slli_epi32(mask, n, 8), _mm512_load_si512(sum + 16));
      _mm512_mask_storeu_ps(out + column, mask, _mm512_mul_ps(_mm512_maskz_cvtepi32_ps(mask, n), _mm512_loadu_ps(job.step + column)));
    }
  }

  // The instruction by name: from the intrinsic, gcc 12 makes copies of accumulators and stores them in every round.
  MHO_AVX512_VNNI static void add_products(__m512i& sum, __m512i digits, __m512i levels) {
    asm("vpdpbusd %2, %1, %0" : "+v"(sum) : "v"(digits), "v"(levels));
  }

  template <int inputs, bool with_signed, bool with_active>
  MHO_AVX512_VNNI static void tile_vnni(const Job& job, Eigen::Index first) {
    __m512i s[inputs][lines_per_block], a[inputs][lines_per_block];  // whole sums of l and of |l|; the kind that is not wanted vanishes
#pragma GCC unroll 6
    for (int n = 0; n < inputs; ++n)
#pragma GCC unroll 4
      for (int line = 0; line < lines_per_block; ++line) s[n][line] = a[n][line] = _mm512_setzero_si512();
    const Eigen::Index words = job.levels->words();
    const std::int8_t* level = job.levels->input(first);
    const Line* digits = job.digits;
    for (Eigen::Index w = 0; w < words; ++w, digits += lines_per_block, level += 4) {
      __m512i d[lines_per_block];
#pragma GCC unroll 4
      for (int line = 0; line < lines_per_block; ++line) d[line] = _mm512_load_si512(digits + line);
#pragma GCC unroll 6
      for (int n = 0; n < inputs; ++n) {
        std::int32_t word;
        std::memcpy(&word, level + 4 * n * words, 4);
        const __m512i l = _mm512_set1_epi32(word);
        const __m512i on = with_active ? _mm512_abs_epi8(l) : l;
#pragma GCC unroll 4
        for (int line = 0; line < lines_per_block; ++line) {
          if constexpr (with_signed) add_products(s[n][line], d[line], l);
          if constexpr (with_active) add_products(a[n][line], d[line], on);
        }
      }
    }
    alignas(64) std::int32_t sum[2][inputs][lanes];
#pragma GCC unroll 6
    for (int n = 0; n < inputs; ++n)
#pragma GCC unroll 4
      for (int line = 0; line < lines_per_block; ++line) {
        if constexpr (with_signed) _mm512_store_si512(sum[0][n] + 16 * line, s[n][line]);
        if constexpr (with_active) _mm512_store_si512(sum[1][n] + 16 * line, a[n][line]);
      }
    for (int n = 0; n < inputs; ++n) {
      const Eigen::Index at = (first + n) * job.out_stride;
      if constexpr (with_signed) store_vnni(job, sum[0][n], job.signed_out + at);
      if constexpr (with_active) store_vnni(job, sum[1][n], job.active_out + at);
    }
  }

  // All inputs, `inputs` at a time and then what is left.
  template <int inputs, bool with_signed, bool with_active>
  MHO_AVX512_VNNI static void inputs_vnni(const Job& job, Eigen::Index first) {
    const Eigen::Index count = job.levels->inputs();
    for (; first + inputs <= count; first += inputs) tile_vnni<inputs, with_signed, with_active>(job, first);
    if constexpr (inputs > 1) inputs_vnni<inputs - 1, with_signed, with_active>(job, first);
  }

  MHO_AVX512_VNNI static void vnni(const Job& job) {
    if (job.signed_out && job.active_out) return inputs_vnni<3, true, true>(job, 0);
    if (job.signed_out) return inputs_vnni<6, true, false>(job, 0);
    inputs_vnni<6, false, true>(job, 0);
  }
#endif

  static void (*choose(Kernel kernel))(const Job&) {
    if (!has_kernel(kernel)) throw Error("this processor lacks the instructions of the kernel asked for");
#if defined(__x86_64__)
    const bool best = kernel == Kernel::best;
    if (kernel == Kernel::avx512_vnni || (best && has_kernel(Kernel::avx512_vnni))) return vnni;
    if (kernel == Kernel::avx2 || (best && has_kernel(Kernel::avx2))) return avx2;
#endif
    return plain;
  }
};

bool has_kernel(Kernel kernel) {
#if defined(__x86_64__)
  if (kernel == Kernel::avx512_vnni) return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vnni");
  if (kernel == Kernel::avx2) return __builtin_cpu_supports("avx2");
#endif
  return kernel == Kernel::best || kernel == Kernel::plain;
}

void PackedLevels::pack(const Eigen::Ref<const LevelMatrix>& levels) {
  rows_ = levels.rows();
  inputs_ = levels.cols();
  words_ = (rows_ + 3) / 4;
  packed_.resize(static_cast<size_t>(4 * words_ * inputs_));
  std::uint8_t most = 0;  // of level + 1, for the whole batch: a branch per level would cost as much as the product
  for (Eigen::Index b = 0; b < inputs_; ++b) {
    const std::int8_t* from = levels.data() + b * levels.outerStride();
    std::int8_t* to = packed_.data() + 4 * words_ * b;
    for (Eigen::Index i = 0; i < rows_; ++i) most = std::max(most, static_cast<std::uint8_t>(from[i] + 1));
    std::copy_n(from, rows_, to);
    std::fill(to + rows_, to + 4 * words_, std::int8_t{0});
  }
  if (most <= 2) return;
  rows_ = inputs_ = words_ = 0;
  throw Error("levels of inputs are -1, 0 or +1");
}

LevelProduct::LevelProduct(const Eigen::MatrixXd& m, int parts, Kernel kernel)
    : rows_(m.rows()), columns_(m.cols()), words_((m.rows() + 3) / 4), parts_(parts), multiply_(Kernels::choose(kernel)) {
  if (parts != 1 && parts != 2) throw Error(fmt::format("a level product has 1 or 2 parts, not {}", parts));
  if (rows_ < 1 || columns_ < 1) throw Error("a level product needs at least one row and one column");
  const int top = parts == 1 ? 255 : 65535;
  if (rows_ > std::numeric_limits<std::int32_t>::max() / top) throw Error(fmt::format("{} rows are more than a level product of {} parts can sum", rows_, parts));
  const Eigen::Index width = block_columns(), blocks = (columns_ + width - 1) / width;
  digits_.resize(static_cast<size_t>(blocks * words_ * lines_per_block));
  step_.resize(static_cast<size_t>(blocks * width));
  constexpr double float_max = std::numeric_limits<float>::max(), float_min = std::numeric_limits<float>::min();
  for (Eigen::Index j = 0; j < columns_; ++j) {
    for (Eigen::Index i = 0; i < rows_; ++i)
      if (!(m(i, j) >= 0.0) || !std::isfinite(m(i, j))) throw Error(fmt::format("row {}, column {}: a level product takes finite entries >= 0, not {}", i, j, m(i, j)));
    const double most = m.col(j).maxCoeff();
    if (most == 0.0) continue;
    if (most / top < float_min || most > 0.5 * float_max / static_cast<double>(rows_))
      throw Error(fmt::format("column {}: its largest entry {} is out of the range of single precision", j, most));
    const float step = static_cast<float>(most / top);
    step_[static_cast<size_t>(j)] = step;
    const Eigen::Index line = j / width * words_ * lines_per_block + j % width / 16 * parts;
    for (Eigen::Index i = 0; i < rows_; ++i) {
      const int n = static_cast<int>(std::lround(m(i, j) / static_cast<double>(step)));
      const size_t at = static_cast<size_t>(line + i / 4 * lines_per_block), byte = static_cast<size_t>(4 * (j % 16) + i % 4);
      for (int p = 0; p < parts; ++p) digits_[at + static_cast<size_t>(p)].digit[byte] = static_cast<std::uint8_t>(n >> 8 * (parts - 1 - p) & 255);
    }
  }
}

Eigen::MatrixXd LevelProduct::rounded() const {
  Eigen::MatrixXd m(rows_, columns_);
  const Eigen::Index width = block_columns();
  for (Eigen::Index j = 0; j < columns_; ++j)
    for (Eigen::Index i = 0; i < rows_; ++i) {
      const Line* line = digits_.data() + (j / width * words_ + i / 4) * lines_per_block + j % width / 16 * parts_;
      int n = 0;
      for (int p = 0; p < parts_; ++p) n = 256 * n + line[p].digit[4 * (j % 16) + i % 4];
      m(i, j) = step(j) * n;
    }
  return m;
}

void LevelProduct::sums(const PackedLevels& levels, float* signed_out, float* active_out) const {
  if (levels.rows() != rows_) throw Error(fmt::format("levels of {} rows do not fit a matrix of {} rows", levels.rows(), rows_));
  const Eigen::Index width = block_columns();
  for (Eigen::Index first = 0; first < columns_; first += width)
    multiply_({digits_.data() + first / width * words_ * lines_per_block, step_.data() + first, &levels, signed_out ? signed_out + first : nullptr,
               active_out ? active_out + first : nullptr, std::min(width, columns_ - first), columns_, parts_});
}

void LevelProduct::signed_sums(const PackedLevels& levels, Eigen::MatrixXf& out) const {
  out.resize(columns_, levels.inputs());
  sums(levels, out.data(), nullptr);
}
void LevelProduct::active_sums(const PackedLevels& levels, Eigen::MatrixXf& out) const {
  out.resize(columns_, levels.inputs());
  sums(levels, nullptr, out.data());
}
void LevelProduct::sums(const PackedLevels& levels, Eigen::MatrixXf& signed_out, Eigen::MatrixXf& active_out) const {
  MHO_ASSERT(&signed_out != &active_out);
  signed_out.resize(columns_, levels.inputs());
  active_out.resize(columns_, levels.inputs());
  sums(levels, signed_out.data(), active_out.data());
}

}  // namespace mho::solver
