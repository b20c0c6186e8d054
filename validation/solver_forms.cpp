#include "validation/solver_forms.hpp"

#include <fmt/format.h>
#include <sys/resource.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "core/parallel.hpp"
#include "core/random.hpp"
#include "core/statistics.hpp"
#include "validation/reference_core.hpp"

namespace mho::validation {
namespace {

using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::MatrixXf;
using solver::ArrayWires;
using solver::differential_cells;
using solver::LevelMatrix;
using solver::signed_inputs;
using namespace reference_core;

constexpr double relative_noise = 0.03;               // [1] σ/G at 20 µS, with the root of the conductance

MatrixXd noise_of(const MatrixXd& g) { return relative_noise * std::sqrt(20e-6) * g.array().sqrt(); }

double rms_of(const MatrixXf& a) { return a.cast<double>().norm() / std::sqrt(static_cast<double>(a.size())); }

double peak_mebibytes() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<double>(usage.ru_maxrss) / 1024.0;
}

}  // namespace

Section validate_array_map(const SolverFormSettings& settings) {
  constexpr double seconds_limit = 2.0, distance_limit = 1e-10, memory_limit = 1024.0;
  Section s{"map", {}, {}, {}, {}};
  const MatrixXd g = differential_cells(settings.seed, 256, 256);
  s.text = fmt::format("{:>12}{:>12}{:>22}{:>16}\n", "driver [ohm]", "time [s]", "from nodal solution", "mean of V/V_in");
  for (double ohm : drivers) {
    const ArrayWires wires{0.5, 0.5, ohm};
    MatrixXd h;
    const double seconds = median_seconds(3, [&] { h = solver::transfer_map(g, wires); });
    const double memory = peak_mebibytes();
    const MatrixXd nodal = solver::transfer_map_nodal(g, wires);
    const double distance = (h - nodal).norm() / nodal.norm();
    s.text += fmt::format("{:12.0f}{:12.2f}{:22.2g}{:16.6f}\n", ohm, seconds, distance, h.rowwise().sum().mean());
    s.json["drivers"].push_back(Json{{"r_driver", quantity(ohm, "ohm")}, {"time", quantity(seconds, "s")}, {"distance", distance}, {"peak_memory", quantity(memory * 1048576.0, "B")}});
    if (ohm == drivers[0]) s.text += fmt::format("{:>12} peak memory of the process after the first map {:.0f} MiB (limit {:.0f})\n", "", memory, memory_limit);
    if (!(seconds <= seconds_limit)) s.missed.push_back(fmt::format("map: {:.2f} s for 256 by 256 cells, limit {:.0f} s", seconds, seconds_limit));
    if (!(distance <= distance_limit)) s.missed.push_back(fmt::format("map: {:.2g} from the nodal solution, limit {:.0e}", distance, distance_limit));
    if (ohm == drivers[0] && !(memory <= memory_limit)) s.missed.push_back(fmt::format("map: {:.0f} MiB, limit {:.0f} MiB", memory, memory_limit));
  }
  return s;
}

