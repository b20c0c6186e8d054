#include "circuits/expression.hpp"

#include <fmt/format.h>

#include <charconv>
#include <cmath>
#include <utility>
#include <vector>

namespace mho::circuits {
namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_letter(char c) { return (c >= 'a' && c <= 'z') || c == '_'; }

class Parser {
 public:
  Parser(std::string_view text, const std::function<double(std::string_view)>& parameter,
         const ExpressionFunction& function)
      : text_(text), parameter_(parameter), function_(function) {}

  double whole() {
    const double value = choice();
    skip_blanks();
    if (at_ < text_.size()) fail();
    return value;
  }

 private:
  [[noreturn]] void fail() const {
    if (at_ >= text_.size())
      throw ExpressionError(fmt::format("\"{}\" ends where a value is missing", text_));
    throw ExpressionError(fmt::format("\"{}\": cannot read \"{}\"", text_, text_.substr(at_)));
  }
  void skip_blanks() {
    while (at_ < text_.size() && (text_[at_] == ' ' || text_[at_] == '\t')) ++at_;
  }
  bool take(std::string_view token) {
    skip_blanks();
    if (!text_.substr(at_).starts_with(token)) return false;
    at_ += token.size();
    return true;
  }
  void expect(std::string_view token) {
    if (!take(token)) fail();
  }

  // Counts how deep the recursion is: a text of brackets or signs must not exhaust the stack.
  struct Depth {
    explicit Depth(Parser& parser) : parser_(parser) {
      if (++parser_.depth_ > 200) throw ExpressionError(fmt::format("\"{}…\" is nested too deeply", parser_.text_.substr(0, 40)));
    }
    ~Depth() { --parser_.depth_; }
    Parser& parser_;
  };
  double choice() {
    const Depth depth(*this);
    const double condition = either();
    if (!take("?")) return condition;
    const double yes = choice();
    expect(":");
    const double no = choice();
    return condition != 0.0 ? yes : no;
  }
  double either() {
    double value = both();
    while (take("||")) {
      const double other = both();
      value = value != 0.0 || other != 0.0;
    }
    return value;
  }
  double both() {
    double value = relation();
    while (take("&&")) {
      const double other = relation();
      value = value != 0.0 && other != 0.0;
    }
    return value;
  }
  double relation() {
    const double value = sum();
    if (take("<=")) return value <= sum();
    if (take(">=")) return value >= sum();
    if (take("==")) return value == sum();
    if (take("!=")) return value != sum();
    if (take("<")) return value < sum();
    if (take(">")) return value > sum();
    return value;
  }
  double sum() {
    double value = product();
    while (true) {
      if (take("+"))
        value += product();
      else if (take("-"))
        value -= product();
      else
        return value;
    }
  }
  double product() {
    double value = factor();
    while (true) {
      if (take("*"))
        value *= factor();
      else if (take("/"))
        value /= factor();
      else
        return value;
    }
  }
  double factor() {
    const Depth depth(*this);
    if (take("-")) return -factor();
    if (take("+")) return factor();
    if (take("!")) return factor() == 0.0;
    const double base = atom();
    if (take("^") || take("**")) return std::pow(base, factor());
    return base;
  }
  double atom() {
    if (take("(")) {
      const double value = choice();
      expect(")");
      return value;
    }
    double value = 0.0;
    if (const size_t n = read_spice_number(text_.substr(at_), value); n > 0) {
      at_ += n;
      return value;
    }
    const size_t start = at_;
    while (at_ < text_.size() && (is_letter(text_[at_]) || is_digit(text_[at_]))) ++at_;
    if (at_ == start) fail();
    const std::string_view name = text_.substr(start, at_ - start);
    return take("(") ? call(name) : parameter_(name);
  }
  double call(std::string_view name) {
    std::vector<double> a;
    if (!take(")")) {
      do a.push_back(choice());
      while (take(","));
      expect(")");
    }
    if (function_)
      if (const std::optional<double> value = function_(name, a)) return *value;
    for (const auto& [function, apply] : one_argument)
      if (name == function && a.size() == 1) return apply(a[0]);
    if (a.size() == 2) {
      if (name == "pow") return std::pow(a[0], a[1]);
      if (name == "min") return std::min(a[0], a[1]);
      if (name == "max") return std::max(a[0], a[1]);
    }
    for (const std::string_view distribution : {"agauss", "gauss", "aunif", "unif", "limit"})
      if (name == distribution && a.size() >= 2) return a[0];
    throw ExpressionError(
        fmt::format("no function {} of {} argument{}", name, a.size(), a.size() == 1 ? "" : "s"));
  }

  static constexpr std::pair<std::string_view, double (*)(double)> one_argument[] = {
      {"abs", [](double x) { return std::abs(x); }},
      {"sqrt", [](double x) { return std::sqrt(x); }},
      {"exp", [](double x) { return std::exp(x); }},
      {"ln", [](double x) { return std::log(x); }},
      {"log", [](double x) { return std::log(x); }},
      {"log10", [](double x) { return std::log10(x); }},
      {"floor", [](double x) { return std::floor(x); }},
  };
  std::string_view text_;
  const std::function<double(std::string_view)>& parameter_;
  const ExpressionFunction& function_;
  size_t at_ = 0;
  int depth_ = 0;
};

}  // namespace

size_t read_spice_number(std::string_view text, double& value) {
  if (text.empty() || !(is_digit(text[0]) || text[0] == '.')) return 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc()) return 0;
  size_t n = static_cast<size_t>(end - text.data());
  const std::string_view rest = text.substr(n);
  constexpr std::pair<std::string_view, double> suffixes[] = {
      {"meg", 1e6}, {"mil", 25.4e-6}, {"t", 1e12},  {"g", 1e9},   {"k", 1e3},   {"m", 1e-3},
      {"u", 1e-6},  {"n", 1e-9},      {"p", 1e-12}, {"f", 1e-15}, {"a", 1e-18},
  };
  for (const auto& [suffix, scale] : suffixes)
    if (rest.starts_with(suffix)) {
      value *= scale;
      break;
    }
  while (n < text.size() && is_letter(text[n])) ++n;
  return n;
}

double evaluate_expression(std::string_view text,
                           const std::function<double(std::string_view)>& parameter) {
  return evaluate_expression(text, parameter, {});
}

double evaluate_expression(std::string_view text, const std::function<double(std::string_view)>& parameter,
                           const ExpressionFunction& function) {
  return Parser(text, parameter, function).whole();
}

}  // namespace mho::circuits
