#include "solver/calibration_covariance.hpp"

#include <fmt/format.h>

#include <Eigen/Eigenvalues>
#include <Eigen/SVD>
#include <algorithm>
#include <array>
#include <cmath>
#include <functional>

#include "core/errors.hpp"
#include "core/random.hpp"
#include "solver/calibration_residuals.hpp"
#include "solver/energy_fit.hpp"
#include "solver/fit_parameters.hpp"
#include "solver/least_squares.hpp"

namespace mho::solver {
namespace {

using Eigen::Index;

// A stage at its optimum. Residuals are ordered by run.
struct Linearised {
  std::string name;
  std::vector<Unknown> own;       // those that could move to both sides
  Eigen::VectorXd f;              // n
  Eigen::MatrixXd j, earlier;     // n × own, n × parameters of the stages before
  std::vector<size_t> run;        // of each residual
  double prior = 0.0;
};

StageDirections directions_of(const Linearised& s) {
  StageDirections d;
  d.stage = s.name;
  d.points = static_cast<int>(s.f.size());
  std::vector<size_t> runs = s.run;
  std::sort(runs.begin(), runs.end());
  d.runs = static_cast<int>(std::unique(runs.begin(), runs.end()) - runs.begin());
  if (s.own.empty()) return d;
  const Eigen::VectorXd length = s.j.colwise().norm().cwiseMax(1e-300);
  const Eigen::JacobiSVD<Eigen::MatrixXd> svd((s.j.transpose() * s.j).cwiseQuotient(length * length.transpose()), Eigen::ComputeFullV);
  const Index last = svd.singularValues().size() - 1;
  d.condition = std::sqrt(svd.singularValues()[0] / std::max(svd.singularValues()[last], 1e-300));
  const Eigen::VectorXd weakest = svd.matrixV().col(last);
  std::vector<Index> order(s.own.size());
  for (size_t i = 0; i < order.size(); ++i) order[i] = static_cast<Index>(i);
  std::sort(order.begin(), order.end(), [&](Index a, Index b) { return std::abs(weakest[a]) > std::abs(weakest[b]); });
  // Its larger parts; the sign of a direction means nothing, so the first is positive.
  for (const Index i : order)
    if (std::abs(weakest[i]) > 0.3)
      d.weakest += fmt::format("{}{:.2f} {}", d.weakest.empty() ? "" : weakest[i] * weakest[order.front()] > 0 ? " + " : " - ", std::abs(weakest[i]), s.own[static_cast<size_t>(i)].name);
  return d;
}

// [value/step] of an unknown at the optimum.
double per_step(NeuronModel& model, const Unknown& u) { return u.positive ? u.step * *parameter(model, u.name).value : u.step; }

std::string energy_name(size_t component, std::string_view coefficient) {
  std::string name = fmt::format("energy.{}.{}", component_names[component], coefficient);
  std::replace(name.begin(), name.end(), ' ', '_');
  return name;
}

std::string_view energy_unit(std::string_view coefficient) {
  if (coefficient.ends_with("_joule")) return "1";
  return coefficient == "compare_volt" ? "J/V" : coefficient == "time" ? "W" : "J";
}

// Collects parameters and what leaving out runs does to them, in their own units.
class Collector {
 public:
  explicit Collector(Index runs) : runs_(runs), by_run_(0, runs), rest_(0, 0) {}

