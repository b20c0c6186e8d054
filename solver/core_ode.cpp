#include "solver/core_ode.hpp"

#include <fmt/format.h>

#include <Eigen/SparseCholesky>
#include <algorithm>
#include <boost/numeric/odeint/integrate/integrate_adaptive.hpp>
#include <cmath>
#include <map>
#include <stdexcept>

#include "core/errors.hpp"
#include "solver/line.hpp"
#include "solver/rosenbrock.hpp"

namespace mho::solver {
namespace {
namespace odeint = boost::numeric::odeint;

using Eigen::Index;
using Eigen::VectorXd;
using Sparse = Eigen::SparseMatrix<double>;

// Factors in the order `place` of the unknowns: unknown k is row place[k] of the matrix.
class Factors {
 public:
  void analyse(const Sparse& matrix, std::vector<Index> place) {
    place_ = std::move(place);
    ldlt_.analyzePattern(matrix);
  }
  void factorize(const Sparse& matrix) {
    ldlt_.factorize(matrix);
    if (ldlt_.info() != Eigen::Success) throw NumericalError("core: the matrix of a time step has no factors");
  }
  VectorXd solve(const VectorXd& b) {
    placed_.resize(b.size());
    for (Index k = 0; k < b.size(); ++k) placed_[place_[static_cast<size_t>(k)]] = b[k];
    solved_ = ldlt_.solve(placed_);
    VectorXd x(b.size());
    for (Index k = 0; k < b.size(); ++k) x[k] = solved_[place_[static_cast<size_t>(k)]];
    return x;
  }

 private:
  Eigen::SimplicialLDLT<Sparse, Eigen::Lower, Eigen::NaturalOrdering<int>> ldlt_;
  std::vector<Index> place_;
  VectorXd placed_, solved_;
};

void check(const CoreNetwork& n) {
  if (n.g.rows() < 1 || n.g.cols() < 1) throw Error("core: needs at least one bit line and one source line");
  if (!(n.g.array() > 0.0).all() || !n.g.allFinite()) throw Error("core: a conductance is not positive");
  for (const auto& [name, value] : {std::pair{"r_bl", n.wires.r_bl}, {"r_sl", n.wires.r_sl}, {"r_driver", n.wires.r_driver}, {"c_cell", n.c_cell}})
    if (!(value > 0.0 && std::isfinite(value))) throw Error(fmt::format("core: {} is {}: followed in time, it must be more than 0", name, value));
  for (const auto& [name, value] : {std::pair{"r_supply", n.r_supply}, {"c_driver", n.c_driver}, {"c_line", n.c_line}, {"c_couple", n.c_couple}, {"c_node", n.c_node}})
    if (!(value >= 0.0 && std::isfinite(value))) throw Error(fmt::format("core: {} is {}: wants 0 or more", name, value));
  if (n.transistor && !(n.c_node > 0.0)) throw Error("core: the node between cell and transistor needs a capacitance");
}

}  // namespace

struct CoreOde::State {
  CoreNetwork n;
  Index rows, columns, cells;
  Sparse node_mass;         // of everything but the supplies, which have no capacitance
  // Of the present drive:
  VectorXd drive;           // R [V]
  std::vector<int> supply;  // R; empty without resistance in the supplies
  VectorXd source;          // [V] of each supply
  bool on = false;
  double duration = 1.0;          // [s] that the stepper's time from 0 to 1 stands for: odeint takes times within 2e-16 of each other for the same, whatever their unit
  Sparse scaled_mass;             // of every state, over `duration`
  Sparse pattern;                 // of the matrices that are factorised, in their order of unknowns
  std::vector<double> constant;   // −∂f/∂y of wires, drivers and supplies, by position in the pattern
  std::vector<double> capacitance;
  std::vector<Index> cell_at, transistor_at;  // positions (aa, ab, ba, bb) of each
  Factors factors;

  Index bl(Index i, Index j) const { return i * columns + j; }
  Index sl(Index i, Index j) const { return cells + i * columns + j; }
  Index node(Index i, Index j) const { return 2 * cells + i * columns + j; }
  Index nodes() const { return (n.transistor ? 3 : 2) * cells; }  // before the supplies
  Index size() const { return nodes() + source.size(); }
  // The far end of a cell.
  Index far(Index i, Index j) const { return n.transistor ? node(i, j) : sl(i, j); }
  std::pair<double, double> cell(double g, double v) const { return n.current ? n.current(g, v) : std::pair{g * v, g}; }

  void build_mass();
  std::vector<Index> nested_dissection() const;
  void set_drive(const CoreDrive& wanted);
  void build_pattern();

