#include "devices/fit/cycle_choice.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <set>
#include <string_view>

#include "core/errors.hpp"

namespace mho::devices {
namespace {

// Numbers of "1,3,5-9".
std::set<int> listed(const std::string& choice) {
  const auto bad = [&] {
    return Error(fmt::format(
        "cycles to fit: \"{}\" is none of odd, even, all, first-half, or numbers such as 1,3,5-9",
        choice));
  };
  const auto whole = [&](std::string_view s) {
    int n = 0;
    const auto [end, error] = std::from_chars(s.data(), s.data() + s.size(), n);
    if (error != std::errc{} || end != s.data() + s.size() || n < 0) throw bad();
    return n;
  };
  std::set<int> out;
  std::string_view rest = choice;
  while (!rest.empty()) {
    const size_t comma = std::min(rest.find(','), rest.size());
    const std::string_view item = rest.substr(0, comma);
    const size_t dash = item.find('-');
    const int first = whole(item.substr(0, dash)),
              last = dash == std::string_view::npos ? first : whole(item.substr(dash + 1));
    if (last < first || last - first > 1'000'000) throw bad();
    for (int n = first; n <= last; ++n) out.insert(n);
    rest.remove_prefix(std::min(comma + 1, rest.size()));
  }
  if (out.empty()) throw bad();
  return out;
}

}  // namespace

CycleChoice choose_cycles(const std::vector<int>& numbers, const std::string& choice, int skip,
                          int max_training) {
  CycleChoice out;
  const size_t first = static_cast<size_t>(std::max(skip, 0));
  if (first >= numbers.size())
    throw Error(fmt::format("{} cycles are skipped, and the file has {}", skip, numbers.size()));
  const size_t count = numbers.size() - first;
  const bool by_position =
      choice == "odd" || choice == "even" || choice == "all" || choice == "first-half";
  const std::set<int> wanted = by_position ? std::set<int>{} : listed(choice);
  for (size_t k = 0; k < count; ++k) {
    const bool train = choice == "odd"          ? k % 2 == 0
                       : choice == "even"       ? k % 2 == 1 || count == 1
                       : choice == "all"        ? true
                       : choice == "first-half" ? 2 * k < count
                                                : wanted.contains(numbers[first + k]);
    (train ? out.training : out.held_out).push_back(first + k);
  }
  if (out.training.empty())
    throw Error(fmt::format("cycles to fit: \"{}\" names none of the {} cycles of the file", choice,
                            count));
  const size_t most = static_cast<size_t>(std::max(max_training, 1)), all = out.training.size();
  if (all > most) {
    std::vector<size_t> some;
    for (size_t k = 0; k < most; ++k)
      some.push_back(out.training[most == 1 ? all / 2 : k * (all - 1) / (most - 1)]);
    out.training = some;
  }
  return out;
}

}  // namespace mho::devices
