#include "chip/die_store.hpp"

#include <cstring>
#include <type_traits>

namespace mho::chip {
namespace {

constexpr std::string_view format_mark = "mho-die-1";

class Writer {
 public:
  template <class T>
  void put(const T& value) {
    static_assert(std::is_trivially_copyable_v<T>);
    bytes.append(reinterpret_cast<const char*>(&value), sizeof value);
  }
  template <class T>
  void put_all(const T* values, size_t count) {
    put(std::uint64_t{count});
    bytes.append(reinterpret_cast<const char*>(values), count * sizeof(T));
  }
  std::string bytes;
};

// Reads what Writer wrote; after anything that does not fit, ok is false and values are zero.
class Reader {
 public:
  explicit Reader(std::string_view bytes) : rest_(bytes) {}
  template <class T>
  void get(T& value) {
    ok = ok && rest_.size() >= sizeof value;
    if (!ok) return;
    std::memcpy(&value, rest_.data(), sizeof value);
    rest_.remove_prefix(sizeof value);
  }
  // Number of elements of T that follow.
  template <class T>
  size_t get_count() {
    std::uint64_t count = 0;
    get(count);
    ok = ok && count <= rest_.size() / sizeof(T);
    return ok ? static_cast<size_t>(count) : 0;
  }
  template <class T>
  void get_all(T* values, size_t count) {
    ok = ok && rest_.size() >= count * sizeof(T);
    if (!ok) return;
    std::memcpy(values, rest_.data(), count * sizeof(T));
    rest_.remove_prefix(count * sizeof(T));
  }
  template <class T>
  void get_vector(std::vector<T>& values) {
    values.resize(get_count<T>());
    get_all(values.data(), values.size());
  }
  bool finished() const { return ok && rest_.empty(); }
  bool ok = true;

 private:
  std::string_view rest_;
};

// One list of the members for both directions.
template <class Visit, class Summary>
void scalars(Summary& s, const Visit& visit) {
  visit(s.cells), visit(s.needed), visit(s.succeeded), visit(s.worst_level_rate), visit(s.mean_pulses);
  visit(s.energy), visit(s.time), visit(s.relaxed_rms), visit(s.one_pass_rms);
}

}  // namespace

std::string die_to_bytes(const ProgrammedDie& die) {
  Writer out;
  out.bytes = format_mark;
  for (const auto* stage : {&die.programmed, &die.relaxed, &die.one_pass})
    for (const Eigen::MatrixXf& g : *stage) out.put_all(g.data(), static_cast<size_t>(g.size()));
  scalars(die.summary, [&](const auto& value) { out.put(value); });
  out.put_all(die.summary.pulse_histogram.data(), die.summary.pulse_histogram.size());
  out.put_all(die.summary.levels.data(), die.summary.levels.size());
  out.put_all(die.summary.failures.data(), die.summary.failures.size());
  return std::move(out.bytes);
}

bool die_from_bytes(std::string_view bytes, ProgrammedDie& die) {
  if (!bytes.starts_with(format_mark)) return false;
  Reader in(bytes.substr(format_mark.size()));
  ProgrammedDie read;
  for (auto* stage : {&read.programmed, &read.relaxed, &read.one_pass})
    for (const MappedBlock& block : die.mapping.blocks) {
      Eigen::MatrixXf g(block.physical_rows(), block.outputs);
      in.ok = in.get_count<float>() == static_cast<size_t>(g.size()) && in.ok;
      in.get_all(g.data(), static_cast<size_t>(g.size()));
      stage->push_back(std::move(g));
    }
  scalars(read.summary, [&](auto& value) { in.get(value); });
  in.get_vector(read.summary.pulse_histogram);
  in.get_vector(read.summary.levels);
  in.get_vector(read.summary.failures);
  if (!in.finished()) return false;
  die.programmed = std::move(read.programmed);
  die.relaxed = std::move(read.relaxed);
  die.one_pass = std::move(read.one_pass);
  die.summary = std::move(read.summary);
  return true;
}

}  // namespace mho::chip
