// Relaxation: the path and its law agree, a fit recovers what data were drawn from, bad data files
// name their line.
#include <doctest/doctest.h>
#include <zlib.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>

#include "core/errors.hpp"
#include "core/statistics.hpp"
#include "devices/relaxation_fit.hpp"
#include "devices/relaxation_law.hpp"

using namespace mho;
using namespace mho::devices;

namespace {
constexpr double micro = 1e-6;

RelaxationParams jumping() {
  RelaxationParams p;
  p.nu = 6.0;
  p.jump_length = 3.0 * micro;
  return p;
}

// count paths from g, each read at the times.
std::vector<std::vector<double>> paths(const RelaxationParams& p, double g,
                                       const std::vector<double>& times, std::uint32_t count) {
  std::vector<std::vector<double>> reads(times.size());
  for (std::uint32_t i = 0; i < count; ++i) {
    RandomStream stream(7, 0, 0, i, Purpose::relaxation);
    RelaxationPath path(p, g, stream);
    for (size_t k = 0; k < times.size(); ++k) {
      path.advance(times[k], stream);
      reads[k].push_back(path.conductance());
    }
  }
  return reads;
}

// Cells with starts even over 1–40 µS, read at four times.
std::vector<MeasuredCell> synthetic(const RelaxationParams& p, std::uint32_t count) {
  std::vector<MeasuredCell> cells;
  for (std::uint32_t i = 0; i < count; ++i) {
    RandomStream stream(11, 0, 0, i, Purpose::relaxation);
    MeasuredCell cell{i, (1.0 + 39.0 * stream.uniform()) * micro, {}};
    RelaxationPath path(p, cell.start, stream);
    for (double t : {0.01, 0.1, 1.0, 1e5}) {
      path.advance(t, stream);
      cell.reads.push_back({t, t, path.conductance()});
    }
    cells.push_back(cell);
  }
  return cells;
}

std::string scratch(const std::string& name, const std::string& text) {
  const std::string path = (std::filesystem::temp_directory_path() / name).string();
  const gzFile file = gzopen(path.c_str(), "wb");
  REQUIRE(file);
  gzwrite(file, text.data(), static_cast<unsigned>(text.size()));
  gzclose(file);
  return path;
}

const std::string two_lines =
    "5\t0\t1e5\t1e-05\t1e-05\t3\t0\n"
    "5\t0.0101\t1e5\t1.1e-05\t1e-05\t3\t0.01\n";

int line_of_error(const std::string& third) {
  try {
    read_measured_relaxation(scratch("mho_relaxation_bad.tsv.gz", two_lines + third + "\n"));
  } catch (const ConfigError& error) {
    return error.line;
  }
  return 0;
}
}  // namespace

TEST_CASE(
    "relaxation path: variance at every time, uncorrelated increments, kurtosis of the clock") {
  const std::vector<double> times{0.01, 1.0, 1e5};
  constexpr std::uint32_t n = 200000;
  RelaxationParams p = jumping();
  p.nu = 1e6;                     // so that the kurtosis is that of the clock alone
  const double g = 30.0 * micro;  // 8 sigma from zero: reflection plays no part
  const auto reads = paths(p, g, times, n);
  double last = 0.0;
  std::vector<double> before(n, g);
  std::vector<std::vector<double>> steps;
  for (size_t k = 0; k < times.size(); ++k) {
    const double v = relaxation_variance(p, g, times[k]), step = v - last;
    const double kurtosis = 3.0 * (1.0 + p.jump_length * p.jump_length / step);
    std::vector<double> x(n), fourth(n);
    for (size_t i = 0; i < n; ++i) x[i] = reads[k][i] - before[i];
    const double m = mean(x), s2 = std::pow(standard_deviation(x), 2);
    for (size_t i = 0; i < n; ++i) fourth[i] = std::pow(x[i] - m, 4) / (s2 * s2);
    // Standard error of a variance: sqrt((k−1)/n); five of them.
    CHECK(std::abs(s2 / step - 1.0) < 5.0 * std::sqrt((kurtosis - 1.0) / n));
    // The fourth moment scatters by its own measured spread.
    CHECK(std::abs(mean(fourth) - kurtosis) < 5.0 * standard_deviation(fourth) / std::sqrt(n));
    before = reads[k];
    last = v;
    steps.push_back(x);
  }
  for (size_t k = 0; k + 1 < steps.size(); ++k) {
    const double first = mean(steps[k]), second = mean(steps[k + 1]);
    std::vector<double> product(n);
    for (size_t i = 0; i < n; ++i) product[i] = (steps[k][i] - first) * (steps[k + 1][i] - second);
    CHECK(std::abs(mean(product)) < 5.0 * standard_deviation(product) / std::sqrt(n));
  }
}

