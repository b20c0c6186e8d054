#include "solver/fast_kernel.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>

// Each loop is compiled for the base instruction set and for registers of 512 bits; the processor chooses.
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__) && !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#define MHO_WIDE __attribute__((target_clones("default", "arch=x86-64-v4")))
#else
#define MHO_WIDE
#endif

namespace mho::solver::kernel {
namespace {

using Eigen::Index;

// e^x for |x| ≤ 80, relative error below 2e-7: 2^n times the polynomial of degree 6 of what is left, |r| ≤ ln 2/2.
[[gnu::always_inline]] inline float exponential(float x) {
  constexpr float round = 12582912.0f;  // 1.5 · 2^23: adding it leaves the nearest whole number in the last bits
  const float shifted = x * 1.44269504f + round, n = shifted - round;
  const float r = (x - n * 0.693359375f) + n * 2.12194440e-4f;
  const float p = 1.0f + r * (1.0f + r * (0.5f + r * (1.66666667e-1f + r * (4.16666667e-2f + r * (8.33333333e-3f + r * 1.38888889e-3f)))));
  const std::int32_t power = (std::bit_cast<std::int32_t>(shifted) - std::bit_cast<std::int32_t>(round) + 127) << 23;
  return p * std::bit_cast<float>(power);
}

// ln x for normal x, within 2e-7 of 1 + |ln x|: x = 2^n (1 + t) with 1 + t from √½ to √2, then t − t²/2 + t³ P(t) with the polynomial of Cephes' logf (S. L. Moshier).
[[gnu::always_inline]] inline float logarithm(float x) {
  const std::int32_t bits = std::bit_cast<std::int32_t>(x), n = (bits - 0x3f3504f3) >> 23;
  const float t = std::bit_cast<float>(bits - (n << 23)) - 1.0f, t2 = t * t;
  const float p = 3.3333331174e-1f + t * (-2.4999993993e-1f + t * (2.0000714765e-1f + t * (-1.6668057665e-1f + t * (1.4249322787e-1f +
                  t * (-1.2420140846e-1f + t * (1.1676998740e-1f + t * (-1.1514610310e-1f + t * 7.0376836292e-2f)))))));
  return static_cast<float>(n) * 0.69314718f + (t + t2 * (t * p - 0.5f));
}

// Solution of line' = rate · exp(−line/e_fold) after a time that makes rate/e_fold · time = step.
[[gnu::always_inline]] inline float leaked(float line, float e_fold, float per_fold, float step) {
  const float x = -line * per_fold;
  return line + e_fold * logarithm(1.0f + step * exponential(x > -80.0f ? (x < 80.0f ? x : 80.0f) : -80.0f));
}

[[gnu::always_inline]] inline float clamped(float x, float limit) {
  x = x < limit ? x : limit;
  return x > -limit ? x : -limit;
}

}  // namespace

void Columns::resize(Index n) {
  for (Regression* r : {&even, &slope_odd, &slope_even, &curve_odd, &curve_even, &noise, &cross})
    for (ArrayXf* a : {&r->count, &r->share, &r->line}) *a = ArrayXf::Zero(n);
  for (ArrayXf* a : {&line_count, &curve, &cubic, &cubic_even, &cubic_odd, &quartic, &quartic_even, &still, &rate, &fall, &fall_slope, &fall_even, &fall_both})
    *a = ArrayXf::Zero(n);
}

MHO_WIDE void feed(const Columns& c, const Activity& n, const float* odd, const float* even, float* __restrict fed) {
  const Index columns = c.curve.size();
  const float* lc = c.line_count.data();
  const float drive = n.drive, drive_even = n.drive_even, left_out = (n.drive - 1.0f) * n.odd + n.drive_even * n.even;  // settle() adds the count of x itself
#pragma GCC ivdep
  for (Index j = 0; j < columns; ++j) fed[j] = drive * odd[j] + drive_even * even[j] + lc[j] * left_out;
}

std::array<double, 3> load(const Columns& c, const Activity& n, float v_read, const float* line_odd, const float* line_even, const float* power_odd, const float* power_even) {
  std::array<double, 3> sum{};
  const double per_volt = 1.0 / static_cast<double>(v_read);
  for (Index j = 0; j < c.curve.size(); ++j) {
    const double lo = per_volt * static_cast<double>(line_odd[j] + c.line_count[j] * n.odd), le = per_volt * static_cast<double>(line_even[j] + c.line_count[j] * n.even);
    const double po = per_volt * static_cast<double>(power_odd[j]), pe = per_volt * static_cast<double>(power_even[j]);
    const double up = 0.5 * (pe + po), down = 0.5 * (pe - po), line_up = 0.5 * (le + lo), line_down = 0.5 * (le - lo);  // [S], [1]
    sum[0] += up * (1.0 - line_up);
    sum[1] -= 0.5 * (up * line_down + down * line_up);  // equal by reciprocity
    sum[2] += down * (1.0 - line_down);
  }
  return sum;
}

MHO_WIDE void settle(const Columns& c, const Sums& sums, const Activity& n, float* __restrict linear, float* __restrict settled, float* __restrict slope) {
  const Index columns = c.curve.size();
  const float x = n.odd, on = n.even, drive = n.drive, square_drive = n.drive * n.drive;
  const float active = square_drive * on;
  const float *l0 = sums[line], *l1 = sums[even], *s0 = sums[slope_odd], *s1 = sums[slope_even], *k0 = sums[curve_odd], *k1 = sums[curve_even];
  const float *so = sums[share_odd], *se = sums[share_even], *lc = c.line_count.data(), *ec = c.even.count.data(), *es = c.even.share.data(), *curve = c.curve.data(), *gamma = c.cubic.data(), *gamma_even = c.cubic_even.data(), *gamma_odd = c.cubic_odd.data(), *delta = c.quartic.data(), *delta_even = c.quartic_even.data();
  const float *soc = c.slope_odd.count.data(), *sos = c.slope_odd.share.data(), *sec = c.slope_even.count.data(), *ses = c.slope_even.share.data(), *sol = c.slope_odd.line.data(), *col = c.curve_odd.line.data();
  const float *coc = c.curve_odd.count.data(), *cos = c.curve_odd.share.data(), *cec = c.curve_even.count.data(), *ces = c.curve_even.share.data();
#pragma GCC ivdep
  for (Index j = 0; j < columns; ++j) {
    const float odd = l0[j] + lc[j] * x, l = odd + square_drive * (l1[j] + ec[j] * on + es[j] * se[j]);
    const float sigma = 1.0f + (drive * (soc[j] * x + sos[j] * so[j] + s0[j]) + sol[j] * odd) + square_drive * (sec[j] * on + ses[j] * se[j] + s1[j]);
    const float kappa = curve[j] + (drive * (coc[j] * x + cos[j] * so[j] + k0[j]) + col[j] * odd) + square_drive * (cec[j] * on + ces[j] * se[j] + k1[j]);
    const float square = sigma * sigma - 4.0f * l * kappa;  // positive for any line between its drivers
    linear[j] = l;
    slope[j] = sigma;
    // One step of Newton from the parabola's root, where its slope is the root of the discriminant.
    const float root = std::sqrt(square > 0.0f ? square : 0.0f), u = 2.0f * l / (sigma + root), u2 = u * u;
    const float third = (gamma[j] + active * gamma_even[j] + gamma_odd[j] * odd) * u2, fourth = (delta[j] + active * delta_even[j]) * u2 * u;
    const float steep = root - 3.0f * third - 4.0f * fourth, least = 0.5f * root + 1e-6f;
    settled[j] = u + (third + fourth) * u / (steep > least ? steep : least);
  }
}

MHO_WIDE void scatter(const Columns& c, const Sums& sums, const Activity& n, const float* linear, const float* settled, const float* slope, float* __restrict variance) {
  const Index columns = c.curve.size();
  const float x = n.odd, on = n.even, drive = n.drive, square_drive = n.drive * n.drive;
  const float *active = sums[noise], *mixed = sums[cross], *so = sums[share_odd], *se = sums[share_even], *still = c.still.data();
  const float *nc = c.noise.count.data(), *ns = c.noise.share.data(), *cc = c.cross.count.data(), *cs = c.cross.share.data(), *cl = c.cross.line.data();
#pragma GCC ivdep
  for (Index j = 0; j < columns; ++j) {
    const float u = settled[j], currents = square_drive * (nc[j] * on + ns[j] * se[j] + active[j]), products = drive * (cc[j] * x + cs[j] * so[j] + mixed[j]) + cl[j] * linear[j];
    const float sum = currents - u * (2.0f * products - u * still[j]);
    variance[j] = (sum > 0.0f ? sum : 0.0f) / (slope[j] * slope[j]);
  }
}

namespace {

// sin and cos of w quarter turns, |w| ≤ 1: Taylor, within 4e-6.
[[gnu::always_inline]] inline float sine(float w) {
  const float q = w * w;
  return w * (1.57079633f + q * (-0.645964098f + q * (0.0796926262f + q * (-0.00468175414f + q * 0.000160441185f))));
}
[[gnu::always_inline]] inline float cosine(float w) {
  const float q = w * w;
  return 1.0f + q * (-1.23370055f + q * (0.253669508f + q * (-0.0208634808f + q * (0.000919260274f + q * -0.0000252020424f))));
}

// Two normal numbers: the radius from the upper 24 bits of a, its lowest bit the sign of the cosine, the angle within half a turn from b.
[[gnu::always_inline]] inline void box_muller(std::uint32_t a, std::uint32_t b, float& x, float& y) {
  const float u = (static_cast<float>(static_cast<std::int32_t>(a >> 8)) + 0.5f) * 0x1p-24f, radius = std::sqrt(-2.0f * logarithm(u));
  const float w = static_cast<float>(static_cast<std::int32_t>(b)) * 0x1p-31f, c = radius * cosine(w);
  x = (a & 1u) != 0 ? -c : c;
  y = radius * sine(w);
}

}  // namespace

MHO_WIDE void normals(const NoiseStream& stream, std::uint32_t first, Index blocks, float* __restrict z) {
  const std::uint32_t key0 = stream.key[0], key1 = stream.key[1], c1 = stream.counter[0], c2 = stream.counter[1], c3 = stream.counter[2];
  float *z0 = z, *z1 = z + blocks, *z2 = z + 2 * blocks, *z3 = z + 3 * blocks;
#pragma GCC ivdep
  for (Index q = 0; q < blocks; ++q) {
    std::uint32_t x0 = first + static_cast<std::uint32_t>(q), x1 = c1, x2 = c2, x3 = c3, k0 = key0, k1 = key1;
#pragma GCC unroll 10
    for (int round = 0; round < 10; ++round) {
      const std::uint64_t a = std::uint64_t{0xD2511F53u} * x0, b = std::uint64_t{0xCD9E8D57u} * x2;
      const std::uint32_t y0 = static_cast<std::uint32_t>(b >> 32) ^ x1 ^ k0, y2 = static_cast<std::uint32_t>(a >> 32) ^ x3 ^ k1;
      x1 = static_cast<std::uint32_t>(b);
      x3 = static_cast<std::uint32_t>(a);
      x0 = y0;
      x2 = y2;
      k0 += 0x9E3779B9u;
      k1 += 0xBB67AE85u;
    }
    box_muller(x0, x1, z0[q], z1[q]);
    box_muller(x2, x3, z2[q], z3[q]);
  }
}

MHO_WIDE void add_noise(const NoiseStream& stream, Index columns, const float* variance, float* __restrict normal, float* __restrict v) {
  normals(stream, 0, (columns + 3) / 4, normal);
#pragma GCC ivdep
  for (Index j = 0; j < columns; ++j) v[j] += std::sqrt(variance[j]) * normal[j];
}

MHO_WIDE void hold(const Columns& c, const Sums& sums, const Activity& n, const float* settled, const float* slope, const float* before, float* __restrict driven,
                   float* __restrict held, float* __restrict gain) {
  const Index columns = c.curve.size();
  const float *so = sums[share_odd], *se = sums[share_even], *rate = c.rate.data();
  const float *fall = c.fall.data(), *fall_slope = c.fall_slope.data(), *fall_even = c.fall_even.data(), *fall_both = c.fall_both.data();
  const float f = n.fall, fs = n.fall_slope, fb = n.fall_both, odd = c.fall_odd, odd2 = c.fall_odd2, even2 = c.fall_even2, slope_even = c.fall_slope_even, c2 = c.fall2, c3 = c.fall3;
#pragma GCC ivdep
  for (Index j = 0; j < columns; ++j) {
    const float c0 = fall[j] + f + fb * fall_both[j] + se[j] * (fall_even[j] + even2 * se[j]) + so[j] * (odd + odd2 * so[j]);
    const float c1 = fall_slope[j] + fs + slope_even * se[j];
    const float u = settled[j], w = 4.0f * u;
    // The rising edge lifts the line by what the falling one will take.
    const float start = before[j] - (c0 + w * (c1 + w * (c2 + w * c3)));
    const float exponent = rate[j] * slope[j], left = exponential(-(exponent < 80.0f ? exponent : 80.0f));
    const float d = u + (start - u) * left, y = 4.0f * d;
    driven[j] = d;
    held[j] = d + (c0 + y * (c1 + y * (c2 + y * c3)));
    gain[j] = (1.0f - left) * (1.0f + 4.0f * (c1 + y * (2.0f * c2 + 3.0f * y * c3)));
  }
}

MHO_WIDE void carry(const Samples& s, Index columns, const float* held, const float* gain, const float* before, const float* settled, float* __restrict total) {
  const CubicOf<float> c = s.out;
  const float trim = s.v_trim, span = s.line_span;
#pragma GCC ivdep
  for (Index j = 0; j < columns; ++j) {
    const float a = before[j], b = clamped(held[j] - trim, span);
    const float by_v = c[1] + a * (2.0f * c[3] + 3.0f * a * c[6] + 2.0f * b * c[7]) + b * (c[4] + b * c[8]);
    const float by_line = (c[2] + a * (c[4] + a * c[7]) + b * (2.0f * (c[5] + a * c[8]) + 3.0f * b * c[9])) * gain[j];
    total[j] = by_v * by_v * total[j] + by_line * by_line * settled[j];
  }
}

MHO_WIDE Leaks sample(const Samples& s, Index columns, const Leakage& leak, const float* held, float* __restrict v, float* __restrict after, float* __restrict before) {
  int some = 0, deep = 0;
  const float below = leak.below, deep_below = leak.deep;
  const CubicOf<float> to_v = s.out, to_line = s.line;
  const float trim = s.v_trim, span = s.line_span, reach = s.reach;
#pragma GCC ivdep
  for (Index j = 0; j < columns; ++j) {
    const float in = v[j], from = clamped(held[j] - trim, span);
    const float u = trim + evaluate(to_line, in, from);
    before[j] = in;
    v[j] = clamped(evaluate(to_v, in, from), reach);
    after[j] = u;
    const float low = held[j] < u ? held[j] : u;  // in between the line lies between the two
    some |= static_cast<int>(low <= below) & static_cast<int>(low > deep_below);
    deep |= static_cast<int>(low <= below) & static_cast<int>(low <= deep_below);
  }
  return {some != 0, deep != 0};
}

namespace {

// e^x for |x| ≤ 1, within 3e-5 of itself.
[[gnu::always_inline]] inline float exponential_of_small(float x) {
  return 1.0f + x * (1.0f + x * (0.5f + x * (1.66666667e-1f + x * (4.16666667e-2f + x * (8.33333333e-3f + x * (1.38888889e-3f + x * 1.98412698e-4f))))));
}
// ln(1 + z) for 0 ≤ z ≤ 0.1, within 2e-6.
[[gnu::always_inline]] inline float logarithm_of_small(float z) { return z * (1.0f - z * (0.5f - z * (0.333333333f - z * (0.25f - z * 0.2f)))); }

}  // namespace

MHO_WIDE void sample_leaking(const Samples& cycle, int cycles, const Leakage& leak, Index columns, const float* held, const float* before, float* __restrict v, float* __restrict after,
                             float* __restrict scratch_v, float* __restrict scratch_line, float* __restrict scratch_rate) {
  const CubicOf<float> to_v = cycle.out, to_line = cycle.line;
  const float trim = cycle.v_trim, span = cycle.line_span, reach = cycle.reach, e_fold = leak.e_fold, per_fold = 1.0f / e_fold, step = leak.step;
  // `after` of columns that leak holds the line with its leakage from here on; scratch_rate, in e-folds a cycle, is that at scratch_line, and 0 in the others.
#pragma GCC ivdep
  for (Index j = 0; j < columns; ++j) {
    const float u = after[j], low = held[j] < u ? held[j] : u, x = -held[j] * per_fold, z = step * exponential(x > -80.0f ? (x < 80.0f ? x : 80.0f) : -80.0f);
    const bool leaks = (low <= leak.below) & (low > leak.deep);
    scratch_v[j] = before[j];
    scratch_line[j] = held[j];
    scratch_rate[j] = leaks ? z : 0.0f;
    after[j] = leaks ? held[j] + e_fold * logarithm_of_small(0.5f * z) : u;
  }
  for (int n = 1; n <= cycles; ++n) {
    const float share = n == cycles ? 0.5f : 1.0f;  // half before and half after each cycle
#pragma GCC ivdep
    for (Index j = 0; j < columns; ++j) {
      const bool leaks = scratch_rate[j] > 0.0f;
      const float in = scratch_v[j], from = clamped(after[j] - trim, span), u = trim + evaluate(to_line, in, from);
      const float rate = scratch_rate[j] * exponential_of_small((scratch_line[j] - u) * per_fold);
      scratch_v[j] = clamped(evaluate(to_v, in, from), reach);
      scratch_line[j] = u;
      scratch_rate[j] = leaks ? rate : 0.0f;
      after[j] = leaks ? u + e_fold * logarithm_of_small(share * rate) : after[j];
    }
  }
#pragma GCC ivdep
  for (Index j = 0; j < columns; ++j) v[j] = scratch_rate[j] > 0.0f ? scratch_v[j] : v[j];
}

MHO_WIDE void sample_leaking_deep(const Samples& cycle, int cycles, const Leakage& leak, Index columns, const float* held, const float* before, float* __restrict v, float* __restrict after,
                             float* __restrict scratch_v, float* __restrict scratch_line) {
  const CubicOf<float> to_v = cycle.out, to_line = cycle.line;
  const float trim = cycle.v_trim, span = cycle.line_span, reach = cycle.reach, e_fold = leak.e_fold, per_fold = 1.0f / e_fold, step = leak.step, half = 0.5f * step, below = leak.below < leak.deep ? leak.below : leak.deep;
#pragma GCC ivdep
  for (Index j = 0; j < columns; ++j) {
    scratch_v[j] = before[j];
    scratch_line[j] = leaked(held[j], e_fold, per_fold, half);
  }
  for (int n = 1; n <= cycles; ++n) {
    const float rest = n == cycles ? half : step;  // half before and half after each cycle
#pragma GCC ivdep
    for (Index j = 0; j < columns; ++j) {
      const float in = scratch_v[j], from = clamped(scratch_line[j] - trim, span);
      scratch_v[j] = clamped(evaluate(to_v, in, from), reach);
      scratch_line[j] = leaked(trim + evaluate(to_line, in, from), e_fold, per_fold, rest);
    }
  }
#pragma GCC ivdep
  for (Index j = 0; j < columns; ++j) {
    const bool leaks = (held[j] < after[j] ? held[j] : after[j]) <= below;
    v[j] = leaks ? scratch_v[j] : v[j];
    after[j] = leaks ? scratch_line[j] : after[j];
  }
}

MHO_WIDE void add_energy(Index columns, float v_read, float v_ref, const float* current, const float* conductance, const float* linear, const float* driven, const float* held,
                         const float* before, float* __restrict conduction, float* __restrict line_charge) {
#pragma GCC ivdep
  for (Index j = 0; j < columns; ++j) {
    conduction[j] += v_read * current[j] - driven[j] * linear[j] * conductance[j];
    line_charge[j] += (v_ref + driven[j]) * (held[j] - before[j]);
  }
}

MHO_WIDE CodeCounts count_codes(Index columns, float middle, float lsb, const float* v, const std::int16_t* code) {
  CodeCounts counts;
  int steps = 0, up = 0, most = 0;
  constexpr Index lanes = 16;  // added up in an order that does not depend on the instruction set
  float volts[lanes] = {};
  for (Index first = 0; first < columns; first += lanes) {
    const Index count = std::min(lanes, columns - first);
    for (Index l = 0; l < count; ++l) {
      const float d = v[first + l] - middle;
      const bool positive = d > 0.0f;
      const int n = code[first + l] < 0 ? 1 - code[first + l] : 1 + code[first + l];
      steps += n;
      most = n > most ? n : most;
      // Above: the sign compare and those that followed while the voltage fell by one step each; below: the one that flips.
      up += positive ? n : 1;
      const float m = static_cast<float>(n), above = m * (d - 0.5f * (m - 1.0f) * lsb), below = m * lsb + d;
      volts[l] += positive ? above : below > 0.0f ? below : 0.0f;
    }
  }
  counts.decrements = steps;
  counts.compares_up = up;
  counts.most = most;
  for (float x : volts) counts.compare_volts += x;
  return counts;
}

MHO_WIDE LevelCounts count_levels(Index rows, const std::int8_t* level) {
  int odd = 0, even = 0;
  for (Index i = 0; i < rows; ++i) {
    odd += level[i];
    even += level[i] != 0;
  }
  return {odd, even};
}

}  // namespace mho::solver::kernel
