// The amplifier check: what it measures obeys the laws of one-pole amplifiers and of noise, the
// shipped amplifier agrees with its own operating point, and a wrong file is one line.
#include <doctest/doctest.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <numbers>

#include "circuits/amplifier_bench.hpp"
#include "circuits/amplifier_decks.hpp"
#include "circuits/pdk_netlist.hpp"
#include "core/data_path.hpp"
#include "core/errors.hpp"
#include "core/json_file.hpp"

using namespace mho;
using namespace mho::circuits;

namespace {

constexpr double pi = std::numbers::pi;

spice::Session& ngspice() {
  static spice::Session session;
  return session;
}

AmplifierSetup setup_of(AmplifierFile amplifier) {
  AmplifierSetup s;
  s.amplifier = std::move(amplifier);
  s.times = phase_times(read_control_program(data_path("netlists/programs/held_line_unary.toml")),
                        s.point, 3);
  return s;
}

// A transconductor that saturates at i_max into r and c at its output: every figure in closed form.
// i = i_max tanh(gm v/i_max), clamped by ideal diodes to the rails through the supply of the deck.
constexpr double gm = 60e-6, r_out = 20e6, c_out = 40e-15, i_tail = 6e-6;
AmplifierFile ideal(double i_max = i_tail) {
  const std::string text = fmt::format(
      ".subckt ota inp inm out vdd bn bp cn cp\n"
      "b1 0 out i={0:.6g}*tanh({1:.6g}*(v(inp)-v(inm))/{0:.6g})\n"
      "r1 out ref {2:.6g}\nc1 out 0 {3:.6g}\neref ref 0 vdd 0 0.5\n"
      "* rails, so stiff that 6 uA moves them by 6 mV\n"
      "b2 out 0 i=v(out)>v(vdd) ? 1e-3*(v(out)-v(vdd)) : (v(out)<0 ? 1e-3*v(out) : 0)\n.ends\n",
      i_max, gm, r_out, c_out);
  return parse_amplifier(text, "ideal.sub");
}

const AmplifierReport& ideal_report() {
  static const AmplifierReport report = measure_amplifier(ngspice(), setup_of(ideal()));
  return report;
}

const AmplifierReport& shipped_report() {
  static const AmplifierReport report =
      measure_amplifier(ngspice(), setup_of(read_amplifier(data_path("netlists/ota.sub"))));
  return report;
}

bool close(double a, double b, double part) { return std::abs(a - b) <= part * std::abs(b); }

const std::string pins = ".subckt ota inp inm out vdd bn bp cn cp\n";
const std::string body = "m1 out inp 0 0 n18 w=1u l=1u\nm2 out inm vdd vdd p18 w=1u l=1u\n";

std::string complaint(const std::string& text, const std::string& name = "ota") {
  try {
    parse_amplifier(text, "my.sub", name);
  } catch (const ConfigError& e) {
    CHECK(e.status() == ExitStatus::bad_input);
    return e.what();
  }
  return "no error";
}

}  // namespace

TEST_CASE("a one-pole transconductor has the figures of its closed forms") {
  const AmplifierFigures& f = ideal_report().figures;
  const AmplifierSetup s = setup_of(ideal());
  const NeuronLoad n = neuron_load();
  CHECK(n.out > 0.0);
  CHECK(n.x > 0.0);
  // DC: gm r, and no offset beyond what the rest of the supply's middle leaves.
  CHECK(close(f.gain, gm * r_out, 1e-3));
  CHECK(std::abs(f.offset) < 1e-6);
  CHECK(f.input_capacitance < 1e-18);
  // Sample phase: everything at the output. One pole: the crossing is the gain-bandwidth product.
  const double floating = 104e-15 * n.cib / (104e-15 + n.cib);
  const double sample = c_out + n.out + n.x + 17e-15 + floating;
  CHECK(close(f.gain_bandwidth, gm / (2.0 * pi * sample), 5e-3));
  CHECK(close(f.crossing_sample, gm / (2.0 * pi * sample), 2e-3));
  CHECK(std::abs(f.margin_sample - 90.0) < 0.5);
  // Integrate phase: beta gm/(C at the output).
  const double behind = 17e-15 + n.x, beta = 104e-15 / (104e-15 + behind);
  const double integrate = c_out + n.out + n.cib + beta * behind;
  CHECK(close(f.crossing_integrate, beta * gm / (2.0 * pi * integrate), 2e-3));
  CHECK(close(feedback_factor(s.circuit, n, f.input_capacitance), beta, 1e-9));
  // Slew: the whole current into the capacitance; tanh(3) of it at 0.3 V, minus 0.45 V/r.
  const double current = i_tail * std::tanh(gm * 0.3 / i_tail);
  CHECK(close(f.slew_rise, current / integrate, 0.01));
  CHECK(close(f.slew_fall, current / integrate, 0.01));
}