TEST_CASE("relaxation law: distribution, mean and spread are those of simulated paths") {
  constexpr std::uint32_t n = 100000;
  RelaxationParams student;  // no clock
  for (const RelaxationParams& p : {student, jumping()})
    for (double g : {0.7 * micro, 3.0 * micro, 12.0 * micro})
      for (double t : {0.01, 1800.0}) {
        CAPTURE(p.jump_length);
        CAPTURE(g);
        CAPTURE(t);
        const RelaxationLaw law(p);
        const std::vector<double> x = paths(p, g, {t}, n).front();
        const double sigma = std::sqrt(law.variance(g, t));
        // Five standard errors; mixtures lie up to 2.5 % in ℓ²/σ² from the point, below 0.002 in
        // a probability.
        CHECK(std::abs(mean(x) - law.mean(g, t)) < 5.0 * standard_deviation(x) / std::sqrt(n));
        for (double q : {0.02, 0.25, 0.5, 0.75, 0.98}) {
          const double at = law.quantile(g, t, q);
          const auto below = std::count_if(x.begin(), x.end(), [&](double y) { return y <= at; });
          CHECK(std::abs(static_cast<double>(below) / n - q) <
                5.0 * std::sqrt(q * (1.0 - q) / n) + 0.002);
        }
        // The density is the derivative of the distribution.
        const double h = 1e-3 * sigma, at = g + 0.5 * sigma;
        CHECK(law.density(g, t, at) * 2.0 * h ==
              doctest::Approx(law.cdf(g, t, at + h) - law.cdf(g, t, at - h)).scale(1e-30).epsilon(1e-4));
        CHECK(law.cdf(g, t, 1e-3) == doctest::Approx(1.0).scale(1e-30).epsilon(1e-6));
      }
}

TEST_CASE("relaxation: without a clock the marginal is a Student law") {
  RelaxationParams p;
  p.nu = 4.0;
  const RelaxationLaw law(p);
  const double g = 38.0 * micro, t = 0.01;  // reflection plays no part
  const double m = g + relaxation_mean(p, g, t), s = std::sqrt(relaxation_variance(p, g, t) / 2.0);
  // Distribution of Student's t with 4 degrees of freedom in closed form.
  for (double x : {-6.0, -2.0, -0.5, 0.0, 1.0, 3.0}) {
    const double r = x / std::sqrt(4.0 + x * x);
    CHECK(law.cdf(g, t, m + x * s) ==
          doctest::Approx(0.5 + 0.75 * (r - r * r * r / 3.0)).epsilon(1e-6));  // of a probability of 1
  }
}

TEST_CASE(
    "relaxation fit: parameters of synthetic cells are recovered within their standard errors") {
  const RelaxationParams truth = jumping();
  const auto cells = synthetic(truth, 3000);
  const RelaxationFitOptions options{.groups = 10};
  const RelaxationFit fit = fit_relaxation(cells, RelaxationParams{}, options, 2);
  CHECK(fit.status == RelaxationFitStatus::converged);
  CHECK(fit.cells == 3000);
  CHECK(fit.reads == 12000);
  // Five standard errors, each known to a quarter of itself from ten groups.
  CHECK(std::abs(fit.params.nu - truth.nu) < 5.0 * fit.error.nu);
  CHECK(std::abs(fit.params.jump_length - truth.jump_length) < 5.0 * fit.error.jump_length);
  CHECK(fit.error.jump_length < 0.2 * truth.jump_length);
  // Single coefficients are strongly correlated; what they say together is compared.
  for (double g : {5.0 * micro, 12.0 * micro, 35.0 * micro})
    for (double t : {0.01, 1.0, 1e5}) {
      CAPTURE(g);
      CAPTURE(t);
      const double v = relaxation_variance(truth, g, t);
      // Over six sets of 3000 cells σ² scatters by 15 % rms around the truth, by 50 % at the first
      // read, where least has moved; ten times the cells leave a third of that.
      CHECK(relaxation_variance(fit.params, g, t) ==
            doctest::Approx(v).scale(1e-30).epsilon(t < 0.1 ? 0.6 : 0.3));
      CHECK(std::abs(relaxation_mean(fit.params, g, t) - relaxation_mean(truth, g, t)) <
            0.2 * std::sqrt(v));
    }
}

