#include "solver/wired_core.hpp"

#include <algorithm>
#include <cmath>
#include <vector>

#include "core/errors.hpp"
#include "core/random.hpp"
#include "solver/level_product.hpp"

namespace mho::solver {
namespace {

using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::MatrixXf;

constexpr Index tile = 64;  // inputs at a time, so that their sums stay in the second-level cache

// Quantiles of the normal distribution at (k + ½)/65536, scaled to variance 1: a number of 16 random bits. Largest: 4.3.
const std::vector<float>& normal_table() {
  static const std::vector<float> table = [] {
    constexpr int half = 32768;
    std::vector<double> z(half);  // upper half
    double square = 0.0, x = 0.0;
    for (int k = 0; k < half; ++k) {
      const double upper = (half - k - 0.5) / 65536.0;  // probability beyond
      for (int round = 0; round < 60; ++round) {  // Newton on the tail from the last quantile
        const double density = std::exp(-0.5 * x * x) / std::sqrt(2.0 * M_PI), step = (0.5 * std::erfc(x / std::sqrt(2.0)) - upper) / density;
        x += std::min(step, 0.5);
        if (std::abs(step) < 1e-12) break;
      }
      z[static_cast<size_t>(k)] = x;
      square += 2.0 * x * x / 65536.0;
    }
    std::vector<float> all(65536);
    for (int k = 0; k < half; ++k) {
      const float value = static_cast<float>(z[static_cast<size_t>(k)] / std::sqrt(square));
      all[static_cast<size_t>(half + k)] = value;
      all[static_cast<size_t>(half - 1 - k)] = -value;
    }
    return all;
  }();
  return table;
}

// Voltage of the cells of an active row with all lines at 0: what wires and drivers leave, cell by cell.
MatrixXd voltage_of_active_cells(const OddLaw& law, const ArrayWires& wires, double v_read) {
  const Index rows = law.c1.rows(), columns = law.c1.cols();
  MatrixXd e(rows, columns);
  Eigen::ArrayXd c1(columns), c3(columns), c5(columns), v(columns), current(columns), drawn(columns);
  for (Index i = 0; i < rows; ++i) {
    c1 = law.c1.row(i).cast<double>().transpose().array();
    c3 = law.c3.row(i).cast<double>().transpose().array();
    c5 = law.c5.row(i).cast<double>().transpose().array();
    const double damping = 1.0 / (1.0 + wires.r_driver * c1.sum());
    v.setConstant(v_read);
    for (int round = 0;; ++round) {
      if (round == 500) throw NumericalError("core: the voltages along a bit line do not converge");
      current = c1 * v + v.cube() * (c3 + c5 * v.square());
      double sum = 0.0;
      for (Index j = columns; j-- > 0;) drawn[j] = sum += current[j];
      double b = v_read - wires.r_driver * drawn[0], moved = 0.0;
      for (Index j = 0; j < columns; ++j) {
        if (j > 0) b -= wires.r_bl * drawn[j];
        const double step = damping * (b - v[j]);
        v[j] += step;
        moved = std::max(moved, std::abs(step));
      }
      if (moved < 1e-9) break;
    }
    e.row(i) = v.matrix().transpose();
  }
  return e;
}

}  // namespace

namespace {
// Of one size of tile: whole tiles and the rest of a batch have one each.
struct TileBuffers {
  PackedLevels packed;
  MatrixXf line, slope, power, cross, u, variance, total;
};
}  // namespace

struct WiredCore::State {
  Index rows = 0, columns = 0;
  bool noise = false, curved = false;
  std::unique_ptr<LevelProduct> line, slope, power, cross;  // V H + q0/g [V], q1 [S], N I² [A²], N I I' [A S]
  Eigen::ArrayXf conductance, still;                        // g [S], Σ N G² [S²]
  void tile_lines(const Eigen::Ref<const LevelMatrix>& levels, TileBuffers& w) const;
};

struct WiredCore::Workspace::Buffers {
  TileBuffers whole, rest;
};
WiredCore::Workspace::Workspace() : buffers_(std::make_unique<Buffers>()) {}
WiredCore::Workspace::~Workspace() = default;
WiredCore::Workspace::Workspace(Workspace&&) noexcept = default;

WiredCore::WiredCore(const OddLaw& law, const MatrixXd& sigma, const ArrayWires& wires, double v_read, int parts) : state_(std::make_unique<State>()) {
  State& s = *state_;
  const MatrixXd g = law.c1.cast<double>();
  s.rows = g.rows();
  s.columns = g.cols();
  s.curved = (law.c3.array() != 0.0f).any() || (law.c5.array() != 0.0f).any();
  s.noise = sigma.size() > 0;
  if (!(v_read > 0.0 && std::isfinite(v_read))) throw Error("core: the read voltage must be more than 0");
  if (s.noise && (sigma.rows() != s.rows || sigma.cols() != s.columns || !(sigma.array() >= 0.0).all() || !sigma.allFinite()))
    throw Error("core: read noise wants one standard deviation of at least 0 for each cell");
  MatrixXd line = v_read * transfer_map(g, wires);  // C × R
  line.transposeInPlace();
  const Eigen::RowVectorXd total = g.colwise().sum();
  s.conductance = total.transpose().array().cast<float>();
  const MatrixXd ohmic = voltage_of_active_cells(ohmic_law(g), wires, v_read), e = s.curved ? voltage_of_active_cells(law, wires, v_read) : ohmic;
  const Eigen::ArrayXXd square = e.array().square(), c3 = law.c3.cast<double>().array(),
                        c5 = law.c5.cast<double>().array();
  const Eigen::ArrayXXd current = e.array() * (g.array() + square * (c3 + square * c5)), slope = g.array() + square * (3.0 * c3 + 5.0 * square * c5);
  if (s.curved) {
    line.array() += (current - g.array() * ohmic.array()).rowwise() / total.array();
    if (!((slope - g.array()) >= -1e-3 * g.array()).all()) throw Error("core: cells whose slope falls with the voltage are beyond this form");
    s.slope = std::make_unique<LevelProduct>((slope - g.array()).max(0.0).matrix(), 1);
  }
  // A row's own part is positive; what is not comes from other columns on long wires and is smaller than the rounding.
  s.line = std::make_unique<LevelProduct>(line.cwiseMax(0.0), parts);
  if (s.noise) {
    const Eigen::ArrayXXd relative = (sigma.array() / g.array()).square();
    s.power = std::make_unique<LevelProduct>((relative * current.square()).matrix(), 1);
    s.cross = std::make_unique<LevelProduct>((relative * current * slope).matrix(), 1);
    s.still = (relative * g.array().square()).colwise().sum().transpose().cast<float>();
  }
}
WiredCore::~WiredCore() = default;
WiredCore::WiredCore(WiredCore&&) noexcept = default;
Index WiredCore::rows() const { return state_->rows; }
Index WiredCore::columns() const { return state_->columns; }

// Lines and their variance of one tile, in w.u and w.variance.
void WiredCore::State::tile_lines(const Eigen::Ref<const LevelMatrix>& levels, TileBuffers& w) const {
  w.packed.pack(levels);
  w.u.resize(columns, levels.cols());
  w.variance.resize(columns, levels.cols());
  line->signed_sums(w.packed, w.line);
  if (curved) slope->active_sums(w.packed, w.slope);
  if (noise) {
    power->active_sums(w.packed, w.power);
    cross->signed_sums(w.packed, w.cross);
  }
  const float *g = conductance.data(), *idle = still.data();
  for (Index b = 0; b < levels.cols(); ++b) {
    const float* from = w.line.col(b).data();
    float *u = w.u.col(b).data(), *spread = w.variance.col(b).data();
    if (curved) {
      const float* more = w.slope.col(b).data();
      for (Index j = 0; j < columns; ++j) {
        spread[j] = 1.0f / (g[j] + more[j]);
        u[j] = g[j] * from[j] * spread[j];
      }
    } else {
      for (Index j = 0; j < columns; ++j) {
        spread[j] = 1.0f / g[j];
        u[j] = from[j];
      }
    }
    if (!noise) {
      std::fill_n(spread, columns, 0.0f);
      continue;
    }
    const float *active = w.power.col(b).data(), *mixed = w.cross.col(b).data();
    for (Index j = 0; j < columns; ++j) {
      const float numerator = active[j] - u[j] * (2.0f * mixed[j] - u[j] * idle[j]);
      spread[j] = std::max(numerator, 0.0f) * spread[j] * spread[j];
    }
  }
}

void WiredCore::lines(const LevelMatrix& levels, Workspace& workspace, MatrixXf& u, MatrixXf& variance) const {
  const State& s = *state_;
  u.resize(s.columns, levels.cols());
  variance.resize(s.columns, levels.cols());
  for (Index first = 0; first < levels.cols(); first += tile) {
    const Index count = std::min(tile, levels.cols() - first);
    TileBuffers& w = count == tile ? workspace.buffers_->whole : workspace.buffers_->rest;
    s.tile_lines(levels.middleCols(first, count), w);
    u.middleCols(first, count) = w.u;
    variance.middleCols(first, count) = w.variance;
  }
}

void WiredCore::sum(std::span<const LevelMatrix> levels, const ReadNoiseKey& key, Workspace& workspace, MatrixXf& v) const {
  const State& s = *state_;
  MHO_ASSERT(!levels.empty());
  const Index inputs = levels[0].cols();
  const std::vector<float>& normal = normal_table();
  v.resize(s.columns, inputs);
  for (Index first = 0; first < inputs; first += tile) {
    const Index count = std::min(tile, inputs - first);
    TileBuffers& w = count == tile ? workspace.buffers_->whole : workspace.buffers_->rest;
    auto out = v.middleCols(first, count);
    for (size_t k = 0; k < levels.size(); ++k) {
      s.tile_lines(levels[k].middleCols(first, count), w);
      const float weight = static_cast<float>(1 << k);
      if (k == 0) {
        out = w.u;
        w.total = w.variance;
      } else {
        out += weight * w.u;
        w.total += weight * weight * w.variance;
      }
    }
    if (!s.noise) continue;
    for (Index b = 0; b < count; ++b) {
      RandomStream random(key.seed, key.die, key.core, key.first_input + static_cast<std::uint32_t>(first + b), Purpose::read_noise);
      float* values = v.col(first + b).data();
      const float* spread = w.total.col(b).data();
      for (Index j = 0; j < s.columns; j += 2) {
        const std::uint32_t bits = random.next_u32();  // two numbers
        values[j] += std::sqrt(spread[j]) * normal[bits & 0xffff];
        if (j + 1 < s.columns) values[j + 1] += std::sqrt(spread[j + 1]) * normal[bits >> 16];
      }
    }
  }
}

void truncate_codes(const MatrixXf& v, double lsb, int max_code, CodeMatrix& codes) {
  codes.resize(v.rows(), v.cols());
  const float inverse = static_cast<float>(1.0 / lsb), most = static_cast<float>(max_code);
  for (Index n = 0; n < v.size(); ++n) codes.data()[n] = static_cast<std::int16_t>(std::clamp(v.data()[n] * inverse, -most, most));
}

}  // namespace mho::solver
