#include "solver/fast_core.hpp"

#include <fmt/format.h>

#include <Eigen/QR>
#include <algorithm>
#include <cmath>
#include <vector>

#include "core/errors.hpp"
#include "core/random.hpp"
#include "solver/cell_sums.hpp"
#include "solver/code_table.hpp"
#include "solver/energy_fit.hpp"
#include "solver/fall_emulator.hpp"
#include "solver/fast_kernel.hpp"
#include "solver/neuron_model.hpp"
#include "solver/phase_map.hpp"
#include "solver/row_sums.hpp"

namespace mho::solver {
namespace {

using Eigen::Index;
using Eigen::MatrixXf;

constexpr Index tile = 64;  // inputs at a time, so that their sums stay in the second-level cache

// Σ_i |x_i| of input b.
float activity(std::span<const LevelMatrix> levels, Index b) {
  int sum = 0;
  for (size_t k = 0; k < levels.size(); ++k) sum += kernel::count_levels(levels[k].rows(), levels[k].col(b).data()).even << k;
  return static_cast<float>(sum);
}

// Σ V_k (V_k − V_{k−1}) over the rows of an input [V²]: what the drivers give per farad when the levels go from `last`, or from zero, to `now`.
double charge_of_drivers(Index rows, const std::int8_t* now, const std::int8_t* last, double v_ref, double v_read) {
  int steps = 0, product = 0;
  for (Index i = 0; i < rows; ++i) {
    const int step = now[i] - (last ? last[i] : 0);
    steps += step;
    product += now[i] * step;
  }
  return v_read * (v_ref * steps + v_read * product);
}

// Random inputs of all densities in opposite pairs, as differential rows get them.
struct RandomInputs {
  std::vector<LevelMatrix> levels;
  MatrixXf codes;
  RandomInputs(Index rows, Index samples, int bits) : levels(static_cast<size_t>(bits), LevelMatrix(rows, samples)), codes(rows, samples) {
    const int full = (1 << bits) - 1;
    for (Index b = 0; b < samples; ++b) {
      RandomStream random(2, 0, 0, static_cast<std::uint32_t>(b), Purpose::calibration_plan);
      const double density = random.uniform();
      for (Index i = 0; i < rows; ++i) {
        int code = random.uniform() < density ? static_cast<int>(random.below(static_cast<std::uint32_t>(full + 1))) : 0;
        if (i % 2 == 1) code = -static_cast<int>(codes(i - 1, b));
        codes(i, b) = static_cast<float>(code);
        for (int k = 0; k < bits; ++k) levels[static_cast<size_t>(k)](i, b) = static_cast<std::int8_t>((std::abs(code) >> k & 1) * (code < 0 ? -1 : 1));
      }
    }
  }
};

LevelMatrix independent_levels(Index rows, Index samples) {
  RandomStream random(3, 0, 0, 0, Purpose::calibration_plan);
  LevelMatrix levels(rows, samples);
  for (std::int8_t& l : levels.reshaped()) l = static_cast<std::int8_t>(static_cast<int>(random.below(3)) - 1);
  return levels;
}

}  // namespace

struct FastCore::Workspace::Buffers {
  PackedLevels packed;
  std::array<std::vector<float>, kernel::sum_count> sums;                                             // of a tile, C × B each
  std::vector<float> line;                                                                            // held, of a tile
  std::vector<float> linear, settled, slope, driven, held, before, conduction, line_charge;           // C
  std::vector<float> variance, normal, fed, gain;                                                     // C, 4 ⌈C/4⌉, C, C
  std::vector<float> noise;                                                                           // variance of v, of a tile
  std::vector<float> line_even, power_odd;                                                            // of a tile, C × B
  void resize(Index columns) {
    line.resize(static_cast<size_t>(columns * tile));
    for (auto* v : {&linear, &settled, &slope, &driven, &held, &before, &conduction, &line_charge, &variance, &fed, &gain}) v->resize(static_cast<size_t>(columns));
    normal.resize(static_cast<size_t>((columns + 3) / 4 * 4));
  }
};
FastCore::Workspace::Workspace() : buffers_(std::make_unique<Buffers>()) {}
FastCore::Workspace::~Workspace() = default;
FastCore::Workspace::Workspace(Workspace&&) noexcept = default;
FastCore::Workspace& FastCore::Workspace::operator=(Workspace&&) noexcept = default;

struct FastCore::State {
  OperatingPoint point;
  int bits = 0;
  bool read_noise = false;
  float v_noise = 0;  // [V]
  bool noise() const { return read_noise || v_noise > 0.0f; }
  Index rows = 0, columns = 0;
  double lsb = 0, t_on = 0, c_line = 0, c_bl = 0, v_ref = 0;
  double reach = 0.7, line_span = 0.48;  // [V] range that the maps are used in: a fifth beyond where they were made
  kernel::Leakage leakage{};
  kernel::Columns constants;
  RowSums sums;
  std::vector<float> conductance, zeros;  // [S] of a column at inputs of zero; as many zeros
  kernel::Samples cycle;                  // one sample-integrate cycle
  std::vector<kernel::Samples> samples;   // of each bit
  FallEmulator fall;
  PhaseMap map;
  CodeTable code;
  Eigen::VectorXf gain, offset, offset_per_activity;  // decode: sums = gain · v + offset + offset_per_activity · Σ|x|
  std::vector<float> code_voltage;                    // [V] middle of the interval of each code from −max_code on

