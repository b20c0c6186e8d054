// The walk of a program's state machine that finds its blocks and nodes, and the tables of the blocks: grids of the ODE form, with cubics by least squares where a line is sampled.
#include "solver/program_blocks.hpp"

#include <fmt/format.h>

#include <Eigen/QR>
#include <algorithm>
#include <map>
#include <optional>
#include <string>
#include <utility>

#include "core/errors.hpp"

namespace mho::solver {

using circuits::ControlProgram;
using circuits::ControlState;
using circuits::Signal;

Curve::Curve(std::vector<double> x, std::vector<double> y) : x_(std::move(x)), y_(std::move(y)), slope_(x_.size()) {
  const size_t n = x_.size();
  const auto chord = [&](size_t i) { return (y_[i + 1] - y_[i]) / (x_[i + 1] - x_[i]); };
  for (size_t i = 1; i + 1 < n; ++i) {
    const double a = x_[i] - x_[i - 1], b = x_[i + 1] - x_[i];
    slope_[i] = (b * chord(i - 1) + a * chord(i)) / (a + b);
  }
  slope_[0] = 2.0 * chord(0) - slope_[1];
  slope_[n - 1] = 2.0 * chord(n - 2) - slope_[n - 2];
}
double Curve::operator()(double v) const {
  if (v <= x_.front()) return y_.front() + slope_.front() * (v - x_.front());
  if (v >= x_.back()) return y_.back() + slope_.back() * (v - x_.back());
  const size_t i = static_cast<size_t>(std::upper_bound(x_.begin(), x_.end(), v) - x_.begin()) - 1;
  const double h = x_[i + 1] - x_[i], t = (v - x_[i]) / h, u = 1.0 - t;
  return u * u * ((1.0 + 2.0 * t) * y_[i] + t * h * slope_[i]) + t * t * ((1.0 + 2.0 * u) * y_[i + 1] - u * h * slope_[i + 1]);
}

Block::Line Block::line(double v_ref) const {
  ControlLines now = before;
  bool pulsed = false, samples = false, driven = false;
  for (const ControlStep& step : steps)
    for (const ControlEvent& e : step.events) {
      now.apply({0.0, false, {e}}, v_ref);
      const bool on = now.on[static_cast<size_t>(Signal::wl)], sampling = now.on[static_cast<size_t>(Signal::ssl)] || now.on[static_cast<size_t>(Signal::sbl)];
      pulsed = pulsed || on;
      // While the left plate is on its reference too, the line is being set, not sampled.
      if (sampling && !now.on[static_cast<size_t>(Signal::ref)]) samples = true, driven = driven || on;
    }
  return samples ? (driven ? Line::driven : Line::held) : pulsed ? Line::pulsed : Line::none;
}

namespace {

struct Walk {
  // A node whose block has not been followed yet.
  struct Open {
    int node;
    ControlState state;
    ControlLines lines;
    bool from_start;
  };

  const NeuronModel& model;
  const ControlProgram& program;
  const circuits::ReadPoint& point;
  const ModeOptions& options;
  double reach;  // [V]
  ProgramBlocks found{};
  std::vector<Open> open{};
  std::map<std::vector<double>, int> known{};  // nodes by where the program stands
  std::vector<std::pair<std::pair<ControlLines, std::vector<ControlStep>>, double>> turns{};  // [V] found before

  HeldState run(const Block& block, double v, double line) const {
    const LineCurrent array{line, 0.0, -options.line_conductance, 0.0};
    const std::optional<HeldState> start = block.from_start ? std::nullopt : std::optional<HeldState>({v, line});
    return simulate_steps(model, program.uses(Signal::iso), point, block.before, start, block.steps, array, options.rows);
  }

  // Voltage across C_integ at which the decision at the end of these steps turns.
  double turn(const Block& until) {
    const auto key = std::make_pair(until.before, until.steps);
    for (const auto& [k, v] : turns)
      if (k == key) return v;
    const auto high = [&](double v) { return run(until, v, point.v_trim).v_out > model.neuron.v_latch; };
    double low = -reach, top = reach;
    if (high(low)) top = low;
    else if (!high(top)) low = top;
    for (int i = 0; i < 28 && low < top; ++i) {
      const double middle = 0.5 * (low + top);
      (high(middle) ? top : low) = middle;
    }
    turns.emplace_back(key, 0.5 * (low + top));
    return turns.back().second;
  }

