#include "circuits/conversion.hpp"

#include <fmt/format.h>

#include <array>
#include <cmath>
#include <limits>

#include "circuits/column_file.hpp"
#include "circuits/expression.hpp"
#include "core/errors.hpp"
#include "core/units.hpp"

namespace mho::circuits {
namespace {

// Sources as the host moves them: linear ramps from the event times on.
class Ramps {
 public:
  explicit Ramps(size_t count) : ramp_(count) {}
  double value(size_t source, double t) const {
    const Ramp& r = ramp_[source];
    if (t <= r.start) return r.from;
    return t >= r.start + r.edge ? r.to : r.from + (r.to - r.from) * (t - r.start) / r.edge;
  }
  void begin(size_t source, double level) {
    ramp_[source] = {-1.0, 1e-12, level, level};
    if (corners) (*corners)[source].emplace_back(0.0, level);
  }
  void set(size_t source, double t, double level, double edge) {
    Ramp& r = ramp_[source];
    if (level == r.to) return;
    r = {t, edge, value(source, t), level};
    if (corners) {
      (*corners)[source].emplace_back(t, r.from);
      (*corners)[source].emplace_back(t + edge, level);
    }
  }
  std::vector<std::vector<std::pair<double, double>>>* corners = nullptr;

 private:
  struct Ramp {
    double start = -1.0, edge = 1e-12, from = 0.0, to = 0.0;
  };
  std::vector<Ramp> ramp_;
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
  Controller(const ConversionSetup& setup, ConversionWaveform* waveform)
      : circuit_(setup.circuit), program_(setup.program), array_(setup.array), waveform_(waveform), state_(setup.program, setup.input),
        v_read_(setup.input.v_read), sources_(moved_sources(setup.program, setup.array)), ramps_(sources_.size()) {
    for (size_t s = 0; s < signal_count; ++s) line_source_[s] = source("vc_" + std::string(signal_names[s]));
    first_level_ = source(level_names[0]);
    first_driver_ = first_level_ + level_count;
    if (waveform_) {
      *waveform_ = {};
      waveform_->sources = sources_;
      waveform_->corners.assign(sources_.size(), {});
      ramps_.corners = &waveform_->corners;
    }
    for (const std::string& node : {std::string("out"), array_.sampled, std::string("x"), std::string("l"), std::string("cib"), std::string("q"), std::string("qb")})
      watch(node);
    start_sources();
    place_meters();
    begin_step(0.0);
  }

  const std::vector<std::string>& watched() const { return watched_; }
  const std::vector<std::string>& sources() const { return sources_; }
  double value(size_t source, double t) const { return ramps_.value(source, t); }
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
      std::vector<double>* traces[] = {&waveform_->v_out, &waveform_->v_line, &waveform_->v_x, &waveform_->v_l, &waveform_->v_cib, &waveform_->v_q, &waveform_->v_qb};
      for (size_t i = 0; i < std::size(traces); ++i) traces[i]->push_back(v[i]);
    }
    const double line = v[1] - circuit_.v_ref;
    if (wl_fall_ > 0.0 && t >= wl_fall_ - 1e-15) {
      record.v_line_driven.push_back(line);
      wl_fall_ = 0.0;
    }
    if (latch_on_ > 0.0 && t >= latch_on_ - 1e-15) {
      at_latch_ = v[0] - circuit_.v_ref;
      latch_on_ = 0.0;
    }
    if (t >= step_end_ - 1e-15) end_step(t, v);
  }

  ConversionRecord finish() {
    record.code = state_.code();
    record.sign = state_.sign();
    record.decrements = state_.decrements();
    record.registers = state_.registers();
    return std::move(record);
  }
  ConversionRecord record;

