// Results kept on disk under a key of everything that they depend on.
#pragma once
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace mho {

// Collects what a result depends on; hex() is the 128-bit XXH3 of all of it, in order.
class CacheKey {
 public:
  explicit CacheKey(std::string_view kind) { add("kind", kind); }
  CacheKey& add(std::string_view name, std::string_view value);
  CacheKey& add(std::string_view name, double value);
  CacheKey& add(std::string_view name, std::int64_t value);
  CacheKey& add(std::string_view name, std::span<const double> values);
  CacheKey& add_bytes(std::string_view name, const void* data, size_t size);
  CacheKey& add_file(std::string_view name, const std::string& path);  // the content, not the name. Throws IoError
  std::string hex() const;

 private:
  std::string text_;
};

// A folder of results. Entries are written to a temporary name and renamed, so a killed run leaves no half entry.
class Cache {
 public:
  // folder empty: MHO_CACHE_DIR, else XDG_CACHE_HOME/mho, else HOME/.cache/mho. enabled = false: nothing found, nothing kept.
  explicit Cache(std::string folder = {}, bool enabled = true);
  std::optional<std::string> find(const std::string& kind, const CacheKey& key) const;
  void store(const std::string& kind, const CacheKey& key, std::string_view content) const;
  const std::string& folder() const { return folder_; }

 private:
  std::string folder_;
  bool enabled_;
};

}  // namespace mho
