// Measurements of one device as a lab has them: current over voltage sweeps, or conductances read
// after pulses, by cycle. The file format is docs/device_fit.md's.
#pragma once
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace mho::devices {

struct SweepCycle {
  int number = 1;
  std::vector<double> t, v, i;  // [s] from 0, [V], [A]; positive: SET
  std::vector<int> line;        // of each point in the file
};

// One pulse and the conductance read after it. Width 0: a read without a pulse.
struct MeasuredPulse {
  double v, width, edge;  // [V] positive: SET, [s], [s]
  double v_wl;            // [V] word line, NaN: none
  double v_read, g;       // [V], [S] after the pulse
  int line;
};
struct PulseCycle {
  int number = 1;
  std::vector<MeasuredPulse> pulses;
};

struct Measurement {
  std::string file;
  std::vector<SweepCycle> sweeps;  // one of the two is empty
  std::vector<PulseCycle> trains;
  bool cell_voltage = false;       // v is measured across the cell itself: nothing stands before it
  double r_series = 0.0;           // [ohm] from a comment, else 0
  double compliance = 0.0;         // [A] from a comment; 0: not stated
  std::vector<std::string> notes;  // what was assumed or left out
};

struct MeasurementOptions {
  std::optional<bool>
      set_is_negative;  // polarity of SET in the file; without: its comment, else positive
  bool spread_equal_times =
      false;            // equal time stamps of a coarse clock are spread evenly up to the next one
  double rate = 0.0;    // [V/s] of a sweep without a column of time; 0: refuse it
  double v_read = 0.0;  // [V] of pulse trains without a column or comment; 0: refuse them
  double min_ratio = 2.0;  // [1] a sweep without a change of conductance by this factor is refused
};

// Throws IoError; ConfigError{file, line, column}: missing columns, wrong units, values that are no
// finite numbers or out of range, time that does not increase, too few points, no switching event
// in any cycle.
Measurement load_measurement(const std::string& path, const MeasurementOptions& options = {});
Measurement read_measurement(std::string_view text, const std::string& file,
                             const MeasurementOptions& options = {});

}  // namespace mho::devices
