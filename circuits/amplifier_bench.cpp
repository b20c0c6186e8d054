#include "circuits/amplifier_bench.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>
#include <set>

#include "circuits/amplifier_decks.hpp"
#include "core/errors.hpp"

namespace mho::circuits {
namespace {

constexpr double never = std::numeric_limits<double>::infinity();
constexpr double pi = std::numbers::pi;

// x where y, of n points, crosses `level` on the way from point i − 1 to i; both scales
// logarithmic.
double crossing_at(double x0, double x1, double y0, double y1, double level) {
  const double s = std::log(level / y0) / std::log(y1 / y0);
  return x0 * std::pow(x1 / x0, s);
}

struct Loop {
  std::vector<double> frequency, magnitude, phase;  // [Hz], [1], [deg] continuous
  double crossing = 0.0, margin = 0.0;              // [Hz], [deg]; 0: does not cross 1
};
Loop loop_of(const spice::AnalysisResult& ac, const std::string& output) {
  Loop loop;
  const auto& in = ac.complex("xin");
  const auto& out = ac.complex(output);
  double last = 0.0;
  for (size_t i = 0; i < in.size(); ++i) {
    const std::complex<double> t = -out[i] / in[i];
    double degrees = std::arg(t) * 180.0 / pi;
    while (degrees - last > 180.0) degrees -= 360.0;
    while (degrees - last < -180.0) degrees += 360.0;
    last = degrees;
    loop.frequency.push_back(ac.axis[i]);
    loop.magnitude.push_back(std::abs(t));
    loop.phase.push_back(degrees);
    if (i == 0 || loop.crossing > 0.0 || loop.magnitude[i] >= 1.0 || loop.magnitude[i - 1] < 1.0)
      continue;
    loop.crossing =
        crossing_at(ac.axis[i - 1], ac.axis[i], loop.magnitude[i - 1], loop.magnitude[i], 1.0);
    const double s =
        std::log(loop.crossing / ac.axis[i - 1]) / std::log(ac.axis[i] / ac.axis[i - 1]);
    loop.margin = 180.0 + loop.phase[i - 1] + s * (degrees - loop.phase[i - 1]);
  }
  return loop;
}

// Of the node xin, from the current that its source delivers [F], at `frequency`.
double capacitance(const spice::AnalysisResult& ac, double frequency) {
  const auto at = [&](size_t i) {
    const std::complex<double> y = -ac.complex("vdrv#branch")[i] / ac.complex("xin")[i];
    return y.imag() / (2.0 * pi * ac.axis[i]);
  };
  size_t i = 1;
  while (i + 1 < ac.axis.size() && ac.axis[i] < frequency) ++i;
  const double s = std::log(frequency / ac.axis[i - 1]) / std::log(ac.axis[i] / ac.axis[i - 1]);
  return std::max(0.0, at(i - 1) + s * (at(i) - at(i - 1)));
}

// |T| f where the slope is that of one pole: halfway, on a logarithmic scale, from the corner at
// which |T| has lost 3 dB to the crossing.
double gain_bandwidth(const Loop& loop) {
  const double corner_level = loop.magnitude.front() / std::sqrt(2.0);
  size_t corner = 0;
  while (corner < loop.magnitude.size() && loop.magnitude[corner] > corner_level) ++corner;
  if (corner >= loop.magnitude.size() || loop.crossing <= 0.0) return 0.0;
  const double middle = std::sqrt(loop.frequency[corner] * loop.crossing);
  size_t i = corner;
  while (i + 1 < loop.frequency.size() && loop.frequency[i] < middle) ++i;
  return loop.magnitude[i] * loop.frequency[i];
}

// Time from `start` after which y stays within `tolerance` of its last value.
double settling(const std::vector<double>& t, const std::vector<double>& y, double start,
                double tolerance) {
  size_t i = t.size();
  while (i > 0 && std::abs(y[i - 1] - y.back()) <= tolerance) --i;
  if (i == 0) return 0.0;
  if (i + 1 >= t.size()) return never;
  // Between the last point outside and the first inside.
  const double a = std::abs(y[i - 1] - y.back()), b = std::abs(y[i] - y.back());
  const double at = t[i - 1] + (t[i] - t[i - 1]) * (a - tolerance) / (a - b);
  return std::max(0.0, at - start);
}

// Root of the integral of the output's power density [V]. Between two points the density is a power
// of the frequency. (The total that ngspice gives is NaN for some of these circuits.)
double integrated(const spice::AnalysisResult& noise) {
  const std::vector<double>& f = noise.axis;
  const std::vector<double> density = noise.real("onoise_spectrum");
  double sum = 0.0;
  for (size_t i = 1; i < f.size(); ++i) {
    const double s0 = density[i - 1] * density[i - 1], s1 = density[i] * density[i];
    const double width = std::log(f[i] / f[i - 1]);
    const double slope = s0 > 0.0 && s1 > 0.0 ? std::log(s1 / s0) / width + 1.0 : 0.0;
    sum += std::abs(slope) > 1e-6 ? (s1 * f[i] - s0 * f[i - 1]) / slope : s0 * f[i - 1] * width;
  }
  return std::sqrt(sum);
}

double time_of(const std::vector<double>& t, const std::vector<double>& y, double level,
               double after) {
  for (size_t i = 1; i < t.size(); ++i)
    if (t[i] > after && (y[i] - level) * (y[i - 1] - level) <= 0.0 && y[i] != y[i - 1])
      return t[i - 1] + (t[i] - t[i - 1]) * (level - y[i - 1]) / (y[i] - y[i - 1]);
  return never;
}

class Bench {
 public:
  Bench(spice::Session& session, const AmplifierSetup& setup)
      : session_(session), setup_(setup), decks_(setup), load_(neuron_load()) {}

