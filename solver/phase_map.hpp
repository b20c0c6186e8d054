// The neuron of the ODE form tabulated for batches: what one magnitude bit's samples do to the integrated voltage and to the held line, and at which integrated
// voltages the unary ADC steps from one code to the next. Every entry is computed by the ODE form; nothing is fitted to anything else.
#pragma once
#include <vector>

#include "circuits/control_program.hpp"
#include "solver/cubic.hpp"
#include "solver/fast_core.hpp"
#include "solver/neuron_model.hpp"

namespace mho::solver {

// What the samples of one bit do, leakage apart: out after them and line after them from (out before, held line − v_trim), both relative to VREF and v_trim.
struct BitMap {
  int samples = 0;
  double duration = 0;  // [s] of the samples
  Cubic out{}, line{};
};

struct AdcMap {
  double threshold = 0;                 // [V] sign decision
  std::vector<double> up, down;         // [V] up[k]: integrated voltages above it give a code of at least k + 1; down: the same for negative codes, descending
};

struct PhaseMap {
  BitMap cycle;                         // one sample-integrate cycle
  std::vector<BitMap> bits;             // the same composed as often as each bit is sampled
  AdcMap adc;
  double out_initial = 0;               // [V] out after initialise and the first pulse
  double t_word_line = 0;               // [s] word lines on
  double t_integrate = 0, t_decrement = 0;  // [s] conversion time until the sign decision is taken; of each decrement with its compare
  double fit_rms = 0;                   // [V] largest rms misfit of the cubics to the ODE form
};

// The range of the maps: |out| up to `swing`, |held line − v_trim| up to `line_span`.
PhaseMap make_phase_map(const NeuronModel& model, const OperatingPoint& point, int bits, double swing = 0.6, double line_span = 0.4);

// Reference of the sampled line minus VREF [V] at which zero inputs integrate to zero, for `rows` active rows in differential pairs of 20 and 1 µS.
double line_trim(const NeuronModel& model, Eigen::Index rows);
// kT/C of all samples of a conversion on the integrated voltage [V rms]: each leaves √(k T C_sample) of charge, which C_integ adds up (Nyquist, Phys. Rev. 32, 110 (1928)), at the
// temperature of the model. Without that of amplifier and comparator.
double sampling_noise(const NeuronModel& model, const OperatingPoint& point, int bits);

}  // namespace mho::solver
