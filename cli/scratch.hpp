// For tests of the program: a folder of this test process, gone at the end.
#pragma once
#include <fmt/format.h>
#include <unistd.h>

#include <filesystem>
#include <string>

namespace mho::test {

struct ScratchFolder {
  std::filesystem::path folder = std::filesystem::temp_directory_path() / fmt::format("mho-test-{}", getpid());
  ScratchFolder() {
    std::filesystem::remove_all(folder);  // of an earlier process with this number
    std::filesystem::create_directories(folder);
  }
  ~ScratchFolder() { std::filesystem::remove_all(folder); }
  ScratchFolder(const ScratchFolder&) = delete;
  ScratchFolder& operator=(const ScratchFolder&) = delete;
  std::string path(const std::string& name) const { return (folder / name).string(); }
};

}  // namespace mho::test