  // M y' = f, as RosenbrockStepper asks for it.
  void operator()(const VectorXd& y, VectorXd& f, double) const;
  const Sparse& mass() const { return scaled_mass; }
  void shifted(const VectorXd& y, double shift, Sparse& matrix) const;
};

void CoreOde::State::build_mass() {
  std::vector<Eigen::Triplet<double>> entries;
  const auto couple = [&](Index a, Index b) {
    for (const auto& [k, l, sign] : {std::tuple{a, a, 1.0}, {b, b, 1.0}, {a, b, -1.0}, {b, a, -1.0}}) entries.emplace_back(k, l, sign * n.c_couple);
  };
  for (Index i = 0; i < rows; ++i)
    for (Index j = 0; j < columns; ++j) {
      entries.emplace_back(bl(i, j), bl(i, j), n.c_cell + (j == 0 ? n.c_driver : 0.0));
      entries.emplace_back(sl(i, j), sl(i, j), n.c_cell + (i == 0 ? n.c_line : 0.0));
      if (n.transistor) entries.emplace_back(node(i, j), node(i, j), n.c_node);
      if (n.c_couple > 0.0 && i > 0) couple(bl(i - 1, j), bl(i, j));
      if (n.c_couple > 0.0 && j > 0) couple(sl(i, j - 1), sl(i, j));
    }
  node_mass.resize(nodes(), nodes());
  node_mass.setFromTriplets(entries.begin(), entries.end());
}

void CoreOde::State::set_drive(const CoreDrive& wanted) {
  if (wanted.v.size() != rows || !wanted.v.allFinite()) throw Error(fmt::format("core: {} driver voltages for {} bit lines, or one that is not finite", wanted.v.size(), rows));
  if (!wanted.supply.empty() && static_cast<Index>(wanted.supply.size()) != rows) throw Error(fmt::format("core: {} supplies for {} bit lines", wanted.supply.size(), rows));
  drive = wanted.v;
  std::vector<int> now;
  std::vector<double> volt;
  if (n.r_supply > 0.0) {
    std::map<double, int> known;
    for (Index i = 0; i < rows; ++i) {
      const int k = wanted.supply.empty() ? known.try_emplace(drive[i], static_cast<int>(known.size())).first->second : wanted.supply[static_cast<size_t>(i)];
      if (k < 0 || k >= rows) throw Error(fmt::format("core: no supply {} of at most {}", k, rows));
      if (static_cast<size_t>(k) >= volt.size()) volt.resize(static_cast<size_t>(k) + 1, NAN);
      double& v = volt[static_cast<size_t>(k)];
      if (std::isfinite(v) && v != drive[i]) throw Error(fmt::format("core: supply {} would be at {} V and at {} V", k, v, drive[i]));
      v = drive[i];
      now.push_back(k);
    }
    for (double& v : volt)
      if (!std::isfinite(v)) v = 0.0;  // feeds no driver
  }
  source = Eigen::Map<const VectorXd>(volt.data(), static_cast<Index>(volt.size()));
  if (pattern.rows() == size() && now == supply) return;
  supply = now;
  build_pattern();
}

// George, SIAM J. Numer. Anal. 10, 345 (1973): halves of the array first, then the lines' nodes between them. A cut along a source line goes through bit lines only, so that a third of
// the fill and of the time of Eigen's minimum degree is left at 256×256 cells. Supplies last.
std::vector<Index> CoreOde::State::nested_dissection() const {
  std::vector<Index> place(static_cast<size_t>(size()));
  Index next = 0;
  const auto put = [&](Index k) { place[static_cast<size_t>(k)] = next++; };
  if (n.transistor)
    for (Index k = 2 * cells; k < nodes(); ++k) put(k);
  const auto divide = [&](const auto& self, Index top, Index bottom, Index left, Index right) -> void {
    if (top >= bottom || left >= right) return;
    const bool upright = right - left >= bottom - top;
    const Index middle = upright ? (left + right) / 2 : (top + bottom) / 2;
    if (upright) {
      self(self, top, bottom, left, middle);
      self(self, top, bottom, middle + 1, right);
      for (Index i = top; i < bottom; ++i) put(sl(i, middle));
      for (Index i = top; i < bottom; ++i) put(bl(i, middle));
    } else {
      self(self, top, middle, left, right);
      self(self, middle + 1, bottom, left, right);
      for (Index j = left; j < right; ++j) put(bl(middle, j));
      for (Index j = left; j < right; ++j) put(sl(middle, j));
    }
  };
  divide(divide, 0, rows, 0, columns);
  for (Index k = nodes(); k < size(); ++k) put(k);
  return place;
}

void CoreOde::State::build_pattern() {
  std::vector<Eigen::Triplet<double>> entries;
  std::vector<Index> place = nested_dissection();
  const auto enter = [&](Index row, Index column, double siemens) { entries.emplace_back(place[static_cast<size_t>(row)], place[static_cast<size_t>(column)], siemens); };
  const auto branch = [&](Index a, Index b, double siemens) {
    for (const auto& [k, l, sign] : {std::tuple{a, a, 1.0}, {a, b, -1.0}, {b, a, -1.0}, {b, b, 1.0}}) enter(k, l, sign * siemens);
  };
  for (Index i = 0; i < rows; ++i) {
    const double driver = 1.0 / n.wires.r_driver;
    if (supply.empty()) enter(bl(i, 0), bl(i, 0), driver);
    else branch(nodes() + supply[static_cast<size_t>(i)], bl(i, 0), driver);
    for (Index j = 0; j < columns; ++j) {
      if (j > 0) branch(bl(i, j - 1), bl(i, j), 1.0 / n.wires.r_bl);
      if (i > 0) branch(sl(i - 1, j), sl(i, j), 1.0 / n.wires.r_sl);
      branch(bl(i, j), far(i, j), 0.0);
      if (n.transistor) branch(node(i, j), sl(i, j), 0.0);
    }
  }
  for (Index k = nodes(); k < size(); ++k) enter(k, k, 1.0 / n.r_supply);
  for (Index k = 0; k < node_mass.outerSize(); ++k)
    for (Sparse::InnerIterator e(node_mass, k); e; ++e) enter(e.row(), e.col(), 0.0);
  pattern.resize(size(), size());
  pattern.setFromTriplets(entries.begin(), entries.end());
  constant.assign(pattern.valuePtr(), pattern.valuePtr() + pattern.nonZeros());
  const auto position = [&](Index node_row, Index node_column) {
    const Index row = place[static_cast<size_t>(node_row)], column = place[static_cast<size_t>(node_column)];
    const int *first = pattern.innerIndexPtr() + pattern.outerIndexPtr()[column], *last = pattern.innerIndexPtr() + pattern.outerIndexPtr()[column + 1];
    return static_cast<Index>(std::lower_bound(first, last, static_cast<int>(row)) - pattern.innerIndexPtr());
  };
  capacitance.assign(constant.size(), 0.0);
  for (Index k = 0; k < node_mass.outerSize(); ++k)
    for (Sparse::InnerIterator e(node_mass, k); e; ++e) capacitance[static_cast<size_t>(position(e.row(), e.col()))] = e.value();
  cell_at.clear();
  transistor_at.clear();
  for (Index i = 0; i < rows; ++i)
    for (Index j = 0; j < columns; ++j) {
      const auto add = [&](std::vector<Index>& at, Index a, Index b) {
        for (const auto& [k, l] : {std::pair{a, a}, {a, b}, {b, a}, {b, b}}) at.push_back(position(k, l));
      };
      add(cell_at, bl(i, j), far(i, j));
      if (n.transistor) add(transistor_at, node(i, j), sl(i, j));
    }
  factors.analyse(pattern, std::move(place));
}

void CoreOde::State::operator()(const VectorXd& y, VectorXd& f, double) const {
  f.setZero(size());
  const auto branch = [&](Index a, Index b, double ampere) {  // from a to b
    f[a] -= ampere;
    f[b] += ampere;
  };
  const double by_bl = 1.0 / n.wires.r_bl, by_sl = 1.0 / n.wires.r_sl, by_driver = 1.0 / n.wires.r_driver;
  for (Index i = 0; i < rows; ++i) {
    if (supply.empty()) f[bl(i, 0)] += (drive[i] - y[bl(i, 0)]) * by_driver;
    else branch(nodes() + supply[static_cast<size_t>(i)], bl(i, 0), (y[nodes() + supply[static_cast<size_t>(i)]] - y[bl(i, 0)]) * by_driver);
    for (Index j = 0; j < columns; ++j) {
      if (j > 0) branch(bl(i, j - 1), bl(i, j), (y[bl(i, j - 1)] - y[bl(i, j)]) * by_bl);
      if (i > 0) branch(sl(i - 1, j), sl(i, j), (y[sl(i - 1, j)] - y[sl(i, j)]) * by_sl);
      if (n.transistor || on) branch(bl(i, j), far(i, j), cell(n.g(i, j), y[bl(i, j)] - y[far(i, j)]).first);
      if (n.transistor && on) branch(node(i, j), sl(i, j), transistor_current(*n.transistor, y[sl(i, j)], y[node(i, j)]).ampere);
    }
  }
  for (Index k = 0; k < source.size(); ++k) f[nodes() + k] += (source[k] - y[nodes() + k]) / n.r_supply;
}

void CoreOde::State::shifted(const VectorXd& y, double shift, Sparse& matrix) const {
  if (matrix.nonZeros() != pattern.nonZeros()) matrix = pattern;
  double* value = matrix.valuePtr();
  const double by_time = shift / duration;
  for (size_t k = 0; k < constant.size(); ++k) value[k] = constant[k] + by_time * capacitance[k];
  size_t at = 0;
  for (Index i = 0; i < rows; ++i)
    for (Index j = 0; j < columns; ++j, at += 4) {
      if (n.transistor || on) {
        const double siemens = cell(n.g(i, j), y[bl(i, j)] - y[far(i, j)]).second;
        for (size_t k = 0; k < 4; ++k) value[cell_at[at + k]] += k == 0 || k == 3 ? siemens : -siemens;
      }
      if (n.transistor && on) {
        // The slopes at a transistor's two ends differ. A conductance of the larger one keeps the matrix symmetric, and the method is of the same order and stable with it.
        const TransistorCurrent t = transistor_current(*n.transistor, y[sl(i, j)], y[node(i, j)]);
        const double siemens = std::max(t.by_node, -t.by_line);
        for (size_t k = 0; k < 4; ++k) value[transistor_at[at + k]] += k == 0 || k == 3 ? siemens : -siemens;
      }
    }
}

CoreOde::CoreOde(CoreNetwork network) : state_(std::make_unique<State>()) {
  check(network);
  State& s = *state_;
  s.n = std::move(network);
  s.rows = s.n.g.rows();
  s.columns = s.n.g.cols();
  s.cells = s.rows * s.columns;
  s.build_mass();
}
CoreOde::~CoreOde() = default;
CoreOde::CoreOde(CoreOde&&) noexcept = default;

Index CoreOde::rows() const { return state_->rows; }
Index CoreOde::columns() const { return state_->columns; }

VectorXd CoreOde::held(const VectorXd& lines, const VectorXd& v) const {
  const State& s = *state_;
  if (lines.size() != s.columns || v.size() != s.rows) throw Error(fmt::format("core: {} voltages for {} source lines, {} for {} bit lines", lines.size(), s.columns, v.size(), s.rows));
  VectorXd y(s.nodes());
  for (Index i = 0; i < s.rows; ++i) {
    y.segment(s.bl(i, 0), s.columns).setConstant(v[i]);
    y.segment(s.sl(i, 0), s.columns) = lines;
    if (s.n.transistor) y.segment(s.node(i, 0), s.columns).setConstant(v[i]);
  }
  return y;
}

size_t CoreOde::advance(VectorXd& state, const CoreDrive& drive, bool word_lines_on, double duration, double tolerance) {
  State& s = *state_;
  if (state.size() != s.nodes()) throw Error(fmt::format("core: a state of {} nodes for {}", state.size(), s.nodes()));
  if (!(duration >= 0.0 && std::isfinite(duration)) || !(tolerance > 0.0)) throw Error("core: a duration below 0 or a tolerance that is not more than 0");
  s.set_drive(drive);
  s.on = word_lines_on;
  if (duration == 0.0) return 0;
  VectorXd y(s.size());
  y.head(s.nodes()) = state;
  // Supplies carry no charge: they start where their currents cancel.
  VectorXd siemens = VectorXd::Constant(s.source.size(), 1.0 / s.n.r_supply), ampere = s.source.cwiseProduct(siemens);
  for (size_t i = 0; i < s.supply.size(); ++i) {
    siemens[s.supply[i]] += 1.0 / s.n.wires.r_driver;
    ampere[s.supply[i]] += state[s.bl(static_cast<Index>(i), 0)] / s.n.wires.r_driver;
  }
  y.tail(s.source.size()) = ampere.cwiseQuotient(siemens);
  s.duration = duration;
  s.scaled_mass = s.node_mass / duration;
  s.scaled_mass.conservativeResize(s.size(), s.size());
  RosenbrockStepper<Factors> stepper(s.factors, tolerance, 0.0);
  // The first step is short against the driver's own time; the stepper finds its size from there.
  const double first = std::min(1e-3 * s.n.wires.r_driver * (s.n.c_driver + s.n.c_cell) / duration, 1.0);
  size_t steps = 0;
  try {
    steps = odeint::integrate_adaptive(std::ref(stepper), std::cref(s), y, 0.0, 1.0, first);
  } catch (const odeint::step_adjustment_error&) {
    throw NumericalError(fmt::format("core: no time step is short enough for an error of {} V", tolerance));
  }
  state = y.head(s.nodes());
  return steps;
}

VectorXd CoreOde::lines(const VectorXd& state) const { return state.segment(state_->sl(0, 0), state_->columns); }

VectorXd CoreOde::line_charges(const VectorXd& state) const {
  const State& s = *state_;
  const VectorXd q = s.node_mass * state.head(s.nodes());
  VectorXd lines = VectorXd::Zero(s.columns);
  for (Index i = 0; i < s.rows; ++i) lines += q.segment(s.sl(i, 0), s.columns);
  return lines;
}

}  // namespace mho::solver
