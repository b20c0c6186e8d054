#include "solver/mode_forms.hpp"

#include <fmt/format.h>

#include <Eigen/QR>
#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <map>
#include <optional>

#include "core/errors.hpp"
#include "solver/neuron_ode.hpp"
#include "solver/phase_map.hpp"

namespace mho::solver {
namespace {

using circuits::ControlProgram;
using circuits::ControlState;
using circuits::Signal;
constexpr int longest_pattern = 12;  // bits of the register

// Cubic Hermite through points (x ascending, y), slopes by parabolas through neighbours; beyond the ends straight on.
class Curve {
 public:
  Curve() = default;
  Curve(std::vector<double> x, std::vector<double> y) : x_(std::move(x)), y_(std::move(y)), slope_(x_.size()) {
    const size_t n = x_.size();
    const auto chord = [&](size_t i) { return (y_[i + 1] - y_[i]) / (x_[i + 1] - x_[i]); };
    for (size_t i = 1; i + 1 < n; ++i) {
      const double a = x_[i] - x_[i - 1], b = x_[i + 1] - x_[i];
      slope_[i] = (b * chord(i - 1) + a * chord(i)) / (a + b);
    }
    slope_[0] = 2.0 * chord(0) - slope_[1];
    slope_[n - 1] = 2.0 * chord(n - 2) - slope_[n - 2];
  }
  double operator()(double v) const {
    if (v <= x_.front()) return y_.front() + slope_.front() * (v - x_.front());
    if (v >= x_.back()) return y_.back() + slope_.back() * (v - x_.back());
    const size_t i = static_cast<size_t>(std::upper_bound(x_.begin(), x_.end(), v) - x_.begin()) - 1;
    const double h = x_[i + 1] - x_[i], t = (v - x_[i]) / h, u = 1.0 - t;
    return u * u * ((1.0 + 2.0 * t) * y_[i] + t * h * slope_[i]) + t * t * ((1.0 + 2.0 * u) * y_[i + 1] - u * h * slope_[i + 1]);
  }

 private:
  std::vector<double> x_, y_, slope_;
};

// Steps from one held state to the next, or to the end.
struct Block {
  bool from_start = false;
  ControlLines before{circuits::ReadPoint{}};
  std::vector<ControlStep> steps;
  int decision = 0;  // ±1 where one of the steps decides
  bool operator==(const Block&) const = default;

  // What the left plate does: samples the line while it is driven, while it is held, or neither; and whether the word lines pulse without a sample.
  enum class Line { none, driven, held, pulsed };
  Line line(double v_ref) const {
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
};

struct Map {
  Block block;
  Block::Line line = Block::Line::none;
  Curve alone;                     // without a sample: v → v
  Cubic out{}, line_after{};       // with one: (v, line or line − reference) → v, line − reference
  Eigen::Array<float, 10, 1> single = Eigen::Array<float, 10, 1>::Zero();  // out
};

struct Node {
  int bit = -1;
  std::array<int, 2> map{-1, -1};   // by decision (low, high); both the same where none is taken
  std::array<int, 2> next{-1, -1};
  std::array<size_t, 2> steps{};    // of the program in the block
  double turn = -INFINITY;          // [V] above: decision high
  bool decides = false, ended = false;
  int code = 0;                     // of an ended one
};

float evaluate_single(const Eigen::Array<float, 10, 1>& c, float a, float b) {
  return c[0] + a * (c[1] + a * (c[3] + a * c[6] + b * c[7]) + b * (c[4] + b * c[8])) + b * (c[2] + b * (c[5] + b * c[9]));
}

// Shift registers whose first `bits` draws are each pattern, the first drawn lowest.
std::vector<std::uint32_t> register_starts(int bits) {
  std::vector<std::uint32_t> starts(size_t{1} << bits, 0);
  size_t found = 0;
  for (std::uint32_t start = 1; start < 65536 && found < starts.size(); ++start) {
    std::uint32_t lfsr = start;
    size_t pattern = 0;
    for (int i = 0; i < bits; ++i) pattern |= static_cast<size_t>((lfsr = circuits::lfsr_step(lfsr)) >> 15) << i;
    if (starts[pattern] == 0) starts[pattern] = start, ++found;
  }
  return starts;
}

size_t draws_in(const std::string& expression) {
  size_t n = 0;
  for (size_t at = expression.find("lfsr"); at != std::string::npos; at = expression.find("lfsr", at + 1)) ++n;
  return n;
}

}  // namespace

struct ModeForm::State {
  NeuronModel model;
  ControlProgram program;
  circuits::ReadPoint point;
  ModeOptions options;
  circuits::ProgramInput given;
  std::vector<Map> maps;
  std::vector<Node> nodes;
  std::vector<std::pair<std::pair<ControlLines, std::vector<ControlStep>>, double>> turns;
  std::vector<int> roots;              // [pattern] node at the start
  std::vector<Staircase> stairs;       // [pattern]
  std::vector<int> samples;            // nodes until the last sample before the first decision
  int draws = 0;
  size_t steps = 0;
  bool samples_later = false;
  double first_turn = NAN, misfit = 0;
  std::map<std::vector<double>, int> known;  // nodes by where the program stands

