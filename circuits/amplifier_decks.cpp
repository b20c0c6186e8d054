#include "circuits/amplifier_decks.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "circuits/model_card.hpp"
#include "circuits/pdk.hpp"
#include "circuits/pdk_netlist.hpp"
#include "circuits/spice_text.hpp"
#include "core/data_path.hpp"
#include "core/json_file.hpp"

namespace mho::circuits {
namespace {

// The transmission gates of the neuron that are part of a measured loop.
std::string switches() {
  const std::string file = "netlists/switch.sub", text = read_text_file(data_path(file));
  return subcircuit(text, "tgate", file) + subcircuit(text, "tgate_small", file);
}

// Of an element that ngspice quotes by its place in the hierarchy, "r.xamp.r1 out 0 1k": the one
// line that names it, else 0.
int element_line(const std::string& message,
                 const std::vector<std::pair<std::string, int>>& elements) {
  const size_t quote = message.find("\"");
  if (quote == std::string::npos) return 0;
  std::string name = message.substr(quote + 1, message.find_first_of(" \"", quote + 1) - quote - 1);
  if (const size_t dot = name.rfind('.'); dot != std::string::npos) name.erase(0, dot + 1);
  int line = 0;
  for (const auto& [element, number] : elements) {
    if (element != name) continue;
    if (line > 0) return 0;
    line = number;
  }
  return line;
}

std::string amplifier_between(const std::string& minus) {
  return fmt::format("xamp ref {} out vdd bn bp cn cp ota\n", minus);
}

constexpr const char* open_resistor =
    "1e12";  // [ohm] sets an operating point, too large for any phase

}  // namespace

AmplifierDecks::AmplifierDecks(const AmplifierSetup& setup)
    : circuit_(setup.circuit),
      load_(neuron_load()),
      temperature_(setup.temperature),
      path_(setup.amplifier.path),
      file_lines_(static_cast<int>(
          std::count(setup.amplifier.text.begin(), setup.amplifier.text.end(), '\n'))) {
  for (const LogicalLine& line : logical_lines(setup.amplifier.text))
    elements_.emplace_back(card_words(line.text).at(0), line.line());
  const std::string text = amplifier_text(setup.amplifier) + switches();
  if (const auto pdk = pdk_from_environment()) {
    const PdkNetlist netlist = with_pdk_models(text, path_, *pdk, setup.corner);
    head_ = netlist.text + netlist.models;
    source_ = fmt::format("{}/{}, corner {}, {} geometries", pdk->root, pdk->name, setup.corner,
                          netlist.sources.size());
  } else {
    head_ = text + card_text(corner_of(setup.corner));
    source_ = fmt::format("netlists/card_130nm.lib, corner {}", setup.corner);
  }
  head_ +=
      fmt::format("vdda vdd 0 {0:.17g}\nvddb vddb 0 {0:.17g}\nxbias vddb bn bp cn cp ota_bias\n",
                  circuit_.v_dd);
}

std::string AmplifierDecks::netlist(const std::string& circuit, bool noise) const {
  return head_ + fmt::format("vref ref 0 dc {:.17g} ac {}\n", circuit_.v_ref, noise ? 1 : 0) +
         circuit;
}

std::string AmplifierDecks::options(Accuracy accuracy) const {
  // Steep edges of ideal sources make currents whose last picoampere a transient cannot resolve.
  const char* tolerances = accuracy == Accuracy::transient
                               ? "reltol=1e-5 vntol=1e-7 abstol=1e-12 chgtol=1e-17 method=trap"
                               : "reltol=1e-8 vntol=1e-9 abstol=1e-15";
  return fmt::format("temp={:.17g} gmin=1e-15 {}", temperature_, tolerances);
}

NetlistError AmplifierDecks::located(const NetlistError& e) const {
  std::string what = e.what();
  const std::string place =
      e.line > 0 ? fmt::format("{}:{}: ", e.netlist, e.line) : e.netlist + ": ";
  if (what.starts_with(place)) what.erase(0, place.size());
  const int line = e.line == 0 ? element_line(what, elements_) : e.line <= file_lines_ ? e.line : 0;
  return NetlistError(path_, line, fmt::format("{}: {}", e.netlist, what), e.log, e.status());
}

// Wire and switches at the output and at the left plate.
std::string AmplifierDecks::loads() const { return fmt::format("cout out 0 {:.17g}\n", load_.out); }

std::string AmplifierDecks::transfer() const {
  // inm follows 100 times the distance of the output from where it shall be.
  return amplifier_between("x") + loads() +
         fmt::format("vset set 0 {:.17g}\nex x 0 vol='v(ref)+100*(v(out)-v(set))'\n",
                     circuit_.v_ref);
}

std::string AmplifierDecks::follower() const { return amplifier_between("out") + loads(); }

std::string AmplifierDecks::sample_loop(double c_in) const {
  const double floating = circuit_.c_integ * load_.cib / (circuit_.c_integ + load_.cib);
  return amplifier_between("xin") + loads() +
         fmt::format(
             "cx out 0 {:.17g}\nlopen out xin 1e9\ncopen xin drv 1n\nvdrv drv 0 dc 0 ac 1\n",
             circuit_.c_sample + load_.x + floating + c_in);
}

std::string AmplifierDecks::integrate_loop(double c_in) const {
  return amplifier_between("xin") + loads() +
         fmt::format(
             "ccib out 0 {:.17g}\nci out xb {:.17g}\ncx xb 0 {:.17g}\nrb out xb {}\n"
             "lopen out xin 1e9\ncopen xin drv 1n\nvdrv drv 0 dc 0 ac 1\n",
             load_.cib, circuit_.c_integ, circuit_.c_sample + load_.x + c_in, open_resistor);
}

std::string AmplifierDecks::overdrive(double c_in, bool rising, double t_start) const {
  const double behind = circuit_.c_sample + load_.x + c_in;
  const double c = load_.cib + circuit_.c_integ * behind / (circuit_.c_integ + behind);
  const double over = rising ? 0.3 : -0.3;
  return amplifier_between("x") + loads() +
         fmt::format("cfb out 0 {:.17g}\nvx x 0 pwl(0 {:.17g} {:.17g} {:.17g} {:.17g} {:.17g})\n",
                     c, circuit_.v_ref + over, t_start, circuit_.v_ref + over, t_start + 1e-10,
                     circuit_.v_ref - over);
}

std::string AmplifierDecks::sample_step(double v, double t_start) const {
  return amplifier_between("x") + loads() +
         fmt::format(
             "xaz x out vdd 0 vdd tgate_small\ncs l x {:.17g}\ncx x 0 {:.17g}\ncl l 0 {:.17g}\n"
             "ci x cib {:.17g}\nccib cib 0 {:.17g}\nrcib cib x {}\nxssl line l vdd 0 vdd "
             "tgate\n"
             "vline line 0 pwl(0 {:.17g} {:.17g} {:.17g} {:.17g} {:.17g})\n",
             circuit_.c_sample, load_.x, load_.l, circuit_.c_integ, load_.cib, open_resistor,
             circuit_.v_ref, t_start, circuit_.v_ref, t_start + 1e-10, circuit_.v_ref + v);
}

std::string AmplifierDecks::integrate_step(double v, double t_start) const {
  return amplifier_between("x") + loads() +
         fmt::format(
             "xint cib out vdd 0 vdd tgate_small\ncs l x {:.17g}\ncx x 0 {:.17g}\ncl l 0 {:.17g}\n"
             "ci x cib {:.17g}\nccib cib 0 {:.17g}\nrx x out {}\nxref line l vdd 0 vdd tgate\n"
             "vline line 0 pwl(0 {:.17g} {:.17g} {:.17g} {:.17g} {:.17g})\n",
             circuit_.c_sample, load_.x, load_.l, circuit_.c_integ, load_.cib, open_resistor,
             circuit_.v_ref + v, t_start, circuit_.v_ref + v, t_start + 1e-10, circuit_.v_ref);
}

std::string AmplifierDecks::restore(double v_out, double t_compare, double t_restore) const {
  // C_sample brings the output to v_out in 20 ns; then int opens, cmp closes, and back, 0.3 ns
  // apart with edges of 0.1 ns as in the control programs.
  const double edge = 1e-10, gap = 3e-10, ramp = 2e-8;
  const auto control = [&](const std::string& name, bool closed, double on, double off) {
    const auto side = [&](const std::string& node, bool high) {
      const double a = high ? circuit_.v_dd : 0.0, b = circuit_.v_dd - a;
      return fmt::format(
          "v{0} {0} 0 pwl(0 {1} {2:.17g} {1} {3:.17g} {4} {5:.17g} {4} {6:.17g} {1})\n", node, a,
          on, on + edge, b, off, off + edge);
    };
    return side(name, closed) + side(name + "b", !closed);
  };
  const double v_l = -v_out * circuit_.c_integ / circuit_.c_sample;
  return amplifier_between("x") + loads() +
         fmt::format(
             "cs l x {:.17g}\ncx x 0 {:.17g}\nci x cib {:.17g}\nccib cib 0 {:.17g}\nrx x out {}\n"
             "xint cib out int intb vdd tgate_small\nxcmp cib ref cmp cmpb vdd tgate_small\n"
             "vl l 0 pwl(0 {:.17g} {:.17g} {:.17g})\n",
             circuit_.c_sample, load_.x, circuit_.c_integ, load_.cib, open_resistor, circuit_.v_ref,
             ramp, circuit_.v_ref + v_l) +
         control("int", true, t_compare, t_restore + gap) +
         control("cmp", false, t_compare + gap, t_restore);
}

std::string AmplifierDecks::sample_noise(double c_in) const {
  const double c_line = circuit_.c_line + circuit_.c_line_cell * circuit_.rows;
  return amplifier_between("x") + loads() +
         fmt::format(
             "xaz x out vdd 0 vdd tgate_small\ncs l x {0:.17g}\ncx x 0 {1:.17g}\ncl l 0 {2:.17g}\n"
             "ci x cib {3:.17g}\nccib cib 0 {4:.17g}\nrcib cib x {5}\nxssl line l vdd 0 vdd "
             "tgate\n"
             "cline line 0 {6:.17g}\nrline line ref0 {5}\nvref0 ref0 0 {7:.17g}\n"
             "eq q 0 vol='((v(x)-v(l))*{0:.17g}+v(x)*{8:.17g}+(v(x)-v(cib))*{3:.17g})/{3:.17g}'\n",
             circuit_.c_sample, load_.x, load_.l, circuit_.c_integ, load_.cib, open_resistor,
             c_line, circuit_.v_ref, load_.x + c_in);
}

std::string AmplifierDecks::integrate_noise(double c_in) const {
  return integrate_step(0.0, 1e-9) +
         fmt::format("eq q 0 vol='((v(x)-v(l))*{0:.17g}+v(x)*{1:.17g})/{2:.17g}'\n",
                     circuit_.c_sample, load_.x + c_in, circuit_.c_integ);
}

std::string AmplifierDecks::switch_noise(bool wide, double farad) const {
  return fmt::format("xs ref b vdd 0 vdd {}\nc1 b 0 {:.17g}\n", wide ? "tgate" : "tgate_small",
                     farad);
}

}  // namespace mho::circuits