Section validate_combined(const SolverFormSettings& settings) {
  constexpr double error_limit = 0.1, rate_limit = 5000.0;
  constexpr Index batch = 64;
  constexpr double tolerance = 1e-5;  // [V] of the last round
  Section s{"combined", {}, {}, {}, {}};
  s.text = fmt::format("bent cells and all wires, last round {:.0e} V, batch {}, one thread; independent: Newton on all nodes with the sinh itself, {} inputs\n{:>6}{:>14}{:>14}{:>10}{:>16}{:>16}{:>16}\n", tolerance,
                       batch, 2, "n", "driver [ohm]", "time [us]", "MVM/s", "law's misfit", "rms [LSB]", "worst [LSB]");
  for (Index n : {64, 256}) {
    const MatrixXd g = differential_cells(settings.seed, n, n);
    const solver::OddLaw law = law_of(g);
    const auto levels = signed_inputs(settings.seed, n, batch, magnitude_bits);
    for (double ohm : drivers) {
      const ArrayWires wires{0.5, 0.5, ohm};
      const solver::NonlinearArray array(law, wires);
      MatrixXf sums;
      const double seconds = median_seconds(3, [&] { sums = whole_sum(array, levels, tolerance); });
      const double lsb = code_size(sums), rate = static_cast<double>(batch) / seconds;
      std::vector<double> errors;
      for (Index b = 0; b < 2; ++b) {
        Eigen::VectorXd sum = Eigen::VectorXd::Zero(n);
        for (int k = 0; k < magnitude_bits; ++k)
          sum += std::exp2(k) * solver::nonlinear_lines_nodal(g, cell_current, wires, v_read * levels[static_cast<size_t>(k)].col(b).cast<double>());
        for (Index j = 0; j < n; ++j) errors.push_back((sums(j, b) - sum[j]) / lsb);
      }
      const double worst = std::abs(*std::max_element(errors.begin(), errors.end(), [](double a, double b) { return std::abs(a) < std::abs(b); }));
      s.text += fmt::format("{:6}{:14.0f}{:14.1f}{:10.0f}{:16.1e}{:16.4f}{:16.4f}\n", n, ohm, 1e6 * seconds / batch, rate, law.misfit, rms(errors), worst);
      s.json["cases"].push_back(Json{{"n", n}, {"r_driver", quantity(ohm, "ohm")}, {"mvm_per_second", rate}, {"rms_lsb", rms(errors)}, {"worst_lsb", worst}});
      if (!(rms(errors) <= error_limit)) s.missed.push_back(fmt::format("combined: {:.3f} LSB rms at {} by {} cells, limit {}", rms(errors), n, n, error_limit));
      if (n == 64 && !(rate >= rate_limit)) s.missed.push_back(fmt::format("combined: {:.0f} MVM/s at {} by {} cells, limit {:.0f}", rate, n, n, rate_limit));
    }
  }
  return s;
}

Section validate_vectorised(const SolverFormSettings& settings) {
  constexpr double error_limit = 0.1, rate_limit = 1e5, products_limit = 12.0;
  constexpr Index n = 256;
  Section s{"vectorised", {}, {}, {}, {}};
  const MatrixXd g = differential_cells(settings.seed, n, n), sigma = noise_of(g);
  const solver::OddLaw law = law_of(g);
  const auto levels = signed_inputs(settings.seed, n, settings.inputs, magnitude_bits);
  solver::WiredCore::Workspace workspace;
  s.text = fmt::format("{} inputs of {} bits, before the ADC, against every cell at its own voltage\n{:>14}{:>12}{:>28}{:>12}{:>18}\n", settings.inputs, magnitude_bits, "driver [ohm]", "LSB [mV]", "", "rms [LSB]", "other codes [%]");
  struct Case {
    const char* name;
    bool curved, wired;
    int parts;
  };
  const Case cases[] = {{"all", true, true, 2}, {"one digit of 8 bits", true, true, 1}, {"without curvature", false, true, 2}, {"without wires and drivers", true, false, 2}};
  for (double ohm : drivers) {
    const ArrayWires wires{0.5, 0.5, ohm};
    const MatrixXf whole = whole_sum(solver::NonlinearArray(law, wires), levels, 3e-6);
    const double lsb = code_size(whole);
    for (const Case& c : cases) {
      MatrixXf v;
      solver::WiredCore(c.curved ? law : solver::ohmic_law(law.c1.cast<double>()), {}, c.wired ? wires : ArrayWires{0.0, 0.0, 0.0}, v_read, c.parts).sum(levels, {}, workspace, v);
      const double error = rms_of(v - whole) / lsb, other = share_of_other_codes(v, whole, lsb);
      s.text += fmt::format("{:14.0f}{:12.3f}{:>28}{:12.4f}{:18.2f}\n", ohm, 1e3 * lsb, c.name, error, 100 * other);
      s.json["cases"].push_back(Json{{"r_driver", quantity(ohm, "ohm")}, {"case", c.name}, {"rms_lsb", error}, {"other_codes", other}});
      if (&c == cases && !(error <= error_limit)) s.missed.push_back(fmt::format("vectorised: {:.3f} LSB rms from the whole network, limit {}", error, error_limit));
    }
  }
  s.text += fmt::format("\ntime on one thread, medians in one run: wires, curvature, read noise and ADC; beside it one product of {0} by {0} single-precision numbers by Eigen\n{1:>8}{2:>14}{3:>14}{4:>14}{5:>12}\n", n, "batch",
                        "product [us]", "core [us]", "MVM/s", "products");
  const solver::WiredCore core(law, sigma, {0.5, 0.5, drivers[0]}, v_read);
  const double lsb = code_size(whole_sum(solver::NonlinearArray(law, {0.5, 0.5, drivers[0]}), signed_inputs(settings.seed, n, 16, magnitude_bits), 1e-5));
  const MatrixXf single = g.cast<float>();
  for (Index batch : {1, 64, 1024}) {
    const auto inputs = signed_inputs(settings.seed + 1, n, batch, magnitude_bits);
    const MatrixXf x = inputs[0].cast<float>();
    MatrixXf y(n, batch), v;
    solver::CodeMatrix codes;
    const double product = median_seconds(31, [&] { y.noalias() = single.transpose() * x; });
    const double seconds = median_seconds(31, [&] {
      core.sum(inputs, {}, workspace, v);
      solver::truncate_codes(v, lsb, max_code, codes);
    });
    const double rate = static_cast<double>(batch) / seconds;
    s.text += fmt::format("{:8}{:14.1f}{:14.1f}{:14.0f}{:12.2f}\n", batch, 1e6 * product, 1e6 * seconds, rate, seconds / product);
    s.json["times"].push_back(Json{{"batch", batch}, {"product", quantity(product, "s")}, {"core", quantity(seconds, "s")}, {"mvm_per_second", rate}, {"products", seconds / product}});
    if (batch == 1024 && !(rate >= rate_limit)) s.missed.push_back(fmt::format("vectorised: {:.0f} MVM/s, limit {:.0f}", rate, rate_limit));
    if (batch == 1024 && !(seconds / product <= products_limit)) s.missed.push_back(fmt::format("vectorised: {:.1f} products, limit {:.0f}", seconds / product, products_limit));
  }
  return s;
}