  // all_before grows by this stage, in steps of its fit, for the stages that come after.
  void add_stage(const Linearised& s, const Eigen::MatrixXd& before, NeuronModel& model, std::span<const Unknown> all, Eigen::MatrixXd& all_before) {
    const Deletions d = without_each_run(s.f, s.j, s.run, runs_, s.prior, s.earlier, before);
    Eigen::VectorXd scale(d.by_run.rows());
    for (Index i = 0; i < scale.size(); ++i) scale[i] = per_step(model, s.own[static_cast<size_t>(i)]);
    append(scale.asDiagonal() * d.by_run, scale.asDiagonal() * d.rest * scale.asDiagonal());
    all_before.conservativeResize(all_before.rows() + d.by_run.rows(), runs_);
    all_before.bottomRows(d.by_run.rows()) = d.by_run;
    for (Index i = 0; i < scale.size(); ++i) {
      const Unknown& u = s.own[static_cast<size_t>(i)];
      const NamedParameter p = parameter(model, u.name);
      const double independent = std::abs(scale[i]) * std::sqrt(d.independent[i]);
      out.parameters.push_back({std::string(u.name), std::string(p.unit), *p.value, 0.0, independent, u.positive, {}});
      // Where the data say nothing all of the variance is the pull's, where they say everything none.
      if (s.prior > 0 && d.rest(i, i) > 0.5 * d.independent[i]) out.parameters.back().note = "held by its start: the conversions say less about it";
    }
    out.stages.push_back(directions_of(s));
    for (const Unknown& u : all)
      if (std::none_of(s.own.begin(), s.own.end(), [&](const Unknown& o) { return o.name == u.name; })) {
        const NamedParameter p = parameter(model, u.name);
        fixed_.push_back({std::string(u.name), std::string(p.unit), *p.value, 0.0, 0.0, u.positive, "at the end of its range"});
      }
  }

  void add_energy(const EnergyModel& energy, size_t c, const EnergyEquations& e) {
    const auto features = energy_features(static_cast<Component>(c));
    Linearised s{.name = fmt::format("energy, {}", component_names[c]), .own = {}, .f = {}, .j = e.matrix, .earlier = Eigen::MatrixXd(e.matrix.rows(), 0), .run = {}};
    Eigen::VectorXd x(e.matrix.cols());
    Eigen::VectorXd scale(e.matrix.cols());
    std::vector<std::string> names;
    for (Index f = 0; f < x.size(); ++f) {
      const EnergyFeature& feature = features[static_cast<size_t>(f)];
      x[f] = energy.component[c].*feature.coefficient;
      scale[f] = 1.0 / std::max(e.matrix.col(f).norm(), 1e-300);
      names.push_back(energy_name(c, feature.name));
    }
    s.f = e.matrix * x - e.target;
    s.j = e.matrix * scale.asDiagonal();
    for (const std::string& name : names) s.own.push_back({name, 1.0});
    for (Index i = 0; i < s.f.size(); ++i) s.run.push_back(static_cast<size_t>(i));
    const Deletions d = without_each_run(s.f, s.j, s.run, runs_);
    append(scale.asDiagonal() * d.by_run, scale.asDiagonal() * d.rest * scale.asDiagonal());
    for (Index f = 0; f < x.size(); ++f)
      out.parameters.push_back({names[static_cast<size_t>(f)], std::string(energy_unit(features[static_cast<size_t>(f)].name)), x[f], 0.0, scale[f] * std::sqrt(d.independent[f]), false, {}});
    out.stages.push_back(directions_of(s));
  }

  // A parameter of its own, independent of all others.
  void add_alone(ParameterError parameter) {
    const double variance = parameter.error * parameter.error;
    append(Eigen::MatrixXd::Zero(1, runs_), Eigen::MatrixXd::Constant(1, 1, variance));
    out.parameters.push_back(std::move(parameter));
  }

  CalibrationCovariance finish() {
    const double g = static_cast<double>(runs_);
    const Eigen::MatrixXd covariance = (g - 1.0) / g * by_run_ * by_run_.transpose() + rest_;
    const Eigen::VectorXd error = covariance.diagonal().cwiseMax(0.0).cwiseSqrt();
    for (Index i = 0; i < error.size(); ++i) out.parameters[static_cast<size_t>(i)].error = error[i];
    const Eigen::VectorXd inverse = error.unaryExpr([](double e) { return e > 0 ? 1.0 / e : 0.0; });
    const Index n = error.size(), fixed = static_cast<Index>(fixed_.size());
    out.correlation = Eigen::MatrixXd::Identity(n + fixed, n + fixed);
    out.correlation.topLeftCorner(n, n) = inverse.asDiagonal() * covariance * inverse.asDiagonal();
    out.parameters.insert(out.parameters.end(), fixed_.begin(), fixed_.end());
    return std::move(out);
  }