  double reach() const { return std::min({options.swing, model.neuron.v_high - 0.15, -model.neuron.v_low - 0.15}); }
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
    double low = -reach(), top = reach();
    if (high(low)) top = low;
    else if (!high(top)) low = top;
    for (int i = 0; i < 28 && low < top; ++i) {
      const double middle = 0.5 * (low + top);
      (high(middle) ? top : low) = middle;
    }
    turns.emplace_back(key, 0.5 * (low + top));
    return turns.back().second;
  }

  void fit(Map& map, const std::vector<std::array<double, 4>>& points) {  // (v, line, v after, line after)
    Eigen::MatrixXd terms(static_cast<Eigen::Index>(points.size()), 10), after(terms.rows(), 2);
    const double sa = reach(), sb = options.line_span;
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
    for (Eigen::Index k = 0; k < 10; ++k) map.single[k] = static_cast<float>(map.out[static_cast<size_t>(k)]);
    const int columns = map.line == Block::Line::held ? 2 : 1;
    for (int c = 0; c < columns; ++c) misfit = std::max(misfit, (terms * x.col(c) - after.col(c)).norm() / std::sqrt(static_cast<double>(after.rows())));
  }

  int tabulate(const Block& block, double from, double to) {
    for (size_t m = 0; m < maps.size(); ++m)
      if (maps[m].block == block) return static_cast<int>(m);
    Map map;
    map.block = block;
    map.line = block.line(model.circuit.v_ref);
    if (map.line == Block::Line::driven || map.line == Block::Line::held) {
      const bool held = map.line == Block::Line::held;
      std::vector<std::array<double, 4>> points;
      for (int i = -3; i <= 3; ++i)
        for (int j = -3; j <= 3; ++j) {
          const double v = block.from_start ? 0.0 : reach() * i / 3.0, u = options.line_span * j / 3.0;
          const HeldState end = run(block, v, held ? point.v_trim + u : u);
          points.push_back({reach() * i / 3.0, u, end.v_integ, end.v_line - point.v_trim});
        }
      fit(map, points);
    } else {
      // Closer where the comparison starts from near its threshold.
      constexpr int intervals = 24;
      std::vector<double> x, y;
      for (int i = 0; i <= intervals; ++i) {
        const double f = static_cast<double>(i) / intervals, v = block.decision == 0 ? -reach() + 2.0 * reach() * f : from + (to - from) * f * f;
        x.push_back(v);
        y.push_back(run(block, v, point.v_trim).v_integ);
        if (block.from_start) break;
      }
      if (block.from_start) x = {-1.0, 1.0}, y = {y.front(), y.front()};
      if (x.front() > x.back()) std::reverse(x.begin(), x.end()), std::reverse(y.begin(), y.end());
      map.alone = Curve(x, y);
    }
    maps.push_back(map);
    return static_cast<int>(maps.size()) - 1;
  }

  std::vector<double> key_of(const ControlState& state, const ControlLines& lines, bool from_start) const {
    std::vector<double> key{static_cast<double>(state.step_index()), static_cast<double>(from_start)};
    for (const auto& [name, value] : state.registers()) key.push_back(value);
    for (bool on : lines.on) key.push_back(on);
    key.insert(key.end(), lines.level.begin(), lines.level.end());
    return key;
  }

