// Throws text at the readers of measurements, cards, policies and relaxation: whatever comes in, a
// reader returns or throws mho::Error with one printable line, soon.
//
//   reader_fuzz [inputs] [seed]     seeded mutations of a few valid files; status 1 when a reader
//   does anything else
// With clang, -fsanitize=fuzzer and MHO_LIBFUZZER the same checks are libFuzzer's.
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <csignal>
#include <cstdint>
#include <cstdlib>
#include <exception>
#include <fstream>
#include <string>
#include <string_view>
#include <vector>

#include "core/errors.hpp"
#include "core/random.hpp"
#include "core/toml_file.hpp"
#include "devices/card.hpp"
#include "devices/fit/measurement.hpp"
#include "devices/fit/parameter_space.hpp"
#include "devices/relaxation.hpp"
#include "devices/write_verify.hpp"

namespace {
using namespace mho;
using namespace mho::devices;

enum class Reader { sweep, pulses, card, policy, relaxation, override_key, bound };
constexpr size_t readers = 7;

void finite(double x) {
  if (!std::isfinite(x)) throw std::logic_error("a reader let a number through that is not finite");
}

void check_measurement(const Measurement& m) {
  for (const SweepCycle& s : m.sweeps)
    for (size_t k = 0; k < s.t.size(); ++k) {
      finite(s.t[k] + s.v[k] + s.i[k]);
      if (k > 0 && !(s.t[k] > s.t[k - 1])) throw std::logic_error("time does not increase");
    }
  for (const PulseCycle& t : m.trains)
    for (const MeasuredPulse& p : t.pulses) finite(p.v + p.width + p.edge + p.g + p.v_read);
}

void check_card(const Card& card) {
  const AnyMemristor model =
      std::visit([](const auto& d) { return AnyMemristor(d.model); }, card.device);
  if (!misfit(model).key.empty())
    throw std::logic_error("a card with parameters out of range was read");
}

void read(Reader reader, const std::string& text) {
  switch (reader) {
    case Reader::sweep:
      return check_measurement(read_measurement(text, "data.csv"));
    case Reader::pulses:
      return check_measurement(read_measurement(
          text, "data.csv",
          {.set_is_negative = true, .spread_equal_times = true, .rate = 1.0, .v_read = 0.1}));
    case Reader::card: {
      TomlFile file = TomlFile::from_text(text, "card.toml");
      const Card card = read_card(file);
      file.finish();
      return check_card(card);
    }
    case Reader::policy: {
      TomlFile file = TomlFile::from_text(text, "policy.toml");
      read_policy(file);
      return file.finish();
    }
    case Reader::relaxation: {
      TomlFile file = TomlFile::from_text(text, "relaxation.toml");
      RelaxationParams params;
      file.text("source", "");
      file.read("", params);
      return file.finish();
    }
    case Reader::override_key: {
      TomlFile file = TomlFile::from_text("[set]\nline_start = \"1 V\"\n", "job.toml");
      file.set(text);
      read_policy(file);
      return file.finish();
    }
    case Reader::bound: {
      const ParameterBound b = parse_bound(AnyMemristor{}, text);
      make_space(AnyMemristor{}, 0.0, {b.key}, {b});
      return;
    }
  }
}

// What is wrong with how a reader took `text`; empty: nothing. `accepted` tells whether it was
// read.
std::string complaint(Reader reader, const std::string& text, bool& accepted) {
  accepted = false;
  try {
    read(reader, text);
    accepted = true;
  } catch (const Error& e) {
    const std::string what = e.what();
    if (what.empty()) return "an error without a message";
    if (std::any_of(what.begin(), what.end(),
                    [](char c) { return static_cast<unsigned char>(c) < 32; }))
      return "control characters in: " + what;
    if (what.size() > 4000) return "an error of more than 4000 characters";
    if (e.status() != ExitStatus::bad_input) return "bad input is not blamed for: " + what;
  } catch (const std::exception& e) {
    return std::string("another exception: ") + e.what();
  }
  return "";
}
}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, size_t size) {
  if (size == 0) return 0;
  bool accepted;
  const std::string wrong =
      complaint(static_cast<Reader>(data[0] % readers),
                std::string(reinterpret_cast<const char*>(data) + 1, size - 1), accepted);
  if (wrong.empty()) return 0;
  fmt::print(stderr, "{}\n", wrong);
  std::abort();
}

