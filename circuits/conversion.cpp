#include "circuits/conversion.hpp"

#include <fmt/format.h>

#include <array>
#include <cmath>
#include <limits>

#include "circuits/column_file.hpp"
#include "core/errors.hpp"

namespace mho::circuits {
namespace {

// Control lines as the host drives them: linear ramps of `edge` from the event times on.
class Lines {
 public:
  Lines(double edge, double high, double wl_high) : edge_(edge) { high_.fill(high); high_[static_cast<size_t>(Signal::wl)] = wl_high; }
  double value(size_t signal, double t) const {
    const Ramp& r = ramp_[signal];
    if (t <= r.start) return r.from;
    return t >= r.start + edge_ ? r.to : r.from + (r.to - r.from) * (t - r.start) / edge_;
  }
  void set(size_t signal, double t, bool level) {
    Ramp& r = ramp_[signal];
    const double to = level ? high_[signal] : 0.0;
    if (to == r.to) return;
    r = {t, value(signal, t), to};
    if (corners) {
      (*corners)[signal].emplace_back(t, r.from);
      (*corners)[signal].emplace_back(t + edge_, to);
    }
  }
  std::vector<std::vector<std::pair<double, double>>>* corners = nullptr;

 private:
  struct Ramp {
    double start = -1.0, from = 0.0, to = 0.0;
  };
  double edge_;
  std::array<double, signal_count> high_{};
  std::array<Ramp, signal_count> ramp_{};
};

// A supply or driver whose energy belongs to a component. Power out of the source is −i·v with ngspice's sign of i.
struct Meter {
  size_t current, voltage;  // positions among the watched vectors; voltage == none for a DC source
  double dc;
  size_t component;
  double last_current = 0.0, last_voltage = 0.0;
};
constexpr size_t none = static_cast<size_t>(-1);
enum { array = 0, word_line, amplifier, switches, comparator, bias };

// Tells which rule ngspice used for a step, trapezoidal or, after a failed step, backward Euler: the currents of capacitors at ideal sources ring under the first, and only
// charges that are summed by the rule of the step are right. A capacitor of its own on a source of its own gives it away: C Δv is (i0 + i1)/2 dt or i1 dt.
constexpr double detector_farad = 1e-15;
constexpr const char* detector = "vdetector detector 0 sin(0 1u 50meg)\ncdetector detector 0 1e-15\n";  // so small and slow that it shortens no step

// The host's part of a conversion: event queue of the present step, decisions at its end, energy between points.
class Controller {
 public:
  Controller(const CircuitParams& circuit, const ControlProgram& program, const ColumnInput& input, ConversionWaveform* waveform)
      : circuit_(circuit), program_(program), input_(input), waveform_(waveform),
        state_(program, samples_per_bit(input.levels.size(), input.point.pulse_multiplier), input.point.max_code),
        lines_(program.edge, circuit.v_dd, circuit.v_dd_wl) {
    if (waveform_) {
      waveform_->control.assign(signal_count, {});
      lines_.corners = &waveform_->control;
    }
    for (const char* node : {"out", "sl", "x", "l", "cib"}) watch(node);
    const auto dc = [&](const char* source, double v, size_t component) { meter(source, none, v, component); };
    dc("vdda", circuit.v_dd, amplifier);
    dc("vddb", circuit.v_dd, bias);
    dc("vdds", circuit.v_dd, switches);
    dc("vref", circuit.v_ref, switches);
    const double v_lr = circuit.v_ref + input.point.v_trim;
    dc("vlr", v_lr, switches);
    dc("vdp", v_lr + input.point.v_decrement, switches);
    dc("vdn", v_lr - input.point.v_decrement, switches);
    dc("vcb", circuit.v_ref, switches);
    dc("vwlh", circuit.wl_high, word_line);
    dc("vwll", circuit.wl_low, word_line);
    dc("vv5", circuit.v_dd_wl, word_line);
    dc("vc", circuit.v_ref, array);
    for (size_t s = 0; s < signal_count; ++s)
      meter(fmt::format("vc_{}", signal_names[s]), watch(fmt::format("c_{}", signal_names[s])), 0.0,
            s == static_cast<size_t>(Signal::wl) ? word_line : switches);
    for (size_t g = 0; g < group_rows(input).sequence.size(); ++g)
      meter(fmt::format("vr{}", g), watch(fmt::format("r{}", g)), 0.0, array);
    detector_voltage_ = watch("detector");
    detector_current_ = watch("vdetector#branch");
    begin_step(0.0);
  }

  const std::vector<std::string>& watched() const { return watched_; }
  double value(size_t source, double t) const { return lines_.value(source, t); }
  bool done() const { return state_.ended(); }
  double next_edge(double t) const {
    const double eps = 1e-15;
    double edge = step_end_;
    for (double corner : corners_)
      if (corner > t + eps) edge = std::min(edge, corner);
    return edge > t + eps ? edge : std::numeric_limits<double>::infinity();
  }

