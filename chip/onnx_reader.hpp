// Reads an ONNX file (protobuf) into plain structs.
#pragma once
#include <string>

#include "chip/onnx_model.hpp"

namespace mho::chip {

// Throws IoError when the file cannot be read; ConfigError when it is not an ONNX model (truncated,
// corrupt), or holds a tensor that is not finite, is stored outside of the file, or has an element
// type other than float32, uint8, int8, int32 and int64.
OnnxModel read_onnx(const std::string& path);

}  // namespace mho::chip
