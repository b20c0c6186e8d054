#include "cli/neuron_pictures.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace mho::cli {
namespace {

using Corners = std::vector<std::pair<double, double>>;

std::vector<double> minus(std::vector<double> v, double reference) {
  for (double& x : v) x -= reference;
  return v;
}
Corners minus(Corners corners, double reference) {
  for (auto& corner : corners) corner.second -= reference;
  return corners;
}

// Levels of a control line between 0 and 1.
Corners digital(Corners corners) {
  double high = 0.0;
  for (const auto& corner : corners) high = std::max(high, corner.second);
  for (auto& corner : corners) corner.second /= high;
  return corners;
}

}  // namespace

report::Picture picture_of(const circuits::ConversionSetup& setup, const WatchedRun& run) {
  const circuits::ConversionWaveform& w = run.waveform;
  const double v_ref = setup.circuit.v_ref;
  report::ConversionTraces traces;
  traces.t = w.t;
  traces.voltages = {
      {"out", minus(w.v_out, v_ref)}, {"line", minus(w.v_line, v_ref)}, {"x", minus(w.v_x, v_ref)}};
  for (size_t s = 0; s < w.sources.size(); ++s) {
    const bool moves = std::any_of(
        w.corners[s].begin(), w.corners[s].end(),
        [&](const auto& corner) { return corner.second != w.corners[s].front().second; });
    if (!moves) continue;
    if (w.sources[s].starts_with("vc_"))
      traces.lines.emplace_back(w.sources[s].substr(3), digital(w.corners[s]));
    else if (!w.sources[s].starts_with("vr"))
      traces.levels.emplace_back(w.sources[s], minus(w.corners[s], v_ref));
  }
  double start = 0.0;
  for (const circuits::StepRecord& step : run.record.steps) {
    const circuits::Step& now = setup.program.steps[static_cast<size_t>(step.step)];
    traces.phases.push_back(
        {setup.program.phases[static_cast<size_t>(now.phase)].name, start, step.t_end});
    start = step.t_end;
  }
  for (const circuits::Mark& m : run.record.marks) traces.marks.push_back(m.t);
  return report::conversion_picture(fmt::format("conversion by {}", setup.program.name), traces);
}

}  // namespace mho::cli
