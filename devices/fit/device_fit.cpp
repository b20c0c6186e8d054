#include "devices/fit/device_fit.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <optional>

#include "core/errors.hpp"
#include "core/parallel.hpp"
#include "core/progress.hpp"
#include "core/statistics.hpp"
#include "devices/fit/compare_cycle.hpp"
#include "devices/fit/cycle_choice.hpp"
#include "devices/fit/cycle_targets.hpp"
#include "devices/fit/fit_starts.hpp"

namespace mho::devices {
namespace {

using Eigen::Index, Eigen::VectorXd;

constexpr double screen_feature_weight =
    5.0;  // switching voltages pull harder while the fit is far away
constexpr double least_influence =
    1.0;  // [σ per unit of u] rms below which a parameter is not chosen
constexpr double lone_influence = 0.02;  // [1] share of its influence that no chosen parameter has

double per_residual(const VectorXd& r, double loss) {
  return robust_cost(r, loss) / static_cast<double>(std::max<Index>(r.size(), 1));
}

std::vector<int> cycle_numbers(const Measurement& m) {
  std::vector<int> numbers;
  for (const SweepCycle& s : m.sweeps) numbers.push_back(s.number);
  for (const PulseCycle& t : m.trains) numbers.push_back(t.number);
  return numbers;
}

// Position among `positions` of the cycle whose first switching voltage is the median one.
size_t typical(const Measurement& m, const std::vector<size_t>& positions) {
  if (m.sweeps.empty()) return positions.front();
  std::vector<std::pair<double, size_t>> v;
  for (const size_t k : positions) {
    double peak = 0.0;
    for (double i : m.sweeps[k].i) peak = std::max(peak, std::abs(i));
    for (const Excursion& e : excursions(m.sweeps[k].v, m.sweeps[k].i, 3e-6 * peak))
      if (std::isfinite(e.v_switch)) {
        v.emplace_back(e.v_switch, k);
        break;
      }
  }
  if (v.empty()) return positions.front();
  std::sort(v.begin(), v.end());
  return v[v.size() / 2].second;
}

class Fit {
 public:
  Fit(const AnyMemristor& model, const Load& load, const Measurement& m, const DeviceFitOptions& o)
      : m_(m), o_(o), load_(load), replay_(o.replay) {
    out_.notes = m.notes;
    out_.model = model;
    out_.sigma_y = replay_.sigma_y;
    choice_ = choose_cycles(cycle_numbers(m), o.training, o.skip, o.max_training);
    screen_position_ = typical(m, choice_.training);
    screen_ = screening_options();
    screen_targets_ = make_targets(m_, {screen_position_}, screen_);
    watch_forming();
    if (choice_.held_out.empty())
      out_.warnings.push_back(
          "no cycle is held out: nothing says how far the fit holds beyond the cycles that it was "
          "made on");
  }

  DeviceFit run() {
    const std::vector<std::string> keys = o_.free.empty() ? choose_free() : o_.free;
    space_ = make_space(out_.model, load_.r_series, keys, o_.bounds);
    best_u_ = space_.start();
    try {
      search();
    } catch (const Interrupted&) {
      out_.interrupted = true;
      out_.status = "interrupted";
    }
    store();
    if (!out_.interrupted) judge();
    return std::move(out_);
  }

 private:
  ReplayOptions screening_options() const {
    ReplayOptions s = replay_;
    s.feature_weight *= screen_feature_weight;
    s.max_points = std::min<size_t>(s.max_points, 120);
    s.transient.tolerance = std::max(s.transient.tolerance, 1e-4);
    return s;
  }

  RobustOptions robust(int iterations) const {
    RobustOptions r;
    r.loss = o_.loss;
    r.max_iterations = iterations;
    r.threads = o_.threads;
    return r;
  }

  // A first cycle that switches far later than the others is forming.
  void watch_forming() {
    if (m_.sweeps.size() < 4 || o_.skip > 0) return;
    std::vector<double> v;
    for (const SweepCycle& s : m_.sweeps) {
      double highest = 0.0;
      for (const Excursion& e : make_target(s, replay_).events)
        if (std::isfinite(e.v_switch) && e.rises())
          highest = std::max(highest, std::abs(e.v_switch));
      v.push_back(highest);
    }
    const double usual = quantile({v.begin() + 1, v.end()}, 0.5);
    if (usual > 0.0 && v.front() > 1.4 * usual)
      out_.warnings.push_back(
          fmt::format("cycle {} switches at {:.3g} V, the others at {:.3g} V: forming? Skipping 1 "
                      "cycle leaves it out",
                      m_.sweeps.front().number, v.front(), usual));
  }

