#include "core/cache.hpp"

#include <fmt/format.h>
#include <xxhash.h>

#include <cstdlib>
#include <cstring>
#include <filesystem>

#include "core/errors.hpp"
#include "core/json_file.hpp"

namespace mho {

CacheKey& CacheKey::add_bytes(std::string_view name, const void* data, size_t size) {
  text_ += fmt::format("{}:{}=", name, size);
  text_.append(static_cast<const char*>(data), size);
  return *this;
}
CacheKey& CacheKey::add(std::string_view name, std::string_view value) { return add_bytes(name, value.data(), value.size()); }
CacheKey& CacheKey::add(std::string_view name, double value) { return add_bytes(name, &value, sizeof value); }
CacheKey& CacheKey::add(std::string_view name, std::int64_t value) { return add_bytes(name, &value, sizeof value); }
CacheKey& CacheKey::add(std::string_view name, std::span<const double> values) {
  return add_bytes(name, values.data(), values.size_bytes());
}
CacheKey& CacheKey::add_file(std::string_view name, const std::string& path) { return add(name, read_text_file(path)); }

std::string CacheKey::hex() const {
  const XXH128_hash_t hash = XXH3_128bits(text_.data(), text_.size());
  return fmt::format("{:016x}{:016x}", hash.high64, hash.low64);
}

namespace {
std::string default_folder() {
  if (const char* folder = std::getenv("MHO_CACHE_DIR"); folder && *folder) return folder;
  if (const char* folder = std::getenv("XDG_CACHE_HOME"); folder && *folder) return std::string(folder) + "/mho";
  if (const char* home = std::getenv("HOME"); home && *home) return std::string(home) + "/.cache/mho";
  return ".mho-cache";
}
}  // namespace

Cache::Cache(std::string folder, bool enabled)
    : folder_(folder.empty() ? default_folder() : std::move(folder)), enabled_(enabled) {}

std::optional<std::string> Cache::find(const std::string& kind, const CacheKey& key) const {
  const std::string path = fmt::format("{}/{}/{}", folder_, kind, key.hex());
  if (!enabled_ || !std::filesystem::exists(path)) return std::nullopt;
  return read_text_file(path);
}

void Cache::store(const std::string& kind, const CacheKey& key, std::string_view content) const {
  if (!enabled_) return;
  std::filesystem::create_directories(folder_ + "/" + kind);
  write_text_file(fmt::format("{}/{}/{}", folder_, kind, key.hex()), content);
}

}  // namespace mho
