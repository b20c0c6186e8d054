#include "validation/devices_transistor.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "circuits/spice/worker_pool.hpp"
#include "core/data_path.hpp"
#include "core/errors.hpp"
#include "core/random.hpp"
#include "core/statistics.hpp"
#include "devices/cell.hpp"
#include "solver/least_squares.hpp"

namespace mho::validation {
namespace {

using circuits::CellPoint;
using circuits::TransistorBias;
using devices::ThickTransistor;

double metric(double current) { return std::asinh(current / transistor_current_scale); }

// What the fit may move: a factor e^x of the start, or the start plus 0.1·x for k2, which may have
// either sign.
constexpr std::pair<double ThickTransistor::*, double> positive[] = {
    {&ThickTransistor::beta, 3e-4},   {&ThickTransistor::v_to, 0.8},
    {&ThickTransistor::gamma, 0.5},   {&ThickTransistor::phi, 0.8},
    {&ThickTransistor::swing, 0.045}, {&ThickTransistor::swing_b, 0.02},
    {&ThickTransistor::sigma, 0.04},  {&ThickTransistor::sigma_d, 0.2},
    {&ThickTransistor::sigma_b, 0.1}, {&ThickTransistor::theta1, 0.2},
    {&ThickTransistor::theta2, 0.01}, {&ThickTransistor::kappa, 1.0},
    {&ThickTransistor::alpha, 0.7},   {&ThickTransistor::lambda, 0.02},
};
constexpr int unknowns = static_cast<int>(std::size(positive)) + 1;

ThickTransistor at(const Eigen::VectorXd& x) {
  ThickTransistor p;
  Eigen::Index i = 0;
  for (const auto& [member, start] : positive) p.*member = start * std::exp(x[i++]);
  p.k2 = 0.1 * x[i];
  return p;
}

// Errors over a set of points.
struct Misfit {
  explicit Misfit(double above) : floor(above) {}
  std::vector<double> in_metric, relative;  // the second where |I| is above `floor`
  double floor;                             // [A]
  double worst_metric = 0.0, worst_relative = 0.0;
  size_t worst_point = 0;  // of worst_relative
  void add(size_t point, double model, double reference) {
    in_metric.push_back(metric(model) - metric(reference));
    worst_metric = std::max(worst_metric, std::abs(in_metric.back()));
    if (std::abs(reference) < floor) return;
    relative.push_back(model / reference - 1.0);
    if (std::abs(relative.back()) <= worst_relative) return;
    worst_relative = std::abs(relative.back());
    worst_point = point;
  }
};

// A resistance as solve_cell() wants it.
struct Resistor {
  double conductance;
  devices::CurrentSlope current(double v) const { return {conductance * v, conductance}; }
};

// Resistances of 5 kohm to 1 Mohm at the voltages of the programming policies and around them.
std::vector<CellPoint> cell_grid(devices::Polarity polarity) {
  std::vector<CellPoint> points;
  for (const double r : {5e3, 1e4, 3e4, 1e5, 3e5, 1e6}) {
    if (polarity == devices::Polarity::set) {
      for (const double wl : {0.8, 1.0, 1.2, 1.5, 2.0, 3.0, 5.0})
        for (const double bl : {1.2, 1.8, 2.4, 3.0}) points.push_back({r, bl, wl, 0.0});
    } else {
      for (const double wl : {2.0, 3.0, 4.0, 5.0})
        for (const double sl : {0.6, 1.2, 1.8, 2.6, 3.5}) points.push_back({r, 0.0, wl, sl});
    }
  }
  return points;
}

template <class Transistor>
double cell_current(const Transistor& transistor, devices::Polarity polarity, const CellPoint& p) {
  const double line = polarity == devices::Polarity::set ? p.v_bl : p.v_sl;
  const Resistor cell{1.0 / p.resistance};
  const double v = devices::solve_cell(cell, transistor, {polarity, line, p.v_wl}, 0.5 * line).v;
  return cell.current(v).current;
}

struct Table {
  std::string& text;
  Json& json;
  void row(const char* what, const char* key, const Misfit& m, const std::string& where) {
    const double rel = m.relative.empty() ? 0.0 : rms(m.relative);
    text += fmt::format("  {:<34} {:5} {:9.4f} {:9.3f} {:9.2f} {:9.1f}   {}\n", what,
                        m.in_metric.size(), rms(m.in_metric), m.worst_metric, 100 * rel,
                        100 * m.worst_relative, where);
    json[key] = Json{{"points", m.in_metric.size()},       {"asinh_rms", rms(m.in_metric)},
                     {"asinh_worst", m.worst_metric},      {"relative_points", m.relative.size()},
                     {"relative_above_A", m.floor},        {"relative_rms", rel},
                     {"relative_worst", m.worst_relative}, {"worst_at", where}};
  }
};

std::string place(const TransistorBias& p) {
  return fmt::format("V_G {:.2f}, V_D {:.2f}, V_S {:.2f}", p.v_g, p.v_d, p.v_s);
}

// Every set of points, and what ngspice says there [A].
struct Reference {
  std::vector<TransistorBias> held, grounded,
      grid;  // random, random with the source at 0, the fit's
  std::vector<CellPoint> set, reset;
  std::vector<double> held_current, grounded_current, grid_current, set_current, reset_current;
};

// In processes of their own: a process has one ngspice, and the caller may use it for other things.
void run_ngspice(Reference& r, const circuits::TransistorModels& models) {
  std::vector<double>* results[] = {&r.held_current, &r.grounded_current, &r.grid_current,
                                    &r.set_current, &r.reset_current};
  const auto task = [&](size_t i) {
    static spice::Session session;
    if (i == 3) return Json(circuits::cell_currents(session, models, r.set)).dump();
    if (i == 4) return Json(circuits::cell_currents(session, models, r.reset)).dump();
    const auto& points = i == 0 ? r.held : i == 1 ? r.grounded : r.grid;
    return Json(circuits::drain_currents(session, models, points)).dump();
  };
  spice::run_in_workers(
      std::size(results), {.workers = 2, .timeout = 300.0}, task,
      [&](size_t i, spice::TaskOutcome outcome) {
        if (!outcome.ok)
          throw Error("select transistor: " + outcome.error,
                      outcome.bad_input ? ExitStatus::bad_input : ExitStatus::numerical_failure);
        *results[i] = Json::parse(outcome.result).get<std::vector<double>>();
      });
}

void add_bias_points(Table& table, const Reference& r, const ThickTransistor& shipped) {
  Misfit all(1e-6), low(1e-6), ground(1e-6);
  const auto model = [&](const TransistorBias& p) {
    return devices::static_current(shipped, p.v_g, p.v_d, p.v_s).current;
  };
  for (size_t i = 0; i < r.held.size(); ++i) {
    all.add(i, model(r.held[i]), r.held_current[i]);
    if (r.held[i].v_s <= 2.0) low.add(i, model(r.held[i]), r.held_current[i]);
  }
  for (size_t i = 0; i < r.grounded.size(); ++i)
    ground.add(i, model(r.grounded[i]), r.grounded_current[i]);
  table.row("transistor, V_S 0 to 4 V", "bias_points", all, place(r.held[all.worst_point]));
  table.row("transistor, V_S 0 to 2 V", "source_to_2V", low, place(r.held[low.worst_point]));
  table.row("transistor, source at 0", "source_grounded", ground,
            place(r.grounded[ground.worst_point]));
}

void add_cell_points(Table& table, devices::Polarity polarity, std::span<const CellPoint> points,
                     std::span<const double> currents, const ThickTransistor& shipped) {
  const bool set = polarity == devices::Polarity::set;
  Misfit compact(1e-7), level1(1e-7);
  for (size_t i = 0; i < points.size(); ++i) {
    const double reference = std::abs(currents[i]);
    compact.add(i, cell_current(shipped, polarity, points[i]), reference);
    level1.add(i, cell_current(devices::SelectTransistor{}, polarity, points[i]), reference);
  }
  const auto where = [&](size_t i) {
    return fmt::format("{:g} kohm, V_WL {:g}, line {:g}", points[i].resistance / 1e3,
                       points[i].v_wl, set ? points[i].v_bl : points[i].v_sl);
  };
  table.row(set ? "1T1R cell, SET" : "1T1R cell, RESET", set ? "cell_set" : "cell_reset", compact,
            where(compact.worst_point));
  table.row(set ? "  level-1 transistor, SET" : "  level-1 transistor, RESET",
            set ? "cell_set_level1" : "cell_reset_level1", level1, where(level1.worst_point));
}

void add_fit(Section& section, const Reference& r) {
  const TransistorFit fit = fit_transistor(r.grid, r.grid_current);
  section.text += fmt::format("  fit to {} points: asinh rms {:.4f}, {} iterations:", r.grid.size(),
                              fit.rms, fit.iterations);
  Json& json = section.json["fit"] = Json{{"points", r.grid.size()}, {"asinh_rms", fit.rms}};
  for (const auto& p : ParameterTable<ThickTransistor>::table) {
    if (p.member == &ThickTransistor::v_to_sigma) continue;
    section.text += fmt::format(" {} = {:.5g}", p.key, fit.transistor.*p.member);
    json[std::string(p.key)] = fit.transistor.*p.member;
  }
  section.text += "\n";
}

}  // namespace

std::vector<TransistorBias> transistor_fit_grid() {
  std::vector<TransistorBias> points;
  for (int g = 0; g <= 25; ++g)
    for (const double s : {0.0, 0.1, 0.25, 0.5, 1.0, 1.5, 2.0, 3.0, 3.8})
      for (const double ds : {0.02, 0.05, 0.1, 0.2, 0.4, 0.7, 1.0, 1.5, 2.0, 3.0, 4.0})
        if (s + ds < 4.001) points.push_back({0.2 * g, s + ds, s});
  return points;
}

std::vector<TransistorBias> transistor_random_points(int count, std::uint64_t seed) {
  std::vector<TransistorBias> points;
  for (int i = 0; i < count; ++i) {
    RandomStream stream(seed, 0, 0, static_cast<std::uint32_t>(i), Purpose::validation_plan);
    const double g = 5.0 * stream.uniform(), s = 4.0 * stream.uniform();
    points.push_back({g, s + (4.0 - s) * stream.uniform(), s});
  }
  return points;
}

TransistorFit fit_transistor(std::span<const TransistorBias> points,
                             std::span<const double> currents) {
  const auto residuals = [&](const Eigen::VectorXd& x) {
    const ThickTransistor p = at(x);
    Eigen::VectorXd r(static_cast<Eigen::Index>(points.size()));
    for (size_t i = 0; i < points.size(); ++i) {
      const double model =
          devices::static_current(p, points[i].v_g, points[i].v_d, points[i].v_s).current;
      r[static_cast<Eigen::Index>(i)] = metric(model) - metric(currents[i]);
    }
    return r;
  };
  const auto found = solver::minimise(residuals, Eigen::VectorXd::Zero(unknowns), 1e-5, 1, 200);
  return {at(found.x), found.rms, found.iterations};
}

Section validate_transistor(std::uint64_t seed) {
  Section section;
  section.name = "select transistor";
  const circuits::TransistorModels models = circuits::thick_transistor_models();
  const ThickTransistor shipped =
      devices::load_thick_transistor(data_path("devices/params/transistor_n50.toml"));
  Reference r;
  r.held = transistor_random_points(2000, seed);
  r.grounded = transistor_random_points(500, seed + 1);
  for (TransistorBias& p : r.grounded) p = {p.v_g, p.v_d - p.v_s, 0.0};
  r.grid = transistor_fit_grid();
  r.set = cell_grid(devices::Polarity::set);
  r.reset = cell_grid(devices::Polarity::reset);
  run_ngspice(r, models);

  section.text = fmt::format("Compact transistor against ngspice, {}\n", models.source);
  section.text += fmt::format("  {:<34} {:>5} {:>9} {:>9} {:>9} {:>9}   worst relative error at\n",
                              "", "", "asinh rms", "worst", "rms %", "worst %");
  section.json["source"] = models.source;
  Table table{section.text, section.json};
  add_bias_points(table, r, shipped);
  add_cell_points(table, devices::Polarity::set, r.set, r.set_current, shipped);
  add_cell_points(table, devices::Polarity::reset, r.reset, r.reset_current, shipped);
  section.text +=
      "  relative errors: transistor above 1 uA, cell above 0.1 uA; asinh(I/6 nA) over all "
      "points\n";
  add_fit(section, r);
  return section;
}

}  // namespace mho::validation