TEST_CASE("a one-pole amplifier settles in its time constants") {
  // So much current that tanh stays linear.
  const AmplifierSetup s = setup_of(ideal(1e-3));
  const AmplifierReport r = measure_amplifier(ngspice(), s);
  const NeuronLoad n = neuron_load();
  // The step v on C_sample first moves x and the output by charge sharing, the output in the wrong
  // direction; the rest decays with one time constant.
  const double c_s = 17e-15, c_i = 104e-15, c_l = c_out + n.out + n.cib;
  const double series = c_i * c_l / (c_i + c_l);
  const double x_jump = c_s / (c_s + n.x + series), out_jump = x_jump * c_i / (c_i + c_l);
  const double step = -c_s / c_i, tau = 1.0 / (2.0 * pi * r.figures.crossing_integrate);
  const double expected = tau * std::log((out_jump - step) / (r.needs.step_error * -step));
  CAPTURE(expected);
  CAPTURE(tau);
  // The switches in series with C_integ and C_sample, some 5 kohm, filter the jump, at most all of
  // it, and add their own 0.1 ns.
  const double without_jump = tau * std::log(1.0 / r.needs.step_error);
  CHECK(r.figures.settling_integrate > without_jump);
  CHECK(r.figures.settling_integrate < expected + 0.1e-9);
}

TEST_CASE("the shipped amplifier agrees with its own operating point and between analyses") {
  const AmplifierReport& r = shipped_report();
  const AmplifierFigures& f = r.figures;
  // The slope of the DC transfer is the loop gain at 1 Hz. The two are taken at outputs that differ
  // by the offset and half a step of 10 mV.
  CHECK(close(r.curves.magnitude.front(), f.gain, 2e-3));
  // Gain-bandwidth against gm of one input transistor over the capacitance that the output sees:
  // the known load and the drains of mcb and mnb at the operating point.
  const AmplifierSetup s = setup_of(read_amplifier(data_path("netlists/ota.sub")));
  const AmplifierDecks decks(s);
  const auto op =
      ngspice().analyse({"operating point",
                         decks.netlist(decks.follower(), false),
                         {{"op",
                           {"@m.xamp.minp[gm]", "@m.xamp.mtail[id]", "@m.xamp.mcb[cdd]",
                            "@m.xamp.mnb[cdd]", "@m.xamp.mcb[capbd]", "@m.xamp.mnb[capbd]"}}},
                         decks.options(AmplifierDecks::Accuracy::bias)});
  const NeuronLoad n = neuron_load();
  double c = n.out + n.x + 17e-15 + 104e-15 * n.cib / (104e-15 + n.cib) + f.input_capacitance;
  for (const char* part :
       {"@m.xamp.mcb[cdd]", "@m.xamp.mnb[cdd]", "@m.xamp.mcb[capbd]", "@m.xamp.mnb[capbd]"})
    c += std::abs(op[0].value(part));
  // 8 %: current lost at the folding nodes, where 1/gds of three transistors stands beside the
  // cascode.
  CHECK(close(f.gain_bandwidth, op[0].value("@m.xamp.minp[gm]") / (2.0 * pi * c), 0.08));
  // Slew is at most the tail current over the capacitance; the branches carry half of it and more.
  const double tail = std::abs(op[0].value("@m.xamp.mtail[id]"));
  CHECK(f.slew_rise < 1.05 * tail / (c - 15e-15));
  CHECK(f.slew_rise > 0.3 * tail / c);
  CHECK(close(f.supply_current, 2.0 * tail, 0.1));
}

