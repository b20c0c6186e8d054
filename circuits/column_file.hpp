// One column with its inputs as a JSON file: {"conductance": [S per row], "levels": [[−1, 0 or 1 per row], … least significant bit first], "v_read": V, "v_trim": V,
// "v_decrement": V, "pulse_multiplier": n, "max_code": n}. The last five may be missing (ReadPoint's values). to_json(ColumnInput) writes the same keys.
#pragma once
#include <string>

#include "circuits/conversion_data.hpp"

namespace mho::circuits {

// Throws IoError when the file cannot be read, ConfigError{file, line, key} when it is not JSON, for a missing or unknown key, a wrong type, a value out of range or
// shapes that do not fit.
ColumnInput read_column(const std::string& path);

// Throws ConfigError{source, key} when a column cannot exist: no rows, more rows than the core, conductances outside 1 pS to 1 S, levels that are not −1, 0, 1 or not one
// per row and bit, voltages beyond ±5 V, a decrement that is not positive, counts below 1.
void check_column(const ColumnInput& input, const CircuitParams& circuit, const std::string& source);

}  // namespace mho::circuits
