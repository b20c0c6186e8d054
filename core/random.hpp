// Counter-based random numbers (Philox 4x32-10, Salmon et al., SC 2011): a draw is a pure function of its key and counter, so a
// result depends on the seed alone, never on thread count or order.
#pragma once
#include <cstdint>

namespace mho {

// What a stream of numbers is for. Streams of different purpose never overlap.
enum class Purpose : std::uint32_t {
  device_to_device = 1, cycle_to_cycle, relaxation, read_noise, bad_rows, neuron_mismatch, calibration_plan, validation_plan,
  weights, inputs, training, bench, test, fit_starts, corruption, gibbs
};

// A stream keyed by (seed, die, core, cell, purpose). `cell` is any index within the core. Copyable, 48 bytes.
class RandomStream {
 public:
  RandomStream(std::uint64_t seed, std::uint32_t die, std::uint32_t core, std::uint32_t cell, Purpose purpose);
  std::uint32_t next_u32();
  double uniform();                       // in (0, 1), 32 bits
  double normal();                        // mean 0, standard deviation 1 (Box-Muller)
  double chi_squared(double degrees);     // sum of squares with any positive number of degrees of freedom
  std::uint32_t below(std::uint32_t n);   // uniform in 0 … n−1, n > 0
  void skip_to(std::uint32_t block);      // jump to an absolute counter block (4 numbers each), e.g. a pulse number

 private:
  void refill();
  std::uint32_t key_[2], counter_[4], block_[4];
  int used_ = 4;
  double spare_ = 0.0;
  bool has_spare_ = false;
};

}  // namespace mho
