// Pictures are one svg element with ids of their own; pages load nothing; a missing gnuplot is one line.
#include <doctest/doctest.h>

#include <cstdlib>

#include "core/errors.hpp"
#include "report/amplifier_figures.hpp"
#include "report/figures.hpp"
#include "report/gnuplot.hpp"
#include "report/html.hpp"
#include "report/image_figure.hpp"

using namespace mho;
using namespace mho::report;

TEST_CASE("a picture is one svg element, scales with the page and names its ids after itself") {
  const std::string svg = accuracy_svg(0.99, 0.98, {0.979, 0.981, 0.98});
  CHECK(svg.starts_with("<svg"));
  CHECK(svg.find("viewBox") != std::string::npos);
  CHECK(svg.find("<title>accuracy over dies</title>") != std::string::npos);
  CHECK(svg.find("id=\"gnuplot") == std::string::npos);
  CHECK(svg.find("href='#gp") == std::string::npos);
}

TEST_CASE("every picture is drawn, even of little data") {
  const std::vector<double> two{0.0, 1.0};
  CHECK_FALSE(waveform_svg({two, two, two}, {two, two, two}).empty());
  CHECK_FALSE(adc_svg({two, two, two, two}).empty());
  CHECK_FALSE(energy_svg({"a", "b"}, {"array", "bias"}, {{1e-12, 2e-12}, {3e-12, 1e-12}}).empty());
  CHECK_FALSE(codes_svg({"a"}, {{0.5, 0.5}}).empty());
  CHECK_FALSE(bode_svg("ota", {{"sample phase", {1e3, 1e9}, {100.0, 0.0}, {0.0, -90.0}}}).empty());
  CHECK_FALSE(transfer_svg("ota", {{0.2, 0.9}, {10.0, 1000.0}, 0.7, 1.1, 80.0}).empty());
  CHECK_FALSE(step_svg("ota", {two, two, two, two, 1e-9, 2e-9, 3e-9}).empty());
  CellSeries cells;
  for (int i = 0; i < 100; ++i) {
    cells.target.push_back(i * 4e-7);
    cells.programmed.push_back(i * 4e-7 + 1e-8);
    cells.relaxed.push_back(i * 4e-7 - 1e-8);
  }
  CHECK_FALSE(conductance_svg(cells, 1e-6).empty());
}

TEST_CASE("rows of images: equal greys beside each other are one run, black ones are none, labels are escaped") {
  const std::string svg = images_svg({{"a < b", {{0, 1, 1, 0.5f}}}}, 2, 2);
  CHECK(svg.starts_with("<svg"));
  CHECK(svg.find("a &lt; b") != std::string::npos);
  CHECK(svg.find("rgb(255,255,255)\" d=\"M132 0h2v2h-2zM130 2h2v2h-2z\"") != std::string::npos);
  CHECK(images_svg({{"white", {{1, 1, 1, 1}}}}, 2, 2).find("h4v2h-4zM130 2h4v2h-4z") != std::string::npos);
}

TEST_CASE("a script that gnuplot refuses ends in one line with its complaint") {
  CHECK_THROWS_WITH_AS(gnuplot_svg("x", "a picture", 100, 100, {}, "plot nonsense("), doctest::Contains("gnuplot refuses the picture 'a picture'"), Error);
}

TEST_CASE("a missing gnuplot is said in one line") {
  const std::string path = std::getenv("PATH");
  setenv("PATH", "/nonexistent", 1);
  CHECK_THROWS_WITH_AS(accuracy_svg(0.99, 0.98, {0.98}), doctest::Contains("gnuplot is not installed"), Error);
  setenv("PATH", path.c_str(), 1);
}

TEST_CASE("text is escaped and the page loads nothing from elsewhere") {
  const std::string page = html({"a < b", "x & y", {{"1 \"pJ\"", "energy"}}, {{"Section", "text", {}, {{"caption", {"layer", "E [J]"}, {{"<conv>", "1"}}}}}}, "mho run"});
  CHECK(page.find("a &lt; b") != std::string::npos);
  CHECK(page.find("&lt;conv&gt;") != std::string::npos);
  for (const char* loaded : {"src=", "@import", "url(", "<script", "<link"}) CHECK(page.find(loaded) == std::string::npos);
}