TEST_CASE("noise: kT/C of the switches, and that of a conversion grows with its cycles") {
  const AmplifierReport& r = shipped_report();
  const AmplifierFigures& f = r.figures;
  const double kt = 1.380649e-23 * 300.15;
  // BSIM4's channel noise (tnoimod 0) at no drain voltage is 4kT times a conductance that leaves
  // series resistance out: 0.4 % and 6 % more than kT/C of the drawn capacitor here.
  CHECK(close(f.ktc_sample, std::sqrt(kt / 17e-15), 0.1));
  CHECK(close(f.ktc_integrate, std::sqrt(kt / 104e-15), 0.1));
  // More than the switch alone puts on x, as an amplifier of 33 nV/sqrt(Hz) does.
  CHECK(f.noise_sample > std::sqrt(kt * 17e-15) / 104e-15);
  CHECK(f.noise > std::sqrt(39.0) * f.noise_sample);
  CHECK(f.noise_density > std::sqrt(4.0 * kt * 2.0 * (2.0 / 3.0) / 60e-6));
  // Hotter is noisier: sqrt(T), and some less bandwidth.
  AmplifierSetup hot = setup_of(read_amplifier(data_path("netlists/ota.sub")));
  hot.temperature = 85.0;
  const AmplifierFigures g = measure_amplifier(ngspice(), hot).figures;
  // Within the 6 % by which the formula's conductance differs from that of the switch, and changes.
  CHECK(close(g.ktc_sample / f.ktc_sample, std::sqrt(358.15 / 300.15), 0.03));
  CHECK(g.noise_density > f.noise_density);
  CHECK(g.crossing_sample < f.crossing_sample);
}

TEST_CASE("needs follow the conversion: halved LSB, twice the codes, half the time") {
  const AmplifierSetup s = setup_of(ideal());
  const NeuronLoad n = neuron_load();
  const AmplifierNeeds a = derive_needs(s.circuit, s.point, s.times, n, 6e-15);
  CHECK(s.times.cycles == 7 + 31 + 1);
  CHECK(close(s.times.sample, 15e-9 - 0.4e-9, 1e-9));
  CHECK(close(s.times.integrate, 15e-9 - 1.0e-9, 1e-9));
  CHECK(close(s.times.restore, 18e-9 - 0.4e-9, 1e-9));
  ReadPoint fine = s.point;
  fine.v_decrement *= 0.5;
  const AmplifierNeeds b = derive_needs(s.circuit, fine, s.times, n, 6e-15);
  CHECK(close(b.noise, 0.5 * a.noise, 1e-12));
  CHECK(close(b.offset, 0.5 * a.offset, 1e-12));
  CHECK(b.gain == a.gain);
  ReadPoint wide = s.point;
  wide.max_code *= 2;
  const AmplifierNeeds c = derive_needs(s.circuit, wide, s.times, n, 6e-15);
  CHECK(close(c.gain, 2.0 * a.gain, 1e-12));
  CHECK(close(c.swing, 2.0 * a.swing, 1e-12));
  PhaseTimes fast = s.times;
  fast.sample *= 0.5, fast.integrate *= 0.5, fast.restore *= 0.5;
  const AmplifierNeeds d = derive_needs(s.circuit, s.point, fast, n, 6e-15);
  CHECK(close(d.crossing_sample, 2.0 * a.crossing_sample, 1e-12));
  CHECK(close(d.slew, 2.0 * a.slew, 1e-12));
  CHECK(close(d.pole_integrate, 2.0 * a.pole_integrate, 1e-12));
  CHECK_THROWS_WITH_AS(
      phase_times(read_control_program(data_path("netlists/programs/line_pulses.toml")), s.point,
                  3),
      doctest::Contains("phase.sample"), ConfigError);
}

TEST_CASE("a limit of zero asks for nothing, a missed one is seen") {
  const AmplifierSetup s = setup_of(ideal());
  AmplifierNeeds needs;
  for (const SpecRow& row : specification(ideal_report().figures, needs, s.circuit, s.times, 27.0))
    CHECK(row.passes());
  needs.gain = 1e6;
  needs.supply_current = 1e-9;
  AmplifierFigures f = ideal_report().figures;
  f.supply_current = 1e-6;
  const auto rows = specification(f, needs, s.circuit, s.times, 27.0);
  CHECK(std::count_if(rows.begin(), rows.end(), [](const SpecRow& r) { return !r.passes(); }) == 2);
}

