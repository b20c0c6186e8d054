#include "cli/job/machine.hpp"

#include <fmt/format.h>
#include <sys/resource.h>
#include <sys/utsname.h>
#include <unistd.h>
#include <xxhash.h>
#include <zlib.h>

#include <CLI/Version.hpp>
#include <Eigen/Core>
#include <boost/version.hpp>
#include <fstream>
#include <toml++/toml.h>

#include "cli/build_info.hpp"
#include "cli/git_describe.hpp"
#include "core/parallel.hpp"

namespace mho::job {
namespace {

// Value of "name : value" in a file of the kernel; empty when there is none.
std::string kernel_entry(const char* path, std::string_view name) {
  std::ifstream in(path);
  for (std::string line; std::getline(in, line);)
    if (line.starts_with(name))
      if (const size_t at = line.find_first_not_of(" \t", line.find(':') + 1); at != std::string::npos) return line.substr(at);
  return {};
}

}  // namespace

Json program_description() {
  const auto dotted = [](long long n, long long a, long long b) { return fmt::format("{}.{}.{}", n / a, n / b % (a / b), n % b); };
  return {{"version", build_version},
          {"git", git_describe},
          {"compiler", build_compiler},
          {"flags", build_flags},
          {"libraries",
           {{"ngspice", build_ngspice_version},
            {"Eigen", fmt::format("{}.{}.{}", EIGEN_WORLD_VERSION, EIGEN_MAJOR_VERSION, EIGEN_MINOR_VERSION)},
            {"Boost", dotted(BOOST_VERSION, 100000, 100)},
            {"fmt", dotted(FMT_VERSION, 10000, 100)},
            {"CLI11", CLI11_VERSION},
            {"toml++", fmt::format("{}.{}.{}", TOML_LIB_MAJOR, TOML_LIB_MINOR, TOML_LIB_PATCH)},
            {"nlohmann-json", fmt::format("{}.{}.{}", NLOHMANN_JSON_VERSION_MAJOR, NLOHMANN_JSON_VERSION_MINOR, NLOHMANN_JSON_VERSION_PATCH)},
            {"xxHash", dotted(XXH_versionNumber(), 10000, 100)},
            {"zlib", zlibVersion()},
            {"protobuf", build_protobuf_version},
            {"ONNX", build_onnx_version}}}};
}

Json machine_description() {
  utsname system{};
  uname(&system);
  const double memory = static_cast<double>(sysconf(_SC_PHYS_PAGES)) * static_cast<double>(sysconf(_SC_PAGESIZE));
  return {{"processor", kernel_entry("/proc/cpuinfo", "model name")},
          {"threads", default_threads()},
          {"memory", quantity(memory, "byte")},
          {"system", fmt::format("{} {} {}", system.sysname, system.release, system.machine)}};
}

double peak_memory() {
  if (const std::string text = kernel_entry("/proc/self/status", "VmHWM"); !text.empty()) return 1024.0 * std::stod(text);
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return 1024.0 * static_cast<double>(usage.ru_maxrss);
}

void reset_peak_memory() { std::ofstream("/proc/self/clear_refs") << "5"; }

double peak_memory_of_workers() {
  rusage usage{};
  getrusage(RUSAGE_CHILDREN, &usage);
  return 1024.0 * static_cast<double>(usage.ru_maxrss);
}

}  // namespace mho::job