Section validate_scaling(const SolverFormSettings& settings) {
  Section s{"scaling", {}, {}, {}, {}};
  struct Size {
    Index rows = 256, columns = 256, batch = 256;
    int bits = magnitude_bits, threads = 1;
  };
  const auto seconds_of = [&](const Size& z) {
    const MatrixXd g = differential_cells(settings.seed, z.rows, z.columns);
    const solver::WiredCore core(law_of(g), noise_of(g), {0.5, 0.5, drivers[0]}, v_read);
    const auto levels = signed_inputs(settings.seed, z.rows, z.batch, z.bits);
    // Each thread takes its part of the batch.
    const Index part = (z.batch + z.threads - 1) / z.threads;
    std::vector<std::vector<LevelMatrix>> parts;
    for (Index first = 0; first < z.batch; first += part) {
      parts.emplace_back();
      for (const LevelMatrix& level : levels) parts.back().push_back(level.middleCols(first, std::min(part, z.batch - first)));
    }
    std::vector<solver::WiredCore::Workspace> workspaces(parts.size());
    std::vector<MatrixXf> v(parts.size());
    const auto work = [&](size_t p) { core.sum(parts[p], {.first_input = static_cast<std::uint32_t>(static_cast<Index>(p) * part)}, workspaces[p], v[p]); };
    const double seconds = median_seconds(15, [&] { parallel_for(parts.size(), z.threads, work); });
    if (z.threads == 1) return seconds;
    MatrixXf whole;
    solver::WiredCore::Workspace workspace;
    core.sum(levels, {}, workspace, whole);
    for (size_t p = 0; p < v.size(); ++p)
      if (v[p] != whole.middleCols(static_cast<Index>(p) * part, v[p].cols())) s.missed.push_back(fmt::format("scaling: {} threads give other bits than one", z.threads));
    return seconds;
  };
  s.text = fmt::format("time of sums with read noise, medians; others 256 rows, 256 columns, batch 256, {} bits, one thread; exponent of a power law through them\n", magnitude_bits);
  const auto sweep = [&](const char* name, const std::vector<Index>& values, const auto& set) {
    std::vector<double> x, y;
    s.text += fmt::format("{:<9}", name);
    Json json{{"name", name}};
    for (Index value : values) {
      Size z;
      set(z, value);
      const double seconds = seconds_of(z);
      x.push_back(std::log(static_cast<double>(value)));
      y.push_back(std::log(seconds));
      s.text += fmt::format("{:>6}: {:8.1f} us", value, 1e6 * seconds);
      json["points"].push_back(Json{{"value", value}, {"time", quantity(seconds, "s")}});
    }
    const double exponent = fit_line(x, y).slope;
    json["exponent"] = exponent;
    s.text += fmt::format("   exponent {:.2f}\n", exponent);
    s.json["sweeps"].push_back(json);
  };
  sweep("rows", {64, 128, 256, 512}, [](Size& z, Index n) { z.rows = n; });
  sweep("columns", {64, 128, 256, 512}, [](Size& z, Index n) { z.columns = n; });
  sweep("batch", {1, 16, 64, 256, 1024}, [](Size& z, Index n) { z.batch = n; });
  sweep("bits", {1, 2, 4, 6}, [](Size& z, Index n) { z.bits = static_cast<int>(n); });
  sweep("threads", {1, 2}, [](Size& z, Index n) { z.threads = static_cast<int>(n); });
  return s;
}

