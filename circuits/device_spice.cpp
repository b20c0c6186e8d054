#include "circuits/device_spice.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "circuits/pdk.hpp"
#include "core/data_path.hpp"
#include "core/errors.hpp"
#include "core/json_file.hpp"

namespace mho::circuits {
namespace {
using devices::AnyMemristor;
using devices::Drive;
using devices::Load;
using devices::State;

// Longest step on one straight piece of the drive.
double step_limit(const Drive& d, size_t piece, const SpiceDeviceOptions& o) {
  const double length = d.t[piece + 1] - d.t[piece], dv = std::abs(d.v[piece + 1] - d.v[piece]);
  return length * std::min(o.max_share, dv > 0.0 ? o.max_dv / dv : 1.0);
}

// ngspice knows one longest step, that of the slowest piece. Steeper pieces get corners: a step
// never crosses one.
double longest_step(const Drive& d, const SpiceDeviceOptions& o) {
  double longest = 0.0;
  for (size_t i = 0; i + 1 < d.t.size(); ++i) longest = std::max(longest, step_limit(d, i, o));
  return longest;
}

Drive with_corners(const Drive& d, const SpiceDeviceOptions& o) {
  const double longest = longest_step(d, o);
  Drive out{{d.t[0]}, {d.v[0]}};
  for (size_t i = 0; i + 1 < d.t.size(); ++i) {
    const double dt = d.t[i + 1] - d.t[i], dv = d.v[i + 1] - d.v[i];
    const int parts = dv != 0.0 && longest > 2.0 * step_limit(d, i, o) ? o.edge_steps : 1;
    for (int k = 1; k < parts; ++k) {
      out.t.push_back(d.t[i] + dt * k / parts);
      out.v.push_back(d.v[i] + dv * k / parts);
    }
    out.t.push_back(d.t[i + 1]);
    out.v.push_back(d.v[i + 1]);
  }
  return out;
}

// The side of one polarity: max(sign·drive, 0), with corners where the drive crosses zero.
Drive one_side(const Drive& d, double sign) {
  Drive out;
  for (size_t i = 0; i < d.t.size(); ++i) {
    if (i > 0 && d.v[i - 1] * d.v[i] < 0.0) {
      out.t.push_back(d.t[i - 1] + (d.t[i] - d.t[i - 1]) * d.v[i - 1] / (d.v[i - 1] - d.v[i]));
      out.v.push_back(0.0);
    }
    out.t.push_back(d.t[i]);
    out.v.push_back(std::max(sign * d.v[i], 0.0));
  }
  return out;
}

std::string pwl(const Drive& d) {
  std::string text = "pwl(";
  for (size_t i = 0; i < d.t.size(); ++i)
    text += fmt::format("{}{:.17g} {:.17g}",
                        i == 0       ? ""
                        : i % 4 == 0 ? "\n+ "
                                     : " ",
                        d.t[i], d.v[i]);
  return text + ")";
}

std::string cell_line(const AnyMemristor& model, const State& start, const std::string& twin,
                      double longest, const SpiceDeviceOptions& o) {
  const State at = twin_state(model, start);
  std::string line = fmt::format("xcell te be x1 x2 tk {}", model_name(model));
  int n = 0;
  const auto add = [&](std::string_view key, double value) {
    line += fmt::format("{}{}={:.17g}", n++ % 6 == 0 ? "\n+ " : " ", key, value);
  };
  for (const devices::ParameterValue& p : parameters(model)) add(p.key, p.value);
  add("x1_0", at[0]);
  add("x2_0", at[1]);
  if (twin.find(" cp=") != std::string::npos) add("cp", o.parallel_capacitance);
  if (twin.find(" c_cell=") != std::string::npos) add("c_cell", o.parallel_capacitance);
  // Below this the contact's node has no memory at all, and Newton no start.
  if (twin.find(" c_contact=") != std::string::npos) add("c_contact", std::max(o.parallel_capacitance, 1e-17));
  // Behind 1 ohm: the voltage of a gap that closes at 100 m/s is 1 fs late.
  if (twin.find(" c_gap=") != std::string::npos) add("c_gap", std::max(o.parallel_capacitance, 1e-15));
  // The functions' temperature follows the power at once.
  if (twin.find(" tau=") != std::string::npos) add("tau", o.thermal_time_constant);
  // The twins' own cap of the speed of a tip keeps a runaway solvable in sweeps of seconds. A pulse
  // has steps fine enough for a higher one.
  if (std::holds_alternative<devices::GapModel>(model) && longest < 1e-6) add("rate_max", 1e4);
  return line + '\n';
}

// Compliance and series resistance between the nodes `from` and te, with the meter of the cell's
// current.
std::string series_elements(const Load& load, const SpiceDeviceOptions& o, std::string from) {
  std::string text;
  if (std::isfinite(load.compliance)) {
    text += fmt::format(
        "bcomp {0} c i=v({0},c)>=0 ? {1:.17g}*(1-exp(-v({0},c)/{2:.17g})) : v({0},c)*{3:.17g}\n",
        from, load.compliance, o.knee, std::max(load.compliance / o.knee, 100.0));
    from = "c";
  }
  if (load.r_series > 0.0) {
    text += fmt::format("rser {} m {:.17g}\n", from, load.r_series);
    from = "m";
  }
  return text + fmt::format("vmeter {} te 0\n", from);
}

std::string transistor_lines(const Load& load, const SpiceDeviceOptions& o) {
  std::string text =
      load.v_wl_set == load.v_wl_reset
          ? fmt::format("vwl wl 0 {:.17g}\n", load.v_wl_set)
          : fmt::format("bwl wl 0 v=v(sl)>0 ? {:.17g} : {:.17g}\n", load.v_wl_reset, load.v_wl_set);
  const auto* level1 = std::get_if<devices::SelectTransistor>(&*load.transistor);
  if (o.transistor || !level1) {
    const SpiceTransistor t = o.transistor ? *o.transistor : thick_oxide_transistor();
    return text + fmt::format("{}{}sel be wl sl 0 {} {}\n", t.cards, t.subcircuit ? 'x' : 'm',
                              t.name, t.size);
  }
  // No junction and no overlap: what the level-1 equation says and nothing else.
  return text +
         fmt::format(
             ".model mho_select nmos level=1 kp={:.17g} vto={:.17g} lambda=0 gamma=0 is=1e-30\n"
             "msel be wl sl 0 mho_select w=1u l=1u\n",
             level1->beta, level1->v_to);
}

// Collects accepted time points.
class Recorder {
 public:
  Recorder(const AnyMemristor& model, const Drive& drive, const State& start, bool keep)
      : model_(model), keep_(keep) {
    run_.state = start;
    const std::vector<devices::StateInfo> info = state_info(model);
    const State low = lower(model), high = upper(model);
    for (size_t i = 0; i < info.size(); ++i) {
      const auto k = static_cast<Eigen::Index>(i);
      walls_[i] = info[i].wall;
      if (info[i].wall) run_.state[k] = std::clamp(start[k], low[k], high[k]);
    }
    first_drive_ = drive.v[0];
  }