  AmplifierReport run() {
    report_.models = decks_.models();
    loops();
    report_.needs = derive_needs(setup_.circuit, setup_.point, setup_.times, load_, c_in());
    slew_window_ = 20.0 * setup_.circuit.v_dd / report_.needs.slew;
    for (const auto& [limit, value] : setup_.asked) report_.needs.*limit = value;
    dc();
    slew();
    for (const double sign : {1.0, -1.0}) {
      settle_sample(sign);
      settle_integrate(sign);
    }
    // Outputs before the compare phase: full scale and two LSB, both signs.
    const double full = setup_.point.max_code;
    for (const double lsb : {full, -full, 2.0, -2.0})
      settle_restore(lsb * lsb_at_output(setup_.circuit, setup_.point));
    noise();
    return std::move(report_);
  }

 private:
  double c_in() const { return report_.figures.input_capacitance; }

  std::vector<spice::AnalysisResult> analyse(const std::string& what, const std::string& circuit,
                                             std::vector<spice::Analysis> analyses) {
    using Accuracy = AmplifierDecks::Accuracy;
    const std::string& first = analyses.front().command;
    const bool of_noise = first.starts_with("noise");
    const Accuracy accuracy = first.starts_with("tran") ? Accuracy::transient : Accuracy::bias;
    spice::AnalysisRequest request{what, decks_.netlist(circuit, of_noise), std::move(analyses),
                                   decks_.options(accuracy)};
    try {
      return session_.analyse(request);
    } catch (const NetlistError& e) {
      throw decks_.located(e);
    }
  }

  void loops() {
    AmplifierFigures& f = report_.figures;
    const std::string ac = "ac dec 40 1 100g";
    // First without the input capacitance, which the same run gives; the loop's own load is then
    // known.
    auto first = analyse(
        "loop of the sample phase", decks_.sample_loop(0.0),
        {{"op", {"out", "vdda#branch", "vddb#branch"}}, {ac, {"xin", "out", "vdrv#branch"}}});
    f.offset = first[0].value("out") - setup_.circuit.v_ref;
    f.supply_current = -first[0].value("vdda#branch");
    f.bias_current = -first[0].value("vddb#branch");
    const Loop rough = loop_of(first[1], "out");
    const double at = rough.crossing > 0.0 ? rough.crossing : 1e8;
    f.input_capacitance = capacitance(first[1], at);
    const Loop sample = loop_of(
        analyse("loop of the sample phase", decks_.sample_loop(c_in()), {{ac, {"xin", "out"}}})[0],
        "out");
    const Loop integrate = loop_of(analyse("loop of the integrate phase",
                                           decks_.integrate_loop(c_in()), {{ac, {"xin", "xb"}}})[0],
                                   "xb");
    f.gain_bandwidth = gain_bandwidth(sample);
    f.crossing_sample = sample.crossing;
    f.margin_sample = sample.margin;
    f.crossing_integrate = integrate.crossing;
    f.margin_integrate = integrate.margin;
    AmplifierCurves& c = report_.curves;
    c.frequency = sample.frequency;
    c.magnitude = sample.magnitude;
    c.phase = sample.phase;
    c.magnitude_integrate = integrate.magnitude;
    c.phase_integrate = integrate.phase;
  }