#ifndef MHO_LIBFUZZER
namespace {

const std::string* present = nullptr;  // what is being read, for a crash

extern "C" void on_crash(int number) {
  if (present && write(STDERR_FILENO, present->data(), present->size()) >= 0) _exit(128 + number);
  _exit(1);
}

std::string sweep_text() {
  std::string text = "# r_series = 1 kohm\n# compliance = 100 uA\ntime[s],v[V],i[uA],cycle\n";
  for (int k = 0; k < 24; ++k) {
    const double v = 0.1 * (k <= 6 ? k : k <= 18 ? 12 - k : k - 24);
    text += fmt::format("{:.2f},{:.2f},{:.3g},{}\n", 0.1 * k, v,
                        v * (k < 5    ? 1.0
                             : k < 17 ? 40.0
                                      : 2.0),
                        1);
  }
  return text;
}

std::string spreadsheet_text() {
  std::string text = "\xEF\xBB\xBF\"Time (ms)\"\t\"Voltage (mV)\"\t\"Current (A)\"\t\"T (K)\"\r\n";
  for (int k = 0; k < 16; ++k)
    text += fmt::format("\"{}\"\t{}\t{:e}\t300\r\n", k / 2, 100 * (k < 8 ? k : 15 - k),
                        1e-7 * (k < 8 ? k : 30 * (15 - k)));
  return text;
}

std::string pulse_text() {
  std::string text = "pulse;v[V];width[ns];edge[ns];g[uS];v_wl[V];cycle[1]\n# v_read = 0.2 V\n";
  for (int k = 0; k < 10; ++k)
    text += fmt::format("{};{};{};10;{:.3f};1.1;1\n", k, k < 5 ? 1.2 : -1.5, k == 0 ? 0 : 1000,
                        2.0 + k);
  return text;
}

std::string file_text(const std::string& name) {
  std::ifstream in(std::string(MHO_SOURCE_DIR) + "/devices/params/" + name);
  return {std::istreambuf_iterator<char>(in), {}};
}

struct Seed {
  Reader reader;
  std::string text;
};

std::vector<Seed> corpus() {
  return {{Reader::sweep, sweep_text()},
          {Reader::sweep, spreadsheet_text()},
          {Reader::sweep, "t[s],v[V],i[A]\n0,0,0\n"},
          {Reader::pulses, pulse_text()},
          {Reader::pulses, spreadsheet_text()},
          {Reader::card, file_text("stanford_d_analog.toml")},
          {Reader::card, file_text("stanford_v1.toml")},
          {Reader::card, file_text("sky130_reram.toml")},
          {Reader::card, file_text("jart_vcm_v1b.toml")},
          {Reader::card, file_text("pku_v2.toml")},
          {Reader::card, file_text("vteam_pthfti.toml")},
          {Reader::card, file_text("yakopcic_hfo2c2.toml")},
          {Reader::policy, file_text("policy_wl_ramp.toml")},
          {Reader::relaxation, file_text("relaxation_log_time.toml")},
          {Reader::override_key, "set.line_start=2.5 V"},
          {Reader::override_key, "tolerance=\"1 uS\""},
          {Reader::bound, "i0=1 uA:1 mA"},
          {Reader::bound, "gamma0_set=5:30"}};
}

constexpr std::array<std::string_view, 40> tokens{"nan",
                                                  "NaN",
                                                  "inf",
                                                  "-inf",
                                                  "1e999",
                                                  "-1e999",
                                                  "1e-400",
                                                  "0",
                                                  "-0",
                                                  "1,5",
                                                  "1.5.2",
                                                  "0x1p3",
                                                  "9999999999999999999999",
                                                  "-1",
                                                  "1e9",
                                                  "1e-9",
                                                  "\"",
                                                  "'",
                                                  "\"\"\"",
                                                  "[",
                                                  "]",
                                                  "[[",
                                                  "{",
                                                  "}",
                                                  "=",
                                                  ".",
                                                  ",",
                                                  ";",
                                                  "\t",
                                                  "#",
                                                  "\n",
                                                  "\r\n",
                                                  "\\",
                                                  "kV",
                                                  "[mA]",
                                                  "(ohm)",
                                                  "[V]",
                                                  "\xC2\xB5",
                                                  "\xCE\xA9",
                                                  "v"};

struct Span {
  size_t at, size;
};

class Mutator {
 public:
  Mutator(std::uint64_t seed, std::uint64_t input)
      : random_(seed, static_cast<std::uint32_t>(input >> 32), 0, static_cast<std::uint32_t>(input),
                Purpose::test) {}
  size_t below(size_t n) { return n == 0 ? 0 : random_.below(static_cast<std::uint32_t>(n)); }