  void accepted(double t, std::span<const double> v) {
    integrate(t, v);
    if (waveform_) {
      waveform_->t.push_back(t);
      waveform_->v_out.push_back(v[0]);
      waveform_->v_line.push_back(v[1]);
      waveform_->v_x.push_back(v[2]);
    }
    const double out = v[0] - circuit_.v_ref, line = v[1] - circuit_.v_ref;
    if (wl_fall_ > 0.0 && t >= wl_fall_ - 1e-15) {
      record.v_line_driven.push_back(line);
      wl_fall_ = 0.0;
    }
    if (t < step_end_ - 1e-15) return;
    StepRecord step{state_.step_index(), t, out, line, v[2], v[3], v[4], {}};
    for (size_t c = 0; c < component_count; ++c) step.joule[c] = joule_[c];
    if (state_.step().decision != Decision::none) std::swap(step.joule[amplifier], step.joule[comparator]);
    for (size_t c = 0; c < component_count; ++c) record.joule[c] += step.joule[c];
    joule_.fill(0.0);
    record.steps.push_back(step);
    if (has_word_line_) record.v_line_held.push_back(line);
    if (state_.decrements() > 0 && state_.step().decision == Decision::none && state_.step().name.find("integrate") != std::string::npos)
      record.v_residue.push_back(out);
    if (state_.step().decision == Decision::sign) record.v_integrated = before_decision_;
    before_decision_ = out;
    state_.advance(out > 0.0);
    if (!state_.ended()) begin_step(t);
    record.duration = t;
  }

  ConversionRecord finish() {
    record.code = state_.code();
    record.sign = state_.sign();
    record.decrements = state_.decrements();
    return record;
  }
  ConversionRecord record;

 private:
  size_t watch(const std::string& name) {
    watched_.push_back(name);
    return watched_.size() - 1;
  }
  void meter(const std::string& source, size_t voltage, double dc, size_t component) {
    meters_.push_back({watch(source + "#branch"), voltage, dc, component});
  }
  void begin_step(double t) {
    const Phase& phase = state_.phase();
    step_end_ = t + phase.duration;
    corners_.clear();
    pending_.clear();
    has_word_line_ = false;
    for (const Event& e : phase.events) {
      const size_t signal = static_cast<size_t>(state_.resolve(e));
      pending_.push_back({t + e.time, signal, e.level});
      corners_.push_back(t + e.time);
      corners_.push_back(t + e.time + program_.edge);
      if (signal == static_cast<size_t>(Signal::wl)) {
        has_word_line_ = true;
        if (!e.level) wl_fall_ = t + e.time;
      }
    }
    corners_.push_back(t + 5 * program_.edge);  // end of the row drivers' ramps
    apply(t);
  }
  void apply(double t) {
    size_t n = 0;
    while (n < pending_.size() && pending_[n].time <= t + 1e-15) {
      lines_.set(pending_[n].signal, pending_[n].time, pending_[n].level);
      ++n;
    }
    pending_.erase(pending_.begin(), pending_.begin() + static_cast<std::ptrdiff_t>(n));
  }
  void integrate(double t, std::span<const double> v) {
    const double dt = t - t_last_;
    const bool counts = dt > 0.0 && t_last_ >= 0.0;
    const double i = -v[detector_current_], charge = detector_farad * (v[detector_voltage_] - last_detector_voltage_);
    const bool euler = std::abs(i * dt - charge) < std::abs(0.5 * (i + last_detector_current_) * dt - charge);
    last_detector_voltage_ = v[detector_voltage_];
    last_detector_current_ = i;
    for (Meter& m : meters_) {
      const double current = -v[m.current], voltage = m.voltage == none ? m.dc : v[m.voltage];
      const double delivered = euler ? current * dt : 0.5 * (current + m.last_current) * dt;
      if (counts) joule_[m.component] += 0.5 * (voltage + m.last_voltage) * delivered;
      m.last_current = current;
      m.last_voltage = voltage;
    }
    t_last_ = t;
    apply(t);
  }

  struct Pending {
    double time;
    size_t signal;
    bool level;
  };
  const CircuitParams& circuit_;
  const ControlProgram& program_;
  const ColumnInput& input_;
  ConversionWaveform* waveform_;
  ControlState state_;
  Lines lines_;
  std::vector<std::string> watched_;
  std::vector<Meter> meters_;
  std::vector<Pending> pending_;
  std::vector<double> corners_;
  std::array<double, component_count> joule_{};
  size_t detector_voltage_ = 0, detector_current_ = 0;
  double last_detector_voltage_ = 0.0, last_detector_current_ = 0.0;
  double step_end_ = 0.0, t_last_ = -1.0, wl_fall_ = 0.0, before_decision_ = 0.0;
  bool has_word_line_ = false;
};

}  // namespace

std::string ngspice_options(const ConversionOptions& options) {
  const double r = options.tolerance;
  return fmt::format("reltol={:.3g} abstol={:.3g} vntol={:.3g} chgtol={:.3g} method=trap trtol=7 bypass=1", r, 1e-14, 1e-2 * r, 1e-12 * r);
}

ConversionRecord run_conversion(spice::Session& session, const CircuitParams& circuit, const ControlProgram& program, const ColumnInput& input,
                                const ConversionOptions& options, ConversionWaveform* waveform) {
  check_column(input, circuit, "column");
  Controller controller(circuit, program, input, waveform);
  spice::TransientRequest request;
  request.name = "column of " + std::to_string(input.conductance.size()) + " rows";
  request.netlist = column_netlist(circuit, input, program) + detector;
  for (const char* name : signal_names) request.external.push_back(fmt::format("vc_{}", name));
  request.watch = controller.watched();
  request.t_stop = 1e-3;
  request.dt_max = options.dt_max;
  request.options = ngspice_options(options);
  const spice::Hooks hooks{[&](size_t s, double t) { return controller.value(s, t); },
                           [&](double t, std::span<const double> v) { controller.accepted(t, v); },
                           [&](double t) { return controller.next_edge(t); }, [&] { return controller.done(); }};
  const spice::TransientStats stats = session.transient(request, hooks);
  ConversionRecord record = controller.finish();
  record.cpu_seconds = stats.cpu_seconds;
  record.time_points = stats.accepted;
  return record;
}

}  // namespace mho::circuits
