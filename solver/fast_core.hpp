// The vectorised form of a core: the calibrated neuron applied to whole batches of inputs with a few matrix products.
//
// Shapes: R rows (bit lines, each with its word line and driver), C columns (source lines, each with its neuron), B inputs of a batch.
// A conversion applies `bits` magnitude bits, least significant first; in bit k row i is driven to level −1, 0 or +1 of the read voltage,
// the word lines pulse once, and the held line is sampled and integrated pulse_multiplier · 2^k times (Wan et al. 2022, Fig. 3e).
#pragma once
#include <Eigen/Core>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "solver/energy_model.hpp"

namespace mho::solver {

struct NeuronModel;  // solver/neuron_model.hpp: the fitted parameters
struct SumChoice;    // solver/row_sums.hpp: how one sum over rows is formed

using LevelMatrix = Eigen::Matrix<std::int8_t, Eigen::Dynamic, Eigen::Dynamic>;   // R × B of −1, 0, +1
using CodeMatrix = Eigen::Matrix<std::int16_t, Eigen::Dynamic, Eigen::Dynamic>;   // C × B of signed ADC codes
using SupplyMatrix = Eigen::Matrix2Xf;  // 2 × B: what is left of the read voltage on the positive and the negative supply of the drivers [1], +1 and −1 without drop

// Settings of the chip for one mapped matrix; chosen on training data only.
struct OperatingPoint {
  double v_read = 0.3;         // [V] read amplitude of the drivers around their centre
  double v_trim = 0.0;         // [V] reference of the sampled line minus VREF: nulls the charge that falling word lines leave on the line
  double v_decrement = 0.05;   // [V] charge decrement level; one LSB before the ADC is v_decrement · C_sample/C_integ
  int pulse_multiplier = 1;    // [1] sample-integrate cycles of the least significant bit
  int max_code = 63;           // [1] unary steps after which the conversion stops
};

// What a core can have beside the calibrated circuit; each is off as constructed.
struct CoreEffects {
  double r_bl = 0.0, r_sl = 0.0;  // [ohm] wire from cell to cell along bit lines and source lines; the driver's resistance is the circuit's
  // Current [A] of a cell of small-signal conductance g [S] at v [V], odd and rising in v; empty: g · v.
  std::function<double(double g, double v)> cell_current{};
  Eigen::MatrixXd sigma{};        // R × C [S] standard deviation of a cell's conductance from read to read, white and independent; empty: none
  double v_noise = 0.0;           // [V] rms on the integrated voltage at its decisions: kT/C of the samples (sampling_noise() in phase_map.hpp), amplifier, comparator
  bool ideal_transistors = false; // access transistors of 4 ohm on settled lines; what falling word lines leave stays that of the circuit
};

// Which noise: a number for every column and input, the same in any batch.
struct ReadNoiseKey {
  std::uint64_t seed = 1;
  std::uint32_t die = 0, core = 0;
  std::uint32_t first_input = 0;  // number of the batch's first input
};

// One mapped matrix in one core.
class FastCore {
 public:
  // conductance: R × C [S], the cells' small-signal conductance, all ≥ 0. bits: magnitude bits of an input. Throws Error for shapes and values out of range.
  FastCore(const NeuronModel& neuron, const Eigen::MatrixXd& conductance, const OperatingPoint& point, int bits, const CoreEffects& effects = {});
  ~FastCore();
  FastCore(FastCore&&) noexcept;
  FastCore& operator=(FastCore&&) noexcept;

  // Memory that calls use again and again, of one thread.
  class Workspace {
   public:
    Workspace();
    ~Workspace();
    Workspace(Workspace&&) noexcept;
    Workspace& operator=(Workspace&&) noexcept;

   private:
    friend class FastCore;
    struct Buffers;
    std::unique_ptr<Buffers> buffers_;
  };

  Eigen::Index rows() const;
  Eigen::Index columns() const;
  int bits() const;
  // Integrated voltage at the amplifier output minus VREF [V], C × B, from one level matrix per magnitude bit. `counts`, if given, receives the events of integration (not those
  // of the ADC). Thread-safe with one workspace a thread; allocates only what workspace and result lack. The bits of a column depend on its own input alone, neither on the batch
  // nor on threads. Each bit's pulse is one read of the cells; their
  // noise reaches v to first order, as one normal number a conversion: `noise` says which, if the core has any. Throws Error for levels other than −1, 0 and +1.
  // `supplies`: for each bit what the drivers' supplies give, empty for all of the read voltage (supplies_of_cores() in supply_drop.hpp).
  void integrate(std::span<const LevelMatrix> levels, Workspace& workspace, Eigen::MatrixXf& v_integrated, EventCounts* counts = nullptr, const ReadNoiseKey& noise = {},
                 std::span<const SupplyMatrix> supplies = {}) const;
  // What the lines settle to at one level matrix while the word lines are on [V, relative to VREF], and the variance that read noise gives them [V²] if it is asked for, C × B.
  void settled_lines(const LevelMatrix& level, Workspace& workspace, Eigen::MatrixXf& lines, Eigen::MatrixXf* variance = nullptr, const SupplyMatrix* supply = nullptr) const;
  // The core as a load of its drivers' two supplies for each input of a level matrix [S]: currents out of the positive and the negative one per volt of each, as SupplyLoad::ports().
  void supply_ports(const LevelMatrix& level, Workspace& workspace, std::vector<Eigen::Matrix2d>& ports) const;
  // Unary charge-decrement ADC: codes from integrated voltages. Thread-safe. Adds compares, decrements, times, conversions.
  void convert(const Eigen::MatrixXf& v_integrated, CodeMatrix& codes, EventCounts* counts = nullptr) const;
  // Digital normalisation by ΣG, C × B: the estimate of Σ_i x_i G_ij [S × input LSB] is gain · v + offset + offset per activity · Σ_i |x_i|, by column; v is the middle of
  // the voltages that give the code. The last term is what the falling word lines of active rows leave; the controller knows the inputs. levels as for integrate().
  void decode(std::span<const LevelMatrix> levels, const CodeMatrix& codes, Eigen::MatrixXf& sums) const;
  // The same from the integrated voltages themselves, as with an ADC of endless range and resolution.
  void normalise(std::span<const LevelMatrix> levels, const Eigen::MatrixXf& v_integrated, Eigen::MatrixXf& sums) const;
  double lsb() const;  // [V] one LSB before the ADC
  double fall_misfit() const;  // [V] rms error of the regression for the falling word lines, on the inputs it was made with
  double map_misfit() const;   // [V] largest rms error of the cubic maps
  const std::vector<SumChoice>& sums() const;  // how the sums over rows are formed, and what that adds to the error

 private:
  struct State;
  void calibrate_decoder(const Eigen::MatrixXd& conductance);
  std::unique_ptr<State> state_;
};

}  // namespace mho::solver