  // Parameters by their influence at the start that the ones already chosen do not have (pivoted
  // Gram-Schmidt).
  std::vector<std::string> choose_free() {
    const ParameterSpace all = make_space(out_.model, load_.r_series,
                                          eligible_keys(out_.model, load_.r_series), o_.bounds);
    const RobustProblem problem = make_problem(all, load_, screen_targets_, screen_);
    const VectorXd u = all.start(), h = VectorXd::Constant(u.size(), 2e-3);
    Eigen::MatrixXd j = central_jacobian(problem, u, h, 5.0, o_.threads);
    count(2 * all.free.size());
    const double rows = std::sqrt(static_cast<double>(j.rows()));
    const VectorXd whole = j.colwise().norm();
    std::vector<std::string> keys;
    while (static_cast<int>(keys.size()) < o_.max_free) {
      Index pivot = 0;
      const VectorXd left = j.colwise().norm();
      const double most = left.maxCoeff(&pivot);
      if (!(most / rows > least_influence)) break;
      if (most < lone_influence * whole[pivot]) {  // the others can do what it does
        j.col(pivot).setZero();
        continue;
      }
      keys.push_back(all.free[static_cast<size_t>(pivot)].key);
      const VectorXd direction = j.col(pivot) / most;
      j -= direction * (direction.transpose() * j).eval();
      j.col(pivot).setZero();
    }
    if (keys.empty())
      throw NumericalError(
          fmt::format("no parameter of {} moves the model on this data from this card; name some, "
                      "or begin from another card",
                      model_name(out_.model)));
    return keys;
  }

  void search() {
    const std::vector<VectorXd> starts = make_starts();
    std::vector<double> cost(starts.size());
    const RobustProblem screening = make_problem(space_, load_, screen_targets_, screen_);
    const auto total = static_cast<size_t>(o_.refined) + 4;
    Progress progress("fit", total, o_.progress);
    parallel_for(starts.size(), o_.threads, [&](size_t k) {
      cost[k] = per_residual(screening.residuals(starts[k], 0), o_.loss);
    });
    count(starts.size());
    progress.advance(1, "starts screened");
    std::vector<size_t> order(starts.size());
    std::iota(order.begin(), order.end(), size_t{0});
    std::stable_sort(order.begin(), order.end(),
                     [&](size_t a, size_t b) { return cost[a] < cost[b]; });
    for (size_t k = 0; k < starts.size(); ++k)
      out_.starts.push_back({static_cast<int>(k), cost[k], "screened", 0});
    if (!(cost[order.front()] < worst_cost()))
      throw NumericalError(fmt::format("{} cannot be run on this data from any of {} starts",
                                       model_name(out_.model), starts.size()));
    best_u_ = starts[order.front()];

    // The card itself is refined too, wherever it stands.
    std::vector<size_t> chosen{0};
    for (const size_t k : order)
      if (static_cast<int>(chosen.size()) < std::max(1, o_.refined) && k != 0) chosen.push_back(k);
    std::vector<std::pair<double, VectorXd>> refined;
    for (const size_t k : chosen) {
      const RobustResult r = refine(screening, starts[k], 25);
      const double c = r.cost / static_cast<double>(r.residuals.size());
      out_.starts[k] = {static_cast<int>(k), c, std::string(name_of(r.status)), r.iterations};
      refined.emplace_back(c, r.u);
      progress.advance(1, fmt::format("start {} ends at {:.3g} per point", k, c));
    }
    std::stable_sort(refined.begin(), refined.end(),
                     [](const auto& a, const auto& b) { return a.first < b.first; });
    best_u_ = refined.front().second;
    finish(refined, progress);
    progress.finish(out_.status);
  }

  double worst_cost() const {
    return 2.0 * o_.loss * o_.loss * (std::sqrt(1.0 + std::pow(100.0 / o_.loss, 2)) - 1.0) * 0.999;
  }

