// The circuits that an amplifier is measured in, as text for ngspice; circuits/amplifier_bench.hpp
// lists them.
#pragma once
#include <string>
#include <utility>
#include <vector>

#include "circuits/amplifier_bench.hpp"
#include "core/errors.hpp"

namespace mho::circuits {

class AmplifierDecks {
 public:
  explicit AmplifierDecks(const AmplifierSetup& setup);

  // Amplifier, bias generator, switches, models, supplies and `circuit`: the amplifier's file
  // first. `noise`: vref is the input of a noise analysis.
  std::string netlist(const std::string& circuit, bool noise) const;
  enum class Accuracy { bias, transient };
  std::string options(Accuracy accuracy) const;
  std::string models() const { return source_; }
  // The error with file and line of the amplifier where it is there.
  NetlistError located(const NetlistError& error) const;

  std::string transfer() const;
  std::string follower() const;  // unity gain without a switch
  // Amplifier with inm at xin, the loop open there; the return is `out` or `xb`.
  std::string sample_loop(double c_in) const;
  std::string integrate_loop(double c_in) const;
  std::string overdrive(double c_in, bool rising, double t_start) const;
  // `v` [V]: the line against VREF; it steps there (sample) or from there (integrate) at t_start.
  std::string sample_step(double v, double t_start) const;
  std::string integrate_step(double v, double t_start) const;
  std::string restore(double v_out, double t_compare, double t_restore) const;
  // The charge that x holds besides C_integ, over C_integ, is v(q).
  std::string sample_noise(double c_in) const;
  std::string integrate_noise(double c_in) const;
  std::string switch_noise(bool wide, double farad) const;

 private:
  std::string loads() const;
  CircuitParams circuit_;
  NeuronLoad load_;
  double temperature_;
  std::string head_, source_, path_;
  int file_lines_ = 0;
  std::vector<std::pair<std::string, int>> elements_;  // of the file, with their lines
};

}  // namespace mho::circuits