  // Node for the program as it stands. Explicit stack: conversions have hundreds of blocks.
  int build(const ControlState& at_start) {
    struct Open {
      int node;
      ControlState state;
      ControlLines lines;
      bool from_start;
    };
    std::vector<Open> open;
    const auto visit = [&](const ControlState& state, const ControlLines& lines, bool from_start) {
      const auto [place, is_new] = known.try_emplace(key_of(state, lines, from_start), static_cast<int>(nodes.size()));
      if (!is_new) return place->second;
      nodes.emplace_back();
      if (nodes.size() > 1000000) throw Error(fmt::format("control program {}: more than a million states", program.name));
      if (state.ended()) {
        nodes.back().ended = true;
        nodes.back().code = state.code();
      } else {
        open.push_back({place->second, state, lines, from_start});
      }
      return place->second;
    };
    const int root = visit(at_start, ControlLines(point), true);
    while (!open.empty()) {
      const Open now = std::move(open.back());
      open.pop_back();
      Block block;
      block.from_start = now.from_start;
      block.before = now.lines;
      follow(block, now.state, now.lines, now.node, visit);
    }
    return root;
  }

  template <class Visit>
  void follow(Block block, ControlState state, ControlLines lines, int node, const Visit& visit) {
    int held = 0;  // states passed on the way
    while (true) {
      const int index = state.step_index();
      if (state.bit() >= 0) nodes[static_cast<size_t>(node)].bit = state.bit();
      block.steps.push_back(control_step(state));
      lines.apply(block.steps.back(), model.circuit.v_ref);
      const bool decides = block.steps.back().decides;
      if (!decides) {
        state.advance(false);
        if (ends(block, state, lines, held)) return finish(block, state, lines, node, visit, index);
        continue;
      }
      if (block.decision != 0) throw Error(fmt::format("control program {}: step {} decides again before C_integ is closed", program.name, program.steps[static_cast<size_t>(index)].name));
      nodes[static_cast<size_t>(node)].decides = true;
      nodes[static_cast<size_t>(node)].turn = turn(block);
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
        finish(taken, then, after, node, visit, last);
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

  template <class Visit>
  void finish(const Block& block, const ControlState& state, const ControlLines& lines, int node, const Visit& visit, int) {
    const double t = nodes[static_cast<size_t>(node)].turn;
    // What an ended program leaves on C_integ is nobody's.
    const int map = state.ended() ? -1 : block.decision == 0 ? tabulate(block, 0, 0) : tabulate(block, t, block.decision > 0 ? reach() : -reach());
    const int next = visit(state, lines, false);
    Node& n = nodes[static_cast<size_t>(node)];
    for (const int high : {0, 1})
      if (block.decision == 0 || (block.decision > 0) == (high == 1)) {
        n.map[static_cast<size_t>(high)] = map;
        n.next[static_cast<size_t>(high)] = next;
        n.steps[static_cast<size_t>(high)] = block.steps.size();
      }
  }

  // From node to the end.
  int walk(int node, double v, const float* line, Eigen::Index stride) const {
    double u = 0.0;  // held line − reference
    for (; !nodes[static_cast<size_t>(node)].ended;) {
      const Node& n = nodes[static_cast<size_t>(node)];
      const size_t high = n.decides && v > n.turn;
      if (n.map[high] >= 0) step(maps[static_cast<size_t>(n.map[high])], n.bit, line, stride, v, u);
      node = n.next[high];
    }
    return nodes[static_cast<size_t>(node)].code;
  }
  void step(const Map& map, int bit, const float* line, Eigen::Index stride, double& v, double& u) const {
    const auto at = [&] { return line && bit >= 0 ? static_cast<double>(line[bit * stride]) : point.v_trim; };
    switch (map.line) {
      case Block::Line::none: v = map.alone(v); break;
      case Block::Line::pulsed: v = map.alone(v), u = at() - point.v_trim; break;
      case Block::Line::driven: v = evaluate(map.out, v, at()); break;
      case Block::Line::held: {
        const double next = evaluate(map.out, v, u);
        u = evaluate(map.line_after, v, u);
        v = next;
      }
    }
  }

  Staircase stairs_from(int node) const {
    Staircase s;
    const auto code = [&](double v) { return walk(node, v, nullptr, 0); };
    constexpr int grid = 2048;
    const auto between = [&](const auto& self, double low, int at_low, double high, int at_high) -> void {
      if (at_low == at_high) return;
      if (high - low < 1e-8) {
        s.edge.push_back(static_cast<float>(0.5 * (low + high)));
        s.code.push_back(static_cast<std::int16_t>(at_high));
        return;
      }
      const double middle = 0.5 * (low + high);
      const int at_middle = code(middle);
      self(self, low, at_low, middle, at_middle);
      self(self, middle, at_middle, high, at_high);
    };
    double v = -reach();
    int here = code(v);
    s.code.push_back(static_cast<std::int16_t>(here));
    for (int i = 1; i <= grid; ++i) {
      const double next = -reach() + 2.0 * reach() * i / grid;
      const int there = code(next);
      between(between, v, here, next, there);
      v = next, here = there;
    }
    return s;
  }

  // Draws of the register until the first decision, whatever it gives.
  int count_draws() const {
    size_t n = 0;
    ControlState state(program, given);
    const auto in = [](const std::vector<circuits::Assignment>& list) {
      size_t sum = 0;
      for (const auto& a : list) sum += draws_in(a.value);
      return sum;
    };
    for (; !state.ended() && !state.step().decides; state.advance(false)) {
      n += in(state.step().set) + in(state.step().then);
      for (const circuits::Event& e : state.phase().events) n += draws_in(e.value);
      for (const circuits::Transition& t : state.step().next)
        if (draws_in(t.condition) > 0) throw Error(fmt::format("control program {}: the fast form has no draws of the register in \"next\"", program.name));
    }
    if (n > longest_pattern) throw Error(fmt::format("control program {}: {} draws of the register before its first decision, the fast form tabulates {}", program.name, n, longest_pattern));
    return static_cast<int>(n);
  }

  void make() {
    draws = count_draws();
    const std::vector<std::uint32_t> starts = draws == 0 ? std::vector<std::uint32_t>{given.lfsr} : register_starts(draws);
    for (std::uint32_t start : starts) {
      circuits::ProgramInput input = given;
      input.lfsr = start;
      known.clear();  // the register is no part of the key
      roots.push_back(build(ControlState(program, input)));
    }
    known.clear();
    // Samples until the first decision; the nodes of the other patterns hold the same maps.
    const auto sampled = [&](const Node& n, size_t high) { return n.map[high] >= 0 && maps[static_cast<size_t>(n.map[high])].line != Block::Line::none; };
    std::vector<int> path;
    size_t passed = 0, kept = 0;
    for (int node = roots.front(); !nodes[static_cast<size_t>(node)].ended && !nodes[static_cast<size_t>(node)].decides; node = nodes[static_cast<size_t>(node)].next[0]) {
      path.push_back(node);
      passed += nodes[static_cast<size_t>(node)].steps[0];
      if (path.size() == 1 || sampled(nodes[static_cast<size_t>(node)], 0)) kept = path.size(), steps = passed;
    }
    samples.assign(path.begin(), path.begin() + static_cast<std::ptrdiff_t>(kept));
    for (const Node& n : nodes) {
      if (n.decides && std::isnan(first_turn)) first_turn = n.turn;
      samples_later = samples_later || (n.decides && (sampled(n, 0) || sampled(n, 1)));
    }
    samples_later = samples_later || sampled_after_decision(sampled);
    if (samples_later) return;
    for (int root : roots) {
      for (size_t i = 0; i < kept; ++i) root = nodes[static_cast<size_t>(root)].next[0];
      stairs.push_back(stairs_from(root));
    }
  }
  template <class Sampled>
  bool sampled_after_decision(const Sampled& sampled) const {
    std::vector<char> after(nodes.size(), 0);
    std::vector<int> open;
    for (const Node& n : nodes)
      if (n.decides) open.insert(open.end(), n.next.begin(), n.next.end());
    while (!open.empty()) {
      const int node = open.back();
      open.pop_back();
      if (node < 0 || after[static_cast<size_t>(node)]) continue;
      after[static_cast<size_t>(node)] = 1;
      const Node& n = nodes[static_cast<size_t>(node)];
      if (sampled(n, 0) || sampled(n, 1)) return true;
      open.insert(open.end(), n.next.begin(), n.next.end());
    }
    return false;
  }
  void check(std::span<const Eigen::MatrixXf> lines) const {
    if (lines.size() != static_cast<size_t>(options.bits)) throw Error(fmt::format("fast form of {}: {} matrices of lines for {} bits", program.name, lines.size(), options.bits));
    for (const Eigen::MatrixXf& m : lines)
      if (m.rows() != lines.front().rows() || m.cols() != lines.front().cols()) throw Error(fmt::format("fast form of {}: lines of different shapes", program.name));
  }
};

ModeForm::ModeForm(const NeuronModel& model, const ControlProgram& program, const circuits::ReadPoint& point, const ModeOptions& options) : state_(std::make_unique<State>()) {
  state_->model = model;
  state_->program = program;
  state_->point = point;
  state_->options = options;
  state_->given = circuits::program_input(model.circuit, point, static_cast<size_t>(options.bits));
  state_->given.parameters = options.parameters;
  state_->make();
}
ModeForm::~ModeForm() = default;
ModeForm::ModeForm(ModeForm&&) noexcept = default;
ModeForm& ModeForm::operator=(ModeForm&&) noexcept = default;

void ModeForm::integrate(std::span<const Eigen::MatrixXf> lines, Eigen::MatrixXf& v) const {
  const State& s = *state_;
  s.check(lines);
  v.resize(lines.front().rows(), lines.front().cols());
  const float trim = static_cast<float>(s.point.v_trim);
  for (Eigen::Index i = 0; i < v.size(); ++i) {
    float at = 0.0F;
    double held = 0.0;
    for (int node : s.samples) {
      const Node& n = s.nodes[static_cast<size_t>(node)];
      const Map& map = s.maps[static_cast<size_t>(n.map[0])];
      const auto line = [&] { return n.bit >= 0 ? lines[static_cast<size_t>(n.bit)].data()[i] : trim; };
      if (map.line == Block::Line::driven) {
        at = evaluate_single(map.single, at, line());
        continue;
      }
      double wide = at;
      const float given = line();
      s.step(map, 0, &given, 0, wide, held);
      at = static_cast<float>(wide);
    }
    v.data()[i] = at;
  }
}

void ModeForm::convert(const Eigen::MatrixXf& v, CodeMatrix& codes, const Eigen::Matrix<std::uint32_t, Eigen::Dynamic, Eigen::Dynamic>* lfsr) const {
  const State& s = *state_;
  if (s.samples_later) throw Error(fmt::format("fast form of {}: its codes need the lines", s.program.name));
  if (s.draws > 0 && (!lfsr || lfsr->rows() != v.rows() || lfsr->cols() != v.cols())) throw Error(fmt::format("fast form of {}: wants the start of the register for each neuron", s.program.name));
  codes.resize(v.rows(), v.cols());
  for (Eigen::Index i = 0; i < v.size(); ++i) {
    size_t pattern = 0;
    if (s.draws > 0) {
      std::uint32_t state = lfsr->data()[i];
      for (int k = 0; k < s.draws; ++k) pattern |= static_cast<size_t>((state = circuits::lfsr_step(state)) >> 15) << k;
    }
    const Staircase& stairs = s.stairs[pattern];
    codes.data()[i] = stairs.code[static_cast<size_t>(std::upper_bound(stairs.edge.begin(), stairs.edge.end(), v.data()[i]) - stairs.edge.begin())];
  }
}

void ModeForm::apply(std::span<const Eigen::MatrixXf> lines, CodeMatrix& codes, const Eigen::Matrix<std::uint32_t, Eigen::Dynamic, Eigen::Dynamic>* lfsr) const {
  const State& s = *state_;
  if (!s.samples_later) {
    Eigen::MatrixXf v;
    integrate(lines, v);
    return convert(v, codes, lfsr);
  }
  s.check(lines);
  if (s.draws > 0) throw Error(fmt::format("fast form of {}: draws of the register and samples after a decision together", s.program.name));
  codes.resize(lines.front().rows(), lines.front().cols());
  std::vector<float> of_bit(lines.size());
  for (Eigen::Index i = 0; i < codes.size(); ++i) {
    for (size_t k = 0; k < lines.size(); ++k) of_bit[k] = lines[k].data()[i];
    codes.data()[i] = static_cast<std::int16_t>(s.walk(s.roots.front(), 0.0, of_bit.data(), 1));
  }
}

bool ModeForm::samples_after_decision() const { return state_->samples_later; }
int ModeForm::drawn_bits() const { return state_->draws; }
size_t ModeForm::integration_steps() const { return state_->steps; }
double ModeForm::threshold() const { return state_->first_turn; }
double ModeForm::map_misfit() const { return state_->misfit; }
size_t ModeForm::maps() const { return state_->maps.size(); }
const ModeForm::Staircase& ModeForm::staircase(size_t pattern) const {
  if (pattern >= state_->stairs.size()) throw Error(fmt::format("fast form of {}: no staircase for pattern {}", state_->program.name, pattern));
  return state_->stairs[pattern];
}

}  // namespace mho::solver
