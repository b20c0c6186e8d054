#include "circuits/spice/session.hpp"

#include <fmt/format.h>
#include <ngspice/sharedspice.h>
#include <unistd.h>

#include <algorithm>
#include <clocale>
#include <cstring>
#include <ctime>
#include <exception>
#include <unordered_map>

#include "circuits/spice/diagnosis.hpp"
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
  std::string log;
  std::exception_ptr error;
  TransientStats stats;
  bool failed = false;  // ngspice printed an error
  bool stop = false, dead = false;
};
Link link_state;
pid_t session_process = 0;  // that has the session; 0: none yet

int on_text(char* text, int, void*) {
  std::string_view line(text);
  if (line.starts_with("stderr ")) line.remove_prefix(7);
  if (line.starts_with("stdout ")) line.remove_prefix(7);
  if (link_state.log.size() < 100000) link_state.log.append(line).append("\n");
  if (!link_state.failed && announces_error(line)) link_state.failed = true;
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
  guarded([&] {
    if (!link.hooks) throw Error(fmt::format("source {} is external, which only a run steered by the host can drive", name));
    *value = link.hooks->value(link.source_index.at(name), t);
  });
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

// Without these a later run may show values of this circuit, and memory grows. ngspice remembers each command, as lines of a
// script, until it is handed a null one (1.2 KiB for the commands of a run).
void clear_circuit() {
  command("delete all");
  command("destroy all");
  command("remcirc");
  ngSpice_Command(nullptr);
}

// The title is line 1 of the deck, so line n of the netlist is its line n + 1.
std::vector<std::string> titled_lines(const std::string& name, const std::string& netlist) {
  std::vector<std::string> lines{"* " + name};
  for (size_t start = 0; start < netlist.size();) {
    const size_t end = std::min(netlist.find('\n', start), netlist.size());
    lines.push_back(netlist.substr(start, end - start));
    start = end + 1;
  }
  return lines;
}
int netlist_line(const Diagnosis& d) { return d.line > 1 ? d.line - 1 : 0; }

void load(std::vector<std::string>& lines) {
  std::vector<char*> pointers;
  for (std::string& line : lines) pointers.push_back(line.data());
  pointers.push_back(nullptr);
  ngSpice_Circ(pointers.data());
}

std::vector<std::string> deck_lines(const TransientRequest& request) {
  std::vector<std::string> lines = titled_lines(request.name, request.netlist);
  lines.push_back("vmhostop mhostop 0 external");
  std::string save = ".save v(mhostop)";
  for (const std::string& name : request.watch) {
    const size_t hash = name.find('#');
    save += hash == std::string::npos ? fmt::format(" v({})", name) : fmt::format(" i({})", name.substr(0, hash));
  }
  lines.push_back(save);
  lines.push_back(".options " + request.options);
  lines.push_back(fmt::format(".tran {:.17g} {:.17g} 0 {:.17g}{}", request.dt_max, request.t_stop, request.dt_max, request.use_ic ? " uic" : ""));
  lines.push_back(".end");
  return lines;
}

void start_over(const std::string& name) {
  if (link_state.dead)
    throw NetlistError(name, 0, "not run: ngspice gave up on an earlier netlist of this process and cannot go on", link_state.log,
                       ExitStatus::numerical_failure);
  link_state = Link{};
}

[[noreturn]] void throw_failure(const TransientRequest& request, bool refused, const TransientStats& stats, const std::string& log) {
  const Diagnosis d = diagnose(log);
  const bool ran = stats.accepted > 0, numerical = ran || (!refused && d.numerical);
  const std::string what = ran         ? fmt::format("ngspice stopped at {:.4g} s of {:.4g} s", stats.t_reached, request.t_stop)
                           : numerical ? "ngspice found no operating point"
                                       : "ngspice refused the netlist";
  throw NetlistError(request.name, netlist_line(d), fmt::format("{}: {}", what, d.message.empty() ? "no reason given" : d.message), log,
                     numerical ? ExitStatus::numerical_failure : ExitStatus::bad_input);
}

// The shared struct of ngGet_Vec_Info is overwritten by the next call: everything is copied at once. Empty: no such vector.
std::vector<std::complex<double>> vector_copy(std::string name) {
  const vector_info* info = ngGet_Vec_Info(name.data());
  if (!info || info->v_length <= 0) return {};
  const auto n = static_cast<size_t>(info->v_length);
  std::vector<std::complex<double>> out(n);
  for (size_t i = 0; i < n; ++i) {
    if (info->v_compdata) out[i] = {info->v_compdata[i].cx_real, info->v_compdata[i].cx_imag};
    else if (info->v_realdata) out[i] = info->v_realdata[i];
  }
  return out;
}

std::vector<std::string> plots() {
  std::vector<std::string> names;
  for (char** p = ngSpice_AllPlots(); p && *p; ++p)
    if (std::strcmp(*p, "const") != 0) names.emplace_back(*p);
  return names;
}

// Vectors of the plots that one analysis made: noise makes two, spectra and totals.
struct Plots {
  std::map<std::string, std::string, std::less<>> full_name;  // "out" -> "ac1.out"
  std::string axis;
};
Plots new_plots(const std::vector<std::string>& before) {
  Plots found;
  for (std::string plot : plots()) {
    if (std::find(before.begin(), before.end(), plot) != before.end()) continue;
    for (char** v = ngSpice_AllVecs(plot.data()); v && *v; ++v) {
      const std::string name = *v, full = fmt::format("{}.{}", plot, name);
      found.full_name.emplace(name, full);
      if (name == "frequency" || name == "time" || name.ends_with("-sweep")) found.axis = full;
    }
  }
  return found;
}

AnalysisResult run_analysis(const AnalysisRequest& request, const Analysis& analysis) {
  const Link& link = link_state;
  const std::vector<std::string> before = plots();
  command(analysis.command.c_str());
  if (link.error) return {};
  const Plots made = new_plots(before);
  if (link.failed || link.dead || made.full_name.empty()) {
    const Diagnosis d = diagnose(link.log);
    throw NetlistError(request.name, netlist_line(d),
                       fmt::format("ngspice gives no result for \"{}\": {}", analysis.command, d.message.empty() ? "no reason given" : d.message), link.log,
                       d.numerical ? ExitStatus::numerical_failure : ExitStatus::bad_input);
  }
  AnalysisResult result;
  if (!made.axis.empty())
    for (const auto& x : vector_copy(made.axis)) result.axis.push_back(x.real());
  for (const std::string& name : analysis.watch) {
    const auto at = made.full_name.find(name);
    auto values = at != made.full_name.end() ? vector_copy(at->second) : name.starts_with("@") ? vector_copy(name) : std::vector<std::complex<double>>{};
    if (values.empty()) throw NetlistError(request.name, 0, fmt::format("\"{}\" gives no vector {}", analysis.command, name), link.log);
    result.vectors[name] = std::move(values);
  }
  return result;
}

}  // namespace

