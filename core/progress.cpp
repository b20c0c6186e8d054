#include "core/progress.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <atomic>
#include <cmath>
#include <csignal>
#include <cstdio>

#include "core/errors.hpp"

namespace mho {
namespace {
volatile std::sig_atomic_t stop_requested = 0;

void on_signal(int number) {
  if (stop_requested && number == SIGINT) _exit(static_cast<int>(ExitStatus::interrupted));
  stop_requested = 1;
}

std::string duration(double seconds) {
  if (seconds < 90) return fmt::format("{:.0f} s", seconds);
  return fmt::format("{:.0f} min {:02.0f} s", std::floor(seconds / 60), seconds - 60 * std::floor(seconds / 60));
}
}  // namespace

void install_interrupt_handler() {
  struct sigaction action {};
  action.sa_handler = on_signal;
  sigemptyset(&action.sa_mask);
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);
}

bool interrupted() { return stop_requested != 0; }

void throw_if_interrupted() {
  if (interrupted()) throw Interrupted();
}

Progress::Progress(std::string title, size_t total, bool enabled)
    : title_(std::move(title)), total_(total), enabled_(enabled), terminal_(isatty(STDERR_FILENO) != 0),
      start_(std::chrono::steady_clock::now()), printed_(start_) {}

Progress::~Progress() {
  if (!finished_ && done_ > 0) print(true, "");
}

void Progress::advance(size_t pieces, const std::string& note) {
  const std::lock_guard lock(mutex_);
  done_ += pieces;
  const auto now = std::chrono::steady_clock::now();
  if (now - printed_ < (terminal_ ? std::chrono::milliseconds(200) : std::chrono::milliseconds(10000))) return;
  printed_ = now;
  print(false, note);
}

void Progress::finish(const std::string& note) {
  const std::lock_guard lock(mutex_);
  finished_ = true;
  print(true, note);
}

void Progress::print(bool last, const std::string& note) {
  if (!enabled_) return;
  const double elapsed = std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count();
  std::string line = fmt::format("{}: {}/{}", title_, done_, total_);
  if (last)
    line += fmt::format(" in {}", duration(elapsed));
  else if (done_ > 0 && total_ > done_)
    line += fmt::format(", {} left", duration(elapsed * static_cast<double>(total_ - done_) / static_cast<double>(done_)));
  if (!note.empty()) line += fmt::format(" ({})", note);
  if (terminal_)
    fmt::print(stderr, "\r\033[K{}{}", line, last ? "\n" : "");
  else
    fmt::print(stderr, "{}\n", line);
  std::fflush(stderr);
}

}  // namespace mho
