#include "circuits/spice/worker_pool.hpp"

#include <fmt/format.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cerrno>
#include <cmath>
#include <csignal>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <filesystem>
#include <fstream>
#include <new>

#include "core/errors.hpp"
#include "core/parallel.hpp"
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

using Task = std::function<std::string(size_t, int)>;

struct Job {
  std::uint64_t task = 0;
  std::int64_t attempt = 0;
};

// Private writable memory of this process [byte], which is what RLIMIT_DATA counts.
size_t allocated() {
  std::ifstream statm("/proc/self/statm");
  size_t size = 0, resident = 0, shared = 0, text = 0, lib = 0, data = 0;
  statm >> size >> resident >> shared >> text >> lib >> data;
  return data * static_cast<size_t>(sysconf(_SC_PAGESIZE));
}

// Limits of a worker. The address space itself is not limited: libraries and sanitizers reserve much more than they use.
void limit(const WorkerOptions& options) {
  if (options.memory > 0) {
    const rlim_t most = allocated() + options.memory;
    const rlimit data{most, most};
    setrlimit(RLIMIT_DATA, &data);
  }
  if (options.cpu > 0.0) {
    const auto seconds = static_cast<rlim_t>(std::ceil(options.cpu));
    const rlimit cpu{seconds, seconds + 1};  // SIGXCPU, then SIGKILL
    setrlimit(RLIMIT_CPU, &cpu);
  }
  const rlimit no_core{0, 0};
  setrlimit(RLIMIT_CORE, &no_core);
}

// Runs the task: a cause, and the result or the error in `text`.
Cause attempt(const Task& task, const Job& job, std::string& text) {
  try {
    text = task(job.task, static_cast<int>(job.attempt));
    return Cause::none;
  } catch (const Error& e) {
    text = e.what();
    // What ngspice says when its malloc gets nothing.
    if (text.find("an't allocate") != std::string::npos) return Cause::memory;
    return e.status() == ExitStatus::bad_input ? Cause::bad_input : Cause::numerical;
  } catch (const std::bad_alloc&) {
    return Cause::memory;
  } catch (const std::exception& e) {
    text = e.what();
    return Cause::internal;
  }
}

// Life of a worker: read a job, run it, write cause, length and text. ngspice reads .spiceinit from the working folder and HOME and may write files: both are a private empty
// folder, which the parent removes.
[[noreturn]] void serve(int in, int out, const std::string& folder, const WorkerOptions& options, const Task& task) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  std::signal(SIGINT, SIG_IGN);
  for (int number : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT}) std::signal(number, SIG_DFL);  // handlers of the program are for itself
  if (chdir(folder.c_str()) == 0) setenv("HOME", folder.c_str(), 1);
  limit(options);
  Job job;
  while (read_all(in, &job, sizeof job)) {
    std::string text;
    const auto cause = static_cast<std::uint8_t>(attempt(task, job, text));
    const std::uint64_t size = text.size();
    if (!write_all(out, &cause, 1) || !write_all(out, &size, sizeof size) || !write_all(out, text.data(), text.size())) break;
  }
  _exit(0);
}

struct Worker {
  pid_t pid = -1;
  int to = -1, from = -1;
  std::string folder;
  bool busy = false;
  Job job;
  Clock::time_point start;
};

void start(Worker& worker, const std::vector<Worker>& all, const WorkerOptions& options, const Task& task) {
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
    serve(down[0], up[1], folder, options, task);
  }
  close(down[0]);
  close(up[1]);
  worker = {pid, down[1], up[0], std::move(folder), false, {}, {}};
}

struct End {
  int status = 0;        // of waitpid
  size_t resident = 0;   // [byte] most that it had
};

End stop(Worker& worker, bool kill_it) {
  if (kill_it) kill(worker.pid, SIGKILL);
  close(worker.to);
  close(worker.from);
  End end;
  rusage use{};
  while (wait4(worker.pid, &end.status, 0, &use) < 0 && errno == EINTR) {
  }
  end.resident = static_cast<size_t>(use.ru_maxrss) * 1024;
  worker.pid = -1;
  worker.busy = false;
  std::error_code ignored;
  std::filesystem::remove_all(worker.folder, ignored);
  return end;
}

double seconds_busy(const Worker& worker) { return std::chrono::duration<double>(Clock::now() - worker.start).count(); }