TEST_CASE("relaxation fit: same bits at any number of threads, and a card that reads back") {
  const auto cells = synthetic(jumping(), 400);
  const RelaxationFitOptions options{.rounds = 2, .groups = 3};
  const RelaxationFit one = fit_relaxation(cells, RelaxationParams{}, options, 1);
  const RelaxationFit three = fit_relaxation(cells, RelaxationParams{}, options, 3);
  const std::string text = relaxation_toml(one, "synthetic");
  CHECK(text == relaxation_toml(three, "synthetic"));
  const std::string path =
      (std::filesystem::temp_directory_path() / "mho_relaxation_card.toml").string();
  std::ofstream(path) << text;
  const RelaxationParams back = load_relaxation(path);
  for (const Parameter<RelaxationParams>& p : ParameterTable<RelaxationParams>::table) {
    CAPTURE(p.key);
    CHECK(back.*p.member == doctest::Approx(one.params.*p.member).scale(1e-30).epsilon(1e-5));  // six digits
    CHECK(one.error.*p.member == three.error.*p.member);
  }
  CHECK_THROWS_AS(fit_relaxation(std::span(cells).first(50), {}, options, 1), Error);
}

TEST_CASE("relaxation data: cells and reads, and the line of a bad one") {
  const auto cells = read_measured_relaxation(scratch("mho_relaxation_good.tsv.gz", two_lines));
  REQUIRE(cells.size() == 1);
  CHECK(cells[0].start == 1e-5);
  REQUIRE(cells[0].reads.size() == 1);
  CHECK(cells[0].reads[0].nominal == 0.01);
  CHECK(cells[0].reads[0].time == 0.0101);
  CHECK(cells[0].reads[0].conductance == 1.1e-5);
  CHECK(line_of_error("5\t0.1\t1e5\t1e-05\t1e-05\t3\t0.1") == 0);
  CHECK(line_of_error("5\t0.1\t1e5\t1e-05\t1e-05\t3") == 3);          // a column short
  CHECK(line_of_error("5\t0.1\t1e5\t1e-05\t1e-05\t3\t0.1\t0") == 3);  // one too many
  CHECK(line_of_error("5\t0.1\t1e5\tabc\t1e-05\t3\t0.1") == 3);       // not a number
  CHECK(line_of_error("5\t0.1\t1e5\tnan\t1e-05\t3\t0.1") == 3);       // not finite
  CHECK(line_of_error("5\t0.1\t1e5\t1e-05\t2e-05\t3\t0.1") == 3);     // other start
  CHECK(line_of_error("5\t0.011\t1e5\t1e-05\t1e-05\t3\t0.01") == 3);  // same time twice
  CHECK(line_of_error("5\t-1\t1e5\t1e-05\t1e-05\t3\t0.1") == 3);      // before programming
  CHECK_THROWS_AS(read_measured_relaxation("no/such/file"), IoError);
}

TEST_CASE("relaxation data: halves share no cell and depend on the seed alone") {
  const auto cells = synthetic(jumping(), 1000);
  const auto [a, b] = split_cells(cells, 3);
  CHECK(a.size() + b.size() == cells.size());
  // Binomial: 500 ± 16 cells, five standard deviations.
  CHECK(std::abs(static_cast<double>(a.size()) - 500.0) < 80.0);
  const auto again = split_cells(cells, 3);
  REQUIRE(again.first.size() == a.size());
  for (size_t i = 0; i < a.size(); ++i) CHECK(again.first[i].address == a[i].address);
}