TEST_CASE("with a PDK each geometry takes its bin, and the same numbers give the same figures") {
  const std::string root = std::string(MHO_SOURCE_DIR) + "/circuits/testdata/pdk";
  const PdkInstallation pdk{root, "fixture130"};
  const PdkNetlist flat = with_pdk_models(
      "* title\nm1 a b c 0 n18 w=2u\n+ l = 0.5u m=2\nm2 a b c 0 N18 w=2e-6 l={0.25u*2}\n"
      "m3 a b c d p18 w=3u l=1u nf=3\nm4 a b c d own w=1u l=1u\nr1 a b 1k",
      "x.sub", pdk);
  CHECK(flat.text ==
        "\nm1 a b c 0 n18_1 w=2u l=0.5u m=2 \n\nm2 a b c 0 n18_1 w=2e-6 l={0.25u*2} \n"
        "m3 a b c d p18_2 w=3u l=1u nf=3 \nm4 a b c d own w=1u l=1u \nr1 a b 1k \n");
  CHECK(flat.sources.size() == 2);
  CHECK(flat.sources[1].find("W 1 um, L 1 um") != std::string::npos);
  CHECK_THROWS_WITH_AS(with_pdk_models("r1 a b 1\nm1 a b c 0 n18 w={wn} l=1u", "x.sub", pdk),
                       doctest::Contains("x.sub:2: w: wn is a parameter"), ConfigError);
  CHECK_THROWS_WITH_AS(with_pdk_models("m1 a b c 0 n18 w=1u", "x.sub", pdk),
                       doctest::Contains("x.sub:1: l: "), ConfigError);
  CHECK_THROWS_WITH_AS(with_pdk_models("m1 a b c 0 n18 w=0.1u l=1u", "x.sub", pdk),
                       doctest::Contains("no bin for W 0.1 um"), ConfigError);

  setenv("PDK_ROOT", root.c_str(), 1);
  setenv("PDK", "fixture130", 1);
  AmplifierSetup s = setup_of(read_amplifier(data_path("netlists/ota.sub")));
  const AmplifierReport r = measure_amplifier(ngspice(), s);
  s.corner = "ss";
  const AmplifierDecks slow(s);
  unsetenv("PDK_ROOT");
  unsetenv("PDK");
  CHECK(r.models.find("fixture130, corner tt") != std::string::npos);
  CHECK(slow.models().find("corner ss") != std::string::npos);
  CHECK(slow.netlist("", false) != AmplifierDecks(setup_of(s.amplifier)).netlist("", false));
  // The fixture's thin-oxide bins have the shipped card's numbers.
  for (const auto& p : ParameterTable<AmplifierFigures>::table) {
    CAPTURE(p.key);
    CHECK(r.figures.*p.member == doctest::Approx(shipped_report().figures.*p.member).scale(1e-30).epsilon(1e-4));
  }
  // Without a PDK the shipped card's corners.
  const AmplifierDecks shipped_slow(s);
  CHECK(shipped_slow.models().find("corner ss") != std::string::npos);
  CHECK(shipped_slow.netlist("", false) != AmplifierDecks(setup_of(s.amplifier)).netlist("", false));
  s.corner = "sg";
  CHECK_THROWS_WITH_AS(AmplifierDecks{s}, doctest::Contains("sg"), Error);
}

TEST_CASE("the example amplifier differs from the shipped one as its topology says") {
  const AmplifierReport r = measure_amplifier(
      ngspice(), setup_of(read_amplifier(data_path("examples/amplifiers/two_stage_miller.sub"))));
  const AmplifierFigures &f = r.figures, &g = shipped_report().figures;
  // Two stages: more gain, more swing, more current.
  CHECK(f.gain > 2.0 * g.gain);
  CHECK(f.swing_high > g.swing_high);
  CHECK(f.supply_current > 1.3 * g.supply_current);
}

TEST_CASE("an amplifier of another name with its own bias generator is the same circuit") {
  const AmplifierFigures& g = shipped_report().figures;
  std::string text = read_text_file(data_path("netlists/ota.sub"));
  text.replace(text.find(".subckt ota inp"), 15, ".subckt mine inp");
  const AmplifierFile renamed = parse_amplifier(text, "mine.sub", "mine");
  CHECK(renamed.own_bias);
  const std::string whole = amplifier_text(renamed);
  CHECK(whole.starts_with(text));
  CHECK(whole.find(".subckt ota inp inm out vdd bn bp cn cp\nxown") != std::string::npos);
  // Through one more level of hierarchy: the same circuit.
  const AmplifierFigures h = measure_amplifier(ngspice(), setup_of(renamed)).figures;
  CHECK(close(h.gain, g.gain, 1e-6));
  CHECK(close(h.crossing_sample, g.crossing_sample, 1e-6));
}