void give(Worker& worker, const Job& job) {
  worker.busy = true;
  worker.job = job;
  worker.start = Clock::now();
  write_all(worker.to, &job, sizeof job);  // a worker that is gone shows at the other pipe
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

// One line and a cause for a worker that ended without an answer.
Attempt without_answer(const End& end, const WorkerOptions& options) {
  Attempt a;
  if (!WIFSIGNALED(end.status)) {
    a.cause = Cause::exit;
    a.error = fmt::format("the ngspice process ended with status {}", WEXITSTATUS(end.status));
  } else if (WTERMSIG(end.status) == SIGXCPU) {
    a.cause = Cause::cpu;
    a.error = fmt::format("the ngspice process used up {:g} s of processor time", std::ceil(options.cpu));
  } else {
    a.cause = Cause::signal;
    a.error = fmt::format("the ngspice process ended by signal {} ({})", WTERMSIG(end.status), strsignal(WTERMSIG(end.status)));
  }
  // Code that does not look at what malloc returns dies in some way or other when memory ends.
  if (a.cause != Cause::cpu && options.memory > 0 && static_cast<double>(end.resident) > 0.9 * static_cast<double>(options.memory)) {
    a.cause = Cause::memory;
    a.error += fmt::format(" at its limit of {} MiB of memory", options.memory >> 20);
  }
  return a;
}

// True when the worker's attempt is over, for good or bad; the worker then ends: each attempt meets a fresh process, so nothing of an earlier circuit or failure is left
// (Session::usable), and limits of memory and processor time are those of one attempt.
bool collect(Worker& w, const WorkerOptions& options, Attempt& a, std::string& result) {
  pollfd news{w.from, POLLIN, 0};
  const bool silent = poll(&news, 1, 0) <= 0 || news.revents == 0;
  a.seconds = seconds_busy(w);
  if (silent) {
    if (a.seconds < options.timeout) return false;
    stop(w, true);
    a.cause = Cause::timeout;
    a.error = fmt::format("ngspice gave no result in {:g} s and was ended", options.timeout);
    return true;
  }
  std::uint8_t cause = 0;
  std::uint64_t size = 0;
  std::string text;
  bool whole = read_all(w.from, &cause, 1) && read_all(w.from, &size, sizeof size);
  if (whole) {
    text.resize(size);
    whole = read_all(w.from, text.data(), size);
  }
  const double seconds = a.seconds;
  const End end = stop(w, false);
  if (!whole) {
    a = without_answer(end, options);
    a.seconds = seconds;
    return true;
  }
  a.cause = static_cast<Cause>(cause);
  if (a.cause == Cause::none) result = std::move(text);
  else if (a.cause == Cause::memory) a.error = fmt::format("wanted more than its limit of {} MiB of memory{}{}", options.memory >> 20, text.empty() ? "" : ": ", text);
  else a.error = std::move(text);
  return true;
}

// Jobs to do, in order; a failed attempt comes back as the next one.
class Queue {
 public:
  Queue(size_t count, int retries) : count_(count), retries_(retries), outcomes_(count) {}
  bool empty() const { return next_ >= count_ && again_.empty(); }
  bool finished() const { return finished_ == count_; }
  Job take() {
    if (again_.empty()) return {next_++, 0};
    const Job job = again_.front();
    again_.pop_front();
    return job;
  }
  // The outcome when nothing is left to try, nullptr when the job waits for another attempt.
  TaskOutcome* record(const Job& job, Attempt a, std::string result) {
    TaskOutcome& o = outcomes_[job.task];
    o.ok = a.cause == Cause::none;
    o.bad_input = a.cause == Cause::bad_input;
    o.cause = a.cause;
    o.error = a.error;
    o.result = std::move(result);
    o.attempts.push_back(std::move(a));
    if (!o.ok && !o.bad_input && job.attempt < retries_) {
      again_.push_back({job.task, job.attempt + 1});
      return nullptr;
    }
    ++finished_;
    return &o;
  }

 private:
  size_t count_;
  int retries_;
  std::vector<TaskOutcome> outcomes_;
  std::deque<Job> again_;
  size_t next_ = 0, finished_ = 0;
};

}  // namespace

std::string_view cause_name(Cause cause) {
  switch (cause) {
    case Cause::none: return "none";
    case Cause::bad_input: return "bad input";
    case Cause::numerical: return "numerical failure";
    case Cause::timeout: return "timeout";
    case Cause::cpu: return "processor time";
    case Cause::memory: return "memory";
    case Cause::signal: return "signal";
    case Cause::exit: return "exit";
    case Cause::internal: return "internal error";
  }
  return "unknown";
}

void run_in_workers(size_t count, const WorkerOptions& options, const Task& task, const std::function<void(size_t, TaskOutcome)>& done) {
  if (count == 0) return;
  std::signal(SIGPIPE, SIG_IGN);
  const int wanted = options.workers > 0 ? options.workers : default_threads();
  std::vector<Worker> workers(std::min<size_t>(static_cast<size_t>(wanted), count));
  Queue queue(count, options.retries);
  try {
    while (!queue.finished() && !interrupted()) {
      for (Worker& w : workers) {
        if (w.busy || queue.empty()) continue;
        if (w.pid < 0) start(w, workers, options, task);
        give(w, queue.take());
      }
      wait_for_news(workers, options.timeout);
      for (Worker& w : workers) {
        if (!w.busy) continue;
        Attempt a;
        std::string result;
        if (!collect(w, options, a, result)) continue;
        if (TaskOutcome* outcome = queue.record(w.job, std::move(a), std::move(result))) done(w.job.task, std::move(*outcome));
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

void run_in_workers(size_t count, const WorkerOptions& options, const std::function<std::string(size_t)>& task,
                    const std::function<void(size_t, TaskOutcome)>& done) {
  run_in_workers(count, options, [&](size_t i, int) { return task(i); }, done);
}

}  // namespace mho::spice