  void dc() {
    const double v_dd = setup_.circuit.v_dd, v_ref = setup_.circuit.v_ref;
    const auto r =
        analyse("DC transfer", decks_.transfer(),
                {{fmt::format("dc vset 0.02 {:.17g} 0.01", v_dd - 0.02), {"out", "x"}}})[0];
    const auto out = r.real("out"), x = r.real("x");
    AmplifierCurves& c = report_.curves;
    for (size_t i = 1; i + 1 < out.size(); ++i) {
      const double step = x[i + 1] - x[i - 1];
      if (!(out[i + 1] > out[i - 1])) continue;
      c.out.push_back(out[i]);
      c.gain.push_back(step != 0.0 ? -(out[i + 1] - out[i - 1]) / step : 0.0);
    }
    size_t middle = 0;
    for (size_t i = 0; i < c.out.size(); ++i)
      if (std::abs(c.out[i] - v_ref) < std::abs(c.out[middle] - v_ref)) middle = i;
    if (c.out.empty()) return;
    AmplifierFigures& f = report_.figures;
    f.gain = c.gain[middle];
    size_t low = middle, high = middle;
    const double least = report_.needs.gain;
    if (c.gain[middle] < least) return;
    while (low > 0 && c.gain[low - 1] >= least) --low;
    while (high + 1 < c.out.size() && c.gain[high + 1] >= least) ++high;
    f.swing_low = v_ref - c.out[low];
    f.swing_high = c.out[high] - v_ref;
  }

  void slew() {
    const double v_dd = setup_.circuit.v_dd, start = 1e-9;
    const auto rate = [&](bool rising) {
      const auto r = analyse("slew rate", decks_.overdrive(c_in(), rising, start),
                             {{tran(start + slew_window_), {"out"}}})[0];
      const auto out = r.real("out");
      const double from = time_of(r.axis, out, rising ? 0.25 * v_dd : 0.75 * v_dd, start);
      const double to = time_of(r.axis, out, rising ? 0.75 * v_dd : 0.25 * v_dd, start);
      return to > from && to < never ? 0.5 * v_dd / (to - from) : 0.0;
    };
    report_.figures.slew_rise = rate(true);
    report_.figures.slew_fall = rate(false);
  }

  void settle_sample(double sign) {
    const double start = 1e-9, v = sign * setup_.point.v_read;
    const auto r = analyse("settling in the sample phase", decks_.sample_step(v, start),
                           {{tran(start + 6.0 * setup_.times.sample), {"x", "l"}}})[0];
    const auto x = r.real("x"), l = r.real("l");
    std::vector<double> charge;  // on x, as a part of C_sample v_read
    const double c_s = setup_.circuit.c_sample;
    for (size_t i = 0; i < x.size(); ++i)
      charge.push_back((x[i] * (c_s + load_.x + c_in()) - l[i] * c_s) / (c_s * v));
    worst(report_.figures.settling_sample,
          settling(r.axis, charge, start, report_.needs.step_error));
  }

  void settle_integrate(double sign) {
    const double start = 1e-9, v = sign * setup_.point.v_read;
    const auto r = analyse("settling in the integrate phase", decks_.integrate_step(v, start),
                           {{tran(start + 6.0 * setup_.times.integrate), {"out"}}})[0];
    const auto out = r.real("out");
    const double step = setup_.point.v_read * setup_.circuit.c_sample / setup_.circuit.c_integ;
    worst(report_.figures.settling_integrate,
          settling(r.axis, out, start, report_.needs.step_error * step));
    if (sign > 0.0)
      keep(r.axis, out, start, 3.0 * setup_.times.integrate, report_.curves.t_integrate,
           report_.curves.v_integrate);
  }

