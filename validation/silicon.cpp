#include "validation/silicon.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "core/intervals.hpp"
#include "core/progress.hpp"
#include "core/random.hpp"
#include "core/statistics.hpp"
#include "devices/array_programming.hpp"
#include "validation/silicon_gain.hpp"
#include "validation/silicon_neuron.hpp"

namespace mho::validation {
namespace {

using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::VectorXd;

constexpr double w_max_quantile = 0.95;  // [1]
constexpr Index core_columns = 256;      // [1]

double share(const VectorXd& x) {
  const std::vector<double> v(x.begin(), x.end());
  return standard_deviation(v) / mean(v);
}

double pearson(const VectorXd& x, const VectorXd& y) {
  const VectorXd a = x.array() - x.mean(), b = y.array() - y.mean();
  return a.dot(b) / (a.norm() * b.norm());
}

VectorXd column_sum(const MatrixXd& g) { return g.colwise().sum().transpose(); }

// D: the weights that the cells hold.
MatrixXd held_weights(const MatrixXd& g, double w_max) {
  MatrixXd d(g.rows() / 2, g.cols());
  for (Index i = 0; i < d.rows(); ++i) d.row(i) = (g.row(2 * i) - g.row(2 * i + 1)) * w_max / silicon_g_max;
  return d;
}

// Σ w D/Σ w² per column. Bias rows never change, so no line sees them.
VectorXd held_share(const MatrixXd& weights, const MatrixXd& held) {
  const Index n = weights.rows() - silicon_bias_rows;
  const auto w = weights.topRows(n).array();
  return ((w * held.topRows(n).array()).colwise().sum() / w.square().colwise().sum()).transpose();
}

struct DieCells {
  MatrixXd programmed, relaxed;  // [S]
};

DieCells program(const MatrixXd& targets, const SiliconSettings& s, std::uint32_t die) {
  const Index pitch = std::max(core_columns, targets.cols());
  std::vector<devices::CellAddress> cells;
  for (Index j = 0; j < targets.cols(); ++j)
    for (Index i = 0; i < targets.rows(); ++i)
      cells.push_back({0, static_cast<std::uint32_t>(i * pitch + j)});
  const std::vector<double> flat(targets.data(), targets.data() + targets.size());
  const auto done = devices::program_array(flat, {}, {s.seed, die, cells}, s.threads);
  const auto matrix = [&](const std::vector<double>& v) {
    return MatrixXd(Eigen::Map<const MatrixXd>(v.data(), targets.rows(), targets.cols()));
  };
  return {matrix(done.conductance_programmed), matrix(done.conductance_relaxed)};
}

// 1 + δ: one unit normal a column, so that two sigmas compare on the same draws.
VectorXd neuron_draws(Index columns, double sigma, std::uint64_t seed, std::uint32_t die) {
  VectorXd gain(columns);
  for (Index j = 0; j < columns; ++j) {
    RandomStream random(seed, die, 1, static_cast<std::uint32_t>(j), Purpose::neuron_mismatch);
    gain[j] = 1.0 + sigma * random.normal();
  }
  return gain;
}

// Logical rows × vectors of input values; bias rows at the largest.
MatrixXd uniform_inputs(Index rows, const SiliconSettings& s, std::uint32_t die) {
  MatrixXd x = MatrixXd::Constant(rows, s.inputs, silicon_clip);
  for (Index n = 0; n < x.cols(); ++n) {
    RandomStream random(s.seed, die, 0, static_cast<std::uint32_t>(n), Purpose::inputs);
    for (Index i = 0; i < rows - silicon_bias_rows; ++i)
      x(i, n) = random.below(silicon_full_code + 1) * silicon_clip / silicon_full_code;
  }
  return x;
}

// rms about its own line of every column, and their mean.
double line_residual(const MatrixXd& exact, const MatrixXd& codes) {
  double sum = 0.0;
  for (Index j = 0; j < exact.cols(); ++j) {
    const std::vector<double> x(exact.col(j).begin(), exact.col(j).end()),
        y(codes.col(j).begin(), codes.col(j).end());
    sum += fit_line(x, y).residual_rms;
  }
  return sum / static_cast<double>(exact.cols());
}

void add_residual(SiliconResidual& r, const MatrixXd& exact, const MatrixXd& analog, double share) {
  r.analog += share * line_residual(exact, analog);
  r.truncated +=
      share * line_residual(exact, analog.unaryExpr([](double v) { return std::trunc(v); }));
  r.half += share * line_residual(exact, analog.unaryExpr([](double v) {
              return std::copysign(std::floor(std::abs(v)) + 0.5, v);
            }));
}

void add_figures(SiliconFigures& figures, const SiliconLayer& layer, const VectorXd& sums,
                 const VectorXd& gain) {
  figures.r.push_back(pearson(gain, layer.slope));
  figures.r_targets.push_back(pearson(gain, sums.cwiseInverse()));
  figures.spread.push_back(share(gain.cwiseProduct(sums)));
}

Json summary(const std::vector<double>& x) {
  return {{"mean", mean(x)}, {"q025", quantile(x, 0.025)}, {"q975", quantile(x, 0.975)}};
}

std::string columns_of(const std::vector<double>& x, double scale, int digits) {
  return fmt::format("{:>9.{}f}{:>8.{}f}{:>8.{}f}", scale * mean(x), digits,
                     scale * quantile(x, 0.025), digits, scale * quantile(x, 0.975), digits);
}

// What is missing from `reached` to `measured` when both are independent.
double left(double measured, double reached) {
  return std::sqrt(std::max(0.0, measured * measured - reached * reached));
}

void report_gains(Section& s, const SiliconLayer& layer, const SiliconPrediction& p) {
  const VectorXd sums = column_sum(silicon_targets(layer.weights)),
                 product = layer.slope.cwiseProduct(sums) / layer.slope.dot(sums) *
                           static_cast<double>(sums.size());
  const std::vector<double> normal(product.begin(), product.end());
  const double measured = standard_deviation(normal);
  const Interval interval = sigma_interval(normal);
  const double r_measured = pearson(layer.slope, sums.cwiseInverse());
  const auto table = [&](const char* title, const char* key, SiliconFigures SiliconGains::*part) {
    s.text += fmt::format(
        "\n{}\n{:<38}{:>25}{:>29}{:>31}\n{:<38}{:>9}{:>8}{:>8}{:>13}{:>8}{:>8}{:>15}{:>8}{:>8}{:>"
        "10}\n",
        title, "", "r with measured slopes", "r with 1/ΣG of targets", "slope·ΣG, spread [%]", "",
        "mean", "2.5 %", "97.5 %", "mean", "2.5 %", "97.5 %", "mean", "2.5 %", "97.5 %",
        "left [%]");
    Json& json = s.json[key] = Json::array();
    for (const SiliconGains& g : p.gains) {
      const SiliconFigures& f = g.*part;
      const double rest = left(measured, mean(f.spread));
      s.text += fmt::format("{:<38}{}    {}      {}{:>10.2f}\n", g.name, columns_of(f.r, 1.0, 3),
                            columns_of(f.r_targets, 1.0, 3), columns_of(f.spread, 100.0, 2),
                            100.0 * rest);
      json.push_back({{"name", g.name},
                      {"r", summary(f.r)},
                      {"r_targets", summary(f.r_targets)},
                      {"spread", summary(f.spread)},
                      {"left", rest}});
      if (!std::isfinite(mean(f.r)) || !std::isfinite(mean(f.r_targets)))
        s.missed.push_back(fmt::format("silicon: r of \"{}\" is not a number", g.name));
    }
    s.text += fmt::format("{:<38}{:>25}    {:>9.3f}{:>16}      {:>9.2f}{:>8.2f}{:>8.2f}\n",
                          "measured; 95 % interval of the spread", "", r_measured, "",
                          100.0 * measured, 100.0 * interval.low, 100.0 * interval.high);
  };
  table("gain of a column: (1 + δ)/ΣG", "gain", &SiliconGains::gain);
  table("slope of its line: (1 + δ)/ΣG · Σ w D/Σ w², inputs independent and equally spread", "line",
        &SiliconGains::line);
  s.text +=
      "The chip's errors are not a simulated die's: a random term lowers r with the measured "
      "slopes "
      "even if it is right.\nr with 1/ΣG of the targets has in it the errors of the chip or of the "
      "die: these two compare.\n";
  s.json["measured_r_targets"] = r_measured;
  s.json["measured_spread"] = {{"value", measured}, {"low", interval.low}, {"high", interval.high}};
}

void report_residuals(Section& s, const SiliconLayer& layer, const SiliconPrediction& p,
                      const SiliconSettings& settings) {
  const double measured = layer.slope.dot(layer.residual) / static_cast<double>(layer.slope.size());
  s.text += fmt::format(
      "\nrms of codes about each column's line over Σ w x, {} uniform unsigned 3-bit vectors on "
      "each "
      "of {} dies\n(the chip's activations are not published; the mean measured slope, {:.2f} "
      "codes "
      "per output unit, sets the size of a code)\n{:<44}{:>12}{:>12}{:>12}{:>22}\n",
      settings.inputs, std::min(settings.code_dies, settings.dies), layer.slope.mean(), "[code]",
      "no ADC", "truncated", "± (n − ½)", "left of truncated");
  s.json["residual"] = Json::array();
  for (const SiliconResidual& r : p.residuals) {
    s.text += fmt::format("{:<44}{:>12.3f}{:>12.3f}{:>12.3f}{:>22.3f}\n", r.name, r.analog,
                          r.truncated, r.half, left(measured, r.truncated));
    s.json["residual"].push_back({{"name", r.name},
                                  {"no_adc", quantity(r.analog, "code")},
                                  {"truncated", quantity(r.truncated, "code")},
                                  {"half", quantity(r.half, "code")},
                                  {"left", quantity(left(measured, r.truncated), "code")}});
  }
  s.text += fmt::format("{:<44}{:>12}{:>12.3f}\n", "measured", "", measured);
  s.json["measured_residual"] = quantity(measured, "code");
}

}  // namespace

double silicon_w_max(const MatrixXd& weights) {
  std::vector<double> magnitude;
  for (const double w : weights.reshaped()) magnitude.push_back(std::abs(w));
  return quantile(std::move(magnitude), w_max_quantile);
}

MatrixXd silicon_targets(const MatrixXd& weights) {
  const double w_max = silicon_w_max(weights);
  MatrixXd g(2 * weights.rows(), weights.cols());
  for (Index i = 0; i < weights.rows(); ++i)
    for (Index j = 0; j < weights.cols(); ++j) {
      const double u = weights(i, j) / w_max;
      // A target of 0 with the policy's window of 1 µS is what the chip does with zeros.
      g(2 * i, j) = silicon_g_max * std::clamp(u, 0.0, 1.0);
      g(2 * i + 1, j) = silicon_g_max * std::clamp(-u, 0.0, 1.0);
    }
  return g;
}

SiliconPrediction predict_silicon(const SiliconLayer& layer, const NeuronSpread& neuron,
                                  const SiliconSettings& settings) {
  const MatrixXd& w = layer.weights;
  const MatrixXd targets = silicon_targets(w);
  const double w_max = silicon_w_max(w), slope = layer.slope.mean();
  const VectorXd sums = column_sum(targets);
  SiliconPrediction p;
  for (const char* name :
       {"targets exact", "+ programming error", "+ relaxation", "+ neuron, integrated voltage (A)",
        "+ neuron, in codes, instead of (A)"})
    p.gains.push_back({name, {}, {}});
  for (const char* name : {"ADC alone, weights exact", "+ targets end at 40 µS",
                           "+ programming error", "+ relaxation", "+ neuron, integrated voltage"})
    p.residuals.push_back({name, 0.0, 0.0, 0.0});
  const int code_dies = std::min(settings.code_dies, settings.dies);
  Progress progress("dies", static_cast<size_t>(settings.dies));
  for (int k = 0; k < settings.dies; ++k) {
    throw_if_interrupted();
    const auto die = static_cast<std::uint32_t>(k);
    const DieCells cells = program(targets, settings, die);
    p.programming_rms += (cells.programmed - targets).squaredNorm();
    p.relaxed_rms += (cells.relaxed - targets).squaredNorm();
    const MatrixXd* held_by[] = {&targets, &cells.programmed, &cells.relaxed, &cells.relaxed,
                                 &cells.relaxed};
    const double sigma[] = {0.0, 0.0, 0.0, neuron.integrated, neuron.codes};
    std::vector<VectorXd> gain;
    for (size_t n = 0; n < p.gains.size(); ++n) {
      gain.push_back(column_sum(*held_by[n])
                         .cwiseInverse()
                         .cwiseProduct(neuron_draws(w.cols(), sigma[n], settings.seed, die)));
      add_figures(p.gains[n].gain, layer, sums, gain[n]);
      const VectorXd held = held_share(w, held_weights(*held_by[n], w_max));
      add_figures(p.gains[n].line, layer, sums, gain[n].cwiseProduct(held));
    }
    if (k < code_dies) {
      const MatrixXd x = uniform_inputs(w.rows(), settings, die), exact = x.transpose() * w;
      for (size_t n = 0; n < p.residuals.size(); ++n) {
        const size_t step = n == 0 ? 0 : n - 1;  // of the gains
        const MatrixXd held = n == 0 ? w : held_weights(*held_by[step], w_max);
        const VectorXd codes_per_unit = gain[step] * slope / gain[step].mean();
        add_residual(p.residuals[n], exact, x.transpose() * held * codes_per_unit.asDiagonal(),
                     1.0 / code_dies);
      }
    }
    progress.advance();
  }
  progress.finish();
  const double cells = static_cast<double>(targets.size()) * settings.dies;
  p.programming_rms = std::sqrt(p.programming_rms / cells);
  p.relaxed_rms = std::sqrt(p.relaxed_rms / cells);
  return p;
}

Section validate_silicon(const SiliconSettings& settings) {
  Section s;
  s.name = "silicon";
  if (settings.data.empty()) {
    s.skipped = "no --data with weights.csv and measured.csv";
    return s;
  }
  const SiliconLayer layer = read_silicon_layer(settings.data);
  // ngspice forks, so it comes before the threads of programming.
  const NeuronReport neuron = neuron_report(settings);
  const MatrixXd targets = silicon_targets(layer.weights);
  SiliconSettings one_thread = settings;
  one_thread.threads = 1;
  const MatrixXd cells = program(targets, one_thread, 0).relaxed;
  const GainReport gain = gain_report(layer, cells, held_share(layer.weights, held_weights(cells, silicon_w_max(layer.weights))), settings);
  const SiliconPrediction p = predict_silicon(layer, neuron.spread, settings);
  const devices::ProgrammingSetup setup;
  s.text = fmt::format(
      "{} logical rows, {} columns, w_max {:.4f}, {} dies; nothing is fitted to the measurement\n"
      "ΣG in slope·ΣG is that of the targets on both sides, {:.0f} µS in the mean: the "
      "conductances on the chip are not published\n"
      "cells: {} pass of write-verify, within {:g} µS, then {:g} s; rms about the target {:.2f} µS "
      "as written, {:.2f} µS relaxed\n{}",
      layer.weights.rows(), layer.weights.cols(), silicon_w_max(layer.weights), settings.dies,
      1e6 * column_sum(targets).mean(), setup.options.passes, 1e6 * setup.policy.tolerance,
      setup.options.wait, 1e6 * p.programming_rms, 1e6 * p.relaxed_rms, neuron.text);
  s.json = {{"dies", settings.dies},
            {"w_max", silicon_w_max(layer.weights)},
            {"mean_sum_of_targets", quantity(column_sum(targets).mean(), "S")},
            {"programming_rms", quantity(p.programming_rms, "S")},
            {"relaxed_rms", quantity(p.relaxed_rms, "S")},
            {"neuron", neuron.json},
            {"missing_gain", gain.json}};
  report_gains(s, layer, p);
  report_residuals(s, layer, p, settings);
  s.text += gain.text;
  return s;
}

}  // namespace mho::validation
