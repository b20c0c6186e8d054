// How the fast form of a program is built from its blocks (program_blocks.hpp) and applied to batches: by the cubics of its samples and a staircase, or block by block.
#include "solver/mode_forms.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "core/errors.hpp"
#include "solver/program_blocks.hpp"

namespace mho::solver {
namespace {

using circuits::ControlProgram;
using circuits::ControlState;
constexpr int longest_pattern = 12;  // bits of the register

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
  ControlProgram program;
  circuits::ReadPoint point;
  ModeOptions options;
  circuits::ProgramInput given;
  ProgramBlocks blocks;                // a root for each pattern
  std::vector<Staircase> stairs;       // [pattern]
  std::vector<int> samples;            // nodes until the last sample before the first decision
  int draws = 0;
  size_t steps = 0;
  bool samples_later = false;
  double first_turn = NAN, reach = 0;  // [V]

  // From node to the end.
  int walk(int node, double v, const float* line, Eigen::Index stride) const {
    const std::vector<ProgramNode>& nodes = blocks.nodes;
    double u = 0.0;  // held line − reference
    for (; !nodes[static_cast<size_t>(node)].ended;) {
      const ProgramNode& n = nodes[static_cast<size_t>(node)];
      const size_t high = n.decides && v > n.turn;
      if (n.map[high] >= 0) step(blocks.maps[static_cast<size_t>(n.map[high])], n.bit, line, stride, v, u);
      node = n.next[high];
    }
    return nodes[static_cast<size_t>(node)].code;
  }
  void step(const BlockMap& map, int bit, const float* line, Eigen::Index stride, double& v, double& u) const {
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
    double v = -reach;
    int here = code(v);
    s.code.push_back(static_cast<std::int16_t>(here));
    for (int i = 1; i <= grid; ++i) {
      const double next = -reach + 2.0 * reach * i / grid;
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

  void make(const NeuronModel& model) {
    given = circuits::program_input(model.circuit, point, static_cast<size_t>(options.bits));
    given.parameters = options.parameters;
    reach = map_reach(model, options);
    draws = count_draws();
    const std::vector<std::uint32_t> starts = draws == 0 ? std::vector<std::uint32_t>{given.lfsr} : register_starts(draws);
    std::vector<circuits::ProgramInput> inputs(starts.size(), given);
    for (size_t i = 0; i < starts.size(); ++i) inputs[i].lfsr = starts[i];
    blocks = find_blocks(model, program, point, options, inputs);
    const std::vector<BlockMap>& maps = blocks.maps;
    const std::vector<ProgramNode>& nodes = blocks.nodes;
    // Samples until the first decision; the nodes of the other patterns hold the same maps.
    const auto sampled = [&](const ProgramNode& n, size_t high) { return n.map[high] >= 0 && maps[static_cast<size_t>(n.map[high])].line != Block::Line::none; };
    std::vector<int> path;
    size_t passed = 0, kept = 0;
    for (int node = blocks.roots.front(); !nodes[static_cast<size_t>(node)].ended && !nodes[static_cast<size_t>(node)].decides; node = nodes[static_cast<size_t>(node)].next[0]) {
      path.push_back(node);
      passed += nodes[static_cast<size_t>(node)].steps[0];
      if (path.size() == 1 || sampled(nodes[static_cast<size_t>(node)], 0)) kept = path.size(), steps = passed;
    }
    samples.assign(path.begin(), path.begin() + static_cast<std::ptrdiff_t>(kept));
    for (const ProgramNode& n : nodes) {
      if (n.decides && std::isnan(first_turn)) first_turn = n.turn;
      samples_later = samples_later || (n.decides && (sampled(n, 0) || sampled(n, 1)));
    }
    samples_later = samples_later || sampled_after_decision(sampled);
    if (samples_later) return;
    for (int root : blocks.roots) {
      for (size_t i = 0; i < kept; ++i) root = nodes[static_cast<size_t>(root)].next[0];
      stairs.push_back(stairs_from(root));
    }
  }
  template <class Sampled>
  bool sampled_after_decision(const Sampled& sampled) const {
    const std::vector<ProgramNode>& nodes = blocks.nodes;
    std::vector<char> after(nodes.size(), 0);
    std::vector<int> open;
    for (const ProgramNode& n : nodes)
      if (n.decides) open.insert(open.end(), n.next.begin(), n.next.end());
    while (!open.empty()) {
      const int node = open.back();
      open.pop_back();
      if (node < 0 || after[static_cast<size_t>(node)]) continue;
      after[static_cast<size_t>(node)] = 1;
      const ProgramNode& n = nodes[static_cast<size_t>(node)];
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
  state_->program = program;
  state_->point = point;
  state_->options = options;
  state_->make(model);
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
      const ProgramNode& n = s.blocks.nodes[static_cast<size_t>(node)];
      const BlockMap& map = s.blocks.maps[static_cast<size_t>(n.map[0])];
      const auto line = [&] { return n.bit >= 0 ? lines[static_cast<size_t>(n.bit)].data()[i] : trim; };
      if (map.line == Block::Line::driven) {
        at = evaluate(map.single, at, line());
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
    codes.data()[i] = static_cast<std::int16_t>(s.walk(s.blocks.roots.front(), 0.0, of_bit.data(), 1));
  }
}

bool ModeForm::samples_after_decision() const { return state_->samples_later; }
int ModeForm::drawn_bits() const { return state_->draws; }
size_t ModeForm::integration_steps() const { return state_->steps; }
double ModeForm::threshold() const { return state_->first_turn; }
double ModeForm::map_misfit() const { return state_->blocks.misfit; }
size_t ModeForm::maps() const { return state_->blocks.maps.size(); }
const ModeForm::Staircase& ModeForm::staircase(size_t pattern) const {
  if (pattern >= state_->stairs.size()) throw Error(fmt::format("fast form of {}: no staircase for pattern {}", state_->program.name, pattern));
  return state_->stairs[pattern];
}

}  // namespace mho::solver
