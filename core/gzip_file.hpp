// Text that may be packed with gzip.
#pragma once
#include <string>

namespace mho {

// The whole text, unpacked; a file that is not gzip comes as it is. Throws IoError, also for one that is cut off in the middle.
std::string read_gzip_text(const std::string& path);

}  // namespace mho