 private:
  size_t source(const std::string& name) const {
    for (size_t i = 0; i < sources_.size(); ++i)
      if (sources_[i] == name) return i;
    return none;
  }
  size_t watch(const std::string& name) {
    watched_.push_back(name);
    return watched_.size() - 1;
  }
  void meter(const std::string& source, size_t voltage, double dc, size_t component) {
    meters_.push_back({watch(source + "#branch"), voltage, dc, component});
  }
  void start_sources() {
    for (size_t s = 0; s < first_level_; ++s) ramps_.begin(s, 0.0);
    for (size_t l = 0; l < level_count; ++l) ramps_.begin(first_level_ + l, state_.initial_level(static_cast<Level>(l)));
    for (size_t g = 0; g < array_.drive.size(); ++g) ramps_.begin(first_driver_ + g, circuit_.v_ref);
  }
  void place_meters() {
    const auto dc = [&](const char* source, double v, size_t component) { meter(source, none, v, component); };
    dc("vdda", circuit_.v_dd, amplifier);
    dc("vddb", circuit_.v_dd, bias);
    dc("vdds", circuit_.v_dd + circuit_.switch_boost, switches);
    dc("vddl", circuit_.v_dd, comparator);
    dc("vref", circuit_.v_ref, switches);
    dc("vbl", circuit_.v_ref, array);
    dc("vwlh", circuit_.wl_high, word_line);
    dc("vwll", circuit_.wl_low, word_line);
    dc("vv5", circuit_.v_dd_wl, word_line);
    dc("vc", circuit_.v_ref, array);
    for (const std::string& name : sources_) {
      const bool is_control = name.starts_with("vc_"), is_driver = name.starts_with("vr");
      const std::string node = is_control ? name.substr(1) : is_driver ? name.substr(1) : name;  // vc_az drives c_az, vr0 r0, vdp vdp
      meter(name, watch(node), 0.0, name == "vc_wl" ? word_line : is_driver ? array : switches);
    }
    detector_voltage_ = watch("detector");
    detector_current_ = watch("vdetector#branch");
  }

  void end_step(double t, std::span<const double> v) {
    const Step& now = state_.step();
    const double out = v[0] - circuit_.v_ref;
    StepRecord step{state_.step_index(), t, out, v[1] - circuit_.v_ref, v[2], v[3], v[4], {}, 0, 0.0};
    for (size_t c = 0; c < component_count; ++c) step.joule[c] = joule_[c];
    if (now.decides) {
      step.joule[comparator] += step.joule[amplifier];
      step.joule[amplifier] = 0.0;
      step.decision = std::abs(v[5] - v[6]) < 0.5 * circuit_.v_dd ? 0 : v[5] > v[6] ? 1 : -1;
      step.v_decision = at_latch_;
    }
    for (size_t c = 0; c < component_count; ++c) record.joule[c] += step.joule[c];
    joule_.fill(0.0);
    record.steps.push_back(step);
    for (const std::string& name : now.mark) record.marks.push_back({name, t});
    if (has_word_line_) record.v_line_held.push_back(step.v_line);
    if (state_.decrements() > 0 && !now.decides && now.name.find("integrate") != std::string::npos) record.v_residue.push_back(out);
    const double latched = v[5] - v[6];
    if (now.decides) {
      if (!decided_) record.v_integrated = before_decision_;
      decided_ = true;
      record.undecided += std::abs(latched) < 0.5 * circuit_.v_dd;
    }
    before_decision_ = out;
    state_.advance(latched > 0.0);
    if (!state_.ended()) begin_step(t);
    record.duration = t;
  }