  kernel::Sums multiply(const Eigen::Ref<const LevelMatrix>& levels, Workspace::Buffers& w, bool power, bool scatter) const;
  void multiply_even(Workspace::Buffers& w) const;
  void check(const SupplyMatrix& supply, Index inputs) const;
  // Of one input; `supply` as in SupplyMatrix, or nullptr.
  kernel::Activity activity_of(const std::int8_t* level, const float* supply = nullptr) const {
    const kernel::LevelCounts n = kernel::count_levels(rows, level);
    kernel::Activity a = fall.activity((n.even + n.odd) / 2, (n.even - n.odd) / 2);
    if (supply) a.drive = 0.5f * (supply[0] - supply[1]), a.drive_even = 0.5f * (supply[0] + supply[1]);
    return a;
  }
};

FastCore::FastCore(const NeuronModel& neuron, const Eigen::MatrixXd& conductance, const OperatingPoint& point, int bits, const CoreEffects& effects) {
  if (conductance.rows() < 1 || conductance.cols() < 1 || bits < 1) throw Error("a core needs at least one row, one column and one bit");
  auto state = std::make_unique<State>();
  State& s = *state;
  s.point = point;
  s.bits = bits;
  s.rows = conductance.rows();
  s.columns = conductance.cols();
  s.c_line = neuron.neuron.c_line;
  s.lsb = point.v_decrement * neuron.circuit.c_sample / neuron.circuit.c_integ;
  s.v_ref = neuron.circuit.v_ref;
  s.c_bl = neuron.circuit.c_bl;
  const CellSums cells = cell_sums(neuron, conductance.cwiseMax(1e-9), point.v_read, effects);
  s.map = make_phase_map(neuron, point, bits);
  s.t_on = s.map.t_word_line;
  const auto in_single = [&](const BitMap& map) {
    kernel::Samples f{{}, {}, static_cast<float>(point.v_trim), static_cast<float>(s.line_span), static_cast<float>(s.reach)};
    std::transform(map.out.begin(), map.out.end(), f.out.begin(), [](double x) { return static_cast<float>(x); });
    std::transform(map.line.begin(), map.line.end(), f.line.begin(), [](double x) { return static_cast<float>(x); });
    return f;
  };
  s.cycle = in_single(s.map.cycle);
  for (const BitMap& bit : s.map.bits) s.samples.push_back(in_single(bit));
  // Far above the pinch-off voltage the leakage is exponential in the line. It counts where it moves a line by a microvolt in a conversion.
  const double e_fold = neuron.fall.phi, far = pinch_off(neuron, neuron.circuit.wl_low) + 10 * e_fold;
  const double rate = leakage(neuron, far) / neuron.neuron.c_line * std::exp(far / e_fold);  // [V/s] at zero line
  // Between the samples of a bit the line moves by a share of what it may lie off its reference: as long as that is less than the leakage's e-fold, its rate follows by a short series.
  double moved = 0;
  for (double x = -s.line_span; x <= s.line_span; x += s.line_span / 16.0) moved = std::max(moved, std::abs(evaluate(s.map.cycle.line, 0.0, x) - x));
  const double step = rate / e_fold * s.map.cycle.duration, deep = moved < 0.9 * e_fold ? e_fold * std::log(std::max(step / 0.1, 1e-300)) : 1e3;
  s.leakage = {static_cast<float>(e_fold), static_cast<float>(step), static_cast<float>(e_fold * std::log(std::max(rate * s.map.t_integrate / 1e-6, 1e-300))), static_cast<float>(deep)};

  s.fall = FallEmulator(neuron, conductance, point);
  s.constants.resize(s.columns);
  s.fall.tabulate(s.constants);
  for (double g : cells.slope) s.conductance.push_back(static_cast<float>(g));
  s.constants.rate = (cells.slope * (s.t_on / (s.c_line + static_cast<double>(s.rows) * neuron.neuron.c_on))).cast<float>();
  // An error of the lines counts 2^k times in bit k, and once for each sample of the least significant one.
  const double lsb_per_volt = point.pulse_multiplier / point.v_decrement * std::sqrt((std::exp2(2.0 * bits) - 1.0) / 3.0);
  s.sums = choose_sums(cells, s.fall, independent_levels(s.rows, 64), lsb_per_volt, s.constants);
  s.zeros.assign(static_cast<size_t>(s.columns * tile), 0.0f);

  std::vector<float> up, down;
  for (double t : s.map.adc.up) up.push_back(static_cast<float>(t - s.map.adc.threshold));
  for (double t : s.map.adc.down) down.push_back(static_cast<float>(s.map.adc.threshold - t));
  s.code = CodeTable(up, down);
  state_ = std::move(state);
  calibrate_decoder(conductance);
  state_->read_noise = effects.sigma.size() > 0;
  state_->v_noise = static_cast<float>(effects.v_noise);
}

// Digital normalisation and the voltages that codes stand for.
void FastCore::calibrate_decoder(const Eigen::MatrixXd& conductance) {
  State& s = *state_;
  // The straight line through integrated voltage against Σ x G on random inputs, as the chip regresses its columns on known inputs.
  constexpr Index samples = 192;
  const RandomInputs inputs(s.rows, samples, s.bits);
  Workspace workspace;
  MatrixXf v;
  integrate(inputs.levels, workspace, v);
  const MatrixXf exact = conductance.transpose().cast<float>() * inputs.codes;
  // v = a + b · sum + c · activity, so that noise-free voltages decode without bias.
  Eigen::MatrixXd design(samples, 3);
  design.col(0).setOnes();
  for (Index b = 0; b < samples; ++b) design(b, 2) = static_cast<double>(activity(inputs.levels, b));
  s.gain.resize(s.columns);
  s.offset.resize(s.columns);
  s.offset_per_activity.resize(s.columns);
  for (Index j = 0; j < s.columns; ++j) {
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
  const int most = s.point.max_code;
  s.code_voltage.resize(static_cast<size_t>(2 * most + 1));
  for (int k = 0; k <= most; ++k) {
    const auto middle = [&](const std::vector<double>& t) {
      const size_t n = static_cast<size_t>(k);
      if (k == 0) return t.empty() ? 0.0 : 0.5 * (adc.threshold + t[0]);
      return n < t.size() ? 0.5 * (t[n - 1] + t[n]) : t[n - 1] + 0.5 * (n > 1 ? t[n - 1] - t[n - 2] : t[0] - adc.threshold);
    };
    const float up = static_cast<float>(middle(adc.up)), down = static_cast<float>(middle(adc.down));
    s.code_voltage[static_cast<size_t>(most - k)] = down;
    s.code_voltage[static_cast<size_t>(most + k)] = k == 0 ? 0.5f * (up + down) : up;  // code 0 comes from both signs
  }
}

FastCore::~FastCore() = default;
FastCore::FastCore(FastCore&&) noexcept = default;
FastCore& FastCore::operator=(FastCore&&) noexcept = default;
Index FastCore::rows() const { return state_->rows; }
Index FastCore::columns() const { return state_->columns; }
int FastCore::bits() const { return state_->bits; }
double FastCore::lsb() const { return state_->lsb; }
double FastCore::fall_misfit() const { return state_->fall.misfit(); }
double FastCore::map_misfit() const { return state_->map.fit_rms; }
const std::vector<SumChoice>& FastCore::sums() const { return state_->sums.choices; }

// All sums over the rows of a tile; the pointers are those of its first input.
kernel::Sums FastCore::State::multiply(const Eigen::Ref<const LevelMatrix>& levels, Workspace::Buffers& w, bool power, bool scatter) const {
  w.packed.pack(levels);
  kernel::Sums of;
  of.fill(zeros.data());
  const auto room = [&](size_t n) {
    w.sums[n].resize(static_cast<size_t>(columns * tile));
    of[n] = w.sums[n].data();
    return w.sums[n].data();
  };
  using namespace kernel;
  for (const Sum n : {line, slope_odd, curve_odd, cross})
    if (sums.product[n] && (n != cross || scatter)) sums.product[n]->sums(w.packed, room(n), nullptr);
  for (const Sum n : {even, slope_even, curve_even, kernel::noise, kernel::power})
    if (sums.product[n] && (n != kernel::noise || scatter) && (n != kernel::power || power)) sums.product[n]->sums(w.packed, nullptr, room(n));
  sums.product[share_odd]->sums(w.packed, room(share_odd), room(share_even));
  return of;
}

// Sums of the line with the magnitudes of the levels that were multiplied last, for supplies that are not equal.
void FastCore::State::multiply_even(Workspace::Buffers& w) const {
  w.line_even.resize(static_cast<size_t>(columns * tile));
  sums.product[kernel::line]->sums(w.packed, nullptr, w.line_even.data());
}

void FastCore::State::check(const SupplyMatrix& supply, Index inputs) const {
  if (supply.cols() != inputs || !supply.allFinite()) throw Error(fmt::format("core: supplies of {} inputs for levels of {}, or not finite", supply.cols(), inputs));
}

void FastCore::supply_ports(const LevelMatrix& level, Workspace& workspace, std::vector<Eigen::Matrix2d>& ports) const {
  const State& s = *state_;
  Workspace::Buffers& w = *workspace.buffers_;
  w.resize(s.columns);
  w.power_odd.resize(static_cast<size_t>(s.columns * tile));
  ports.resize(static_cast<size_t>(level.cols()));
  for (Index first = 0; first < level.cols(); first += tile) {
    const Index count = std::min(tile, level.cols() - first);
    const kernel::Sums sums = s.multiply(level.middleCols(first, count), w, true, false);
    s.multiply_even(w);
    s.sums.product[kernel::power]->sums(w.packed, w.power_odd.data(), nullptr);
    for (Index b = 0; b < count; ++b) {
      const Index at = b * s.columns;
      const auto [up, mutual, down] = kernel::load(s.constants, s.activity_of(level.col(first + b).data()), static_cast<float>(s.point.v_read), sums[kernel::line] + at,
                                                   w.line_even.data() + at, w.power_odd.data() + at, sums[kernel::power] + at);
      ports[static_cast<size_t>(first + b)] << up, mutual, mutual, down;
    }
  }
}

void FastCore::settled_lines(const LevelMatrix& level, Workspace& workspace, MatrixXf& lines, MatrixXf* variance, const SupplyMatrix* supply) const {
  const State& s = *state_;
  Workspace::Buffers& w = *workspace.buffers_;
  w.resize(s.columns);
  if (supply) s.check(*supply, level.cols());
  lines.resize(s.columns, level.cols());
  if (variance) variance->setZero(s.columns, level.cols());
  for (Index first = 0; first < level.cols(); first += tile) {
    const Index count = std::min(tile, level.cols() - first);
    kernel::Sums sums = s.multiply(level.middleCols(first, count), w, false, variance && s.read_noise);
    if (supply) s.multiply_even(w);
    for (Index b = first; b < first + count; ++b) {
      const kernel::Activity n = s.activity_of(level.col(b).data(), supply ? supply->col(b).data() : nullptr);
      const float* whole = sums[kernel::line];
      if (supply) {
        kernel::feed(s.constants, n, whole, w.line_even.data() + (b - first) * s.columns, w.fed.data());
        sums[kernel::line] = w.fed.data();
      }
      kernel::settle(s.constants, sums, n, w.linear.data(), lines.col(b).data(), w.slope.data());
      if (variance && s.read_noise) kernel::scatter(s.constants, sums, n, w.linear.data(), lines.col(b).data(), w.slope.data(), variance->col(b).data());
      sums[kernel::line] = whole;
      for (const float*& sum : sums) sum += s.columns;
    }
  }
}

void FastCore::integrate(std::span<const LevelMatrix> levels, Workspace& workspace, MatrixXf& v_integrated, EventCounts* counts,
                         const ReadNoiseKey& noise, std::span<const SupplyMatrix> supplies) const {
  const State& s = *state_;
  MHO_ASSERT(static_cast<int>(levels.size()) == s.bits && (supplies.empty() || supplies.size() == levels.size()));
  for (size_t k = 0; k < supplies.size(); ++k) s.check(supplies[k], levels[k].cols());
  Workspace::Buffers& w = *workspace.buffers_;
  w.resize(s.columns);
  const Index batch = levels[0].cols(), columns = s.columns;
  v_integrated.setConstant(columns, batch, static_cast<float>(s.map.out_initial));
  double conduction = 0, line_charge = 0, driver_charge = 0;
  for (Index first = 0; first < batch; first += tile) {
    const Index count = std::min(tile, batch - first);
    std::fill(w.line.begin(), w.line.end(), static_cast<float>(s.point.v_trim));
    w.noise.assign(s.noise() ? static_cast<size_t>(columns * tile) : 0, s.v_noise * s.v_noise);
    if (counts)
      for (auto* sum : {&w.conduction, &w.line_charge}) std::fill(sum->begin(), sum->end(), 0.0f);
    for (size_t k = 0; k < levels.size(); ++k) {
      kernel::Sums sums = s.multiply(levels[k].middleCols(first, count), w, counts != nullptr, s.read_noise);
      if (!supplies.empty()) s.multiply_even(w);
      for (Index b = 0; b < count; ++b) {
        const std::int8_t* level = levels[k].col(first + b).data();
        const kernel::Activity n = s.activity_of(level, supplies.empty() ? nullptr : supplies[k].col(first + b).data());
        const float* whole = sums[kernel::line];
        if (!supplies.empty()) {
          kernel::feed(s.constants, n, whole, w.line_even.data() + b * columns, w.fed.data());
          sums[kernel::line] = w.fed.data();
        }
        float *line = w.line.data() + b * columns, *v = v_integrated.col(first + b).data();
        kernel::settle(s.constants, sums, n, w.linear.data(), w.settled.data(), w.slope.data());
        if (s.read_noise) kernel::scatter(s.constants, sums, n, w.linear.data(), w.settled.data(), w.slope.data(), w.variance.data());
        kernel::hold(s.constants, sums, n, w.settled.data(), w.slope.data(), line, w.driven.data(), w.held.data(), w.gain.data());
        if (counts) {
          kernel::add_energy(columns, static_cast<float>(s.point.v_read) * n.drive, static_cast<float>(s.v_ref), sums[kernel::power], s.conductance.data(), w.linear.data(), w.driven.data(),
                             w.held.data(), line, w.conduction.data(), w.line_charge.data());
          driver_charge += charge_of_drivers(s.rows, level, k > 0 ? levels[k - 1].col(first + b).data() : nullptr, s.v_ref, s.point.v_read);
        }
        const kernel::Leaks leaks = kernel::sample(s.samples[k], columns, s.leakage, w.held.data(), v, line, w.before.data());
        if (leaks.some) kernel::sample_leaking(s.cycle, s.map.bits[k].samples, s.leakage, columns, w.held.data(), w.before.data(), v, line, w.linear.data(), w.settled.data(), w.driven.data());
        if (leaks.deep) kernel::sample_leaking_deep(s.cycle, s.map.bits[k].samples, s.leakage, columns, w.held.data(), w.before.data(), v, line, w.linear.data(), w.settled.data());
        if (s.read_noise) kernel::carry(s.samples[k], columns, w.held.data(), w.gain.data(), w.before.data(), w.variance.data(), w.noise.data() + b * columns);
        sums[kernel::line] = whole;
        for (const float*& sum : sums) sum += columns;
      }
    }
    if (s.noise())
      for (Index b = 0; b < count; ++b) {
        const kernel::NoiseStream stream{{static_cast<std::uint32_t>(noise.seed), static_cast<std::uint32_t>(noise.seed >> 32)},
                                         {noise.first_input + static_cast<std::uint32_t>(first + b), (noise.die << 12) ^ noise.core, static_cast<std::uint32_t>(Purpose::read_noise)}};
        kernel::add_noise(stream, columns, w.noise.data() + b * columns, w.normal.data(), v_integrated.col(first + b).data());
      }
    if (!counts) continue;
    for (float x : w.conduction) conduction += static_cast<double>(x);
    for (float x : w.line_charge) line_charge += static_cast<double>(x);
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

void FastCore::convert(const MatrixXf& v_integrated, CodeMatrix& codes, EventCounts* counts) const {
  const State& s = *state_;
  codes.resize(v_integrated.rows(), v_integrated.cols());
  const float middle = static_cast<float>(s.map.adc.threshold);
  for (Index n = 0; n < codes.size(); ++n) codes.data()[n] = s.code(v_integrated.data()[n] - middle);
  if (!counts) return;
  double decrements = 0;
  for (Index b = 0; b < codes.cols(); ++b) {
    const kernel::CodeCounts of = kernel::count_codes(codes.rows(), middle, static_cast<float>(s.lsb), v_integrated.col(b).data(), codes.col(b).data());
    decrements += of.decrements;
    counts->compares_up += of.compares_up;
    counts->compare_volts += static_cast<double>(of.compare_volts);
    counts->core_time += s.map.t_integrate + of.most * s.map.t_decrement;
  }
  const double n = static_cast<double>(codes.size());
  counts->conversions += n;
  counts->decrements += decrements;
  counts->compares += decrements + n;
  counts->time += n * s.map.t_integrate + decrements * s.map.t_decrement;
}

void FastCore::decode(std::span<const LevelMatrix> levels, const CodeMatrix& codes, MatrixXf& sums) const {
  const State& s = *state_;
  sums.resize(codes.rows(), codes.cols());
  const float *voltage = s.code_voltage.data() + s.point.max_code, *gain = s.gain.data(), *offset = s.offset.data(), *per_activity = s.offset_per_activity.data();
  for (Index b = 0; b < codes.cols(); ++b) {
    const float active = activity(levels, b);
    const std::int16_t* code = codes.col(b).data();
    float* sum = sums.col(b).data();
    for (Index j = 0; j < codes.rows(); ++j) sum[j] = gain[j] * voltage[code[j]] + offset[j] + per_activity[j] * active;
  }
}

void FastCore::normalise(std::span<const LevelMatrix> levels, const MatrixXf& v_integrated, MatrixXf& sums) const {
  const State& s = *state_;
  sums.resize(v_integrated.rows(), v_integrated.cols());
  for (Index b = 0; b < v_integrated.cols(); ++b)
    sums.col(b) = s.gain.cwiseProduct(v_integrated.col(b)) + s.offset + activity(levels, b) * s.offset_per_activity;
}

}  // namespace mho::solver
