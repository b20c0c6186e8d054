// What the devices of the cards are driven with when engines are held against each other.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "devices/card.hpp"
#include "devices/drive.hpp"
#include "devices/load.hpp"

namespace mho::validation {

struct DeviceStimulus {
  std::string name;  // "+2/-2.5 V at 1 V/s, 100 uA"
  devices::Drive drive;
  devices::Load load;
  bool from_high = false;  // starts at high_state(), else at low_state()
};

// The slow sweeps of the card, then trains SET RESET SET RESET of 100 ns, 1 us and 10 us at two
// amplitudes, and one train of random widths and amplitudes (seed); trains both in a 1T1R cell and
// behind 1 kohm.
std::vector<DeviceStimulus> stimuli(const devices::Card& card, std::uint64_t seed);

}  // namespace mho::validation
