// Counts the allocations of a test program's threads, Eigen's too, so that a test can say that a call makes none. Include it in one file of a program. Sanitizers have a malloc of
// their own, with them MHO_COUNTS_ALLOCATIONS is not defined.
#pragma once
#include <cstdlib>

#if defined(__GLIBC__) && !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#define MHO_COUNTS_ALLOCATIONS 1
namespace {
thread_local long allocations = 0;
}
extern "C" void* __libc_malloc(std::size_t size);
extern "C" void* malloc(std::size_t size) noexcept {
  ++allocations;
  return __libc_malloc(size);
}
#endif

