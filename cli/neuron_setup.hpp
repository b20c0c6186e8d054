// What the circuit designer's commands share: which program runs on which circuit, column and
// operating point, and one run with its waveform.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "circuits/conversion.hpp"
#include "circuits/model_card.hpp"
#include "cli/neuron.hpp"

namespace mho::cli {

// As given on the command line.
struct SetupOptions {
  std::string program, input, purpose = "validation", corner, amplifier;
  std::vector<std::string> parameters;                    // key=value
  std::string v_read, v_trim, v_decrement, preset, v_dd;  // quantities, empty: not given
  std::optional<int> rows, pulse_multiplier, max_code;
  std::optional<double> tolerance, temperature;  // [1], [°C]
  std::optional<int> die;
  int index = 0, lfsr = 1;
  // Whether anything differs from what a calibration can be made for.
  bool moves_circuit() const {
    return !amplifier.empty() || !parameters.empty() || !v_dd.empty() || lfsr != 1 || die;
  }
};
void add_setup_options(CLI::App& command, SetupOptions& options);
// The option CONFIG of add_command is not needed by these commands.
void make_config_optional(CLI::App& command);

// Everything that one run depends on, as values that a sweep may move.
struct NeuronPoint {
  circuits::CircuitParams circuit;
  circuits::ControlProgram program;
  std::optional<circuits::ColumnInput>
      column;  // none: the converter alone, by a program with the parameter v_preset
  circuits::ReadPoint point;
  std::vector<std::pair<std::string, double>> parameters;
  std::string amplifier;  // text, empty: the shipped one
  circuits::Corner corner = circuits::Corner::tt;
  double temperature = 27, tolerance = 1e-5;  // [°C], [1]
  int lfsr = 1;
  std::optional<int> die;  // with mismatch, drawn from seed and number; none: nominal
  std::uint64_t seed = 1;
};
// Throws Error for what the options name wrongly.
NeuronPoint neuron_point(const SetupOptions& options, const CommonOptions& common);
// Sets one value: a parameter of the program, of ReadPoint, of CircuitParams, temp, vdd, lfsr, die
// or corner. `where` names the option in errors.
void set_value(NeuronPoint& point, const std::string& key, const std::string& value,
               const std::string& where);
circuits::ConversionSetup setup_of(const NeuronPoint& point);
circuits::ConversionOptions ngspice_of(const NeuronPoint& point);
// "tanh, 16 rows of 3 magnitude bits; read 0.3 V, …" and the same as JSON.
std::string describe(const NeuronPoint& point);
Json point_json(const NeuronPoint& point);

// "5 mV", "20 ns", "3 fF", "200 ohm" or a bare number; nothing when it is neither.
std::optional<double> any_number(const std::string& text);

// One run in a worker, so that a crash of ngspice is an error of the command.
struct WatchedRun {
  circuits::ConversionRecord record;
  circuits::ConversionWaveform waveform;
};
WatchedRun run_watched(const circuits::ConversionSetup& setup,
                       const circuits::ConversionOptions& options);

}  // namespace mho::cli
