#include "devices/array_programming.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <filesystem>

#include "core/parallel.hpp"

namespace mho::devices {
namespace {
constexpr double largest_target = 200e-6;  // [S]
// First counter blocks of the draws of one cell, far enough apart for what each can take.
constexpr std::uint32_t transistor_block = 1000;  // of Purpose::device_to_device, beside defect_block
constexpr std::uint32_t pass_blocks = 1u << 20;  // per pass, of cycle_to_cycle and relaxation

// What one cell went through.
struct CellHistory {
  WriteResult first, last;
  double programmed = 0.0, relaxed = 0.0, one_pass = 0.0, energy = 0.0, time = 0.0;
  int pulses = 0;
};

// A defect, as the reason why a cell could not be written.
WriteFailure failure_of(Defect defect) {
  switch (defect) {
    case Defect::none: return WriteFailure::none;
    case Defect::stuck_low: return WriteFailure::stuck_low;
    case Defect::stuck_high: return WriteFailure::stuck_high;
    case Defect::unformed: return WriteFailure::unformed;
  }
  return WriteFailure::none;
}

class CellRun {
 public:
  CellRun(const ProgrammingSetup& setup, const ArrayIds& ids, const CellAddress& address)
      : setup_(setup),
        device_(setup.card.device),
        cycles_(ids.seed, ids.die, address.core, address.cell, Purpose::cycle_to_cycle),
        relaxing_(ids.seed, ids.die, address.core, address.cell, Purpose::relaxation) {
    RandomStream stream(ids.seed, ids.die, address.core, address.cell, Purpose::device_to_device);
    std::visit([&](auto& d) { d.model = d.model.vary(d.spread, stream); }, device_);
    stream.skip_to(transistor_block);
    transistor_ = setup.card.transistor.vary(stream);
    const CellDefect defect = draw_defect(setup.defects, stream);
    stuck_ = failure_of(defect.kind);
    pristine_ = defect.pristine;
  }

  CellHistory run(double target) {
    const ArrayOptions& options = setup_.options;
    CellHistory history;
    write(0, target, start_state(), history);
    history.first = history.last;
    RelaxationPath path = begin_relaxation(0, history);
    {
      RandomStream stream = relaxing_;
      RelaxationPath alone = path;
      alone.advance(options.wait, stream);
      history.one_pass = shown(alone, history);
    }
    double age = 0.0;  // [s] since the last write
    for (int pass = 1; pass < options.passes; ++pass) {
      age += options.pass_wait;
      path.advance(age, relaxing_);
      const double now = shown(path, history);
      if (std::abs(now - target) <= setup_.policy.tolerance) continue;
      write(pass, target, relaxed_state(now), history);
      path = begin_relaxation(pass, history);
      age = 0.0;
    }
    path.advance(age + options.wait, relaxing_);
    history.relaxed = shown(path, history);
    return history;
  }

 private:
  State start_state() const {
    return std::visit(
        [&](const auto& d) {
          if (stuck_ == WriteFailure::none) return d.model.start_state(d.spread);
          return stuck_ == WriteFailure::stuck_high ? d.model.high_state() : d.model.low_state();
        },
        device_);
  }

  State relaxed_state(double conductance) const {
    return std::visit(
        [&](const auto& d) {
          return state_for(d.model, std::max(conductance, 1e-12), setup_.policy.v_read);
        },
        device_);
  }

  // A stuck cell does not relax either.
  double shown(const RelaxationPath& path, const CellHistory& history) const {
    return stuck_ == WriteFailure::none ? path.conductance() : history.programmed;
  }

  void write(int pass, double target, const State& state, CellHistory& history) {
    cycles_.skip_to(static_cast<std::uint32_t>(pass) * pass_blocks);
    history.last = write_cell(device_, transistor_, setup_.policy, target, state, cycles_, stuck_,
                              pristine_, setup_.pulses);
    history.programmed = history.last.conductance;
    history.pulses += history.last.pulses();
    history.energy += history.last.energy;
    history.time += history.last.time;
  }

