#include "cli/device_reference.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "core/errors.hpp"
#include "devices/fit/csv_columns.hpp"
#include "validation/curve_distance.hpp"

namespace mho::cli {
namespace {
constexpr std::array<devices::ColumnKind, 4> kinds{
    {{"t", "|t|time|", "s", 0.0, 1e9},
     {"drive", "|drive|v_applied|", "V", -100.0, 100.0},
     {"v", "|v|voltage|", "V", -100.0, 100.0},
     {"i", "|i|current|", "A", -100.0, 100.0}}};
}  // namespace

devices::DeviceTrace load_reference(const std::string& path, const devices::Drive& drive) {
  const devices::CsvColumns table =
      devices::read_columns(devices::read_csv_text(path), path, kinds);
  const devices::CsvColumn *t = table.find("t"), *i = table.find("i"), *v = table.find("drive");
  if (!v) v = table.find("v");
  if (!t || !i || !v)
    throw ConfigError(path, table.header_line, "",
                      "wants the columns t[s], drive[V] or v[V], and i[A]");
  double top = 0.0;
  for (double x : drive.v) top = std::max(top, std::abs(x));
  devices::DeviceTrace trace;
  for (size_t k = 0; k < t->values.size(); ++k) {
    // Six digits of a time may lie beyond the end.
    const double time = t->values[k] > drive.end() && t->values[k] < drive.end() * (1.0 + 1e-5)
                            ? drive.end()
                            : t->values[k];
    if (time > drive.end() || std::abs(drive.at(time) - v->values[k]) > 0.01 * top)
      throw ConfigError(
          path, table.line[k], v->name,
          fmt::format("is {:g} V at {:g} s, where the sweep has {:g} V and ends at {:g} s",
                      v->values[k], time, drive.at(time), drive.end()));
    if (k > 0 && time < trace.t.back())
      throw ConfigError(path, table.line[k], t->name, "goes back");
    trace.t.push_back(time);
    trace.drive.push_back(v->values[k]);
    trace.current.push_back(i->values[k]);
  }
  return trace;
}

ReferenceAgreement agreement(const devices::DeviceTrace& reference, const devices::DeviceTrace& run,
                             const devices::Drive& drive) {
  const validation::CurveDistance worst = validation::distance_to(reference, run, drive, {});
  return {validation::rms_distance(reference, run, drive, {}),
          worst.distance,
          worst.drive,
          worst.current,
          worst.current_error,
          worst.shift};
}

}  // namespace mho::cli
