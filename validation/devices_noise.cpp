#include "validation/devices_noise.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "core/parallel.hpp"
#include "core/statistics.hpp"
#include "devices/periodogram.hpp"
#include "validation/measured_series.hpp"

namespace mho::validation {
namespace {
using namespace devices;
constexpr size_t model_cells = 64;  // per conductance

// Median and the middle 68 % of one figure over the model's cells, and where a measured cell
// stands.
struct Place {
  double low, median, high;
  double below;  // share of the model's cells below the measured value
};
Place place(const std::vector<NoiseFigures>& cells, double NoiseFigures::*member, double measured) {
  std::vector<double> x;
  size_t below = 0;
  for (const NoiseFigures& c : cells) {
    x.push_back(c.*member);
    below += c.*member < measured;
  }
  return {quantile(x, 0.16), quantile(x, 0.5), quantile(x, 0.84),
          static_cast<double>(below) / static_cast<double>(cells.size())};
}

Json to_json(double measured, const Place& p, const char* unit) {
  return {{"measured", quantity(measured, unit)},
          {"model_median", quantity(p.median, unit)},
          {"model_16_percent", quantity(p.low, unit)},
          {"model_84_percent", quantity(p.high, unit)},
          {"share_of_model_cells_below", p.below}};
}
}  // namespace

NoiseFigures noise_figures(const std::vector<double>& conductance, const NoiseReading& reading) {
  const double g = mean(conductance);
  const PowerLaw line =
      fit_power_law(welch(conductance, reading.rate, reading.segment), reading.low, reading.high);
  return {g, line.level / (g * g), line.slope, standard_deviation(conductance) / g};
}

LevelFit fit_levels(const std::vector<NoiseFigures>& cells, double g_unit) {
  std::vector<double> x, y;
  for (const NoiseFigures& c : cells) {
    x.push_back(std::log(c.conductance / g_unit));
    y.push_back(std::log(c.level));
  }
  const Line line = fit_line(x, y);
  const double n = static_cast<double>(cells.size());
  return {std::exp(line.intercept), -line.slope, line.residual_rms * std::sqrt(n / (n - 2.0))};
}

std::vector<NoiseFigures> model_figures(const ReadNoiseParams& params, double g, size_t samples,
                                        size_t count, std::uint32_t first, std::uint64_t seed,
                                        int threads, const NoiseReading& reading) {
  ReadNoiseParams p = params;
  p.f_max = 0.5 * reading.rate;
  std::vector<NoiseFigures> figures(count);
  parallel_for(count, threads, [&](size_t i) {
    ReadNoise noise(p, g, {seed, 0, 0, first + static_cast<std::uint32_t>(i)});
    std::vector<double> record(samples);
    for (size_t k = 0; k < samples; ++k) {
      noise.advance(static_cast<double>(k) / reading.rate);
      record[k] = noise.conductance();
    }
    figures[i] = noise_figures(record, reading);
  });
  return figures;
}

Section validate_read_noise(const std::string& data_folder, std::uint64_t seed, int threads) {
  Section section;
  section.name = "read noise";
  if (data_folder.empty()) {
    section.skipped = "needs the measured series of a data folder (--data)";
    return section;
  }
  const auto series = read_measured_series(data_folder + "/relaxation/techA_tsdata.min.tsv.gz");
  const NoiseReading reading;
  const ReadNoiseParams params;
  const size_t samples = series.front().conductance.size();
  section.text = fmt::format(
      "Read noise, {} measured cells ({} reads at {:g} Hz) beside {} cells of the model at the "
      "same\n"
      "conductance. Line through {:g}-{:g} Hz of the spectrum; model: median (16 %, 84 %), and the "
      "share\n"
      "of its cells below the measured one.\n"
      "    G       S_G/G^2 at 1 Hz, 1/Hz                       slope                           "
      "sd/G of the record\n"
      "    uS      measured model                              measured model                  "
      "measured model\n",
      series.size(), samples, reading.rate, model_cells, reading.low, reading.high);
  std::vector<NoiseFigures> measured;
  for (size_t c = 0; c < series.size(); ++c) {
    const NoiseFigures m = noise_figures(series[c].conductance, reading);
    const auto model = model_figures(params, m.conductance, samples, model_cells,
                                     static_cast<std::uint32_t>(c * model_cells), seed, threads);
    const Place level = place(model, &NoiseFigures::level, m.level),
                slope = place(model, &NoiseFigures::slope, m.slope),
                spread = place(model, &NoiseFigures::spread, m.spread);
    section.text += fmt::format(
        "{:9.2f}  {:8.1e} {:.1e} ({:.1e}, {:.1e}) {:3.0f} %  {:8.2f} {:5.2f} ({:.2f}, {:.2f}) "
        "{:3.0f} %"
        "  {:8.4f} {:.4f} ({:.4f}, {:.4f}) {:3.0f} %\n",
        m.conductance * 1e6, m.level, level.median, level.low, level.high, 100.0 * level.below,
        m.slope, slope.median, slope.low, slope.high, 100.0 * slope.below, m.spread, spread.median,
        spread.low, spread.high, 100.0 * spread.below);
    section.json["cells"].push_back({{"conductance", quantity(m.conductance, "S")},
                                     {"level_at_1_hz", to_json(m.level, level, "1/Hz")},
                                     {"slope", to_json(m.slope, slope, "1")},
                                     {"relative_spread", to_json(m.spread, spread, "1")}});
    measured.push_back(m);
  }
  if (measured.size() > 2) {
    const LevelFit fit = fit_levels(measured, params.g_unit);
    section.text += fmt::format(
        "Least squares over these cells: S_G/G^2 = {:.1e}·(G/{:.0f} uS)^-{:.2f}/f, sigma of ln "
        "{:.2f};"
        " card: {:.1e}, {:.2f}, {:.2f}.\n",
        fit.density, params.g_unit * 1e6, fit.power, fit.sigma_ln, params.density, params.power,
        params.sigma_ln);
    section.json["least_squares"] = {
        {"density", fit.density}, {"power", fit.power}, {"sigma_ln", fit.sigma_ln}};
  }
  return section;
}

}  // namespace mho::validation