  void accepted(double t, std::span<const double> w) {
    // Without an operating point the first point shows nodes that are not solved yet: the start is
    // known instead.
    if (t <= 0.0) return;
    const double drive = w[0] - w[1], v = w[2] - w[3], i = w[4];
    if (run_.steps == 0)
      record(0.0, first_drive_, first_drive_ == 0.0 ? 0.0 : v, first_drive_ == 0.0 ? 0.0 : i,
             first_drive_ == 0.0 ? evaluate(model_, 0.0, run_.state).temperature : w[7]);
    run_.state = inside(from_twin(model_, devices::state_of(w[5], w[6])));
    ++run_.steps;
    run_.energy += 0.5 * (t - t_) * (drive * i + drive_ * i_);
    run_.charge += 0.5 * (t - t_) * (std::abs(i) + std::abs(i_));
    record(t, drive, v, i, w[7]);
  }
  SpiceRun take() { return std::move(run_); }

 private:
  State inside(State x) const {
    const State low = lower(model_), high = upper(model_);
    for (Eigen::Index k = 0; k < devices::max_states; ++k)
      if (walls_[static_cast<size_t>(k)]) x[k] = std::clamp(x[k], low[k], high[k]);
    return x;
  }
  void record(double t, double drive, double v, double i, double temperature) {
    t_ = t;
    drive_ = drive;
    i_ = i;
    run_.t_reached = t;
    if (!keep_) return;
    devices::DeviceTrace& trace = run_.trace;
    trace.t.push_back(t);
    trace.drive.push_back(drive);
    trace.v.push_back(v);
    trace.current.push_back(i);
    trace.temperature.push_back(temperature);
    trace.state.push_back(observe(model_, run_.state));
  }

