#include "circuits/spice/session.hpp"

#include <fmt/format.h>
#include <ngspice/sharedspice.h>
#include <unistd.h>

#include <algorithm>
#include <clocale>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <exception>
#include <filesystem>
#include <unordered_map>

#include "core/errors.hpp"
#include "core/progress.hpp"

namespace mho::spice {
namespace {

// What the callbacks of the one libngspice work on.
struct Link {
  const TransientRequest* request = nullptr;
  const Hooks* hooks = nullptr;
  std::unordered_map<std::string, size_t> source_index;
  std::vector<int> watch_index;  // position of each watched vector in the data of a time point
  int time_index = -1;
  std::vector<double> values;
  std::string log, first_error;
  std::exception_ptr error;
  TransientStats stats;
  bool stop = false, dead = false;
};
Link link_state;
bool session_exists = false;

bool is_error(std::string_view line) {
  for (const char* sign : {"Error", "not parsed", "aborted", "too small", "ingular matrix", "there aren't any circuits", "no such",
                           "unable to find", "could not find", "Could not find", "undefined", "Undefined", "unknown", "Unknown model"})
    if (line.find(sign) != std::string_view::npos) return true;
  return false;
}

int on_text(char* text, int, void*) {
  std::string_view line(text);
  if (line.starts_with("stderr ")) line.remove_prefix(7);
  if (line.starts_with("stdout ")) line.remove_prefix(7);
  if (link_state.log.size() < 100000) link_state.log.append(line).append("\n");
  const bool harmless = line.find("gmin") != std::string_view::npos || line.find("Warning") != std::string_view::npos ||
                        line.find("source stepping") != std::string_view::npos;
  if (link_state.first_error.empty() && !harmless && is_error(line)) link_state.first_error = line;
  return 0;
}

int on_exit(int, NG_BOOL, NG_BOOL, int, void*) {
  link_state.dead = true;
  return 0;
}

// Callbacks run below C frames: an exception is kept, the run stopped, and the exception rethrown by transient().
template <class F>
void guarded(F&& body) {
  if (link_state.error) return;
  try {
    body();
  } catch (...) {
    link_state.error = std::current_exception();
    link_state.stop = true;
  }
}

int on_init_data(pvecinfoall info, int, void*) {
  Link& link = link_state;
  if (!link.request) return 0;
  guarded([&] {
    std::unordered_map<std::string, int> position;
    for (int i = 0; i < info->veccount; ++i) position[info->vecs[i]->vecname] = i;
    link.watch_index.clear();
    for (const std::string& name : link.request->watch) {
      const auto at = position.find(name);
      if (at == position.end()) throw NetlistError(link.request->name, 0, fmt::format("has no node or source {}", name), link.log);
      link.watch_index.push_back(at->second);
    }
    link.time_index = position.at("time");
  });
  return 0;
}

int on_data(pvecvaluesall data, int, int, void*) {
  Link& link = link_state;
  if (!link.request || link.time_index < 0 || link.stop) return 0;
  guarded([&] {
    const double t = data->vecsa[link.time_index]->creal;
    for (size_t i = 0; i < link.watch_index.size(); ++i) link.values[i] = data->vecsa[link.watch_index[i]]->creal;
    ++link.stats.accepted;
    link.stats.t_reached = t;
    if (link.hooks->accepted) link.hooks->accepted(t, link.values);
    if ((link.hooks->done && link.hooks->done()) || interrupted()) link.stop = true;
  });
  return 0;
}

int on_source(double* value, double t, char* name, int, void*) {
  Link& link = link_state;
  *value = 0.0;
  if (std::strcmp(name, "vmhostop") == 0) {
    *value = link.stop ? 1.0 : 0.0;
    return 0;
  }
  guarded([&] { *value = link.hooks->value(link.source_index.at(name), t); });
  return 0;
}

int on_current_source(double* value, double, char*, int, void*) {
  *value = 0.0;
  return 0;
}

int on_sync(double t, double* delta, double, int redo, int, int location, void*) {
  Link& link = link_state;
  if (location == 1 && link.hooks && link.hooks->next_edge) guarded([&] {
      const double edge = link.hooks->next_edge(t);
      const double room = edge - t;
      // A remainder below a femtosecond would be a step of its own: step over it.
      if (room > 1e-15 && *delta > room) *delta = room;
      else if (room > 1e-15 && *delta > 0.5 * room && *delta < room) *delta = 0.5 * room;
    });
  return redo;
}

double cpu_now() {
  timespec t{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
  return static_cast<double>(t.tv_sec) + 1e-9 * static_cast<double>(t.tv_nsec);
}

void command(const char* text) {
  std::string copy = text;
  ngSpice_Command(copy.data());
}

}  // namespace

Session::Session() {
  if (session_exists) throw Error("a second ngspice session in one process is not possible", ExitStatus::bug);
  session_exists = true;
  std::setlocale(LC_NUMERIC, "C");
  link_state = {};
  int ident = 0;
  ngSpice_Init(on_text, nullptr, on_exit, on_data, on_init_data, nullptr, &link_state);
  ngSpice_Init_Sync(on_source, on_current_source, on_sync, &ident, &link_state);
  command("set num_threads=1");
  command("unset interactive");
  command("set nomoremode");
}

// libngspice has no way to be torn down; the process ends with it.
Session::~Session() = default;

TransientStats Session::transient(const TransientRequest& request, const Hooks& hooks) {
  Link& link = link_state;
  if (link.dead) throw NetlistError(request.name, 0, "ngspice ended itself in an earlier run of this process", link.log, ExitStatus::numerical_failure);
  link = Link{};
  link.request = &request;
  link.hooks = &hooks;
  link.values.resize(request.watch.size());
  for (size_t i = 0; i < request.external.size(); ++i) link.source_index[request.external[i]] = i;

  std::vector<std::string> lines;
  lines.push_back("* " + request.name);
  size_t start = 0;
  while (start < request.netlist.size()) {
    size_t end = request.netlist.find('\n', start);
    if (end == std::string::npos) end = request.netlist.size();
    lines.push_back(request.netlist.substr(start, end - start));
    start = end + 1;
  }
  lines.push_back("vmhostop mhostop 0 external");
  std::string save = ".save v(mhostop)";
  for (const std::string& name : request.watch) {
    const size_t hash = name.find('#');
    save += hash == std::string::npos ? fmt::format(" v({})", name) : fmt::format(" i({})", name.substr(0, hash));
  }
  lines.push_back(save);
  lines.push_back(".options " + request.options);
  lines.push_back(fmt::format(".tran {:.17g} {:.17g} 0 {:.17g}", request.dt_max, request.t_stop, request.dt_max));
  lines.push_back(".end");
  std::vector<char*> pointers;
  for (std::string& line : lines) pointers.push_back(line.data());
  pointers.push_back(nullptr);

  const double cpu_start = cpu_now();
  ngSpice_Circ(pointers.data());
  if (link.first_error.empty() && !link.dead) {
    command("stop when v(mhostop) > 0.5");
    command("run");
  }
  link.stats.cpu_seconds = cpu_now() - cpu_start;
  const bool finished = link.stop || link.stats.t_reached >= request.t_stop * (1.0 - 1e-9);
  if (!link.dead) {
    command("delete all");
    command("destroy all");
    command("remcirc");
  }
  link.request = nullptr;
  link.hooks = nullptr;
  if (link.error) std::rethrow_exception(link.error);
  throw_if_interrupted();
  if (!finished) {
    const bool ran = link.stats.accepted > 0;
    throw NetlistError(request.name, 0,
                       fmt::format("ngspice {}: {}", ran ? fmt::format("stopped at {:.4g} s of {:.4g} s", link.stats.t_reached, request.t_stop)
                                                         : "refused the netlist",
                                   link.first_error.empty() ? "no reason given" : link.first_error),
                       link.log, ran ? ExitStatus::numerical_failure : ExitStatus::bad_input);
  }
  return link.stats;
}

}  // namespace mho::spice
