// The vectorised form held against the ODE form, and against a whole array in ngspice.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "circuits/conversion_data.hpp"
#include "core/json_file.hpp"
#include "solver/neuron_model.hpp"
#include "solver/row_sums.hpp"

namespace mho::validation {

// Random columns in both forms; nothing is fitted. The voltage compared is that across C_integ before the sign decision, which is what both ADCs start from.
struct FastPathValidation {
  int columns = 0;
  double v_rms = 0, v_worst = 0;   // [LSB] before the ADC
  double differing_codes = 0;      // [1] share of columns
  int off_by_more = 0;             // codes that differ by more than one
  double fast_seconds = 0, ode_seconds = 0;  // [s] per conversion, batch of 256 and one thread; the fast form without its preparation
  double prepare_seconds = 0;      // [s] of a column's preparation
};
void to_json(Json& json, const FastPathValidation& v);
FastPathValidation validate_fast_path(const solver::NeuronModel& model, int columns, std::uint64_t seed, int threads);

// A core of 256 × 256 cells with everything that a core can have: wires of 0.5 ohm a cell, drivers, transistors, bent cells (devices::SinhRead), read noise, settling, held lines, the
// fitted neuron and its ADC, 3 magnitude bits; against a single-precision product of that size by Eigen and against ngspice, all on one thread and in processor time of this run.
struct FastSpeed {
  struct Batch {
    int inputs = 0;
    double seconds = 0, product = 0;  // [s] of an input; of a product
    double rate = 0, products = 0;    // [1/s] whole products of matrix and input, ADC included; [1] their time in products
    double gain = 0;                  // [1] processor time of ngspice over ours, for one column
  };
  std::vector<Batch> batches;
  std::vector<solver::SumChoice> sums;
  double ngspice = 0;               // [s] of one conversion of a column of 256 rows
  double digits = 0;                // [1] 8-bit digits that are multiplied per bit
  double digit_seconds = 0;         // [s] of an input and one digit, measured alone
  double lines_rms = 0;             // [LSB] of its settled lines, Σ 2^k u_k, from every cell at its own voltage (nonlinear_array.hpp), with transistors of 20 ohm, which that form does not have
  std::vector<std::string> missed;  // limits, one line each
};
void to_json(Json& json, const FastSpeed& v);
FastSpeed measure_fast_speed(const solver::NeuronModel& model, std::uint64_t seed);

// One array with shared row drivers: every settled line in ngspice and in the solver.
struct ArrayValidation {
  int rows = 0, columns = 0, vectors = 0;
  std::vector<double> ngspice, solver, own_drivers;  // [V] every line of every input vector; own_drivers: what the solver says without sharing
  double worst = 0, rms = 0;                         // [V] solver − ngspice
  double worst_unshared = 0;                         // [V] own_drivers − ngspice
};
void to_json(Json& json, const ArrayValidation& v);
ArrayValidation validate_array(const solver::NeuronModel& model, int rows, int columns, int vectors, double r_driver, std::uint64_t seed, double tolerance);

}  // namespace mho::validation