  void begin_step(double t) {
    const Phase& phase = state_.phase();
    step_end_ = t + phase.duration;
    corners_.clear();
    pending_.clear();
    has_word_line_ = false;
    for (const Event& e : phase.events) {
      const double value = state_.value(e), at = t + e.time;
      check_event(e, value);
      if (e.is_level()) {
        queue(at, first_level_ + static_cast<size_t>(e.target) - signal_count, value, slow_edge());
        continue;
      }
      const bool is_word_line = e.target == static_cast<int>(Signal::wl);
      queue(at, line_source_[static_cast<size_t>(e.target)], value * (is_word_line ? circuit_.v_dd_wl : circuit_.v_dd + circuit_.switch_boost), program_.edge);
      if (e.target == static_cast<int>(Signal::lat) && value != 0.0) latch_on_ = at;
      if (!is_word_line) continue;
      if (value == 0.0 && word_line_high_) wl_fall_ = at;
      if (value != 0.0 || word_line_high_) has_word_line_ = true;
      word_line_high_ = value != 0.0;
    }
    // The drivers follow the bit from the start of its step.
    for (size_t g = 0; g < array_.drive.size(); ++g) {
      const auto& sequence = array_.drive[g];
      const size_t bit = static_cast<size_t>(state_.bit());
      const double v = circuit_.v_ref + (bit < sequence.size() ? v_read_ * sequence[bit] : 0.0);
      ramps_.set(first_driver_ + g, t, v, slow_edge());
    }
    corners_.push_back(t + slow_edge());
    apply(t);
  }
  // The file was checked with its own parameters; these are those of the run.
  void check_event(const Event& e, double value) {
    const auto refuse = [&](const std::string& what) { throw Error(fmt::format("control program {}, step {}, at {}: {}", program_.name, state_.step().name, format_quantity(e.time, "s"), what)); };
    if (!std::isfinite(value)) refuse(fmt::format("\"{}\" is not a number", e.value));
    if (e.is_level()) return;
    const auto target = static_cast<size_t>(e.target);
    if (value != 0.0 && value != 1.0) refuse(fmt::format("{}={} gives {}: a control line is 0 or 1", signal_names[target], e.value, value));
    on_[target] = value != 0.0;
    const bool last_of_its_time = &e == &state_.phase().events.back() || (&e)[1].time != e.time;
    if (!last_of_its_time) return;
    if (const auto what = short_circuit(on_)) refuse(*what);
  }
  double slow_edge() const { return 5.0 * program_.edge; }
  void queue(double t, size_t source, double level, double edge) {
    pending_.push_back({t, source, level, edge});
    corners_.push_back(t);
    corners_.push_back(t + edge);
  }
  void apply(double t) {
    size_t n = 0;
    while (n < pending_.size() && pending_[n].time <= t + 1e-15) {
      ramps_.set(pending_[n].source, pending_[n].time, pending_[n].level, pending_[n].edge);
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
    size_t source;
    double level, edge;
  };
  const CircuitParams& circuit_;
  const ControlProgram& program_;
  const ArrayPart& array_;
  ConversionWaveform* waveform_;
  ControlState state_;
  double v_read_;
  std::vector<std::string> sources_;
  Ramps ramps_;
  std::array<size_t, signal_count> line_source_{};
  std::array<bool, signal_count> on_{};
  size_t first_level_ = 0, first_driver_ = 0;
  std::vector<std::string> watched_;
  std::vector<Meter> meters_;
  std::vector<Pending> pending_;
  std::vector<double> corners_;
  std::array<double, component_count> joule_{};
  size_t detector_voltage_ = 0, detector_current_ = 0;
  double last_detector_voltage_ = 0.0, last_detector_current_ = 0.0;
  double step_end_ = 0.0, t_last_ = -1.0, wl_fall_ = 0.0, before_decision_ = 0.0, latch_on_ = 0.0, at_latch_ = 0.0;
  bool has_word_line_ = false, word_line_high_ = false, decided_ = false;
};

}  // namespace

std::string ngspice_options(const ConversionOptions& options) {
  const double r = options.tolerance;
  std::string text = options.fast ? spice::transient_options(r)
                                  : fmt::format("reltol={:.3g} abstol={:.3g} vntol={:.3g} chgtol={:.3g} method=trap trtol=7 bypass=1", r, 1e-14, 1e-2 * r, 1e-12 * r);
  if (options.temperature != 27) text += fmt::format(" temp={:.17g}", options.temperature);
  return text;
}

ConversionSetup column_setup(const CircuitParams& circuit, const ControlProgram& program, const ColumnInput& input, const Transistors& transistors) {
  check_column(input, circuit, "column");
  return {circuit, program, column_part(circuit, input), program_input(circuit, input.point, input.levels.size()), transistors};
}

ConversionRecord run_conversion(spice::Session& session, const ConversionSetup& setup, const ConversionOptions& options, ConversionWaveform* waveform) try {
  Controller controller(setup, waveform);
  spice::TransientRequest request;
  request.name = "conversion by " + setup.program.name;
  request.netlist = conversion_netlist(setup.circuit, setup.program, setup.array, setup.transistors) + detector;
  request.external = controller.sources();
  request.watch = controller.watched();
  request.t_stop = 1e-3;
  request.dt_max = options.dt_max;
  request.options = ngspice_options(options);
  const spice::Hooks hooks{[&](size_t s, double t) { return controller.value(s, t); },
                           [&](double t, std::span<const double> v) { controller.accepted(t, v); },
                           [&](double t) { return controller.next_edge(t); }, [&] { return controller.done(); }};
  const spice::TransientStats stats = session.transient(request, hooks);
  if (!controller.done()) throw Error(fmt::format("control program {}: has not ended after {}, the longest run", setup.program.name, format_quantity(request.t_stop, "s")));
  ConversionRecord record = controller.finish();
  record.cpu_seconds = stats.cpu_seconds;
  record.time_points = stats.accepted;
  return record;
} catch (const ExpressionError& e) {
  throw Error(fmt::format("control program {}: {}", setup.program.name, e.what()));
}

ConversionRecord run_conversion(spice::Session& session, const CircuitParams& circuit, const ControlProgram& program, const ColumnInput& input,
                                const ConversionOptions& options, ConversionWaveform* waveform) {
  return run_conversion(session, column_setup(circuit, program, input), options, waveform);
}

}  // namespace mho::circuits
