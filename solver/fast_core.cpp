#include "solver/fast_core.hpp"

#include <Eigen/Cholesky>
#include <Eigen/QR>
#include <algorithm>
#include <cmath>
#include <vector>

#include "core/errors.hpp"
#include "core/random.hpp"
#include "solver/energy_fit.hpp"
#include "solver/fall_emulator.hpp"
#include "solver/line.hpp"
#include "solver/neuron_model.hpp"
#include "solver/phase_map.hpp"

// Driven line of column j, with u = line and each cell's current a parabola in it for each level, through three points of cell_current:
//   Σ_i I_i(u) = A − B u + D u² = c_line du/dt,  A = Σ_{+} a⁺ + Σ_{−} a⁻,  B = b⁰ + Σ_{+} (b⁺ − b⁰) + Σ_{−} (b⁻ − b⁰),  D likewise.
// Shared row drivers add the difference of two linear maps of the levels, with and without sharing: H_shared − H_own.

namespace mho::solver {
namespace {

using Matrix = Eigen::MatrixXf;

// Linear map from driver voltages to settled lines (C × R). shared: one driver of resistance r per row feeds all columns; otherwise each cell has its own.
Eigen::MatrixXd settled_map(const Eigen::MatrixXd& g, double r, bool shared) {
  if (!shared) {
    const Eigen::MatrixXd own = g.array() / (1.0 + r * g.array());
    const Eigen::VectorXd total = own.colwise().sum();
    return total.cwiseInverse().asDiagonal() * own.transpose();
  }
  const Eigen::VectorXd d = (1.0 + r * g.rowwise().sum().array()).inverse();
  const Eigen::MatrixXd dg = d.asDiagonal() * g;  // R × C
  Eigen::MatrixXd a = -r * g.transpose() * dg;
  a.diagonal() += g.colwise().sum().transpose();
  return a.ldlt().solve(dg.transpose());
}

// Σ_i |x_i| of each input vector.
Eigen::VectorXf activity(std::span<const LevelMatrix> levels) {
  Eigen::VectorXf sum = Eigen::VectorXf::Zero(levels[0].cols());
  for (size_t k = 0; k < levels.size(); ++k)
    sum += static_cast<float>(1 << k) * (levels[k].array() != 0).cast<float>().matrix().colwise().sum().transpose();
  return sum;
}

// Σ V_k (V_k − V_{k−1}) over rows and inputs [V²]: what the drivers give per farad when the levels go from `last`, or from zero, to `now`.
double charge_of_drivers(const LevelMatrix& now, const LevelMatrix* last, double v_ref, double v_read) {
  double sum = 0;  // whole numbers: the same in any order
  double square = 0;
  for (Eigen::Index i = 0; i < now.size(); ++i) {
    const int n = now.data()[i], step = n - (last ? last->data()[i] : 0);
    sum += step;
    square += n * step;
  }
  return v_read * (v_ref * sum + v_read * square);
}

// Current of a cell into a line at u: a − b u + d u².
struct Parabola {
  double a, b, d;
};
Parabola cell_parabola(const TransistorParams& transistor, double r, double g, double drive) {
  constexpr double h = 0.15;  // [V] lines beyond are rare
  const double low = cell_current(transistor, r, g, drive, -h), middle = cell_current(transistor, r, g, drive, 0.0), high = cell_current(transistor, r, g, drive, h);
  return {middle, (low - high) / (2 * h), (high - 2 * middle + low) / (2 * h * h)};
}

}  // namespace

struct FastCore::State {
  OperatingPoint point;
  int bits = 0;
  Eigen::Index rows = 0, columns = 0;
  double lsb = 0, t_on = 0, c_line = 0, c_line_on = 0, c_bl = 0, v_read = 0, v_ref = 0;
  double leak_rate = 0, v_leak = 1, leak_below = 0;  // [V/s] at zero line, [V] of an e-fold, [V] line above which a conversion sees less than a microvolt of it
  // Line after `time` of leakage: the solution of line' = leak_rate · exp(−line/v_leak).
  double leaked(double line, double time) const {
    return line > leak_below ? line : v_leak * std::log(std::exp(line / v_leak) + leak_rate * time / v_leak);
  }
  double leak_strong = 0;  // [V] line below which leakage moves it by a tenth of a millivolt in a conversion
  double reach = 0.7, line_span = 0.48;  // [V] range that the maps are used in: a fifth beyond where they were made
  // Samples of a bit, or one of them: v integrated voltage, u line. On average they see the leakage of half their time.
  void sample(const BitMap& map_of_samples, double& v, double& u) const {
    const double in = v, from = std::clamp(leaked(u, 0.5 * map_of_samples.duration) - point.v_trim, -line_span, line_span);
    v = std::clamp(evaluate(map_of_samples.out, in, from), -reach, reach);
    u = leaked(point.v_trim + evaluate(map_of_samples.line, in, from), 0.5 * map_of_samples.duration);
  }
  Matrix up, down;     // 5C × R each: a⁺, b⁺ − b⁰, d⁺ − d⁰, the shared-driver map and s of the fall; the same for −1
  Eigen::VectorXf slope0, curve0;  // b⁰, d⁰
  FallEmulator fall;
  PhaseMap map;
  Eigen::VectorXf gain, offset, offset_per_activity;  // decode: sums = gain · v + offset + offset_per_activity · Σ|x|
  std::vector<float> up_thresholds, down_thresholds;  // [V] from the sign decision
  float inverse_step = 0;
  std::vector<float> code_voltage_up, code_voltage_down;  // [V] middle of the interval of code k, k ≥ 0
};

FastCore::FastCore(const NeuronModel& neuron, const Eigen::MatrixXd& conductance, const OperatingPoint& point, int bits) {
  if (conductance.rows() < 1 || conductance.cols() < 1 || bits < 1) throw Error("a core needs at least one row, one column and one bit");
  auto state = std::make_unique<State>();
  State& s = *state;
  s.point = point;
  s.bits = bits;
  s.rows = conductance.rows();
  s.columns = conductance.cols();
  s.v_read = point.v_read;
  s.c_line = neuron.neuron.c_line;
  s.c_line_on = s.c_line + static_cast<double>(s.rows) * neuron.neuron.c_on;
  s.lsb = point.v_decrement * neuron.circuit.c_sample / neuron.circuit.c_integ;
  s.v_ref = neuron.circuit.v_ref;
  s.c_bl = neuron.circuit.c_bl;
  s.up.resize(5 * s.columns, s.rows);
  s.down.resize(5 * s.columns, s.rows);
  s.slope0.resize(s.columns);
  s.curve0.resize(s.columns);
  Eigen::MatrixXd cell_up(s.rows, s.columns), cell_down(s.rows, s.columns);  // conductance of cell and transistor at either level, without the driver
  for (Eigen::Index j = 0; j < s.columns; ++j) {
    double b0_sum = 0, d0_sum = 0;
    for (Eigen::Index i = 0; i < s.rows; ++i) {
      const double g = std::max(conductance(i, j), 1e-9), r = neuron.circuit.r_driver;
      const Parabola p_up = cell_parabola(neuron.transistor, r, g, point.v_read), p_down = cell_parabola(neuron.transistor, r, g, -point.v_read);
      const Parabola p_zero = cell_parabola(neuron.transistor, r, g, 0.0);
      b0_sum += p_zero.b;
      d0_sum += p_zero.d;
      s.up(j, i) = static_cast<float>(p_up.a);
      s.down(j, i) = static_cast<float>(p_down.a);
      s.up(s.columns + j, i) = static_cast<float>(p_up.b - p_zero.b);
      s.down(s.columns + j, i) = static_cast<float>(p_down.b - p_zero.b);
      s.up(2 * s.columns + j, i) = static_cast<float>(p_up.d - p_zero.d);
      s.down(2 * s.columns + j, i) = static_cast<float>(p_down.d - p_zero.d);
      const double g_up = p_up.a / point.v_read, g_down = -p_down.a / point.v_read;
      cell_up(i, j) = g_up / (1.0 - r * g_up);
      cell_down(i, j) = g_down / (1.0 - r * g_down);
    }
    s.slope0[j] = static_cast<float>(b0_sum);
    s.curve0[j] = static_cast<float>(d0_sum);
  }
  const auto sharing = [&](const Eigen::MatrixXd& cell) {
    const double r = neuron.circuit.r_driver;
    return Matrix((point.v_read * (settled_map(cell, r, true) - settled_map(cell, r, false))).cast<float>());
  };
  s.up.middleRows(3 * s.columns, s.columns) = sharing(cell_up);
  s.down.middleRows(3 * s.columns, s.columns) = -sharing(cell_down);
  s.map = make_phase_map(neuron, point, bits);
  s.t_on = s.map.t_word_line;
  // Far above the pinch-off voltage the leakage is exponential in the line.
  s.v_leak = neuron.fall.phi;
  const double far = pinch_off(neuron, neuron.circuit.wl_low) + 10 * s.v_leak;
  s.leak_rate = leakage(neuron, far) / neuron.neuron.c_line * std::exp(far / s.v_leak);
  s.leak_strong = s.v_leak * std::log(std::max(s.leak_rate * s.map.t_integrate / 1e-4, 1e-300));
  s.leak_below = s.v_leak * std::log(std::max(s.leak_rate * s.map.t_integrate / 1e-6, 1e-300));
  s.fall = FallEmulator(neuron, conductance, point);
  s.up.bottomRows(s.columns) = s.fall.share().transpose();
  s.down.bottomRows(s.columns) = s.fall.share().transpose();
  for (double t : s.map.adc.up) s.up_thresholds.push_back(static_cast<float>(t - s.map.adc.threshold));
  for (double t : s.map.adc.down) s.down_thresholds.push_back(static_cast<float>(s.map.adc.threshold - t));
  s.inverse_step = static_cast<float>(1.0 / s.lsb);
  state_ = std::move(state);
  calibrate_decoder(conductance);
}

// Digital normalisation and the voltages that codes stand for.
void FastCore::calibrate_decoder(const Eigen::MatrixXd& conductance) {
  State& s = *state_;
  const int bits = s.bits;
  // The straight line through integrated voltage against Σ x G on random inputs, as the chip regresses its columns on known inputs.
  constexpr Eigen::Index samples = 192;
  std::vector<LevelMatrix> levels(static_cast<size_t>(bits), LevelMatrix(s.rows, samples));
  Eigen::MatrixXf codes(s.rows, samples);
  const int full = (1 << bits) - 1;
  for (Eigen::Index b = 0; b < samples; ++b) {
    RandomStream random(2, 0, 0, static_cast<std::uint32_t>(b), Purpose::calibration_plan);
    const double density = random.uniform();
    for (Eigen::Index i = 0; i < s.rows; ++i) {
      int code = random.uniform() < density ? static_cast<int>(random.below(static_cast<std::uint32_t>(full + 1))) : 0;
      if (i % 2 == 1) code = -static_cast<int>(codes(i - 1, b));
      codes(i, b) = static_cast<float>(code);
      for (int k = 0; k < bits; ++k) levels[static_cast<size_t>(k)](i, b) = static_cast<std::int8_t>((std::abs(code) >> k & 1) * (code < 0 ? -1 : 1));
    }
  }
  Matrix v;
  integrate(levels, v);
  const Matrix exact = conductance.transpose().cast<float>() * codes;
  // v = a + b · sum + c · activity, so that noise-free voltages decode without bias.
  Eigen::MatrixXd design(samples, 3);
  design.col(0).setOnes();
  design.col(2) = activity(levels).cast<double>();
  s.gain.resize(s.columns);
  s.offset.resize(s.columns);
  s.offset_per_activity.resize(s.columns);
  for (Eigen::Index j = 0; j < s.columns; ++j) {
    design.col(1) = exact.row(j).cast<double>().transpose();
    const double scale = std::max(design.col(1).norm(), 1e-30);
    design.col(1) /= scale;
    const Eigen::Vector3d x = design.colPivHouseholderQr().solve(v.row(j).cast<double>().transpose());
    const double gain = x[1] != 0 ? scale / x[1] : 0.0;
    s.gain[j] = static_cast<float>(gain);
    s.offset[j] = static_cast<float>(-gain * x[0]);
    s.offset_per_activity[j] = static_cast<float>(-gain * x[2]);
  }
  const AdcMap& adc = s.map.adc;
  for (int k = 0; k <= s.point.max_code; ++k) {
    const auto middle = [&](const std::vector<double>& t) {
      const size_t n = static_cast<size_t>(k);
      if (k == 0) return t.empty() ? 0.0 : 0.5 * (adc.threshold + t[0]);
      return n < t.size() ? 0.5 * (t[n - 1] + t[n]) : t[n - 1] + 0.5 * (n > 1 ? t[n - 1] - t[n - 2] : t[0] - adc.threshold);
    };
    s.code_voltage_up.push_back(static_cast<float>(middle(adc.up)));
    s.code_voltage_down.push_back(static_cast<float>(middle(adc.down)));
  }
  // Code 0 comes from both signs.
  s.code_voltage_up[0] = s.code_voltage_down[0] = 0.5f * (s.code_voltage_up[0] + s.code_voltage_down[0]);
}

FastCore::~FastCore() = default;
FastCore::FastCore(FastCore&&) noexcept = default;
FastCore& FastCore::operator=(FastCore&&) noexcept = default;
Eigen::Index FastCore::rows() const { return state_->rows; }
Eigen::Index FastCore::columns() const { return state_->columns; }
int FastCore::bits() const { return state_->bits; }
double FastCore::lsb() const { return state_->lsb; }
double FastCore::fall_misfit() const { return state_->fall.misfit(); }
double FastCore::map_misfit() const { return state_->map.fit_rms; }

// Where column j's line settles from the sums over its active rows, and the slope of its current.
FastCore::Settled FastCore::settle(const State& s, const float* up, const float* down, Eigen::Index j) {
  const Eigen::Index c = s.columns;
  const double slope = s.slope0[j] + up[c + j] + down[c + j], linear = (up[j] + down[j]) / slope;
  const double curve = (s.curve0[j] + up[2 * c + j] + down[2 * c + j]) / slope;
  // Root of the parabola next to the linear one; the argument is positive for any line between its drivers.
  const double root = 2.0 * linear / (1.0 + std::sqrt(std::max(0.0, 1.0 - 4.0 * linear * curve)));
  return {root + up[3 * c + j] + down[3 * c + j], slope};
}

void FastCore::settled_lines(const LevelMatrix& level, Eigen::MatrixXf& lines) const {
  const State& s = *state_;
  const Matrix up = (level.array() > 0).cast<float>(), down = (level.array() < 0).cast<float>();
  const Matrix sum_up = s.up * up, sum_down = s.down * down;
  lines.resize(s.columns, level.cols());
  for (Eigen::Index b = 0; b < level.cols(); ++b)
    for (Eigen::Index j = 0; j < s.columns; ++j)
      lines(j, b) = static_cast<float>(settle(s, sum_up.col(b).data(), sum_down.col(b).data(), j).settled);
}

void FastCore::integrate(std::span<const LevelMatrix> levels, Eigen::MatrixXf& v_integrated, EventCounts* counts) const {
  const State& s = *state_;
  MHO_ASSERT(static_cast<int>(levels.size()) == s.bits);
  const Eigen::Index batch = levels[0].cols(), columns = s.columns;
  v_integrated.setConstant(columns, batch, static_cast<float>(s.map.out_initial));
  // The products take whole groups of columns, so that no input is rounded differently in another batch.
  const Eigen::Index padded = std::max<Eigen::Index>(16, (batch + 7) / 8 * 8);
  Matrix line = Matrix::Constant(columns, batch, static_cast<float>(s.point.v_trim));  // held line at the start of a bit
  Matrix up = Matrix::Zero(s.rows, padded), down = up, sum_up(5 * columns, padded), sum_down(5 * columns, padded);
  double conduction = 0, line_charge = 0, driver_charge = 0;
  const double rate = s.t_on / s.c_line_on;
  for (int k = 0; k < s.bits; ++k) {
    const LevelMatrix& level = levels[static_cast<size_t>(k)];
    up.leftCols(batch) = (level.array() > 0).cast<float>();
    down.leftCols(batch) = (level.array() < 0).cast<float>();
    sum_up.noalias() = s.up * up;
    sum_down.noalias() = s.down * down;
    if (counts) driver_charge += charge_of_drivers(level, k > 0 ? &levels[static_cast<size_t>(k - 1)] : nullptr, s.v_ref, s.v_read);
    const BitMap& map = s.map.bits[static_cast<size_t>(k)];
    for (Eigen::Index b = 0; b < batch; ++b) {
      const double n_up = up.col(b).sum(), n_down = down.col(b).sum();
      const float *pu = sum_up.col(b).data(), *pd = sum_down.col(b).data();
      for (Eigen::Index j = 0; j < columns; ++j) {
        const auto [settled, slope] = settle(s, pu, pd, j);
        const double a_up = pu[j], a_down = pd[j];
        const double p_up = pu[4 * columns + j], p_down = pd[4 * columns + j];
        double driven = settled;
        const double exponent = rate * slope;
        if (exponent < 12.0) {  // otherwise what is left of the start is below 1e-5
          // The rising edge lifts the line by what the falling one will take.
          const double start = line(j, b) - s.fall.step(j, settled, n_up, n_down, p_up, p_down);
          driven += (start - settled) * std::exp(-exponent);
        }
        const double held = driven + s.fall.step(j, driven, n_up, n_down, p_up, p_down);
        conduction += s.v_read * (a_up - a_down) - driven * (a_up + a_down);
        line_charge += (s.v_ref + driven) * (held - line(j, b));
        double v = v_integrated(j, b), u = held;
        if (held > s.leak_strong) {
          s.sample(map, v, u);
        } else {  // the line rises visibly from sample to sample
          for (int n = 0; n < map.samples; ++n) s.sample(s.map.cycle, v, u);
        }
        v_integrated(j, b) = static_cast<float>(v);
        line(j, b) = static_cast<float>(u);
      }
    }
  }
  if (!counts) return;
  const double n = static_cast<double>(batch);
  counts->wl_pulses += n * static_cast<double>(s.rows) * s.bits;
  counts->wl_stages += n * static_cast<double>(s.rows) * s.bits;
  counts->cell_pulses += n * static_cast<double>(s.rows) * static_cast<double>(columns) * s.bits / columns_per_word_line;
  counts->bit_columns += n * static_cast<double>(columns) * s.bits;
  for (const BitMap& bit : s.map.bits) counts->samples += n * static_cast<double>(columns) * bit.samples;
  counts->driver_joule += driver_charge * s.c_bl * static_cast<double>(columns);
  counts->array_joule += conduction * s.t_on;
  counts->line_charge_joule += line_charge * s.c_line;
}

void FastCore::convert(const Eigen::MatrixXf& v_integrated, CodeMatrix& codes, EventCounts* counts) const {
  const State& s = *state_;
  const AdcMap& adc = s.map.adc;
  codes.resize(v_integrated.rows(), v_integrated.cols());
  const float middle = static_cast<float>(adc.threshold);
  double decrements = 0, core_time = 0, compares_up = 0, compare_volts = 0;
  for (Eigen::Index b = 0; b < codes.cols(); ++b) {
    double most = 0;
    for (Eigen::Index j = 0; j < codes.rows(); ++j) {
      const float v = v_integrated(j, b);
      // Thresholds are almost evenly spaced: start from the nominal step and walk.
      const bool positive = v > middle;
      const std::vector<float>& t = positive ? s.up_thresholds : s.down_thresholds;  // distances from the middle, ascending
      const float d = positive ? v - middle : middle - v;
      int code = std::clamp(static_cast<int>(d * s.inverse_step), 0, static_cast<int>(t.size()));
      while (code > 0 && d < t[static_cast<size_t>(code - 1)]) --code;
      while (code < static_cast<int>(t.size()) && d >= t[static_cast<size_t>(code)]) ++code;
      codes(j, b) = static_cast<std::int16_t>(positive ? code : -code);
      decrements += code + 1;
      if (positive) {  // the sign compare and the `code` that followed while the voltage fell by one step each
        compares_up += code + 1;
        compare_volts += (code + 1) * (d - 0.5 * code * s.lsb);
      } else {
        compares_up += 1;  // the one that flips
        compare_volts += std::max(0.0, (code + 1) * s.lsb - d);
      }
      most = std::max(most, static_cast<double>(code + 1));
    }
    core_time += s.map.t_integrate + most * s.map.t_decrement;
  }
  if (!counts) return;
  const double n = static_cast<double>(codes.size());
  counts->conversions += n;
  counts->decrements += decrements;
  counts->compares += decrements + n;
  counts->compares_up += compares_up;
  counts->compare_volts += compare_volts;
  counts->time += n * s.map.t_integrate + decrements * s.map.t_decrement;
  counts->core_time += core_time;
}

void FastCore::decode(std::span<const LevelMatrix> levels, const CodeMatrix& codes, Eigen::MatrixXf& sums) const {
  const State& s = *state_;
  const Eigen::VectorXf active = activity(levels);
  sums.resize(codes.rows(), codes.cols());
  for (Eigen::Index b = 0; b < codes.cols(); ++b)
    for (Eigen::Index j = 0; j < codes.rows(); ++j) {
      const int code = codes(j, b);
      const float v = code >= 0 ? s.code_voltage_up[static_cast<size_t>(code)] : s.code_voltage_down[static_cast<size_t>(-code)];
      sums(j, b) = s.gain[j] * v + s.offset[j] + s.offset_per_activity[j] * active[b];
    }
}

}  // namespace mho::solver