  // `v`: output minus VREF before the compare phase.
  void settle_restore(double v) {
    const double compare = 6.0 * setup_.times.integrate;  // starts here, integrated before
    const double restore = compare + setup_.times.compare + 0.4e-9;
    const auto r = analyse("return from a compare phase", decks_.restore(v, compare, restore),
                           {{tran(restore + 6.0 * setup_.times.restore), {"out"}}})[0];
    const auto out = r.real("out");
    worst(report_.figures.settling_restore,
          settling(r.axis, out, restore + 0.4e-9, report_.needs.restore_error));
    if (report_.curves.t_restore.empty())
      keep(r.axis, out, compare, setup_.times.compare + 3.0 * setup_.times.restore,
           report_.curves.t_restore, report_.curves.v_restore);
  }

  // Charge is frozen twice in a cycle, and what is frozen stays: on x when az opens, on the far
  // plate of C_integ when int opens.
  void noise() {
    AmplifierFigures& f = report_.figures;
    const CircuitParams& c = setup_.circuit;
    const std::string band = fmt::format("dec 20 {:.6g} 1e12", 1.0 / setup_.times.conversion);
    const auto spectrum = [&](const std::string& what, const std::string& deck,
                              const std::string& node, const std::string& frequencies) {
      return analyse(what, deck,
                     {{fmt::format("noise v({}) vref {}", node, frequencies),
                       {"onoise_spectrum", "inoise_spectrum"}}})[0];
    };
    const auto total = [&](const std::string& what, const std::string& deck,
                           const std::string& node) {
      return integrated(spectrum(what, deck, node, band));
    };
    f.noise_sample = total("noise of a sample", decks_.sample_noise(c_in()), "q");
    const std::string closed = decks_.integrate_noise(c_in());
    f.noise_hold = total("noise of a hold", closed, "q");
    f.noise_output = total("noise of the output", closed, "out");
    // Of the amplifier itself in unity gain.
    const auto input = spectrum("noise at the input", decks_.follower(), "out", band);
    const auto density = input.real("inoise_spectrum");
    size_t i = 0;
    while (i + 1 < density.size() && input.axis[i] < 1e7) ++i;
    f.noise_density = density[i];
    // The open amplifier integrates its input over the compare phase: noise bandwidth 1/(2 t).
    f.noise_compare =
        f.noise_density * std::sqrt(0.5 / setup_.times.compare) / feedback_factor(c, load_, c_in());
    const double cycle = f.noise_sample * f.noise_sample + f.noise_hold * f.noise_hold;
    f.noise = std::sqrt(setup_.times.cycles * cycle + f.noise_compare * f.noise_compare);
    const auto ktc = [&](bool wide, double farad) {
      return integrated(spectrum("kT/C", decks_.switch_noise(wide, farad), "b", "dec 20 1 1e15"));
    };
    f.ktc_sample = ktc(true, c.c_sample);
    f.ktc_integrate = ktc(false, c.c_integ);
  }

  static std::string tran(double t_stop) {
    return fmt::format("tran {0:.6g} {1:.17g} 0 {0:.6g}", std::max(2e-11, t_stop / 2000.0), t_stop);
  }
  static void worst(double& figure, double value) { figure = std::max(figure, value); }
  void keep(const std::vector<double>& t, const std::vector<double>& v, double from, double length,
            std::vector<double>& to_t, std::vector<double>& to_v) const {
    for (size_t i = 0; i < t.size(); ++i)
      if (t[i] >= from - 1e-9 && t[i] <= from + length) {
        to_t.push_back(t[i] - from);
        to_v.push_back(v[i] - setup_.circuit.v_ref);
      }
  }

  spice::Session& session_;
  const AmplifierSetup& setup_;
  AmplifierDecks decks_;
  NeuronLoad load_;
  AmplifierReport report_;
  double slew_window_ = 0.0;  // [s] twenty times what the derived slew rate takes
};

}  // namespace

AmplifierReport measure_amplifier(spice::Session& session, const AmplifierSetup& setup) {
  return Bench(session, setup).run();
}

}  // namespace mho::circuits