  void fit(BlockMap& map, const std::vector<std::array<double, 4>>& points) {  // (v, line, v after, line after)
    Eigen::MatrixXd terms(static_cast<Eigen::Index>(points.size()), 10), after(terms.rows(), 2);
    const double sa = reach, sb = options.line_span;
    std::array<double, 10> scale{};
    for (Eigen::Index i = 0; i < terms.rows(); ++i) {
      const auto& p = points[static_cast<size_t>(i)];
      for (size_t k = 0; k < 10; ++k) {  // the terms in the order of Cubic
        Cubic one{};
        one[k] = 1.0;
        terms(i, static_cast<Eigen::Index>(k)) = evaluate(one, p[0] / sa, p[1] / sb);
        scale[k] = evaluate(one, 1.0 / sa, 1.0 / sb);
      }
      after.row(i) << p[2], p[3];
    }
    const Eigen::MatrixXd x = terms.colPivHouseholderQr().solve(after);
    for (int c = 0; c < 2; ++c)
      for (size_t k = 0; k < 10; ++k) (c == 0 ? map.out : map.line_after)[k] = x(static_cast<Eigen::Index>(k), c) * scale[k];
    for (size_t k = 0; k < 10; ++k) map.single[k] = static_cast<float>(map.out[k]);
    const int columns = map.line == Block::Line::held ? 2 : 1;
    for (int c = 0; c < columns; ++c) found.misfit = std::max(found.misfit, (terms * x.col(c) - after.col(c)).norm() / std::sqrt(static_cast<double>(after.rows())));
  }

  int tabulate(const Block& block, double from, double to) {
    for (size_t m = 0; m < found.maps.size(); ++m)
      if (found.maps[m].block == block) return static_cast<int>(m);
    BlockMap map;
    map.block = block;
    map.line = block.line(model.circuit.v_ref);
    if (map.line == Block::Line::driven || map.line == Block::Line::held) {
      const bool held = map.line == Block::Line::held;
      std::vector<std::array<double, 4>> points;
      for (int i = -3; i <= 3; ++i)
        for (int j = -3; j <= 3; ++j) {
          const double v = block.from_start ? 0.0 : reach * i / 3.0, u = options.line_span * j / 3.0;
          const HeldState end = run(block, v, held ? point.v_trim + u : u);
          points.push_back({reach * i / 3.0, u, end.v_integ, end.v_line - point.v_trim});
        }
      fit(map, points);
    } else {
      // Closer where the comparison starts from near its threshold.
      constexpr int intervals = 24;
      std::vector<double> x, y;
      for (int i = 0; i <= intervals; ++i) {
        const double f = static_cast<double>(i) / intervals, v = block.decision == 0 ? -reach + 2.0 * reach * f : from + (to - from) * f * f;
        x.push_back(v);
        y.push_back(run(block, v, point.v_trim).v_integ);
        if (block.from_start) break;
      }
      if (block.from_start) x = {-1.0, 1.0}, y = {y.front(), y.front()};
      if (x.front() > x.back()) std::reverse(x.begin(), x.end()), std::reverse(y.begin(), y.end());
      map.alone = Curve(x, y);
    }
    found.maps.push_back(map);
    return static_cast<int>(found.maps.size()) - 1;
  }

  std::vector<double> key_of(const ControlState& state, const ControlLines& lines, bool from_start) const {
    std::vector<double> key{static_cast<double>(state.step_index()), static_cast<double>(from_start)};
    for (const auto& [name, value] : state.registers()) key.push_back(value);
    for (bool on : lines.on) key.push_back(on);
    key.insert(key.end(), lines.level.begin(), lines.level.end());
    return key;
  }

  // ProgramNode for the program as it stands. Explicit stack: conversions have hundreds of blocks.
  int build(const ControlState& at_start) {
    const int root = visit(at_start, ControlLines(point), true);
    while (!open.empty()) {
      const Open now = std::move(open.back());
      open.pop_back();
      Block block;
      block.from_start = now.from_start;
      block.before = now.lines;
      follow(block, now.state, now.lines, now.node);
    }
    return root;
  }

