// mho neuron sweep: conversions over a grid of values, in workers and cached, with the transfer
// curve, its linearity, and spikes as a raster.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <memory>
#include <numeric>

#include "circuits/energy_table.hpp"
#include "cli/commands.hpp"
#include "cli/neuron_setup.hpp"
#include "core/csv.hpp"
#include "core/errors.hpp"
#include "core/units.hpp"
#include "report/neuron_figures.hpp"
#include "solver/energy_fit.hpp"
#include "validation/code_edges.hpp"
#include "validation/conversion_runs.hpp"

namespace mho::cli {
namespace {

struct SweepOptions {
  SetupOptions setup;
  std::vector<std::string> vary;
};

struct Axis {
  std::string key;
  std::vector<std::string> values;
};

std::vector<std::string> split(const std::string& text, char at) {
  std::vector<std::string> parts(1);
  for (const char c : text) c == at ? parts.emplace_back() : (parts.back() += c, parts.back());
  return parts;
}

Axis read_axis(const std::string& text) {
  const auto wrong = [&] {
    return Error(fmt::format(
        "--vary \"{}\" is not KEY=from:to:n with n from 2 to 100000, or KEY=v1,v2,...", text));
  };
  const size_t equals = text.find('=');
  if (equals == std::string::npos || equals == 0 || equals + 1 == text.size()) throw wrong();
  Axis axis{text.substr(0, equals), {}};
  const std::string values = text.substr(equals + 1);
  if (values.find(':') == std::string::npos) {
    axis.values = split(values, ',');
    if (std::any_of(axis.values.begin(), axis.values.end(),
                    [](const std::string& v) { return v.empty(); }))
      throw wrong();
    return axis;
  }
  const auto parts = split(values, ':');
  if (parts.size() != 3) throw wrong();
  const auto from = any_number(parts[0]), to = any_number(parts[1]),
             count = parse_quantity(parts[2], "1");
  if (!from || !to || !count || *count < 2 || *count > 100000 || *count != std::floor(*count))
    throw wrong();
  for (int i = 0; i < static_cast<int>(*count); ++i)
    axis.values.push_back(fmt::format("{:.12g}", *from + (*to - *from) * i / (*count - 1)));
  return axis;
}

// One point of the grid.
struct GridPoint {
  std::vector<std::string> values;  // by axis
  NeuronPoint point;
};

// The random column is drawn anew where its number or size moves.
NeuronPoint moved_point(const SweepOptions& o, const CommonOptions& common,
                        const std::vector<Axis>& axes, const std::vector<std::string>& values) {
  SetupOptions setup = o.setup;
  const auto whole = [](const std::string& key, const std::string& text, int low, int high) {
    const auto v = parse_quantity(text, "1");
    if (!v || *v != std::floor(*v) || *v < low || *v > high)
      throw Error(
          fmt::format("--vary {} is {}, wants a whole number from {} to {}", key, text, low, high));
    return static_cast<int>(*v);
  };
  for (size_t a = 0; a < axes.size(); ++a) {
    if (axes[a].key == "index") setup.index = whole("index", values[a], 0, 1 << 30);
    if (axes[a].key == "rows") setup.rows = whole("rows", values[a], 2, 4096);
  }
  NeuronPoint point = neuron_point(setup, common);
  for (const Axis& axis : axes)
    if ((axis.key == "rows" || axis.key == "index") && (!point.column || !o.setup.input.empty()))
      throw Error(fmt::format("--vary {}: {}", axis.key, point.column ? "the column is given by --input" : fmt::format("program {} reads no column", point.program.name)));
  for (size_t a = 0; a < axes.size(); ++a)
    if (axes[a].key != "index" && axes[a].key != "rows")
      set_value(point, axes[a].key, values[a], "--vary " + axes[a].key);
  return point;
}

std::vector<GridPoint> grid(const SweepOptions& o, const CommonOptions& common,
                            const std::vector<Axis>& axes) {
  size_t count = 1;
  for (const Axis& axis : axes) count *= axis.values.size();
  if (count > 1'000'000) throw Error(fmt::format("--vary: {} runs; at most 1000000", count));
  std::vector<GridPoint> points;
  for (size_t i = 0; i < count; ++i) {
    std::vector<std::string> values(axes.size());
    size_t rest = i;
    for (size_t a = axes.size(); a-- > 0;) {
      values[a] = axes[a].values[rest % axes[a].values.size()];
      rest /= axes[a].values.size();
    }
    NeuronPoint point = moved_point(o, common, axes, values);
    points.push_back({std::move(values), std::move(point)});
  }
  return points;
}

// A corner counts by its place among tt, ss, ff, sf, fs.
double numeric(const std::string& key, const std::string& value) {
  return key == "corner" ? static_cast<double>(circuits::corner_of(value))
                         : any_number(value).value_or(NAN);
}

std::string name_of(const std::vector<Axis>& axes, const GridPoint& p, size_t first = 0) {
  std::vector<std::string> parts;
  for (size_t a = first; a < axes.size(); ++a)
    parts.push_back(fmt::format("{}={}", axes[a].key, p.values[a]));
  return fmt::format("{}", fmt::join(parts, " "));
}

struct SweepResult {
  std::vector<Axis> axes;
  std::vector<GridPoint> points;
  validation::ConversionRuns runs;
};

double energy(const circuits::ConversionRecord& r) {
  return solver::energy_of(r, circuits::neurons_per_bias).total();
}

// The causes of the runs that failed, named by their values.
std::vector<std::string> named_failures(const SweepResult& s) {
  std::vector<std::string> names;
  size_t failure = 0;
  for (size_t i = 0; i < s.points.size(); ++i) {
    if (s.runs.records[i] || failure >= s.runs.failures.size()) continue;
    const std::string& text = s.runs.failures[failure++];
    const size_t colon = text.find(": ");
    names.push_back(fmt::format("{}: {}", name_of(s.axes, s.points[i]),
                                colon == std::string::npos ? text : text.substr(colon + 2)));
  }
  return names;
}

std::string table(const SweepResult& s) {
  const bool marks = std::any_of(s.runs.records.begin(), s.runs.records.end(),
                                 [](const auto& r) { return r && !r->marks.empty(); });
  std::string text =
      describe(s.points.front().point) + "the swept values take the place of those above\n\n";
  for (const Axis& axis : s.axes) text += fmt::format("{:>18}", axis.key);
  text += fmt::format("{:>8}{:>18}{:>16}{:>14}{:>12}{}\n", "code", "integrated [mV]",
                      "duration [ns]", "energy [fJ]", "undecided", marks ? "   marks" : "");
  for (size_t i = 0; i < s.points.size(); ++i) {
    for (const std::string& value : s.points[i].values) text += fmt::format("{:>18}", value);
    if (const auto& r = s.runs.records[i])
      text += fmt::format("{:>8}{:>18.3f}{:>16.1f}{:>14.1f}{:>12}{}\n", r->code,
                          1e3 * r->v_integrated, 1e9 * r->duration, 1e15 * energy(*r), r->undecided,
                          marks ? fmt::format("{:>8}", r->marks.size()) : "");
    else
      text += fmt::format("{:>8}\n", "failed");
  }
  for (const std::string& failure : named_failures(s)) text += "failed: " + failure + "\n";
  text += fmt::format("\n{} runs, {} of them from the cache, {} rescued, {} failed\n",
                      s.points.size(), s.runs.from_cache, s.runs.rescued, s.runs.failures.size());
  return text;
}

Json sweep_json(const SweepResult& s) {
  Json json = point_json(s.points.front().point);
  json["runs"] = Json::array();
  for (size_t i = 0; i < s.points.size(); ++i) {
    Json run;
    for (size_t a = 0; a < s.axes.size(); ++a) run[s.axes[a].key] = s.points[i].values[a];
    if (const auto& r = s.runs.records[i]) {
      run.update(Json{{"code", r->code},
                      {"v_integrated", quantity(r->v_integrated, "V")},
                      {"duration", quantity(r->duration, "s")},
                      {"energy", quantity(energy(*r), "J")},
                      {"undecided", r->undecided}});
      for (const circuits::Mark& m : r->marks)
        run["marks"].push_back(Json{{"name", m.name}, {"time", quantity(m.t, "s")}});
    }
    json["runs"].push_back(run);
  }
  json["from_cache"] = s.runs.from_cache;
  json["failures"] = named_failures(s);
  return json;
}

void write_csv(const std::string& path, const SweepResult& s) {
  CsvTable csv;
  for (const Axis& axis : s.axes)
    csv.header.push_back(axis.key + (axis.key == "corner" ? "[0 tt 1 ss 2 ff 3 sf 4 fs]" : "[SI]"));
  for (const char* column :
       {"code[1]", "v_integrated[V]", "duration[s]", "energy[J]", "undecided[1]", "marks[1]"})
    csv.header.emplace_back(column);
  for (size_t i = 0; i < s.points.size(); ++i) {
    const auto& r = s.runs.records[i];
    if (!r) continue;
    std::vector<double> row;
    for (size_t a = 0; a < s.axes.size(); ++a)
      row.push_back(numeric(s.axes[a].key, s.points[i].values[a]));
    for (const double v : {static_cast<double>(r->code), r->v_integrated, r->duration, energy(*r),
                           static_cast<double>(r->undecided), static_cast<double>(r->marks.size())})
      row.push_back(v);
    csv.add(row);
  }
  csv.write(path);
}

// Code over the first swept value, one curve for each combination of the others.
std::vector<report::Curve> transfer(const SweepResult& s) {
  std::vector<report::Curve> curves;
  for (size_t i = 0; i < s.points.size(); ++i) {
    const auto& r = s.runs.records[i];
    if (!r) continue;
    const std::string name = name_of(s.axes, s.points[i], 1);
    auto at = std::find_if(curves.begin(), curves.end(),
                           [&](const report::Curve& c) { return c.name == name; });
    if (at == curves.end()) at = curves.insert(curves.end(), report::Curve{name, {}, {}});
    at->x.push_back(numeric(s.axes[0].key, s.points[i].values[0]));
    at->y.push_back(r->code);
  }
  return curves;
}

// What a sweep of v_preset says about the converter; nothing of another sweep.
validation::CodeEdges edges_of(const SweepResult& s) {
  if (s.axes.size() != 1 || s.axes[0].key != "v_preset") return {};
  std::vector<double> v;
  std::vector<int> code;
  for (const auto& r : s.runs.records)
    if (r) {
      v.push_back(r->v_integrated);
      code.push_back(r->code);
    }
  return validation::code_edges(v, code);
}

std::string linearity(const validation::CodeEdges& e) {
  if (e.inl.empty()) return {};
  const auto largest = [](const std::vector<double>& x) {
    double worst = 0.0;
    for (const double d : x)
      if (std::isfinite(d)) worst = std::max(worst, std::abs(d));
    return worst;
  };
  return fmt::format(
      "{} code edges: LSB {:.4f} mV, offset {:.4f} mV, INL {:.3f} LSB, DNL {:.3f} LSB; the sweep "
      "knows an edge to {:.3f} LSB\n",
      e.code.size(), 1e3 * e.lsb, 1e3 * e.offset, largest(e.inl), largest(e.dnl),
      e.resolution / e.lsb);
}

void write_pictures(const std::string& out, const SweepResult& s,
                    const validation::CodeEdges& edges) {
  if (!edges.inl.empty())
    report::write_pictures(
        out + "/linearity",
        report::linearity_picture("linearity of the converter", edges.code, edges.inl, edges.dnl));
  report::write_pictures(
      out + "/transfer",
      report::curves_picture("code over " + s.axes[0].key, s.axes[0].key, "code", transfer(s)));
  std::vector<report::RasterRow> rows;
  double duration = 0.0;
  bool any = false;
  for (size_t i = 0; i < s.points.size(); ++i) {
    const auto& r = s.runs.records[i];
    if (!r) continue;
    rows.push_back({name_of(s.axes, s.points[i]), {}});
    for (const circuits::Mark& m : r->marks) rows.back().marks.push_back(m.t);
    any = any || !r->marks.empty();
    duration = std::max(duration, r->duration);
  }
  if (any)
    report::write_pictures(out + "/raster",
                          report::raster_picture("marks over time", rows, duration));
}

void sweep(const CommonOptions& common, const SweepOptions& o) {
  SweepResult s;
  for (const std::string& text : o.vary) {
    s.axes.push_back(read_axis(text));
    const std::string& key = s.axes.back().key;
    if (std::count_if(s.axes.begin(), s.axes.end(), [&](const Axis& a) { return a.key == key; }) > 1)
      throw Error(fmt::format("--vary {}: given twice", key));
  }
  s.points = grid(o, common, s.axes);
  if (!common.out.empty()) make_output_folder(common.out);
  validation::RunSettings run;
  run.retries = 2;
  run.workers = common.threads.value_or(0);
  run.title = "sweep";
  std::vector<circuits::ConversionSetup> setups;
  for (const GridPoint& p : s.points) {
    setups.push_back(setup_of(p.point));
    run.each.push_back(ngspice_of(p.point));
  }
  s.runs = validation::run_conversions(setups, run, Cache({}, !common.no_cache));
  if (s.runs.failures.size() == s.points.size())
    throw NumericalError(fmt::format("all {} runs failed, the first: {}", s.points.size(),
                                     named_failures(s).front()));
  if (!common.out.empty()) write_csv(common.out + "/neuron_sweep.csv", s);
  const validation::CodeEdges edges = edges_of(s);
  deliver(common, "neuron_sweep", sweep_json(s), table(s) + linearity(edges));
  if (!common.out.empty()) write_pictures(common.out, s, edges);
}

}  // namespace

void add_neuron_sweep(CLI::App& neuron) {
  const auto o = std::make_shared<SweepOptions>();
  CLI::App* command = add_command(
      neuron, "sweep",
      "conversions over a grid of values; a sweep that was stopped goes on from the cache",
      [o](const CommonOptions& common) { sweep(common, *o); });
  make_config_optional(*command);
  add_setup_options(*command, o->setup);
  command
      ->add_option("--vary", o->vary,
                   "KEY=from:to:n or KEY=v1,v2,...: a parameter of the program, of the operating "
                   "point, of the circuit, temp, vdd, corner, lfsr, die, index or rows; repeatable")
      ->required()
      ->type_name("KEY=VALUES")
      ->expected(1)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
}

}  // namespace mho::cli