  RobustResult refine(const RobustProblem& problem, const VectorXd& start, int iterations) {
    const RobustResult r = minimise_robust(problem, start, robust(iterations));
    count(static_cast<size_t>(r.iterations + 1) * (space_.free.size() + 1) * problem.parts);
    if (r.status == RobustStatus::interrupted) {
      if (r.residuals.size() > 0) best_u_ = r.u;
      throw Interrupted();
    }
    return r;
  }

  // The best of one cycle on all cycles: first with the noise as it was assumed, then as it was
  // found.
  void finish(const std::vector<std::pair<double, VectorXd>>& refined, Progress& progress) {
    std::optional<RobustResult> best;
    targets_ = make_targets(m_, choice_.training, replay_);
    const RobustProblem problem = make_problem(space_, load_, targets_, replay_);
    out_.cost_start = per_residual(all_residuals(problem, space_.start(), o_.threads), o_.loss);
    count(targets_.size());
    for (size_t k = 0; k < std::min<size_t>(2, refined.size()); ++k) {
      const RobustResult r = refine(problem, refined[k].second, 20);
      if (!best || r.cost < best->cost) best = r;
      best_u_ = best->u;
      progress.advance(1, fmt::format("{:.3g} per point on all cycles",
                                      best->cost / static_cast<double>(best->residuals.size())));
    }
    // The search on one cycle may have left a card that was better on all of them.
    if (const double card = out_.cost_start * static_cast<double>(best->residuals.size());
        card < best->cost) {
      best = refine(problem, space_.start(), 20);
      best_u_ = best->u;
    }
    if (!o_.keep_sigma_y) {
      replay_.sigma_y = out_.sigma_y = relative_error(targets_, best->residuals, replay_.sigma_y);
      targets_ = make_targets(m_, choice_.training, replay_);
    }
    out_.cost_start = per_residual(all_residuals(problem, space_.start(), o_.threads), o_.loss);
    count(targets_.size());
    const RobustResult last = refine(problem, best->u, 30);
    best_u_ = last.u;
    out_.cost = last.cost / static_cast<double>(last.residuals.size());
    out_.status = name_of(last.status);
    statistics(problem, last);
  }

  void statistics(const RobustProblem& problem, const RobustResult& r) {
    const Index n = r.u.size();
    std::vector<bool> held;
    std::vector<std::string> names;
    for (Index k = 0; k < n; ++k) {
      const double margin = 1e-6 * (problem.upper[k] - problem.lower[k]);
      held.push_back(r.u[k] - problem.lower[k] < margin || problem.upper[k] - r.u[k] < margin);
      names.push_back(space_.free[static_cast<size_t>(k)].key);
    }
    // Steps that move residuals by about 0.3 in rms: well above the error of the integration, well
    // below the bend of the curve.
    VectorXd h = VectorXd::Constant(n, 1e-3);
    Eigen::MatrixXd j;
    for (int pass = 0; pass < 2; ++pass) {
      j = central_jacobian(problem, r.u, h, 10.0, o_.threads);
      for (Index k = 0; k < n; ++k) {
        const double slope = j.col(k).norm() / std::sqrt(static_cast<double>(j.rows()));
        h[k] = std::clamp(0.3 / std::max(slope, 1e-12), 1e-5, 2e-2);
      }
    }
    count(4 * static_cast<size_t>(n) * targets_.size());
    std::vector<Index> sizes;
    for (size_t k = 0; k < problem.parts; ++k) sizes.push_back(problem.residuals(r.u, k).size());
    out_.statistics =
        fit_statistics(j, r.residuals, robust_weights(r.residuals, o_.loss), sizes, held, names);
    for (const std::string& w : out_.statistics.warnings) out_.warnings.push_back(w);
    for (size_t k = 0; k < held.size(); ++k) at_bound_.push_back(held[k]);
  }

  // Half widths: what moves the curve by e³ in rms (60 σ of 0.05), at most a decade.
  std::vector<VectorXd> make_starts() {
    const VectorXd card = space_.start();
    const RobustProblem screening = make_problem(space_, load_, screen_targets_, screen_);
    const Eigen::MatrixXd j =
        central_jacobian(screening, card, VectorXd::Constant(card.size(), 2e-3), 50.0, o_.threads);
    count(2 * space_.free.size());
    const VectorXd slope = j.colwise().norm() / std::sqrt(static_cast<double>(j.rows()));
    const VectorXd width =
        (60.0 * slope.cwiseMax(1e-9).cwiseInverse()).cwiseMax(0.05).cwiseMin(2.3);
    return hypercube_starts(card, width, space_.lower(), space_.upper(), o_.starts, o_.seed);
  }

