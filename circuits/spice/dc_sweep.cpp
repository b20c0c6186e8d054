#include "circuits/spice/dc_sweep.hpp"

#include <fmt/format.h>
#include <ngspice/sharedspice.h>

#include <cmath>

#include "core/errors.hpp"
#include "core/progress.hpp"

namespace mho::spice {
namespace {

void command(std::string text) { ngSpice_Command(text.data()); }

std::vector<std::string> deck_lines(const DcSweepRequest& request) {
  std::vector<std::string> lines{"* " + request.name};
  for (size_t start = 0; start < request.netlist.size();) {
    const size_t end = std::min(request.netlist.find('\n', start), request.netlist.size());
    lines.push_back(request.netlist.substr(start, end - start));
    start = end + 1;
  }
  std::string save = ".save";
  for (const std::string& name : request.watch) save += fmt::format(" i({})", name);
  lines.push_back(save);
  lines.push_back(".options " + request.options);
  lines.push_back(fmt::format(".dc {} 0 {} 1", request.source, request.count - 1));
  lines.push_back(".end");
  return lines;
}

// A copy: ngspice hands out one shared structure. Empty when there is no such vector.
std::vector<double> vector_of_run(const std::string& name) {
  std::string text = name;
  const vector_info* info = ngGet_Vec_Info(text.data());
  if (!info || !info->v_realdata || info->v_length < 1) return {};
  return {info->v_realdata, info->v_realdata + info->v_length};
}

}  // namespace

std::vector<std::vector<double>> dc_sweep(Session& session, const DcSweepRequest& request) {
  if (!session.usable())
    throw NetlistError(
        request.name, 0,
        "not run: ngspice gave up on an earlier netlist of this process and cannot go on", {},
        ExitStatus::numerical_failure);
  std::vector<std::string> lines = deck_lines(request);
  std::vector<char*> pointers;
  for (std::string& line : lines) pointers.push_back(line.data());
  pointers.push_back(nullptr);
  ngSpice_Circ(pointers.data());
  if (session.usable()) command("run");
  std::vector<std::vector<double>> currents;
  bool complete = session.usable();
  for (size_t i = 0; complete && i < request.watch.size(); ++i) {
    currents.push_back(vector_of_run(request.watch[i] + "#branch"));
    complete = currents.back().size() == request.count;
    for (const double value : currents.back()) complete = complete && std::isfinite(value);
  }
  if (session.usable()) {
    command("destroy all");
    command("remcirc");
    ngSpice_Command(nullptr);
  }
  throw_if_interrupted();
  if (!complete)
    throw NetlistError(request.name, 0,
                       fmt::format("ngspice did not finish the sweep of {} steps", request.count),
                       {}, ExitStatus::numerical_failure);
  return currents;
}

}  // namespace mho::spice