Session::Session() {
  if (session_process == getpid()) throw Error("a second ngspice session in one process is not possible", ExitStatus::bug);
  const bool inherited = session_process != 0;  // the library stands as the program that forked this one had started it
  session_process = getpid();
  std::setlocale(LC_NUMERIC, "C");
  const bool dead = link_state.dead;
  link_state = {};
  link_state.dead = dead;
  if (inherited) return;
  int ident = 0;
  ngSpice_Init(on_text, nullptr, on_exit, on_data, on_init_data, nullptr, &link_state);
  ngSpice_Init_Sync(on_source, on_current_source, on_sync, &ident, &link_state);
  command("set num_threads=1");
  command("unset interactive");
  command("set nomoremode");
}

// libngspice has no way to be torn down; the process ends with it.
Session::~Session() = default;

bool Session::usable() const { return !link_state.dead; }

std::string transient_options(double r) {
  return fmt::format("reltol={:.3g} abstol=1e-14 vntol={:.3g} chgtol=7e-15 method=trap trtol=7 bypass=1", 0.3 * r, 1e-2 * r);
}

SaferSettings safer_settings(int attempt) {
  if (attempt <= 0) return {};
  const std::string first = "method=gear itl4=40 bypass=0";
  if (attempt == 1) return {first, 0.5};
  return {first + " abstol=1e-12 gmin=1e-11 cshunt=1e-17 itl1=1000 itl2=200", 0.25};
}

TransientStats Session::transient(const TransientRequest& wanted, const Hooks& wanted_hooks) {
  TransientRequest request = wanted;
  Hooks hooks = wanted_hooks;
  const SaferSettings safer = safer_settings(attempt);
  // ngspice heeds the first of two values of an option.
  if (!safer.options.empty()) request.options = safer.options + " " + request.options;
  request.dt_max *= safer.dt_max_factor;
  if (intercept) intercept(request, hooks);
  start_over(request.name);
  Link& link = link_state;
  link.request = &request;
  link.hooks = &hooks;
  link.values.resize(request.watch.size());
  for (size_t i = 0; i < request.external.size(); ++i) link.source_index[request.external[i]] = i;

  std::vector<std::string> lines = deck_lines(request);
  const double cpu_start = cpu_now();
  load(lines);
  link.stats.load_seconds = cpu_now() - cpu_start;
  const bool refused = link.failed || link.dead;
  if (!refused) {
    command("stop when v(mhostop) > 0.5");
    command("run");
  }
  link.stats.cpu_seconds = cpu_now() - cpu_start;
  const bool finished = link.stop || link.stats.t_reached >= request.t_stop * (1.0 - 1e-9);
  const std::string log = link.log;
  if (!link.dead) clear_circuit();
  link.request = nullptr;
  link.hooks = nullptr;
  if (link.error) std::rethrow_exception(link.error);
  throw_if_interrupted();
  if (!finished) throw_failure(request, refused, link.stats, log);
  return link.stats;
}

std::vector<AnalysisResult> Session::analyse(const AnalysisRequest& request) {
  start_over(request.name);
  Link& link = link_state;
  std::vector<std::string> lines = titled_lines(request.name, request.netlist);
  lines.push_back(".options " + request.options);
  lines.push_back(".end");
  const struct Cleared {
    ~Cleared() {
      if (!link_state.dead) clear_circuit();
    }
  } cleared;
  load(lines);
  if (link.failed || link.dead) {
    const Diagnosis d = diagnose(link.log);
    throw NetlistError(request.name, netlist_line(d), fmt::format("ngspice refused the netlist: {}", d.message.empty() ? "no reason given" : d.message), link.log);
  }
  std::vector<AnalysisResult> results;
  for (const Analysis& analysis : request.analyses) {
    results.push_back(run_analysis(request, analysis));
    if (link.error) std::rethrow_exception(link.error);
    throw_if_interrupted();
  }
  return results;
}

const std::vector<std::complex<double>>& AnalysisResult::complex(std::string_view vector) const {
  const auto at = vectors.find(vector);
  if (at == vectors.end()) throw Error(fmt::format("vector {} was not watched", vector), ExitStatus::bug);
  return at->second;
}

std::vector<double> AnalysisResult::real(std::string_view vector) const {
  std::vector<double> out;
  for (const auto& x : complex(vector)) out.push_back(x.real());
  return out;
}

double AnalysisResult::value(std::string_view vector) const { return complex(vector).back().real(); }

}  // namespace mho::spice