  const AnyMemristor& model_;
  bool keep_;
  std::array<bool, devices::max_states> walls_{false, false};
  double first_drive_ = 0.0, t_ = 0.0, drive_ = 0.0, i_ = 0.0;
  SpiceRun run_;
};

}  // namespace

SpiceTransistor thick_oxide_transistor() {
  const TransistorModels models = thick_transistor_models();
  return {models.text, models.nmos_thick, "w=1u l=0.5u ad=0.29p as=0.29p pd=2.58u ps=2.58u"};
}

DeviceDeck device_deck(const AnyMemristor& model, const Load& load, const Drive& drive,
                       const State& start, const SpiceDeviceOptions& o) {
  check(drive);
  check(load);
  if (!start.allFinite()) throw Error("the start state is not a number");
  if (o.transistor && !load.transistor)
    throw Error(
        "a transistor of ngspice needs a load with a select transistor, whose place it takes");
  const std::string twin =
      read_text_file(data_path(fmt::format("netlists/models/{}.sub", model_name(model))));
  const Drive corners = with_corners(drive, o);
  DeviceDeck deck;
  deck.netlist = twin;
  if (load.transistor) {
    deck.netlist += fmt::format("vbl bl 0 {}\nvsl sl 0 {}\n{}", pwl(one_side(corners, 1.0)),
                                pwl(one_side(corners, -1.0)), transistor_lines(load, o));
  } else {
    deck.netlist += fmt::format("vbl bl 0 {}\nvsl sl 0 0\nvbe be 0 0\n", pwl(corners));
  }
  deck.netlist +=
      series_elements(load, o, "bl") + cell_line(model, start, twin, longest_step(drive, o), o);
  deck.watch = {"bl", "sl", "te", "be", "vmeter#branch", "x1", "x2", "tk"};
  deck.t_stop = drive.end();
  deck.dt_max = longest_step(drive, o);
  // chgtol: the state's capacitor is 1 nF, so its charge is compared on the scale of 1 V whatever
  // its value.
  deck.options = fmt::format(
      "method=gear maxord=2 itl1=500 itl4=100 reltol={:.3g} abstol=1e-15 vntol={:.3g} chgtol=1e-9 "
      "trtol=1 gmin=1e-15",
      o.reltol, 0.1 * o.reltol);
  return deck;
}

SpiceRun run_device(spice::Session& session, const AnyMemristor& model, const Load& load,
                    const Drive& drive, const State& start, const SpiceDeviceOptions& options) {
  const DeviceDeck deck = device_deck(model, load, drive, start, options);
  spice::TransientRequest request;
  request.name = std::string(model_name(model)) + ".cir";
  request.netlist = deck.netlist;
  request.watch = deck.watch;
  request.t_stop = deck.t_stop;
  request.dt_max = deck.dt_max;
  request.options = deck.options;
  request.use_ic = true;
  Recorder recorder(model, drive, start, options.keep);
  spice::Hooks hooks;
  hooks.accepted = [&](double t, std::span<const double> values) { recorder.accepted(t, values); };
  spice::TransientStats stats;
  std::string reason;
  try {
    stats = session.transient(request, hooks);
  } catch (const NetlistError& e) {
    if (e.status() != ExitStatus::numerical_failure) throw;
    reason = e.what();
  }
  SpiceRun run = recorder.take();
  run.cpu_seconds = stats.cpu_seconds;
  run.load_seconds = stats.load_seconds;
  run.reason = reason;
  if (!reason.empty()) run.status = SpiceStatus::aborted;
  return run;
}

std::string export_device_deck(const AnyMemristor& model, const Load& load, const Drive& drive,
                               const State& start, const std::string& table,
                               const SpiceDeviceOptions& options) {
  const DeviceDeck deck = device_deck(model, load, drive, start, options);
  std::string text = fmt::format(
      "* {} behind its load, written by mho. Run it with: ngspice -b FILE\n"
      "* It writes {} with the columns t [s], drive [V], cell voltage [V], current [A], x1, x2 "
      "(states of the twin), temperature [K].\n"
      "* V(te,be) > 0 is SET. All values are SI.\n",
      model_title(model), table);
  text += deck.netlist;
  text += fmt::format(
      ".options {}\n"
      ".save v(bl) v(sl) v(te) v(be) i(vmeter) v(x1) v(x2) v(tk)\n"
      ".tran {:.17g} {:.17g} 0 {:.17g} uic\n"
      ".control\n"
      "set num_threads=1\n"
      "set numdgt=12\n"
      "set wr_singlescale\n"
      "set wr_vecnames\n"
      "run\n"
      "let drive = v(bl) - v(sl)\n"
      "let v_cell = v(te) - v(be)\n"
      "let current = i(vmeter)\n"
      "let power = drive * current\n"
      "wrdata {} drive v_cell current v(x1) v(x2) v(tk)\n"
      "meas tran energy integ power\n"
      "meas tran x1_end find v(x1) at={:.17g}\n"
      "meas tran x2_end find v(x2) at={:.17g}\n"
      "quit\n"
      ".endc\n"
      ".end\n",
      deck.options, deck.dt_max, deck.t_stop, deck.dt_max, table, deck.t_stop, deck.t_stop);
  return text;
}

}  // namespace mho::circuits
