// Numbers of validation/devices_relaxation.hpp; devices_relaxation.cpp prints them.
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <fstream>
#include <span>

#include "core/errors.hpp"
#include "core/parallel.hpp"
#include "core/random.hpp"
#include "core/statistics.hpp"
#include "devices/relaxation_law.hpp"
#include "validation/devices_relaxation.hpp"

namespace mho::validation {
using namespace devices;
namespace {
constexpr double micro = 1e-6;
constexpr size_t batches = 25;

const MeasuredRead* read_at(const MeasuredCell& cell, double nominal) {
  for (const MeasuredRead& read : cell.reads)
    if (read.nominal == nominal) return &read;
  return nullptr;
}

// Changes [S] of the cells that start in [low, high), at the nominal time.
std::vector<double> changes(const std::vector<MeasuredCell>& cells, double low, double high,
                            double time) {
  std::vector<double> result;
  for (const MeasuredCell& cell : cells) {
    if (cell.start < low || cell.start >= high) continue;
    if (const MeasuredRead* read = read_at(cell, time))
      result.push_back(read->conductance - cell.start);
  }
  return result;
}

// Mean and standard deviation of the changes of a mixture of cells, each with its own law.
struct Moments {
  double mean, sigma;  // [S]
};
Moments law_moments(const RelaxationLaw& law, const std::vector<MeasuredCell>& cells,
                    const SigmaBin& bin) {
  double first = 0.0, second = 0.0, n = 0.0;
  for (const MeasuredCell& cell : cells) {
    if (cell.start < bin.low || cell.start >= bin.high) continue;
    const MeasuredRead* read = read_at(cell, bin.time);
    if (!read) continue;
    const double mean = law.mean(cell.start, read->time) - cell.start;
    first += mean;
    second += mean * mean + law.variance(cell.start, read->time);
    n += 1.0;
  }
  return {first / n, std::sqrt(std::max(0.0, second / n - std::pow(first / n, 2)))};
}

double share_beyond(const std::vector<double>& x) {
  const auto n = std::count_if(x.begin(), x.end(),
                               [](double change) { return std::abs(change) > share_bound; });
  return static_cast<double>(n) / static_cast<double>(x.size());
}

double law_share(const RelaxationLaw& law, const std::vector<MeasuredCell>& cells, double low,
                 double high, double time) {
  double sum = 0.0, n = 0.0;
  for (const MeasuredCell& cell : cells) {
    if (cell.start < low || cell.start >= high) continue;
    const MeasuredRead* read = read_at(cell, time);
    if (!read) continue;
    sum += 1.0 - law.cdf(cell.start, read->time, cell.start + share_bound) +
           law.cdf(cell.start, read->time, cell.start - share_bound);
    n += 1.0;
  }
  return sum / n;
}

double correlation(const std::vector<double>& x, const std::vector<double>& y) {
  const double mx = mean(x), my = mean(y);
  double sum = 0.0;
  for (size_t i = 0; i < x.size(); ++i) sum += (x[i] - mx) * (y[i] - my);
  return sum / (static_cast<double>(x.size() - 1) * standard_deviation(x) * standard_deviation(y));
}

std::vector<JudgedIncrement> judge_increments(const RelaxationParams& params,
                                              const std::vector<MeasuredCell>& cells,
                                              const std::vector<double>& times) {
  std::vector<std::vector<double>> steps(times.size());
  std::vector<double> variance(times.size());
  for (const MeasuredCell& cell : cells) {
    if (cell.start < 4.0 * micro || cell.start >= 40.0 * micro) continue;
    std::vector<const MeasuredRead*> reads;
    for (double t : times)
      if (const MeasuredRead* read = read_at(cell, t)) reads.push_back(read);
    if (reads.size() != times.size()) continue;
    double g = cell.start, v = 0.0;
    for (size_t i = 0; i < times.size(); ++i) {
      const double now = relaxation_variance(params, cell.start, reads[i]->time);
      steps[i].push_back(reads[i]->conductance - g);
      variance[i] += std::max(0.0, now - v);
      g = reads[i]->conductance;
      v = std::max(v, now);
    }
  }
  std::vector<JudgedIncrement> result;
  for (size_t i = 0; i < times.size(); ++i)
    result.push_back({i ? times[i - 1] : 0.0, times[i], standard_deviation(steps[i]),
                      std::sqrt(variance[i] / static_cast<double>(steps[i].size())),
                      i + 1 < times.size() ? correlation(steps[i], steps[i + 1]) : 0.0});
  return result;
}
}  // namespace

std::vector<SigmaBin> read_sigma_bins(const std::string& path) {
  std::ifstream file(path);
  if (!file) throw IoError(path, "cannot be read");
  std::vector<SigmaBin> bins;
  std::string line;
  std::getline(file, line);
  for (int number = 2; std::getline(file, line); ++number) {
    std::vector<double> row;
    for (const char *at = line.data(), *end = at + line.size(); at < end;) {
      double value = 0.0;
      const auto [stop, error] = std::from_chars(at, end, value);
      if (error != std::errc{} || (stop != end && *stop != ','))
        throw ConfigError(path, number, "",
                          fmt::format("column {} is not a number", row.size() + 1));
      row.push_back(value);
      at = stop == end ? end : stop + 1;
    }
    if (row.size() != 9 || !(row[0] < row[1]) || !(row[3] > 0.0) || !(row[4] >= 4.0))
      throw ConfigError(
          path, number, "",
          "wants 9 columns: limits of the start in uS (ascending), mean start, time in s "
          "(positive), cells (4 or more), mean, sd, robust sd, share");
    bins.push_back(
        {row[0] * micro, row[1] * micro, row[3], static_cast<size_t>(row[4]), row[6] * micro});
  }
  if (bins.empty()) throw IoError(path, "holds no bins");
  return bins;
}

RelaxationJudgement judge_relaxation(const std::vector<MeasuredCell>& cells,
                                     const std::vector<SigmaBin>& bins, std::uint64_t seed,
                                     const RelaxationFitOptions& options, int threads) {
  const auto [half, other] = split_cells(cells, seed);
  RelaxationJudgement result;
  result.fit = fit_relaxation(half, {}, options, threads);
  const RelaxationLaw law(result.fit.params);
  std::vector<double> model_error, half_error, mean_error, times;
  double low = bins.front().low, high = bins.front().high;
  for (const SigmaBin& bin : bins) {
    const auto seen = changes(other, bin.low, bin.high, bin.time);
    const auto fitted = changes(half, bin.low, bin.high, bin.time);
    if (seen.size() < 2 || fitted.size() < 2)
      throw Error(
          fmt::format("fewer than 2 reads of a half start at {:.0f} to {:.0f} uS and lie at {} s",
                      bin.low / micro, bin.high / micro, bin.time));
    const Moments m = law_moments(law, other, bin);
    const auto all = changes(cells, bin.low, bin.high, bin.time);
    const double n = static_cast<double>(all.size());
    result.bins.push_back({bin, seen.size(), standard_deviation(fitted), standard_deviation(seen),
                           m.sigma, mean(seen), m.mean,
                           standard_deviation(all) * std::sqrt((n - 1.0) / n)});
    model_error.push_back(m.sigma - result.bins.back().measured);
    half_error.push_back(result.bins.back().fitted - result.bins.back().measured);
    mean_error.push_back(m.mean - result.bins.back().mean_measured);
    if (std::find(times.begin(), times.end(), bin.time) == times.end()) times.push_back(bin.time);
    low = std::min(low, bin.low);
    high = std::max(high, bin.high);
  }
  result.model_rms = rms(model_error);
  result.halves_rms = rms(half_error);
  result.mean_rms = rms(mean_error);
  std::sort(times.begin(), times.end());
  for (double t : times) {
    const auto seen = changes(other, low, high, t);
    result.shares.push_back({t, seen.size(), share_beyond(changes(half, low, high, t)),
                             share_beyond(seen), law_share(law, other, low, high, t)});
  }
  result.increments = judge_increments(result.fit.params, other, times);
  return result;
}

RewriteResult rewrite(const RelaxationParams& params, const RewriteSetting& setting,
                      std::uint64_t seed, int threads) {
  constexpr int rounds = 4;
  std::vector<std::vector<double>> relaxed(rounds, std::vector<double>(setting.cells));
  parallel_for(
      setting.cells, threads,
      [&](size_t i) {
        RandomStream stream(seed, 0, 0, static_cast<std::uint32_t>(i), Purpose::relaxation);
        const auto write = [&] {
          const double landing = setting.target + setting.window * (2.0 * stream.uniform() - 1.0);
          return RelaxationPath(params, landing, stream);
        };
        RelaxationPath path = write();
        double age = 0.0;
        for (size_t n = 0; n < rounds; ++n) {
          if (n > 0) {
            age += setting.spacing;
            path.advance(age, stream);
            if (std::abs(path.conductance() - setting.target) > setting.window) {
              path = write();
              age = 0.0;
            }
          }
          RelaxationPath left = path;
          RandomStream aside = stream;
          aside.skip_to(static_cast<std::uint32_t>((n + 1) << 20));
          left.advance(age + setting.wait, aside);
          relaxed[n][i] = left.conductance();
        }
      },
      1024);
  RewriteResult result{};
  const size_t size = setting.cells / batches;
  for (size_t n = 0; n < rounds; ++n) {
    result.sigma[n] = standard_deviation(relaxed[n]);
    result.fall[n] = 1.0 - result.sigma[n] / result.sigma[0];
    std::vector<double> falls;
    for (size_t b = 0; b < batches; ++b) {
      const std::span<const double> now(relaxed[n].data() + b * size, size),
          first(relaxed[0].data() + b * size, size);
      falls.push_back(1.0 - standard_deviation(now) / standard_deviation(first));
    }
    result.fall_error[n] = standard_deviation(falls) / std::sqrt(static_cast<double>(batches));
  }
  return result;
}

}  // namespace mho::validation