  int visit(const ControlState& state, const ControlLines& lines, bool from_start) {
    const auto [place, is_new] = known.try_emplace(key_of(state, lines, from_start), static_cast<int>(found.nodes.size()));
    if (!is_new) return place->second;
    found.nodes.emplace_back();
    if (found.nodes.size() > 1000000) throw Error(fmt::format("control program {}: more than a million states", program.name));
    if (state.ended()) {
      found.nodes.back().ended = true;
      found.nodes.back().code = state.code();
    } else {
      open.push_back({place->second, state, lines, from_start});
    }
    return place->second;
  }

  void follow(Block block, ControlState state, ControlLines lines, int node) {
    int held = 0;  // states passed on the way
    while (true) {
      const int index = state.step_index();
      if (state.bit() >= 0) found.nodes[static_cast<size_t>(node)].bit = state.bit();
      block.steps.push_back(control_step(state));
      lines.apply(block.steps.back(), model.circuit.v_ref);
      const bool decides = block.steps.back().decides;
      if (!decides) {
        state.advance(false);
        if (ends(block, state, lines, held)) return finish(block, state, lines, node);
        continue;
      }
      if (block.decision != 0) throw Error(fmt::format("control program {}: step {} decides again before C_integ is closed", program.name, program.steps[static_cast<size_t>(index)].name));
      found.nodes[static_cast<size_t>(node)].decides = true;
      found.nodes[static_cast<size_t>(node)].turn = turn(block);
      for (const int decision : {-1, 1}) {
        Block taken = block;
        taken.decision = decision;
        ControlState then = state;
        then.advance(decision > 0);
        ControlLines after = lines;
        int passed = held, last = index;
        while (!ends(taken, then, after, passed)) {
          last = then.step_index();
          taken.steps.push_back(control_step(then));
          after.apply(taken.steps.back(), model.circuit.v_ref);
          if (taken.steps.back().decides) throw Error(fmt::format("control program {}: step {} decides again before C_integ is closed", program.name, program.steps[static_cast<size_t>(last)].name));
          then.advance(false);
        }
        finish(taken, then, after, node);
      }
      return;
    }
  }

  // A block ends where C_integ is held; one that has decided goes on over the restoring step to the next held state, unless it is compared or sampled there.
  bool ends(const Block& block, const ControlState& next, const ControlLines& lines, int& held) const {
    if (next.ended()) return true;
    if (!lines.held()) return false;
    ++held;
    return block.decision == 0 || held > 1 || next.step().decides || program.pulses_word_lines(next.step_index());
  }

  void finish(const Block& block, const ControlState& state, const ControlLines& lines, int node) {
    const double t = found.nodes[static_cast<size_t>(node)].turn;
    // What an ended program leaves on C_integ is nobody's.
    const int map = state.ended() ? -1 : block.decision == 0 ? tabulate(block, 0, 0) : tabulate(block, t, block.decision > 0 ? reach : -reach);
    const int next = visit(state, lines, false);
    ProgramNode& n = found.nodes[static_cast<size_t>(node)];
    for (const int high : {0, 1})
      if (block.decision == 0 || (block.decision > 0) == (high == 1)) {
        n.map[static_cast<size_t>(high)] = map;
        n.next[static_cast<size_t>(high)] = next;
        n.steps[static_cast<size_t>(high)] = block.steps.size();
      }
  }
};

}  // namespace

double map_reach(const NeuronModel& model, const ModeOptions& options) { return std::min({options.swing, model.neuron.v_high - 0.15, -model.neuron.v_low - 0.15}); }

ProgramBlocks find_blocks(const NeuronModel& model, const ControlProgram& program, const circuits::ReadPoint& point, const ModeOptions& options,
                          std::span<const circuits::ProgramInput> inputs) {
  Walk walk{model, program, point, options, map_reach(model, options)};
  for (const circuits::ProgramInput& input : inputs) {
    walk.known.clear();  // the register is no part of the key
    walk.found.roots.push_back(walk.build(ControlState(program, input)));
  }
  return std::move(walk.found);
}

}  // namespace mho::solver
