#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <ctime>

#include "core/errors.hpp"
#include "core/statistics.hpp"
#include "devices/read_nonlinearity.hpp"
#include "solver/fast_core.hpp"
#include "solver/level_product.hpp"
#include "solver/phase_map.hpp"
#include "solver/random_core.hpp"
#include "validation/conversion_plan.hpp"
#include "validation/conversion_runs.hpp"
#include "validation/fast_path.hpp"
#include "validation/reference_core.hpp"

namespace mho::validation {
namespace {

double thread_seconds() {
  timespec t{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return static_cast<double>(t.tv_sec) + 1e-9 * static_cast<double>(t.tv_nsec);
}

// Medians of works that take turns, so that what disturbs one disturbs the other.
template <class A, class B>
std::pair<double, double> median_times(int repetitions, const A& a, const B& b) {
  std::vector<double> of_a, of_b;
  for (int n = -1; n < repetitions; ++n) {
    const double start = thread_seconds();
    a();
    const double middle = thread_seconds();
    b();
    const double end = thread_seconds();
    if (n >= 0) of_a.push_back(middle - start), of_b.push_back(end - middle);  // the first warms
  }
  return {quantile(of_a, 0.5), quantile(of_b, 0.5)};
}

// The core's lines without read noise against the combined solve of the same cells, wires and drivers.
double lines_error(const solver::NeuronModel& model, const Eigen::MatrixXd& g, const solver::OperatingPoint& point, const solver::CoreEffects& effects, std::uint64_t seed) {
  solver::NeuronModel strong = model;
  strong.transistor = {.beta = 0.01, .v_pinch = 5.0, .theta = 0.0};
  const auto inputs = solver::signed_inputs(seed, g.rows(), 32, reference_core::magnitude_bits);
  const solver::FastCore core(strong, g, point, reference_core::magnitude_bits, {.r_bl = effects.r_bl, .r_sl = effects.r_sl, .cell_current = effects.cell_current});
  const Eigen::MatrixXf whole = reference_core::whole_sum(solver::NonlinearArray(reference_core::law_of(g), {effects.r_bl, effects.r_sl, model.circuit.r_driver}), inputs, 1e-5);
  solver::FastCore::Workspace workspace;
  Eigen::MatrixXf sum = Eigen::MatrixXf::Zero(whole.rows(), whole.cols()), lines;
  for (size_t k = 0; k < inputs.size(); ++k) {
    core.settled_lines(inputs[k], workspace, lines);
    sum += static_cast<float>(1 << k) * lines;
  }
  return (sum - whole).cast<double>().norm() / std::sqrt(static_cast<double>(whole.size())) / reference_core::code_size(whole);
}

}  // namespace

void to_json(Json& json, const FastSpeed& v) {
  json = Json{{"ngspice", quantity(v.ngspice, "s")}, {"digits", v.digits}, {"digit_time", quantity(v.digit_seconds, "s")}, {"lines_rms", quantity(v.lines_rms, "LSB")}, {"missed", v.missed}};
  for (const FastSpeed::Batch& b : v.batches)
    json["batches"].push_back(Json{{"inputs", b.inputs}, {"time", quantity(b.seconds, "s")}, {"product", quantity(b.product, "s")}, {"mvm_per_second", b.rate}, {"products", b.products}, {"ngspice_ratio", b.gain}});
  for (const solver::SumChoice& c : v.sums) json["sums"].push_back(Json{{"name", c.name}, {"digits", c.digits}, {"error", c.error}});
}

FastSpeed measure_fast_speed(const solver::NeuronModel& model, std::uint64_t seed) {
  constexpr double rate_limit = 1e5, products_limit = 6.0, lines_limit = 0.1, gain_limit_alone = 1e6, gain_limit = 3e7;
  constexpr int bits = 3;
  constexpr Eigen::Index n = 256;
  FastSpeed v;
  // As measured transistor-level runs are: 7 samples, 10 ns phases, reltol 1e-4.
  const circuits::ControlProgram program = circuits::parse_control_program(model.program, "control program of the calibration");
  RunSettings once;
  once.ngspice.tolerance = 1e-4;
  once.ngspice.temperature = model.temperature;
  once.transistors = circuits::transistors_at(circuits::corner_of(model.corner));
  once.workers = 1;
  once.title = "a column in ngspice";
  const ConversionRuns run = run_conversions(model.circuit, program, {random_column(seed, 0, Purpose::bench, model.circuit, {.min_rows = n, .max_rows = n, .bits = bits})},
                                             once, Cache({}, false));
  if (!run.records.at(0)) throw NumericalError("validate fastpath: " + run.failures.front());
  v.ngspice = run.records[0]->cpu_seconds;

  const Eigen::MatrixXd g = solver::differential_cells(seed, n, n);
  const solver::CoreEffects all{.r_bl = 0.5, .r_sl = 0.5, .cell_current = [](double siemens, double volt) { return devices::read_current(devices::SinhRead{}, siemens, volt).current; },
                                .sigma = 0.03 * std::sqrt(20e-6) * g.array().sqrt()};
  const solver::OperatingPoint point{.v_trim = solver::line_trim(model, n), .v_decrement = 0.04, .max_code = 31};
  const solver::FastCore core(model, g, point, bits, all);
  v.lines_rms = lines_error(model, g, point, all, seed + 2);
  if (!(v.lines_rms <= lines_limit)) v.missed.push_back(fmt::format("lines {:.3f} LSB rms from every cell at its own voltage, limit {}", v.lines_rms, lines_limit));
  v.sums = core.sums();
  v.digits = 2.0;  // the word lines' share, with x and with |x|
  for (const solver::SumChoice& c : v.sums) v.digits += c.digits;
  const Eigen::MatrixXf single = g.cast<float>();
  solver::FastCore::Workspace workspace;
  Eigen::MatrixXf y, integrated, sums;
  solver::CodeMatrix codes;
  for (const int batch : {1, 64, 1024}) {
    const auto inputs = solver::signed_inputs(seed + 1, n, batch, bits);
    const Eigen::MatrixXf x = inputs[0].cast<float>();
    y.resize(n, batch);
    const auto [seconds, product] = median_times(batch == 1 ? 501 : 51, [&] {
      core.integrate(inputs, workspace, integrated);
      core.convert(integrated, codes);
    }, [&] { y.noalias() = single.transpose() * x; });
    FastSpeed::Batch b{batch, seconds / batch, product / batch, batch / seconds, seconds / product, v.ngspice * static_cast<double>(n) * batch / seconds};
    if (batch == 1 && !(b.gain >= gain_limit_alone)) v.missed.push_back(fmt::format("alone {:.2g} times faster than ngspice, limit {:.0e}", b.gain, gain_limit_alone));
    if (batch == 1024) {
      if (!(b.rate >= rate_limit)) v.missed.push_back(fmt::format("{:.0f} MVM/s, limit {:.0f}", b.rate, rate_limit));
      if (!(b.products <= products_limit)) v.missed.push_back(fmt::format("{:.2f} products, limit {:.0f}", b.products, products_limit));
      if (!(b.gain >= gain_limit)) v.missed.push_back(fmt::format("in a batch {:.2g} times faster than ngspice, limit {:.0e}", b.gain, gain_limit));
      const solver::LevelProduct digit(g, 1);
      const solver::PackedLevels packed(inputs[0].leftCols(64));
      v.digit_seconds = median_times(101, [&] { digit.signed_sums(packed, sums); }, [] {}).first / 64;
    }
    v.batches.push_back(b);
  }
  return v;
}

}  // namespace mho::validation
