#include "devices/relaxation_fit.hpp"

#include <fmt/format.h>

#include <Eigen/Dense>
#include <algorithm>
#include <cmath>
#include <vector>

#include "core/errors.hpp"
#include "core/parallel.hpp"
#include "devices/relaxation_law.hpp"

namespace mho::devices {
namespace {
constexpr size_t fewest_cells = 200;
constexpr size_t chunk = 512;           // reads per term of the likelihood
constexpr double smallest_nu = 2.05;    // σ² must exist
constexpr double largest_nu = 500.0;    // beyond, s² cannot be told from 1
constexpr double smallest_jump = 0.02;  // [g_unit] ℓ of the search
constexpr double largest_jump = 100.0;  // [g_unit]

// One read, conductances in g_unit.
struct Read {
  double start, seen, time;
  size_t cell;  // index among the cells in range, for the groups of the jackknife
};

using P = RelaxationParams;
// A polynomial: the term u^power·d^decades of each member.
struct Term {
  double P::*member;
  int power, decades;
};
using Terms = std::vector<Term>;
const Terms mean_terms{{&P::m0, 0, 0}, {&P::m1, 1, 0}, {&P::m2, 2, 0},
                       {&P::n0, 0, 1}, {&P::n1, 1, 1}, {&P::n2, 2, 1},
                       {&P::p0, 0, 2}, {&P::p1, 1, 2}, {&P::p2, 2, 2}};
const Terms variance_terms{{&P::a0, 0, 0}, {&P::a1, 1, 0}, {&P::a2, 2, 0}, {&P::a3, 3, 0},
                           {&P::b0, 0, 1}, {&P::b1, 1, 1}, {&P::b2, 2, 1}, {&P::b3, 3, 1},
                           {&P::c0, 0, 2}, {&P::c1, 1, 2}};

Eigen::VectorXd basis(const RelaxationParams& p, const Read& read, const Terms& terms) {
  const double u = read.start * p.g_unit / p.g_full, d = std::log10(read.time);
  const double u_to[] = {1.0, u, u * u, u * u * u}, d_to[] = {1.0, d, d * d};
  Eigen::VectorXd row(static_cast<Eigen::Index>(terms.size()));
  for (size_t i = 0; i < terms.size(); ++i)
    row[static_cast<Eigen::Index>(i)] = u_to[terms[i].power] * d_to[terms[i].decades];
  return row;
}

// Weighted least squares of response(read) on the basis, into the members of p.
template <class Response, class Weight>
void regress(RelaxationParams& p, const std::vector<Read>& reads, const Terms& terms,
             const Response& response, const Weight& weight) {
  const auto n = static_cast<Eigen::Index>(terms.size());
  Eigen::MatrixXd normal = Eigen::MatrixXd::Zero(n, n);
  Eigen::VectorXd right = Eigen::VectorXd::Zero(n);
  for (const Read& read : reads) {
    const Eigen::VectorXd row = basis(p, read, terms);
    const double w = weight(read);
    normal.selfadjointView<Eigen::Lower>().rankUpdate(row, w);
    right += w * response(read) * row;
  }
  const Eigen::VectorXd solution = normal.selfadjointView<Eigen::Lower>().ldlt().solve(right);
  for (Eigen::Index i = 0; i < n; ++i) p.*terms[static_cast<size_t>(i)].member = solution[i];
}

// First stage: polynomials at fixed shape. The law is of the parameters before; three sweeps settle
// r and the weights.
void fit_polynomials(RelaxationParams& p, const std::vector<Read>& reads) {
  const double unit = p.g_unit, jump = std::pow(p.jump_length / unit, 2);
  for (int sweep = 0; sweep < 3; ++sweep) {
    const RelaxationLaw law(p);
    const RelaxationParams before = p;
    const auto start = [&](const Read& r) { return r.start * unit; };
    const auto variance = [&](const Read& r) {
      return relaxation_variance(before, start(r), r.time) / (unit * unit);
    };
    const auto centre = [&](const RelaxationParams& q, const Read& r) {
      return r.start + relaxation_mean(q, start(r), r.time) / unit;
    };
    const auto rise = [&](const RelaxationParams& q, const Read& r) {
      return law.rise(centre(q, r) * unit, variance(r) * unit * unit) / unit;
    };
    regress(
        p, reads, mean_terms, [&](const Read& r) { return r.seen - r.start - rise(before, r); },
        [&](const Read& r) { return 1.0 / variance(r); });
    const RelaxationParams centred = p;
    regress(
        p, reads, variance_terms,
        [&](const Read& r) {
          const double m = centre(centred, r), e = r.seen - m;
          return e * e + 2.0 * m * rise(centred, r);
        },
        [&](const Read& r) { return 1.0 / (variance(r) * (variance(r) + jump)); });
  }
}

double log_likelihood(const RelaxationParams& p, const std::vector<Read>& reads, int threads) {
  const RelaxationLaw law(p);
  std::vector<double> part((reads.size() + chunk - 1) / chunk);
  parallel_for(part.size(), threads, [&](size_t c) {
    for (size_t i = c * chunk; i < std::min(reads.size(), (c + 1) * chunk); ++i) {
      const Read& r = reads[i];
      const double f = law.density(r.start * p.g_unit, r.time, r.seen * p.g_unit) * p.g_unit;
      part[c] += std::log(std::max(f, 1e-300));
    }
  });
  double sum = 0.0;
  for (double x : part) sum += x;
  return sum;
}

// Shape as the search sees it: ln(ν−2) and, with a clock, ln ℓ in g_unit.
Eigen::VectorXd shape_of(const RelaxationParams& p, bool clock) {
  Eigen::VectorXd x(clock ? 2 : 1);
  x[0] = std::log(std::clamp(p.nu, smallest_nu, largest_nu) - 2.0);
  if (clock) x[1] = std::log(std::clamp(p.jump_length / p.g_unit, smallest_jump, largest_jump));
  return x;
}
void set_shape(RelaxationParams& p, const Eigen::VectorXd& x) {
  p.nu = std::clamp(2.0 + std::exp(x[0]), smallest_nu, largest_nu);
  p.jump_length =
      x.size() > 1 ? p.g_unit * std::clamp(std::exp(x[1]), smallest_jump, largest_jump) : 0.0;
}

// Second stage: compass search, which needs no derivative and cannot leave a maximum. The step
// doubles after a success and halves after a round without one.
double fit_shape(RelaxationParams& p, const std::vector<Read>& reads, bool clock, double step,
                 double smallest_step, int threads) {
  Eigen::VectorXd x = shape_of(p, clock);
  set_shape(p, x);
  double best = log_likelihood(p, reads, threads);
  while (step > smallest_step) {
    bool better = false;
    for (Eigen::Index i = 0; i < x.size(); ++i)
      for (double sign : {1.0, -1.0}) {
        Eigen::VectorXd y = x;
        y[i] += sign * step;
        RelaxationParams q = p;
        set_shape(q, y);
        if (q.nu == p.nu && q.jump_length == p.jump_length) continue;
        const double value = log_likelihood(q, reads, threads);
        if (value <= best) continue;
        best = value;
        x = y;
        p = q;
        better = true;
        break;
      }
    step *= better ? 1.5 : 0.4;
  }
  return best;
}

double largest_change(const RelaxationParams& a, const RelaxationParams& b) {
  const double nu = std::abs(std::log((a.nu - 2.0) / (b.nu - 2.0)));
  const double low = 1e-3 * a.g_unit;
  return std::max(nu, std::abs(std::log((a.jump_length + low) / (b.jump_length + low))));
}

std::vector<Read> reads_of(std::span<const MeasuredCell> cells, const RelaxationParams& p,
                           double largest_start, size_t& used) {
  std::vector<Read> reads;
  used = 0;
  for (const MeasuredCell& cell : cells) {
    if (cell.start > largest_start) continue;
    for (const MeasuredRead& read : cell.reads)
      reads.push_back(
          {cell.start / p.g_unit, std::abs(read.conductance) / p.g_unit, read.time, used});
    ++used;
  }
  return reads;
}

// One fit from `p`; `rounds` at most.
RelaxationFitStatus fit_stages(RelaxationParams& p, const std::vector<Read>& reads,
                               const RelaxationFitOptions& options, int rounds, double step,
                               int threads, double& likelihood) {
  for (int round = 0; round < rounds; ++round) {
    const RelaxationParams before = p;
    fit_polynomials(p, reads);
    likelihood = fit_shape(p, reads, options.clock, round == 0 ? step : 0.1, 2e-3, threads);
    if (largest_change(before, p) < 5e-3) return RelaxationFitStatus::converged;
  }
  return RelaxationFitStatus::not_converged;
}

// Every fitted member.
std::vector<double P::*> fitted_members(bool clock) {
  std::vector<double P::*> all;
  for (const Terms* terms : {&mean_terms, &variance_terms})
    for (const Term& term : *terms) all.push_back(term.member);
  all.push_back(&P::nu);
  if (clock) all.push_back(&P::jump_length);
  return all;
}

RelaxationParams jackknife(const RelaxationParams& full, const std::vector<Read>& reads,
                           const RelaxationFitOptions& options, int threads) {
  const auto groups = static_cast<size_t>(options.groups);
  std::vector<RelaxationParams> without(groups, full);
  parallel_for(groups, threads, [&](size_t g) {
    std::vector<Read> rest;
    for (const Read& read : reads)
      if (read.cell % groups != g) rest.push_back(read);
    double ignored = 0.0;
    fit_stages(without[g], rest, options, 2, 0.05, 1, ignored);
  });
  RelaxationParams error{};
  for (const Parameter<P>& p : ParameterTable<P>::table) error.*p.member = 0.0;
  for (double P::*member : fitted_members(options.clock)) {
    double mean = 0.0, sum = 0.0;
    for (const P& p : without) mean += p.*member / static_cast<double>(groups);
    for (const P& p : without) sum += std::pow(p.*member - mean, 2);
    error.*member = std::sqrt(sum * static_cast<double>(groups - 1) / static_cast<double>(groups));
  }
  return error;
}
}  // namespace

RelaxationFit fit_relaxation(std::span<const MeasuredCell> cells, const RelaxationParams& initial,
                             const RelaxationFitOptions& options, int threads) {
  RelaxationFit fit;
  fit.params = initial;
  const std::vector<Read> reads = reads_of(cells, initial, options.largest_start, fit.cells);
  fit.reads = reads.size();
  if (fit.cells < fewest_cells)
    throw Error(fmt::format("{} cells start at or below {} S; a fit of relaxation wants {}",
                            fit.cells, options.largest_start, fewest_cells));
  if (options.clock && initial.jump_length == 0.0) fit.params.jump_length = 3.0 * initial.g_unit;
  fit.status =
      fit_stages(fit.params, reads, options, options.rounds, 0.5, threads, fit.log_likelihood);
  fit.error = fit.params;
  for (const Parameter<P>& p : ParameterTable<P>::table) fit.error.*p.member = 0.0;
  if (options.groups > 1) fit.error = jackknife(fit.params, reads, options, threads);
  return fit;
}

std::string relaxation_toml(const RelaxationFit& fit, const std::string& source) {
  std::string text = fmt::format(
      "# Relaxation fitted to {} reads of {} cells (devices/relaxation.hpp has the equations). "
      "After # stands the standard error.\nsource = \"{}\"\n",
      fit.reads, fit.cells, source);
  for (const Parameter<P>& p : ParameterTable<P>::table) {
    const double value = fit.params.*p.member, error = fit.error.*p.member;
    if (p.unit == "1")
      text += fmt::format("{} = {:.6g}", p.key, value);
    else
      text += fmt::format("{} = \"{:.6g} uS\"", p.key, value * 1e6);
    if (error > 0.0)
      text += p.unit == "1" ? fmt::format("  # {:.2g}", error)
                            : fmt::format("  # {:.2g} uS", error * 1e6);
    text += "\n";
  }
  return text;
}

}  // namespace mho::devices
