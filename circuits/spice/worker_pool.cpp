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
// both are a private empty folder.
[[noreturn]] void serve(int in, int out, const std::function<std::string(size_t)>& task) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  std::signal(SIGINT, SIG_IGN);
  std::string folder = (std::filesystem::temp_directory_path() / "mho-worker-XXXXXX").string();
  if (mkdtemp(folder.data()) && chdir(folder.c_str()) == 0) setenv("HOME", folder.c_str(), 1);
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
  std::error_code ignored;
  std::filesystem::remove_all(folder, ignored);
  _exit(0);
}

struct Worker {
  pid_t pid = -1;
  int to = -1, from = -1;
  bool busy = false;
  size_t task = 0;
  Clock::time_point start;
};

void start(Worker& worker, const std::vector<Worker>& all, const std::function<std::string(size_t)>& task) {
  int down[2], up[2];
  if (pipe(down) != 0 || pipe(up) != 0) throw Error("cannot create a pipe to a worker", ExitStatus::numerical_failure);
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
    serve(down[0], up[1], task);
  }
  close(down[0]);
  close(up[1]);
  worker = {pid, down[1], up[0], false, 0, {}};
}

// Ends a worker and says how it died.
std::string stop(Worker& worker, bool kill_it) {
  if (kill_it) kill(worker.pid, SIGKILL);
  close(worker.to);
  close(worker.from);
  int status = 0;
  waitpid(worker.pid, &status, 0);
  worker.pid = -1;
  if (WIFSIGNALED(status)) return fmt::format("the ngspice process ended by signal {} ({})", WTERMSIG(status), strsignal(WTERMSIG(status)));
  return fmt::format("the ngspice process ended with status {}", WEXITSTATUS(status));
}

}  // namespace

void run_in_workers(size_t count, const WorkerOptions& options, const std::function<std::string(size_t)>& task,
                    const std::function<void(size_t, TaskOutcome)>& done) {
  if (count == 0) return;
  std::signal(SIGPIPE, SIG_IGN);
  std::vector<Worker> workers(std::min<size_t>(static_cast<size_t>(std::max(1, options.workers)), count));
  size_t next = 0, finished = 0;
  while (finished < count && !interrupted()) {
    std::vector<pollfd> polls;
    for (Worker& w : workers) {
      if (!w.busy && next < count) {
        if (w.pid < 0) start(w, workers, task);
        const std::uint64_t index = next;
        if (!write_all(w.to, &index, sizeof index)) {
          stop(w, true);
          continue;
        }
        w.busy = true;
        w.task = next++;
        w.start = Clock::now();
      }
      polls.push_back({w.busy ? w.from : -1, POLLIN, 0});
    }
    poll(polls.data(), polls.size(), 500);
    for (size_t i = 0; i < polls.size(); ++i) {
      Worker& w = workers[i];
      if (!w.busy) continue;
      TaskOutcome outcome;
      if (polls[i].revents != 0) {
        std::uint8_t status = 0;
        std::uint64_t size = 0;
        std::string text;
        bool whole = read_all(w.from, &status, 1) && read_all(w.from, &size, sizeof size);
        if (whole) {
          text.resize(size);
          whole = read_all(w.from, text.data(), size);
        }
        w.busy = false;
        outcome.ok = whole && status == 0;
        outcome.bad_input = whole && status == 2;
        (outcome.ok ? outcome.result : outcome.error) = whole ? text : stop(w, false);
      } else if (std::chrono::duration<double>(Clock::now() - w.start).count() > options.timeout) {
        w.busy = false;
        stop(w, true);
        outcome.error = fmt::format("ngspice gave no result in {:.0f} s and was ended", options.timeout);
      } else {
        continue;
      }
      ++finished;
      done(w.task, std::move(outcome));
    }
  }
  for (Worker& w : workers)
    if (w.pid > 0) stop(w, w.busy);
  throw_if_interrupted();
}

}  // namespace mho::spice
