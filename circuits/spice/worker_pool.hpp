// Runs tasks in forked worker processes, because libngspice is one per process and may crash: a crash, a hang, an error or a task that wants too much memory costs one task,
// never the run.
#pragma once
#include <cstddef>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace mho::spice {

// Why an attempt gave no result.
enum class Cause {
  none,       // it gave one
  bad_input,  // an Error with status bad_input: a refused netlist, a value out of range
  numerical,  // an Error with another status: no convergence, no operating point
  timeout,    // wall time over
  cpu,        // processor time over
  memory,     // the memory limit, met by an allocation or by the process as a whole
  signal,     // ended by a signal that this process did not send
  exit,       // ended by itself
  internal,   // any other exception
};
std::string_view cause_name(Cause cause);

struct Attempt {
  Cause cause = Cause::none;
  std::string error;     // one line, empty when it gave a result
  double seconds = 0.0;  // [s] wall time
};

struct TaskOutcome {
  bool ok = false;
  std::string result;             // what the task returned
  std::string error;              // one line when not ok: that of the last attempt
  bool bad_input = false;         // cause == Cause::bad_input
  Cause cause = Cause::none;      // of the last attempt
  std::vector<Attempt> attempts;  // all, in order; more than one when earlier ones failed
};

struct WorkerOptions {
  int workers = 0;                      // 0: all processors that this process may run on
  double timeout = 600.0;               // [s] wall time of one attempt, after which its worker is killed
  std::size_t memory = std::size_t{2} << 30;  // [byte] that an attempt may allocate; 0: no limit
  double cpu = 0.0;                     // [s] processor time of one attempt, counted in whole seconds; 0: no limit
  int retries = 0;                      // further attempts after a failure that is not bad input
};

// task(i, attempt) runs in a process of its own for each i < count, at most `workers` at once; attempt counts from 0, so that a repeated task can choose safer settings.
// done(i, outcome) is called in this process as results arrive. The caller must not have started threads. After Ctrl-C the workers are ended and Interrupted is thrown;
// results that arrived were passed to done().
void run_in_workers(std::size_t count, const WorkerOptions& options, const std::function<std::string(std::size_t, int)>& task,
                    const std::function<void(std::size_t, TaskOutcome)>& done);
// The same for a task that does not look at the attempt.
void run_in_workers(std::size_t count, const WorkerOptions& options, const std::function<std::string(std::size_t)>& task,
                    const std::function<void(std::size_t, TaskOutcome)>& done);

}  // namespace mho::spice
