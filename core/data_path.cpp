#include "core/data_path.hpp"

#include <fmt/format.h>

#include <cstdlib>
#include <filesystem>

#include "core/errors.hpp"

namespace mho {

std::string data_path(const std::string& name) {
  if (const char* root = std::getenv("MHO_ROOT"); root && *root) {
    const std::string path = fmt::format("{}/{}", root, name);
    if (!std::filesystem::exists(path)) throw IoError(path, "is missing; MHO_ROOT should be mho's source or share folder");
    return std::filesystem::absolute(path).string();
  }
  for (const char* root : {MHO_SOURCE_ROOT, MHO_INSTALL_ROOT})
    if (const std::string path = fmt::format("{}/{}", root, name); std::filesystem::exists(path)) return path;
  throw IoError(name, "is not below " MHO_SOURCE_ROOT " nor " MHO_INSTALL_ROOT "; set MHO_ROOT to mho's source or share folder");
}

}  // namespace mho
