#include "chip/estimate.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "core/errors.hpp"

namespace mho::chip {
namespace {

void apply_model(LayerEstimate& layer, const solver::EnergyModel& model) {
  layer.energy = model.energy(layer.counts);
  for (size_t c = 0; c < layer.error.size(); ++c) layer.error[c] = std::abs(layer.energy.joule[c]) * model.relative_error[c];
  layer.total_error = layer.energy.total() * model.total_relative_error;
}

std::string csv_name(std::string_view component, std::string_view what) {
  std::string name(component);
  std::replace(name.begin(), name.end(), ' ', '_');
  return fmt::format("{}{}", name, what);
}

}  // namespace

solver::EventCounts scaled(solver::EventCounts c, double factor) {
  for (const solver::EventField& f : solver::event_fields) c.*f.member *= factor;
  return c;
}

Estimate estimate(std::span<const MatrixSpec> matrices, const Mapping& mapping, std::span<const solver::EventCounts> events, size_t images,
                  const solver::EnergyModel& model) {
  MHO_ASSERT(events.size() == mapping.blocks.size() && images > 0);
  Estimate result;
  std::vector<std::map<int, double>> busy(matrices.size());  // [s] by core
  for (const MatrixSpec& spec : matrices) result.layers.emplace_back().name = spec.name;
  for (size_t b = 0; b < events.size(); ++b) {
    const MappedBlock& block = mapping.blocks[b];
    const solver::EventCounts counts = scaled(events[b], 1.0 / static_cast<double>(images));
    result.layers[block.matrix].counts += counts;
    busy[block.matrix][block.core] += counts.core_time;
  }
  result.total.name = "total";
  result.total.cores = mapping.cores_used();
  for (size_t m = 0; m < matrices.size(); ++m) {
    LayerEstimate& layer = result.layers[m];
    layer.cores = busy[m].size();
    for (const auto& [core, time] : busy[m]) layer.latency = std::max(layer.latency, time);
    apply_model(layer, model);
    result.total.counts += layer.counts;
    result.total.latency += layer.latency;
  }
  apply_model(result.total, model);
  std::map<int, double> of_core;  // [s]
  for (const auto& of_layer : busy)
    for (const auto& [core, time] : of_layer) of_core[core] += time;
  for (const auto& [core, time] : of_core)
    if (time > result.interval) result.interval = time, result.slowest_core = core;
  for (size_t m = 0; m < busy.size(); ++m) {
    const auto time = [&](size_t layer) {
      const auto at = busy[layer].find(result.slowest_core);
      return at == busy[layer].end() ? 0.0 : at->second;
    };
    if (time(m) > time(result.slowest_layer)) result.slowest_layer = m;
  }
  return result;
}

Json to_json(const LayerEstimate& l) {
  Json events = Json::object();
  for (const solver::EventField& f : solver::event_fields) events[std::string(f.name)] = quantity(l.counts.*f.member, f.unit);
  const double relative = l.total_error / l.energy.total();
  Json components = Json::object();
  for (size_t c = 0; c < solver::component_names.size(); ++c)
    components[std::string(solver::component_names[c])] = quantity(l.energy.joule[c], l.error[c], "J");
  const auto derived = [&](double value, const char* unit) { return quantity(value, std::abs(value) * relative, unit); };
  return {{"name", l.name},
          {"cores", l.cores},
          {"energy", quantity(l.energy.total(), l.total_error, "J")},
          {"components", components},
          {"latency", quantity(l.latency, "s")},
          {"operations", quantity(l.operations(), "1")},
          {"energy_per_operation", derived(l.joule_per_operation(), "J")},
          {"operations_per_joule", derived(l.operations_per_joule(), "1/J")},
          {"throughput", quantity(l.throughput(), "1/s")},
          {"energy_delay_product", derived(l.energy_delay(), "J s")},
          {"events", events}};
}

Json to_json(const Estimate& e) {
  Json layers = Json::array();
  for (const LayerEstimate& layer : e.layers) layers.push_back(to_json(layer));
  Json pipeline{{"interval", quantity(e.interval, "s")}, {"slowest_core", e.slowest_core}, {"slowest_layer", e.layers[e.slowest_layer].name}};
  if (e.interval > 0) pipeline["images_per_second"] = quantity(e.images_per_second(), "1/s"), pipeline["power"] = quantity(e.power(), "W");
  return {{"per", "image"}, {"layers", layers}, {"total", to_json(e.total)}, {"pipeline", pipeline}};
}

std::string estimate_table(const Estimate& e) {
  std::string text = fmt::format("{:<16}{:>10}{:>8}{:>10}{:>9}{:>9}", "per image", "pJ", "±", "µs", "fJ/op", "TOPS/W");
  for (const std::string_view name : solver::component_names) text += fmt::format("{:>12}", name);
  text += "  [pJ]\n";
  const auto line = [&](const LayerEstimate& l) {
    text += fmt::format("{:<16}{:>10.1f}{:>8.1f}{:>10.2f}{:>9.1f}{:>9.2f}", l.name, 1e12 * l.energy.total(), 1e12 * l.total_error,
                        1e6 * l.latency, 1e15 * l.joule_per_operation(), 1e-12 * l.operations_per_joule());
    for (const double joule : l.energy.joule) text += fmt::format("{:>12.1f}", 1e12 * joule);
    text += "\n";
  };
  for (const LayerEstimate& layer : e.layers) line(layer);
  line(e.total);
  text += fmt::format("energy-delay product {:.3g} J s per image\n", e.total.energy_delay());
  if (e.interval > 0)
    text += fmt::format("one after another {:.0f} images/s; layers on successive images {:.0f} images/s at {:.2f} mW, limited by core {} (most of it {}); cores without work are gated off\n", 1 / e.total.latency,
                        e.images_per_second(), 1e3 * e.power(), e.slowest_core, e.layers[e.slowest_layer].name);
  return text;
}

std::string energy_csv(const Estimate& e) {
  std::string text = "layer,cores[1],energy[J],energy_error[J]";
  for (const std::string_view name : solver::component_names) text += fmt::format(",{},{}", csv_name(name, "[J]"), csv_name(name, "_error[J]"));
  text += ",latency[s],operations[1],energy_per_operation[J],operations_per_joule[1/J],throughput[1/s],energy_delay[J s]\n";
  const auto line = [&](const LayerEstimate& l) {
    text += fmt::format("{},{},{},{}", l.name, l.cores, l.energy.total(), l.total_error);
    for (size_t c = 0; c < l.error.size(); ++c) text += fmt::format(",{},{}", l.energy.joule[c], l.error[c]);
    text += fmt::format(",{},{},{},{},{},{}\n", l.latency, l.operations(), l.joule_per_operation(), l.operations_per_joule(),
                        l.throughput(), l.energy_delay());
  };
  for (const LayerEstimate& layer : e.layers) line(layer);
  line(e.total);
  return text;
}

std::string events_csv(const Estimate& e) {
  std::string text = "layer";
  for (const solver::EventField& f : solver::event_fields) text += fmt::format(",{}[{}]", f.name, f.unit);
  text += "\n";
  const auto line = [&](const LayerEstimate& l) {
    text += l.name;
    for (const solver::EventField& f : solver::event_fields) text += fmt::format(",{}", l.counts.*f.member);
    text += "\n";
  };
  for (const LayerEstimate& layer : e.layers) line(layer);
  line(e.total);
  return text;
}

}  // namespace mho::chip
