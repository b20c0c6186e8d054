// Writes plain structs as an ONNX file that any ONNX runtime can read.
#pragma once
#include <string>

#include "chip/onnx_model.hpp"

namespace mho::chip {

// Whole file or nothing. The same model gives the same bytes. Throws IoError.
void write_onnx(const OnnxModel& model, const std::string& path);

}  // namespace mho::chip
