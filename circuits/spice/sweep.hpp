// A sweep: one task per case in worker processes, each result kept on disk as soon as it is there.
// A sweep that was killed, with SIGKILL too, goes on where it stopped: finished cases are found in
// the cache, whose files appear whole or not at all, and only the others run.
#pragma once
#include <functional>
#include <string>
#include <vector>

#include "circuits/spice/worker_pool.hpp"
#include "core/cache.hpp"

namespace mho::spice {

struct SweepOptions {
  WorkerOptions worker;
  std::string kind = "sweeps";  // folder of the results in the cache
  std::string title = "sweep";  // what the progress line calls it; empty: no progress line
};

struct SweepResult {
  bool ok = false, cached = false;
  std::string text;           // what the task returned
  std::string error;          // one line when not ok
  Cause cause = Cause::none;  // of the last attempt
  int attempt = 0;  // which attempt gave the result: above 0, it was rescued with safer settings
  std::vector<Attempt> attempts;  // of this run; empty when the result was in the cache
};

struct SweepSummary {
  size_t done = 0, from_cache = 0, rescued = 0, failed = 0, bad_input = 0;
  std::vector<std::string> failures;  // "name: cause: error", in the order of the cases
};

struct Sweep {
  std::vector<SweepResult> results;  // one per case, in their order
  SweepSummary summary;
};

// What a sweep has to know about its cases, by number.
struct SweepCases {
  size_t count = 0;
  std::function<CacheKey(size_t)> key;      // everything that the result depends on
  std::function<std::string(size_t)> name;  // for messages
  std::function<std::string(size_t, int)>
      task;  // (case, attempt) -> result; runs in a worker process
};

// Runs what the cache does not hold. A result of attempt n > 0 is kept under a key of its own,
// because it was made with other settings. Failures are not kept; they never stop the others. After
// Ctrl-C Interrupted is thrown, and what was finished is in the cache.
Sweep run_sweep(const SweepCases& cases, const SweepOptions& options, const Cache& cache);

// The same over a list: key(case), name(case), task(case, attempt).
template <class Case, class Key, class Name, class Task>
Sweep run_sweep(const std::vector<Case>& list, Key key, Name name, Task task,
                const SweepOptions& options, const Cache& cache) {
  return run_sweep(
      {list.size(), [&](size_t i) { return key(list[i]); }, [&](size_t i) { return name(list[i]); },
       [&](size_t i, int attempt) { return task(list[i], attempt); }},
      options, cache);
}

}  // namespace mho::spice
