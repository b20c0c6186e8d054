// Progress of long work on stderr with the time left, and Ctrl-C as a request to stop between pieces of work.
#pragma once
#include <chrono>
#include <mutex>
#include <string>

namespace mho {

// After this, SIGINT and SIGTERM set the flag that interrupted() reads; a second SIGINT ends the process at once.
void install_interrupt_handler();
bool interrupted();
void throw_if_interrupted();  // Interrupted when the flag is set

// Counts pieces of work. On a terminal one line is rewritten; in a log a line is printed at most every 10 s. Thread-safe.
class Progress {
 public:
  Progress(std::string title, size_t total, bool enabled = true);
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;
  void advance(size_t pieces = 1, const std::string& note = {});
  void finish(const std::string& note = {});

 private:
  void print(bool last, const std::string& note);
  std::string title_;
  size_t total_, done_ = 0;
  bool enabled_, terminal_, finished_ = false;
  std::chrono::steady_clock::time_point start_, printed_;
  std::mutex mutex_;
};

}  // namespace mho