  CalibrationCovariance out;

 private:
  void append(const Eigen::MatrixXd& by_run, const Eigen::MatrixXd& rest) {
    const Index old = by_run_.rows(), more = by_run.rows();
    by_run_.conservativeResize(old + more, runs_);
    by_run_.bottomRows(more) = by_run;
    rest_.conservativeResizeLike(Eigen::MatrixXd::Zero(old + more, old + more));
    rest_.bottomRightCorner(more, more) = rest;
  }
  Index runs_;
  Eigen::MatrixXd by_run_, rest_;
  std::vector<ParameterError> fixed_;
};

std::vector<Unknown> movable(const NeuronModel& model, std::span<const Unknown> unknowns) {
  std::vector<Unknown> list;
  for (const Unknown& u : unknowns)
    if (!at_bound(model, u)) list.push_back(u);
  return list;
}

using Residuals = std::function<Eigen::VectorXd(const NeuronModel&)>;
Eigen::MatrixXd jacobian_of(const Residuals& f, const NeuronModel& model, const std::vector<Unknown>& unknowns, double step, int threads) {
  const Eigen::VectorXd zero = Eigen::VectorXd::Zero(static_cast<Index>(unknowns.size()));
  return jacobian([&](const Eigen::VectorXd& x) { return f(moved(model, unknowns, x)); }, zero, step, threads);
}

}  // namespace

CalibrationCovariance covariance_of(const NeuronModel& fitted, const EnergyModel& energy, const FitReport& fit, const circuits::ControlProgram& program, const CalibrationData& data,
                                    const LineRuns& lines, int threads) {
  NeuronModel model = fitted;
  const Index runs = static_cast<Index>(data.records.size() + lines.data.records.size());
  if (runs < 2) throw Error("calibration: the errors of its parameters need at least two runs");
  const std::array<ProgramRuns, 1> of_program{{{program, data}}};
  const std::vector<Pulse> pulses = pulses_of(of_program, lines);
  std::vector<size_t> pulse_runs, step_runs;
  for (const Pulse& p : pulses) pulse_runs.push_back(p.run);
  neuron_residuals(model, of_program, threads, &step_runs);

  struct Stage {
    const char* name;
    std::span<const Unknown> unknowns;
    Residuals residuals;
    const std::vector<size_t>* run;
    double step, prior;
  };
  const std::array<Stage, 3> stages{{{"line", line_unknowns(), [&](const NeuronModel& m) { return line_residuals(m, pulses); }, &pulse_runs, 1e-2, 0.0},
                                     {"falling word lines", fall_unknowns(), [&](const NeuronModel& m) { return fall_residuals(m, pulses); }, &pulse_runs, 0.1, 0.0},
                                     {"neuron", neuron_unknowns(), [&](const NeuronModel& m) { return neuron_residuals(m, of_program, 1); }, &step_runs, 0.1, neuron_prior}}};
  Collector collector(runs);
  Eigen::MatrixXd before(0, runs);
  std::vector<Unknown> earlier;
  for (const Stage& stage : stages) {
    const std::vector<Unknown> own = movable(model, stage.unknowns);
    const Linearised linearised{stage.name, own, stage.residuals(model), jacobian_of(stage.residuals, model, own, stage.step, threads),
                                earlier.empty() ? Eigen::MatrixXd(static_cast<Index>(stage.run->size()), 0) : jacobian_of(stage.residuals, model, earlier, stage.step, threads), *stage.run,
                                stage.prior};
    const Eigen::MatrixXd known = before;
    collector.add_stage(linearised, known, model, stage.unknowns, before);
    earlier.insert(earlier.end(), own.begin(), own.end());
  }
  // The latch turns anywhere between the two decisions next to it.
  if (fit.latch.v) collector.add_alone({"neuron.v_latch", "V", model.neuron.v_latch, fit.latch.bracket / std::sqrt(12.0), fit.latch.bracket / std::sqrt(12.0), false, {}});

  std::vector<EventCounts> counts;
  std::vector<EnergyBreakdown> energies;
  for (size_t r = 0; r < data.records.size(); ++r) {
    counts.push_back(events_of(model, program, data.inputs[r], data.records[r]));
    energies.push_back(energy_of(data.records[r], energy.neurons_per_bias));
  }
  for (size_t c = 0; c < component_names.size(); ++c) collector.add_energy(energy, c, energy_equations(static_cast<Component>(c), counts, energies));
  return collector.finish();
}

std::pair<NeuronModel, EnergyModel> draw_model(const NeuronModel& model, const EnergyModel& energy, const CalibrationCovariance& covariance, std::uint64_t seed, std::uint32_t number) {
  RandomStream random(seed, 2, 0, number, Purpose::calibration_plan);  // columns of plans are die 0, their scrambling die 1
  const Index n = covariance.correlation.rows();
  const Eigen::SelfAdjointEigenSolver<Eigen::MatrixXd> root(covariance.correlation);
  Eigen::VectorXd z(n);
  for (double& x : z) x = random.normal();
  z = root.eigenvectors() * root.eigenvalues().cwiseMax(0.0).cwiseSqrt().asDiagonal() * z;
  std::pair<NeuronModel, EnergyModel> drawn{model, energy};
  for (Index i = 0; i < n; ++i) {
    const ParameterError& p = covariance.parameters[static_cast<size_t>(i)];
    const double by = p.error * z[i];
    if (!p.name.starts_with("energy.")) {
      const NamedParameter named = parameter(drawn.first, p.name);
      *named.value = std::clamp(p.positive ? *named.value * std::exp(by / p.value) : *named.value + by, named.min, named.max);
      continue;
    }
    for (size_t c = 0; c < component_names.size(); ++c)
      for (const EnergyFeature& f : energy_features(static_cast<Component>(c)))
        if (energy_name(c, f.name) == p.name) drawn.second.component[c].*f.coefficient += by;
  }
  return drawn;
}

void to_json(Json& json, const CalibrationCovariance& covariance) {
  json = Json{{"parameters", Json::array()}, {"correlation", Json::array()}, {"stages", Json::array()}};
  for (const ParameterError& p : covariance.parameters)
    json["parameters"].push_back({{"name", p.name}, {"value", p.value}, {"error", p.error}, {"independent_error", p.independent}, {"unit", p.unit}, {"positive", p.positive}, {"note", p.note}});
  for (Index i = 0; i < covariance.correlation.rows(); ++i) {
    const Eigen::VectorXd row = covariance.correlation.row(i).head(i + 1);  // symmetric: up to the diagonal
    json["correlation"].push_back(std::vector<double>(row.begin(), row.end()));
  }
  for (const StageDirections& s : covariance.stages)
    json["stages"].push_back({{"stage", s.stage}, {"runs", s.runs}, {"points", s.points}, {"condition", s.condition}, {"weakest", s.weakest}});
}

void from_json(const Json& json, CalibrationCovariance& covariance) {
  covariance = {};
  for (const Json& p : json.at("parameters"))
    covariance.parameters.push_back({p.at("name"), p.at("unit"), p.at("value"), p.at("error"), p.at("independent_error"), p.at("positive"), p.at("note")});
  const Json& rows = json.at("correlation");
  covariance.correlation.resize(static_cast<Index>(rows.size()), static_cast<Index>(rows.size()));
  for (size_t i = 0; i < rows.size(); ++i)
    for (size_t j = 0; j <= i; ++j) {
      const Index r = static_cast<Index>(i), c = static_cast<Index>(j);
      covariance.correlation(r, c) = covariance.correlation(c, r) = rows[i].at(j).get<double>();
    }
  for (const Json& s : json.at("stages")) covariance.stages.push_back({s.at("stage"), s.at("runs"), s.at("points"), s.at("condition"), s.at("weakest")});
}

}  // namespace mho::solver