  RelaxationPath begin_relaxation(int pass, const CellHistory& history) {
    relaxing_.skip_to(static_cast<std::uint32_t>(pass) * pass_blocks);
    return RelaxationPath(setup_.relaxation, history.programmed, relaxing_);
  }

  const ProgrammingSetup& setup_;
  AnyDevice device_;
  SelectTransistor transistor_;
  RandomStream cycles_, relaxing_;
  WriteFailure stuck_;
  double pristine_ = 0.0;  // [S] shown by an unformed cell
};

void check(std::span<const double> targets, const ArrayIds& ids) {
  if (ids.cells.size() != targets.size())
    throw Error(
        fmt::format("{} conductance targets for {} cells", targets.size(), ids.cells.size()));
  for (size_t i = 0; i < targets.size(); ++i)
    if (!(targets[i] >= 0.0 && targets[i] <= largest_target))
      throw Error(fmt::format("conductance target {} is {} S; wants 0 to {} S", i, targets[i],
                              largest_target));
}
}  // namespace

std::vector<CellAddress> consecutive_cells(std::uint32_t core, std::uint32_t first_cell,
                                           size_t count) {
  std::vector<CellAddress> cells(count);
  for (size_t i = 0; i < count; ++i) cells[i] = {core, first_cell + static_cast<std::uint32_t>(i)};
  return cells;
}

ArrayProgramming program_array(std::span<const double> targets, const ProgrammingSetup& setup,
                               const ArrayIds& ids, int threads, Progress* progress) {
  check(targets, ids);
  const size_t n = targets.size();
  ArrayProgramming result;
  result.conductance_programmed.resize(n);
  result.conductance_relaxed.resize(n);
  result.conductance_one_pass.resize(n);
  result.pulses.resize(n);
  result.success.resize(n);
  result.first_pass.resize(n);
  std::vector<double> energy(n), time(n);
  parallel_for(
      n, threads,
      [&](size_t i) {
        const CellHistory history = CellRun(setup, ids, ids.cells[i]).run(targets[i]);
        result.conductance_programmed[i] = history.programmed;
        result.conductance_relaxed[i] = history.relaxed;
        result.conductance_one_pass[i] = history.one_pass;
        result.pulses[i] = history.pulses;
        result.success[i] = history.last.success() ? 1 : 0;
        result.first_pass[i] = history.first;
        energy[i] = history.energy;
        time[i] = history.time;
        if (progress) progress->advance();
      },
      16);
  result.summary = summarise(targets, setup, result);
  for (size_t i = 0; i < n; ++i) {
    result.summary.energy += energy[i];
    result.summary.time += time[i];
  }
  return result;
}

ProgrammingSetup read_programming_setup(TomlFile& file, std::string_view prefix) {
  const std::string dot = prefix.empty() ? "" : std::string(prefix) + ".";
  const auto folder = std::filesystem::path(file.path()).parent_path();
  const auto path_of = [&](const char* key) {
    const std::string name = file.text(dot + key, "");
    return name.empty() ? name : (folder / name).string();
  };
  ProgrammingSetup setup;
  if (const std::string path = path_of("card"); !path.empty()) setup.card = load_card(path);
  if (const std::string path = path_of("policy"); !path.empty()) setup.policy = load_policy(path);
  if (const std::string path = path_of("relaxation"); !path.empty())
    setup.relaxation = load_relaxation(path);
  file.read(prefix, setup.options);
  setup.options.passes =
      static_cast<int>(file.integer(dot + "passes", setup.options.passes, 1, 100));
  file.read(prefix, setup.defects);
  if (!shares_fit(setup.defects))
    throw file.error(dot + "stuck_high", "stuck_low + stuck_high + unformed must not exceed 1");
  return setup;
}

}  // namespace mho::devices
