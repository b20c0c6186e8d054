// Runs tasks in forked worker processes, because libngspice is one per process and may crash: a crash, a hang or an error costs one task, never the run.
#pragma once
#include <cstddef>
#include <functional>
#include <string>
#include <vector>

namespace mho::spice {

struct TaskOutcome {
  bool ok = false;
  std::string result;  // what the task returned
  std::string error;   // one line when not ok
  bool bad_input = false;  // the task threw an Error with status bad_input
};

struct WorkerOptions {
  int workers = 2;
  double timeout = 600.0;  // [s] wall time of one task, after which its worker is killed
};

// task(i) runs in a process of its own for each i < count, at most `workers` at once. done(i, outcome) is called in this process as results arrive. The caller must not have
// started threads. After Ctrl-C the workers are ended and Interrupted is thrown; results that arrived were passed to done().
void run_in_workers(size_t count, const WorkerOptions& options, const std::function<std::string(size_t)>& task,
                    const std::function<void(size_t, TaskOutcome)>& done);

}  // namespace mho::spice