  void mutate(std::string& text, const std::vector<Seed>& seeds) {
    switch (below(12)) {
      case 0:
        if (!text.empty()) text[below(text.size())] = static_cast<char>(below(256));
        break;
      case 1:
        if (!text.empty()) text[below(text.size())] ^= static_cast<char>(1 << below(8));
        break;
      case 2:
        text.insert(below(text.size() + 1), 1, static_cast<char>(below(256)));
        break;
      case 3:
        text.erase(below(text.size() + 1), 1 + below(8));
        break;
      case 4:
        text.insert(below(text.size() + 1), tokens[below(tokens.size())]);
        break;
      case 5:
        number(text);
        break;
      case 6:
        text.resize(below(text.size() + 1));
        break;
      case 7: {
        const Span s = line(text);
        text.insert(s.at, text.substr(s.at, s.size));
        break;
      }
      case 8: {
        const Span s = line(text);
        text.erase(s.at, s.size);
        break;
      }
      case 9: {
        const Span s = line(text);
        const std::string l = text.substr(s.at, s.size);
        text.erase(s.at, s.size);
        text.insert(line(text).at, l);
        break;
      }
      case 10: {
        const std::string& other = seeds[below(seeds.size())].text;
        const size_t at = below(other.size());
        text.insert(below(text.size() + 1), other.substr(at, below(200)));
        break;
      }
      default: {
        const size_t at = below(text.size() + 1);
        const std::string piece = text.substr(at, 1 + below(12));
        for (size_t n = below(40); n > 0; --n) text.insert(at, piece);
        break;
      }
    }
  }

 private:
  Span line(const std::string& text) {
    const size_t inside = below(text.size() + 1);
    const size_t start = inside == 0 ? std::string::npos : text.rfind('\n', inside - 1);
    const size_t first = start == std::string::npos ? 0 : start + 1, end = text.find('\n', first);
    return {first, (end == std::string::npos ? text.size() : end + 1) - first};
  }
  void number(std::string& text) {
    const size_t from = text.find_first_of("0123456789", below(text.size() + 1));
    if (from == std::string::npos) return;
    const size_t to = std::min(text.find_first_not_of("0123456789.eE", from), text.size());
    text.replace(from, to - from, tokens[below(16)]);
  }
  RandomStream random_;
};

}  // namespace

int main(int argc, char** argv) {
  const std::uint64_t inputs = argc > 1 ? std::strtoull(argv[1], nullptr, 10) : 20'000,
                      seed = argc > 2 ? std::strtoull(argv[2], nullptr, 10) : 1;
  for (const int number : {SIGABRT, SIGSEGV, SIGFPE}) std::signal(number, on_crash);
  using clock = std::chrono::steady_clock;
  const std::vector<Seed> seeds = corpus();
  std::array<std::uint64_t, readers> tried{}, read_well{};
  double slowest = 0.0;
  int findings = 0;
  const auto start = clock::now();
  for (const Seed& s : seeds) {
    bool accepted;
    if (const std::string wrong = complaint(s.reader, s.text, accepted); !wrong.empty()) {
      fmt::print("a valid file: {}\n{}\n", wrong, s.text);
      ++findings;
    }
  }
  for (std::uint64_t n = 0; n < inputs && findings < 20; ++n) {
    Mutator mutator(seed, n);
    const Seed& s = seeds[mutator.below(seeds.size())];
    std::string text = s.text;
    for (size_t times = 1 + mutator.below(4); times > 0; --times) mutator.mutate(text, seeds);
    bool accepted;
    present = &text;
    const auto before = clock::now();
    const std::string wrong = complaint(s.reader, text, accepted);
    const double seconds = std::chrono::duration<double>(clock::now() - before).count();
    slowest = std::max(slowest, seconds);
    ++tried[static_cast<size_t>(s.reader)];
    read_well[static_cast<size_t>(s.reader)] += accepted;
    if (wrong.empty() && seconds < 10.0) continue;
    ++findings;
    fmt::print("input {} of seed {} ({:.3g} s): {}\n--------\n{}\n--------\n", n, seed, seconds,
               wrong, text);
  }
  const double elapsed = std::chrono::duration<double>(clock::now() - start).count();
  constexpr std::array<std::string_view, readers> names{"sweep",      "pulses",   "card", "policy",
                                                        "relaxation", "override", "bound"};
  for (size_t k = 0; k < readers; ++k) {
    fmt::print("{:>12}{:>12} inputs{:>12} read\n", names[k], tried[k], read_well[k]);
    if (inputs >= 10'000 && (read_well[k] == 0 || read_well[k] == tried[k]))
      ++findings;  // inputs that are all refused, or none, test nothing
  }
  fmt::print("{} inputs in {:.1f} s ({:.0f}/s), slowest {:.3g} ms, {} findings\n", inputs, elapsed,
             static_cast<double>(inputs) / elapsed, 1e3 * slowest, findings);
  return findings == 0 ? 0 : 1;
}
#endif
