// What several benchmarks need: the calibrated neuron, one column with its conversion in ngspice, a block of a core.
#pragma once
#include <benchmark/benchmark.h>

#include <Eigen/Core>
#include <string>
#include <vector>

#include "circuits/conversion.hpp"
#include "solver/fast_core.hpp"
#include "solver/neuron_model.hpp"

namespace mho::bench {

// The neuron of the file that MHO_CALIBRATION names (written by `mho calibrate`), else of the cached calibration with the default settings; read once.
// Null when there is none; `state` is then skipped with a message that says how to get one.
const solver::NeuronModel* calibrated_neuron(benchmark::State& state);

// The column that all conversion benchmarks convert: 16 rows, 3 magnitude bits, drawn from seed 1.
const circuits::ColumnInput& bench_column();
circuits::CircuitParams bench_circuit();
const circuits::ControlProgram& bench_program();
// Its conversion in ngspice, in this process's one session.
circuits::ConversionRecord ngspice_conversion(double tolerance);
// The record that errors are against: the same at a tenth of the usual tolerance. Run once.
const circuits::ConversionRecord& reference_record();
inline constexpr double usual_tolerance = 1e-5;  // [1] reltol of calibration runs
// [LSB] integrated voltage above that of the reference.
double error_in_lsb(double v_integrated);

solver::OperatingPoint operating_point(const circuits::ReadPoint& point);

// Random matrix of a whole core in differential rows, and inputs of `bits` magnitude bits in opposite pairs.
inline constexpr Eigen::Index core_rows = 256, core_columns = 256;
Eigen::MatrixXd core_conductance();                                     // core_rows × core_columns [S]
std::vector<solver::LevelMatrix> core_inputs(Eigen::Index batch, int bits);
// Σ_i x_i G_ij [S], core_columns × batch.
Eigen::MatrixXd exact_sums(const Eigen::MatrixXd& conductance, const std::vector<solver::LevelMatrix>& levels);

// Rates of `batch` matrix-vector products of core size per iteration. A MAC is one cell times one input of all its bits.
void count_mvm(benchmark::State& state, Eigen::Index batch);

}  // namespace mho::bench
