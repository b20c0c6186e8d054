#include "validation/card_fit.hpp"

#include <fmt/format.h>

#include <Eigen/Core>
#include <algorithm>
#include <cmath>
#include <functional>
#include <numbers>
#include <sstream>

#include "circuits/spice/worker_pool.hpp"
#include "core/errors.hpp"
#include "core/random.hpp"
#include "solver/least_squares.hpp"

namespace mho::validation {
namespace {

using circuits::TransistorCard;
using Currents = std::vector<std::vector<double>>;

constexpr double far_off = 30.0;  // residual of a card that ngspice cannot run

double value_of(const FreeParameter& p, double x) {
  const double u = 0.5 * (1.0 + std::sin(x));
  return p.logarithmic ? p.low * std::pow(p.high / p.low, u) : p.low + (p.high - p.low) * u;
}

// Kept off the ends, where a parameter does not feel its gradient.
double coordinate_of(const FreeParameter& p, double value) {
  const double u = p.logarithmic
                       ? std::log(std::max(value, 1e-300) / p.low) / std::log(p.high / p.low)
                       : (value - p.low) / (p.high - p.low);
  return std::asin(2.0 * std::clamp(u, 0.02, 0.98) - 1.0);
}

std::vector<double> values_of(const std::vector<FreeParameter>& free, const Eigen::VectorXd& x) {
  std::vector<double> values;
  for (size_t i = 0; i < free.size(); ++i)
    values.push_back(value_of(free[i], x[static_cast<Eigen::Index>(i)]));
  return values;
}

// What the residuals of one set compare: currents of the card at `data`, with `zero` the data and
// `card_zero` the card's currents that both are taken relative to (empty: nothing).
struct Target {
  const TransistorCurves* data;
  const TransistorCurves* zero = nullptr;
  Currents card_zero;
};

void add_residuals(const Target& target, const Currents& currents, std::vector<double>& out) {
  const TransistorCurves& d = *target.data;
  for (size_t g = 0; g < d.geometries.size(); ++g) {
    if (d.held_out[g]) continue;
    for (size_t b = 0; b < d.biases.size(); ++b) {
      const auto at = [&](double i) { return current_coordinate(i, d.geometries[g]); };
      double r = at(currents[g][b]) - at(d.currents[g][b]);
      if (target.zero) r -= at(target.card_zero[g][b]) - at(target.zero->currents[g][b]);
      out.push_back(r);
    }
  }
}

size_t residual_count(const TransistorCurves& d) {
  const auto held = std::count(d.held_out.begin(), d.held_out.end(), true);
  return d.biases.size() * (d.geometries.size() - static_cast<size_t>(held));
}

struct Problem {
  std::vector<FreeParameter> free;
  std::vector<double> start;
  std::vector<Target> targets;
  std::function<TransistorCard(const std::vector<double>&)> card;
  double pull = 0.05;
};

Eigen::VectorXd residuals(spice::Session& session, const Problem& problem,
                          const Eigen::VectorXd& x) {
  const TransistorCard card = problem.card(values_of(problem.free, x));
  std::vector<double> r;
  for (const Target& target : problem.targets) {
    try {
      add_residuals(target, card_currents(session, card, *target.data), r);
    } catch (const NetlistError&) {
      if (!session.usable()) throw;
      r.insert(r.end(), residual_count(*target.data), far_off);
    }
  }
  for (Eigen::Index i = 0; i < x.size(); ++i) r.push_back(problem.pull * std::sin(x[i]));
  for (double& value : r)
    if (!std::isfinite(value)) value = far_off;
  return Eigen::Map<const Eigen::VectorXd>(r.data(), static_cast<Eigen::Index>(r.size()));
}

solver::LeastSquaresResult solve(spice::Session& session, const Problem& problem,
                                 const Eigen::VectorXd& start, int iterations) {
  // 1e-4 of the coordinate moves a current by some 1e-5, far above ngspice's 1e-6 of reltol.
  return solver::minimise([&](const Eigen::VectorXd& x) { return residuals(session, problem, x); },
                          start, 1e-4, 1, iterations);
}

Eigen::VectorXd start_of(const Problem& problem) {
  Eigen::VectorXd x(static_cast<Eigen::Index>(problem.free.size()));
  for (size_t i = 0; i < problem.free.size(); ++i)
    x[static_cast<Eigen::Index>(i)] = coordinate_of(problem.free[i], problem.start[i]);
  return x;
}

// Six digits, what a card is printed with.
std::vector<double> rounded(std::vector<double> values) {
  for (double& value : values) value = std::stod(fmt::format("{:.6g}", value));
  return values;
}

std::string to_text(const solver::LeastSquaresResult& result) {
  std::string text = fmt::format("{:.17g}", result.rms);
  for (const double x : result.x) text += fmt::format(" {:.17g}", x);
  return text;
}

solver::LeastSquaresResult from_text(const std::string& text, size_t unknowns) {
  std::istringstream in(text);
  solver::LeastSquaresResult result;
  result.x.resize(static_cast<Eigen::Index>(unknowns));
  in >> result.rms;
  for (double& x : result.x) in >> x;
  if (!in) throw NumericalError("a start of the fit ended with what is no number: " + text.substr(0, 60));
  return result;
}

// Each start in a process of its own; the best first.
std::vector<solver::LeastSquaresResult> solve_all(const Problem& problem,
                                                  const std::vector<Eigen::VectorXd>& starts,
                                                  int iterations, int workers) {
  std::vector<solver::LeastSquaresResult> results;
  std::string last_error = "no start";
  spice::run_in_workers(
      starts.size(), {workers, 3600.0},
      [&](size_t i) {
        spice::Session session;
        return to_text(solve(session, problem, starts[i], iterations));
      },
      [&](size_t, const spice::TaskOutcome& outcome) {
        if (outcome.ok)
          results.push_back(from_text(outcome.result, problem.free.size()));
        else
          last_error = outcome.error;
      });
  if (results.empty()) throw NumericalError("no start of the fit came to an end: " + last_error);
  std::sort(results.begin(), results.end(),
            [](const auto& a, const auto& b) { return a.rms < b.rms; });
  return results;
}

TransistorCard with(TransistorCard card, const std::vector<FreeParameter>& free,
                    const std::vector<double>& values) {
  for (size_t i = 0; i < free.size(); ++i) card.set(free[i].key, values[i]);
  return card;
}

}  // namespace

TransistorCard fit_typical(const TransistorCard& start, const TransistorCurves& data,
                           const CardFitOptions& options) {
  Problem problem;
  problem.free = typical_parameters(data.device);
  problem.pull = options.pull;
  for (const FreeParameter& p : problem.free)
    problem.start.push_back(start.value(p.key, p.logarithmic ? std::sqrt(p.low * p.high) : 0.0));
  problem.targets = {{&data, nullptr, {}}};
  problem.card = [&](const std::vector<double>& values) {
    return with(start, problem.free, values);
  };

  std::vector<Eigen::VectorXd> starts{start_of(problem)};
  for (int s = 0; s < options.starts; ++s) {
    RandomStream random(options.seed, 0, 0, static_cast<std::uint32_t>(s), Purpose::fit_starts);
    Eigen::VectorXd x = starts[0];
    // Around the card in the first half of the starts, anywhere in the second.
    for (double& xi : x) {
      if (s < options.starts / 2)
        xi += 0.5 * random.normal();
      else
        xi = std::numbers::pi * 0.7 * (random.uniform() - 0.5);
    }
    starts.push_back(x);
  }
  const auto rough = solve_all(problem, starts, options.rough, options.workers);
  std::vector<Eigen::VectorXd> best;
  for (size_t i = 0; i < rough.size() && i < 2; ++i) best.push_back(rough[i].x);
  const auto fine = solve_all(problem, best, options.refined, options.workers);
  return problem.card(rounded(values_of(problem.free, fine.front().x)));
}

TransistorCard fit_temperature(spice::Session& session, const TransistorCard& card,
                               const std::vector<const TransistorCurves*>& data) {
  Problem problem;
  problem.free = temperature_parameters();
  problem.pull = 0.02;
  const TransistorCurves* reference = nullptr;
  for (const TransistorCurves* d : data)
    if (d->temperature == 27.0) reference = d;
  if (!reference) throw Error("the temperature fit needs data at 27 degC");
  const Currents zero = card_currents(session, card, *reference);
  for (const TransistorCurves* d : data)
    if (d != reference) problem.targets.push_back({d, reference, zero});
  for (const FreeParameter& p : problem.free)
    problem.start.push_back(card.value(p.key, 0.5 * (p.low + p.high)));
  problem.card = [&](const std::vector<double>& values) {
    return with(card, problem.free, values);
  };
  const auto result = solve(session, problem, start_of(problem), 60);
  return problem.card(rounded(values_of(problem.free, result.x)));
}

circuits::CornerShift fit_corner(spice::Session& session, const TransistorCard& card,
                                 const TransistorCurves& typical, const TransistorCurves& corner) {
  Problem problem;
  problem.pull = 0.02;
  // Half of the range that a corner file may use.
  for (const auto& p : ParameterTable<circuits::CornerShift>::table)
    problem.free.push_back({std::string(p.key), 0.5 * p.min, 0.5 * p.max, false});
  problem.start.assign(problem.free.size(), 0.0);
  problem.targets = {{&corner, &typical, card_currents(session, card, typical)}};
  const auto shift_of = [](const std::vector<double>& values) {
    circuits::CornerShift shift;
    size_t i = 0;
    for (const auto& p : ParameterTable<circuits::CornerShift>::table)
      shift.*p.member = values[i++];
    return shift;
  };
  problem.card = [&](const std::vector<double>& values) {
    return circuits::shifted(card, shift_of(values));
  };
  const auto result = solve(session, problem, start_of(problem), 40);
  return shift_of(rounded(values_of(problem.free, result.x)));
}

}  // namespace mho::validation