TEST_CASE("a wrong file is one line with its name and line") {
  CHECK(complaint("* nothing\n") == "my.sub: defines no .subckt ota");
  CHECK(complaint(pins + body + ".ends\n", "other") ==
        "my.sub: defines no .subckt other; it has ota");
  CHECK(complaint("* a\n.subckt ota inp inm out vdd bn\n+ bp\n.ends\n") ==
        "my.sub:2: ota: lacks the pins cn cp; they are inp inm out vdd bn bp cn cp");
  CHECK(complaint(".subckt ota inp inm out vdd bn bp cn cp sub vss w=1u\n.ends\n") ==
        "my.sub:1: ota: has pins too many: sub vss; they are inp inm out vdd bn bp cn cp");
  CHECK(complaint(".subckt ota inm inp out vdd bn bp cn cp\n.ends\n").find("another order") !=
        std::string::npos);
  CHECK(complaint(pins + body + ".ends\n.subckt ota_bias vdd bn\n.ends\n")
            .find("my.sub:5: ota_bias: lacks the pins bp cn cp") == 0);
  CHECK(complaint(pins + body) == "my.sub:1: ota: has no .ends");
  CHECK(complaint(".ends\n") == "my.sub:1: .ends: ends no .subckt");
  CHECK(complaint(pins + body + pins + ".ends\n.ends\n") == "my.sub:4: ota: stands inside ota");
  CHECK(complaint(pins + "m1 out inp 0 0 nmos1 w=1u l=1u\n.ends\n")
            .find("my.sub:2: nmos1: no such model") == 0);
  CHECK(complaint(pins + "m1 out inp 0 0\n.ends\n").find("my.sub:2: m1: ") == 0);
  CHECK(complaint(pins + "x1 out inp gone w = 2\n.ends\n").find("my.sub:2: gone: ") == 0);
  CHECK(complaint("v1 a 0 1\n" + pins + ".ends\n").find("my.sub:1: v1: stands outside") == 0);
  CHECK(complaint(pins + ".ends\n.tran 1n 1u\n").find("my.sub:3: .tran: does not belong") == 0);
  CHECK(
      complaint(".include \"gone.lib\"\n" + pins + ".ends\n").find("my.sub:1: .include: no file") ==
      0);
  CHECK(complaint(pins + ".ends\n.subckt other inp inm out vdd bn bp cn cp\n.ends\n", "other")
            .find("my.sub:1: ota: is the neuron's name") == 0);
  CHECK(complaint(".model own nmos level=1\n" + pins + "m1 out inp 0 0 OWN w=1u l=1u\n.ends\n") ==
        "no error");
  CHECK_THROWS_AS(read_amplifier("/nonexistent/my.sub"), IoError);
}

TEST_CASE("what only ngspice can see is named with file and line, and the session goes on") {
  const auto failing = [&](const std::string& inside) {
    try {
      measure_amplifier(ngspice(), setup_of(parse_amplifier(pins + inside + ".ends\n", "my.sub")));
    } catch (const NetlistError& e) {
      return std::make_pair(e.line, std::string(e.what()));
    }
    return std::make_pair(-1, std::string("no error"));
  };
  const auto bogus = failing(body + "r1 out 0 1k bogus=1\n");
  CAPTURE(bogus.second);
  CHECK(bogus.first == 4);
  CHECK(bogus.second.find("my.sub:4: ") == 0);
  CHECK(bogus.second.find("bogus") != std::string::npos);
  // A voltage source across the output leaves no operating point.
  const auto shorted = failing(body + "v1 out 0 1\nv2 out 0 1.2\n");
  CHECK(shorted.second.find("my.sub: ") == 0);
  CHECK(ngspice().usable());
  const auto op = ngspice().analyse({"alive", "v1 a 0 2\nr1 a 0 1k", {{"op", {"a"}}}, ""});
  CHECK(op[0].value("a") == doctest::Approx(2.0).scale(1e-30));
}