  void store() {
    out_.model = space_.model(best_u_);
    out_.r_series = load_at(load_, space_, best_u_).r_series;
    const FitStatistics& s = out_.statistics;
    for (size_t k = 0; k < space_.free.size(); ++k) {
      const Index i = static_cast<Index>(k);
      const FreeParameter& f = space_.free[k];
      const double value = f.to_p(best_u_[i]), unknown = std::numeric_limits<double>::quiet_NaN(),
                   scale = f.dp_du(value);
      const bool known = s.error.size() > i;
      out_.parameters.push_back({f, value, known ? s.error[i] * scale : unknown,
                                 known ? s.residual_error[i] * scale : unknown,
                                 known ? s.cycle_error[i] * scale : unknown,
                                 known && at_bound_[k]});
    }
    out_.replays = replays_;
  }

  // Every cycle that was fitted and every one that was not, once more.
  void judge() {
    std::vector<size_t> positions = choice_.training;
    positions.insert(positions.end(), choice_.held_out.begin(), choice_.held_out.end());
    std::sort(positions.begin(), positions.end());
    const std::vector<CycleTarget> targets = make_targets(m_, positions, replay_);
    const Load load = load_at(load_, space_, best_u_);
    out_.cycles.resize(targets.size());
    parallel_for(targets.size(), o_.threads, [&](size_t k) {
      out_.cycles[k] =
          std::visit([&](const auto& t) { return compare(out_.model, load, t, replay_.transient); },
                     targets[k]);
      out_.cycles[k].training =
          std::binary_search(choice_.training.begin(), choice_.training.end(), positions[k]);
    });
    size_t left_out = 0;
    for (const CycleTarget& t : targets)
      if (const auto* sweep = std::get_if<SweepTarget>(&t)) left_out += sweep->left_out;
    if (left_out > 0)
      out_.notes.push_back(
          fmt::format("{} readings of exactly 0 A are below their range and left out", left_out));
    for (const CycleComparison& c : out_.cycles)
      for (const EventComparison& e : c.events)
        if (!std::isfinite(e.v_model)) {
          out_.warnings.push_back(fmt::format(
              "the model does not switch in every cycle as measured, first in cycle {} at {:.3g} V",
              c.number, e.v_measured));
          return;
        }
  }

  void count(size_t runs) { replays_ += static_cast<long>(runs); }

  const Measurement& m_;
  const DeviceFitOptions& o_;
  const Load load_;
  ReplayOptions replay_, screen_;
  CycleChoice choice_;
  size_t screen_position_ = 0;
  std::vector<CycleTarget> screen_targets_, targets_;
  ParameterSpace space_;
  VectorXd best_u_;
  std::vector<bool> at_bound_;
  long replays_ = 0;
  DeviceFit out_{};
};

}  // namespace

double DeviceFit::rms(bool training) const {
  double sum = 0.0, points = 0.0;
  for (const CycleComparison& c : cycles)
    if (c.training == training && c.points > 0) {
      sum += c.rms * c.rms * static_cast<double>(c.points);
      points += static_cast<double>(c.points);
    }
  return points > 0.0 ? std::sqrt(sum / points) : std::numeric_limits<double>::quiet_NaN();
}

Load load_of(const Measurement& m, const std::optional<SelectTransistor>& transistor) {
  Load load;
  if (!m.cell_voltage) {
    load.r_series = m.r_series;
    if (m.compliance > 0.0) load.compliance = m.compliance;
  }
  for (const PulseCycle& t : m.trains)
    for (const MeasuredPulse& p : t.pulses)
      if (std::isfinite(p.v_wl)) {
        load.transistor = transistor.value_or(SelectTransistor{});
        load.r_series = 0.0;
      }
  return load;
}

DeviceFit fit_device(const AnyMemristor& model, const Load& load, const Measurement& measurement,
                     const DeviceFitOptions& options) {
  if (const Misfit bad = misfit(model); !bad.key.empty())
    throw Error(fmt::format("{}: {}", bad.key, bad.what));
  check(load);
  return Fit(model, load, measurement, options).run();
}

}  // namespace mho::devices
