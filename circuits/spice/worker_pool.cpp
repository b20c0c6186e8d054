#include "circuits/spice/worker_pool.hpp"

#include <fmt/format.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <filesystem>

#include "core/errors.hpp"
#include "core/progress.hpp"

namespace mho::spice {
namespace {
using Clock = std::chrono::steady_clock;

bool write_all(int fd, const void* data, size_t size) {
  const char* p = static_cast<const char*>(data);
  while (size > 0) {
    const ssize_t n = write(fd, p, size);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return false;
    p += n;
    size -= static_cast<size_t>(n);
  }
  return true;
}

bool read_all(int fd, void* data, size_t size) {
  char* p = static_cast<char*>(data);
  while (size > 0) {
    const ssize_t n = read(fd, p, size);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return false;
    p += n;
    size -= static_cast<size_t>(n);
  }
  return true;
}

// Life of a worker: read a task number, run it, write status, length and text. ngspice reads .spiceinit from the working folder and HOME and may write files:
// both are a private empty folder, which the parent removes.
[[noreturn]] void serve(int in, int out, const std::string& folder, const std::function<std::string(size_t)>& task) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  std::signal(SIGINT, SIG_IGN);
  if (chdir(folder.c_str()) == 0) setenv("HOME", folder.c_str(), 1);
  std::uint64_t index = 0;
  while (read_all(in, &index, sizeof index)) {
    std::uint8_t status = 0;
    std::string text;
    try {
      text = task(index);
    } catch (const Error& e) {
      status = e.status() == ExitStatus::bad_input ? 2 : 1;
      text = e.what();
    } catch (const std::exception& e) {
      status = 1;
      text = e.what();
    }
    const std::uint64_t size = text.size();
    if (!write_all(out, &status, 1) || !write_all(out, &size, sizeof size) || !write_all(out, text.data(), text.size())) break;
  }
  _exit(0);
}

struct Worker {
  pid_t pid = -1;
  int to = -1, from = -1;
  std::string folder;
  bool busy = false;
  size_t task = 0;
  Clock::time_point start;
};

void start(Worker& worker, const std::vector<Worker>& all, const std::function<std::string(size_t)>& task) {
  int down[2], up[2];
  if (pipe(down) != 0 || pipe(up) != 0) throw Error("cannot create a pipe to a worker", ExitStatus::numerical_failure);
  std::string folder = (std::filesystem::temp_directory_path() / "mho-worker-XXXXXX").string();
  if (!mkdtemp(folder.data())) throw IoError(folder, "cannot make a folder for a worker process");
  const pid_t pid = fork();
  if (pid < 0) throw Error("cannot start a worker process", ExitStatus::numerical_failure);
  if (pid == 0) {
    close(down[1]);
    close(up[0]);
    for (const Worker& other : all)
      if (other.pid > 0) {
        close(other.to);
        close(other.from);
      }
    serve(down[0], up[1], folder, task);
  }
  close(down[0]);
  close(up[1]);
  worker = {pid, down[1], up[0], std::move(folder), false, 0, {}};
}

// Ends a worker and says how it died.
std::string stop(Worker& worker, bool kill_it) {
  if (kill_it) kill(worker.pid, SIGKILL);
  close(worker.to);
  close(worker.from);
  int status = 0;
  while (waitpid(worker.pid, &status, 0) < 0 && errno == EINTR) {
  }
  worker.pid = -1;
  worker.busy = false;
  std::error_code ignored;
  std::filesystem::remove_all(worker.folder, ignored);
  if (WIFSIGNALED(status)) return fmt::format("the ngspice process ended by signal {} ({})", WTERMSIG(status), strsignal(WTERMSIG(status)));
  return fmt::format("the ngspice process ended with status {}", WEXITSTATUS(status));
}

double seconds_busy(const Worker& worker) { return std::chrono::duration<double>(Clock::now() - worker.start).count(); }

void give(Worker& worker, size_t task) {
  worker.busy = true;
  worker.task = task;
  worker.start = Clock::now();
  const std::uint64_t index = task;
  write_all(worker.to, &index, sizeof index);  // a worker that is gone shows at the other pipe
}

// Until a busy worker has written, ended or run out of time; half a second at most, to see Ctrl-C.
void wait_for_news(const std::vector<Worker>& workers, double timeout) {
  std::vector<pollfd> polls;
  double wait = 0.5;
  for (const Worker& w : workers) {
    if (!w.busy) continue;
    polls.push_back({w.from, POLLIN, 0});
    wait = std::min(wait, timeout - seconds_busy(w));
  }
  poll(polls.data(), polls.size(), std::max(1, static_cast<int>(1e3 * wait)));
}

// True when the worker's task is over, for good or bad; the worker then ends. A second circuit in one ngspice costs up to a gigabyte that is never given back, and after a
// failure it may be unusable (Session::usable).
bool collect(Worker& w, double timeout, TaskOutcome& outcome) {
  pollfd news{w.from, POLLIN, 0};
  if (poll(&news, 1, 0) <= 0 || news.revents == 0) {
    if (seconds_busy(w) < timeout) return false;
    stop(w, true);
    outcome.error = fmt::format("ngspice gave no result in {:g} s and was ended", timeout);
    return true;
  }
  std::uint8_t status = 0;
  std::uint64_t size = 0;
  std::string text;
  bool whole = read_all(w.from, &status, 1) && read_all(w.from, &size, sizeof size);
  if (whole) {
    text.resize(size);
    whole = read_all(w.from, text.data(), size);
  }
  outcome.ok = whole && status == 0;
  outcome.bad_input = whole && status == 2;
  const std::string end = stop(w, false);
  if (outcome.ok) outcome.result = std::move(text);
  else outcome.error = whole ? std::move(text) : end;
  return true;
}

}  // namespace

void run_in_workers(size_t count, const WorkerOptions& options, const std::function<std::string(size_t)>& task,
                    const std::function<void(size_t, TaskOutcome)>& done) {
  if (count == 0) return;
  std::signal(SIGPIPE, SIG_IGN);
  std::vector<Worker> workers(std::min<size_t>(static_cast<size_t>(std::max(1, options.workers)), count));
  size_t next = 0, finished = 0;
  try {
    while (finished < count && !interrupted()) {
      for (Worker& w : workers) {
        if (w.busy || next >= count) continue;
        if (w.pid < 0) start(w, workers, task);
        give(w, next++);
      }
      wait_for_news(workers, options.timeout);
      for (Worker& w : workers) {
        if (!w.busy) continue;
        TaskOutcome outcome;
        if (!collect(w, options.timeout, outcome)) continue;
        ++finished;
        done(w.task, std::move(outcome));
      }
    }
  } catch (...) {
    for (Worker& w : workers)
      if (w.pid > 0) stop(w, true);
    throw;
  }
  for (Worker& w : workers)
    if (w.pid > 0) stop(w, w.busy);
  throw_if_interrupted();
}

}  // namespace mho::spice
