// Errors that a user can cause or meet, and the exit status that the program ends with for each.
#pragma once
#include <stdexcept>
#include <string>

namespace mho {

// Exit status of `mho`: 0 success, 1 a bug in mho, then one value for each kind of failure.
enum class ExitStatus { success = 0, bug = 1, bad_input = 2, numerical_failure = 3, threshold_missed = 4, interrupted = 130 };

// Base of everything that ends a command with one line on stderr. Control characters of a message, which come from what a
// user's file holds, become blanks or '?'.
class Error : public std::runtime_error {
 public:
  explicit Error(const std::string& message, ExitStatus status = ExitStatus::bad_input);
  ExitStatus status() const { return status_; }

 private:
  ExitStatus status_;
};

// A config, parameter or data file with a wrong line or key. line 0: not known or does not apply.
class ConfigError : public Error {
 public:
  ConfigError(std::string file, int line, std::string key, const std::string& what);
  std::string file, key;
  int line;
};

// A netlist that ngspice refuses, or a run that it aborts; `log` holds the lines that it printed.
class NetlistError : public Error {
 public:
  NetlistError(std::string netlist, int line, const std::string& what, std::string log = {},
               ExitStatus status = ExitStatus::bad_input);
  std::string netlist, log;
  int line;
};

// A file or folder that cannot be read or written.
class IoError : public Error {
 public:
  IoError(std::string path, const std::string& what);
  std::string path;
};

// A computation that did not reach its tolerance.
class NumericalError : public Error {
 public:
  explicit NumericalError(const std::string& what) : Error(what, ExitStatus::numerical_failure) {}
};

// The user pressed Ctrl-C; what was finished is kept in the cache.
class Interrupted : public Error {
 public:
  Interrupted() : Error("interrupted; finished work is kept and will be reused", ExitStatus::interrupted) {}
};

[[noreturn]] void assertion_failed(const char* condition, const char* file, int line);

}  // namespace mho

// Caller mistakes. On unless NDEBUG is set.
#ifdef NDEBUG
#define MHO_ASSERT(condition) static_cast<void>(0)
#else
#define MHO_ASSERT(condition) \
  ((condition) ? static_cast<void>(0) : ::mho::assertion_failed(#condition, __FILE__, __LINE__))
#endif
