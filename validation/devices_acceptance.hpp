// Acceptance lines of compact models: published parameter cards under stated sweeps, values found by solvers that are not
// part of mho, each met by every engine within its own tolerance.
#pragma once
#include <functional>
#include <string>
#include <vector>

#include "devices/transient.hpp"
#include "validation/section.hpp"

namespace mho::validation {

// A device behind a load under a drive, by whichever engine. max_dv [V] is the largest step of the drive that the
// reading of the result can bear.
using DeviceEngine = std::function<devices::TransientResult(
    const devices::AnyMemristor& model, const devices::Load& load, const devices::Drive& drive,
    const devices::State& start, double max_dv)>;
struct NamedEngine {
  std::string name;
  DeviceEngine run;
};
NamedEngine ode_engine();

// What a line's stimulus asks for. Text forms: "tri +2/-2 V 500 V/s Rs=0 no compliance", "tri SET 1.0 / RESET 1.5 V 1 V/s",
// "after SET", "after RESET" (of the card's last triangle), "static gap=0.1 nm", "constant -0.7 V", "RESET -2 V 10 ns
// edges 80 ns"; with Rs=…, Icc=…, WL=… and start states or parameters as name=value.
struct Stimulus {
  enum class Kind { triangle, fixed_state, constant, pulse } kind = Kind::triangle;
  double v_first = 0.0, v_second = 0.0;  // [V] SET positive
  double rate = 0.0;                     // [V/s]
  double edge = 0.0, width = 0.0;        // [s]
  devices::Load load;
  std::vector<std::pair<std::string, double>> assignments;  // name=value as written, nm in m
};
struct AcceptanceLine {
  int line = 0;  // of the file
  std::string card, stimulus, quantity, unit, source;
  std::vector<double> values;              // SI; one, or two for "after SET / after RESET"
  double tolerance = 0.0;                  // absolute, SI; relative ones are multiplied out with |value|
  bool relative = false;                   // as written
};

// Reads the file (header: card,stimulus,quantity,value,unit,tolerance,checked_with). Throws ConfigError{file, line}, IoError.
std::vector<AcceptanceLine> load_acceptance(const std::string& path);
Stimulus parse_stimulus(const AcceptanceLine& line, const std::string& file);

// Every line by every engine; lines about a static state by the functions of the model alone. Cards are taken from devices/params.
Section validate_acceptance(const std::string& path, const std::vector<NamedEngine>& engines);

// The readings, of a trace whose drive is a triangle. [V], applied; SET positive.
double set_voltage(const devices::DeviceTrace& trace);                  // largest d ln|I|/dV on the rising SET branch, on a grid of 1 mV
struct PeakCurrent { double v, i; };
PeakCurrent reset_peak(const devices::DeviceTrace& trace);              // largest |I| of the RESET half

}  // namespace mho::validation
