// For tests of the program: a folder of this test process, gone at the end, and the program run in it.
#pragma once
#include <fmt/format.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <regex>
#include <sstream>
#include <string>

#include "core/json_file.hpp"

namespace mho::test {

// How a run of the program ended.
struct Outcome {
  int status;
  std::string out, err;
  // Without lines of progress ("title: 3/16 …"), which a loaded machine prints and an idle one does not.
  size_t error_lines() const {
    static const std::regex progress(": [0-9]+/[0-9]+");
    std::istringstream lines(err);
    size_t count = 0;
    for (std::string line; std::getline(lines, line);) count += !std::regex_search(line, progress);
    return count;
  }
};

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

  // Runs `mho arguments`, MHO_BINARY being its path.
  Outcome mho(const std::string& arguments) const {
    const int status = std::system(fmt::format("'{}' {} >'{}' 2>'{}' </dev/null", MHO_BINARY, arguments, path("stdout"), path("stderr")).c_str());
    return {WEXITSTATUS(status), read_text_file(path("stdout")), read_text_file(path("stderr"))};
  }
};

}  // namespace mho::test
