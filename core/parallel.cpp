#include "core/parallel.hpp"

#include <sched.h>

#include <algorithm>
#include <atomic>
#include <exception>
#include <mutex>
#include <thread>
#include <vector>

#include "core/errors.hpp"
#include "core/progress.hpp"

namespace mho {

int default_threads() {
  cpu_set_t set;
  CPU_ZERO(&set);
  if (sched_getaffinity(0, sizeof set, &set) == 0 && CPU_COUNT(&set) > 0) return CPU_COUNT(&set);
  return std::max(1u, std::thread::hardware_concurrency());
}

void parallel_for(size_t count, int threads, const std::function<void(size_t)>& body, size_t chunk) {
  chunk = std::max<size_t>(1, chunk);
  std::atomic<size_t> next{0};
  std::atomic<bool> failed{false};
  std::mutex mutex;
  std::exception_ptr error;
  size_t error_chunk = 0;
  const auto work = [&] {
    while (!failed && !interrupted()) {
      const size_t first = next.fetch_add(chunk);
      if (first >= count) return;
      try {
        for (size_t i = first; i < std::min(count, first + chunk); ++i) body(i);
      } catch (...) {
        const std::lock_guard lock(mutex);
        if (!error || first < error_chunk) {
          error = std::current_exception();
          error_chunk = first;
        }
        failed = true;
      }
    }
  };
  const size_t wanted = std::min<size_t>(static_cast<size_t>(std::max(1, threads)), (count + chunk - 1) / chunk);
  std::vector<std::jthread> pool;
  for (size_t t = 1; t < wanted; ++t) pool.emplace_back(work);
  work();
  pool.clear();
  if (error) std::rethrow_exception(error);
  if (interrupted()) throw Interrupted();
}

}  // namespace mho