Section validate_read_noise_form(const SolverFormSettings& settings) {
  constexpr double limit = 3.0;  // standard errors
  constexpr Index n = 256, columns = 4;
  Section s{"noise", {}, {}, {}, {}};
  const MatrixXd g = differential_cells(settings.seed, n, columns), sigma = noise_of(g);
  const solver::OddLaw law = law_of(g);
  const auto levels = signed_inputs(settings.seed, n, 1, magnitude_bits);
  solver::WiredCore::Workspace workspace;
  MatrixXf u, variance, whole;
  const ArrayWires none{0.0, 0.0, 0.0};
  solver::WiredCore(law, sigma, none, v_read).lines(levels[0], workspace, u, variance);
  solver::NonlinearArray(law, none).solve(levels[0], v_read, 1e-6, whole);
  s.text = fmt::format("σ/G = {:.0f} % at 20 uS, with the root of G; {} draws of {} cells, every cell of its own, without wires\n{:>8}{:>12}{:>12}{:>16}{:>14}{:>16}{:>16}\n", 100 * relative_noise, settings.draws, n, "column",
                       "mean [mV]", "drawn [mV]", "standard error", "sigma [uV]", "drawn [uV]", "standard errors");
  for (Index j = 0; j < columns; ++j) {
    const Eigen::ArrayXd c1 = law.c1.col(j).cast<double>().array(), c3 = law.c3.col(j).cast<double>().array(), c5 = law.c5.col(j).cast<double>().array(),
                         relative = sigma.col(j).array() / g.col(j).array(), drive = v_read * levels[0].col(0).cast<double>().array();
    std::vector<double> shifts;  // from the noise-free line
    const double start = whole(j, 0);
    Eigen::ArrayXd scale(n);
    for (int draw = 0; draw < settings.draws; ++draw) {
      RandomStream random(settings.seed, 0, static_cast<std::uint32_t>(j), static_cast<std::uint32_t>(draw), Purpose::read_noise);
      for (Index i = 0; i < n; ++i) scale[i] = 1.0 + relative[i] * random.normal();
      double line = start;
      for (int round = 0; round < 2; ++round) {  // Newton from next to the root
        const Eigen::ArrayXd w = drive - line, q = w.square();
        line += (scale * w * (c1 + q * (c3 + q * c5))).sum() / (scale * (c1 + q * (3.0 * c3 + 5.0 * q * c5))).sum();
      }
      shifts.push_back(line - start);
    }
    const double sd = standard_deviation(shifts), mean_error = sd / std::sqrt(static_cast<double>(settings.draws)), of_variance = std::sqrt(2.0 / settings.draws);
    const double form = std::sqrt(static_cast<double>(variance(j, 0))), distance = (form * form / (sd * sd) - 1.0) / of_variance;
    const double mean_distance = mean(shifts) / mean_error;
    s.text += fmt::format("{:8}{:12.4f}{:12.4f}{:16.2f}{:14.3f}{:16.3f}{:16.2f}\n", j, 1e3 * u(j, 0), 1e3 * (start + mean(shifts)), mean_distance, 1e6 * form, 1e6 * sd, distance);
    s.json["columns"].push_back(Json{{"sigma", quantity(form, "V")}, {"drawn", quantity(sd, "V")}, {"standard_errors_variance", distance}, {"standard_errors_mean", mean_distance},
                                     {"line", quantity(u(j, 0), "V")}, {"drawn_line", quantity(start + mean(shifts), "V")}});
    if (!(std::abs(distance) <= limit)) s.missed.push_back(fmt::format("noise: the variance of column {} is {:.1f} standard errors from that of drawn cells", j, distance));
    if (!(std::abs(mean_distance) <= limit)) s.missed.push_back(fmt::format("noise: drawn cells move the mean of column {} by {:.1f} standard errors, the form by nothing", j, mean_distance));
  }
  s.text += "the mean's standard errors are those of the shift that noise itself causes; the form's line differs by its own error (part vectorised)\n";
  return s;
}

}  // namespace mho::validation
