// A loop over indices on a fixed number of threads. Results must not depend on which thread runs an index.
#pragma once
#include <cstddef>
#include <functional>

namespace mho {

// Number of threads to use when the user does not say: the processors that this process may run on.
int default_threads();

// Calls body(i) for i in [0, count) from `threads` threads, each index once, handed out in chunks of `chunk`. The first exception
// (lowest chunk first) is rethrown when all threads have stopped. Stops early with Interrupted after Ctrl-C.
void parallel_for(size_t count, int threads, const std::function<void(size_t)>& body, size_t chunk = 1);

}  // namespace mho
