#include "chip/chip_config.hpp"

#include <fmt/format.h>

namespace mho::chip {
namespace {

void read_int(TomlFile& file, std::string_view key, int& value, int min, int max) {
  value = static_cast<int>(file.integer(key, value, min, max));
}

// Relations between keys that no single range can say.
void check(const TomlFile& file, const ChipConfig& c) {
  const MappingRules& m = c.mapping;
  if (m.g_min >= m.g_max) throw file.error("mapping.g_min", "must be below mapping.g_max");
  if (m.g_limit < m.g_max) throw file.error("mapping.g_limit", "must be at least mapping.g_max");
  if (m.max_bias_rows < m.bias_rows) throw file.error("mapping.max_bias_rows", "must be at least mapping.bias_rows");
  if (const int need = 2 * (m.max_logical_rows + m.max_bias_rows); need > c.rows)
    throw file.error("mapping.max_logical_rows",
                     fmt::format("a segment of {} weights and {} bias rows takes {} physical rows, a core has {}", m.max_logical_rows,
                                 m.max_bias_rows, need, c.rows));
  if (m.max_columns > c.columns)
    throw file.error("mapping.max_columns", fmt::format("is {}, a core has {} columns", m.max_columns, c.columns));
  const BadRowRules& b = c.bad_rows;
  if (!(b.minimum <= b.mean && b.mean <= b.maximum)) throw file.error("bad_rows.mean", "must lie between minimum and maximum");
  const OperatingRules& o = c.operating;
  if (o.v_read_min > o.v_read_max) throw file.error("operating_point.v_read_min", "must not exceed v_read_max");
  if (o.v_decrement_min > o.v_decrement_max) throw file.error("operating_point.v_decrement_min", "must not exceed v_decrement_max");
}

}  // namespace

double ChipConfig::full_scale_conductance() const {
  return mapping.encoding == Encoding::affine ? mapping.g_max - mapping.g_min : mapping.g_max;
}

ChipConfig read_chip_config(TomlFile& file) {
  ChipConfig c;
  c.name = file.text("name", c.name);
  read_int(file, "chip.core_grid_rows", c.core_grid_rows, 1, 1024);
  read_int(file, "chip.core_grid_columns", c.core_grid_columns, 1, 1024);
  read_int(file, "chip.rows", c.rows, 2, 8192);
  read_int(file, "chip.columns", c.columns, 1, 8192);
  MappingRules& m = c.mapping;
  read_int(file, "mapping.max_logical_rows", m.max_logical_rows, 1, 4096);
  read_int(file, "mapping.max_columns", m.max_columns, 1, 8192);
  read_int(file, "mapping.bias_rows", m.bias_rows, 1, 64);
  read_int(file, "mapping.max_bias_rows", m.max_bias_rows, 1, 64);
  m.encoding = file.choice("mapping.encoding", "affine", {"affine", "proportional"}) == "affine" ? Encoding::affine
                                                                                                   : Encoding::proportional;
  file.read("mapping", m);
  file.read("bad_rows", c.bad_rows);
  OperatingRules& o = c.operating;
  read_int(file, "operating_point.max_multiplier", o.max_multiplier, 1, 1024);
  read_int(file, "operating_point.max_code", o.max_code, 1, 16383);
  read_int(file, "operating_point.samples", o.samples, 1, 1 << 24);
  file.read("operating_point", o);
  c.programming = devices::read_programming_setup(file, "programming");
  check(file, c);
  return c;
}

ChipConfig load_chip_config(const std::string& path, const std::vector<std::string>& overrides) {
  TomlFile file(path);
  for (const std::string& assignment : overrides) file.set(assignment);
  ChipConfig config = read_chip_config(file);
  file.finish();
  return config;
}

void add_to_key(CacheKey& key, const ChipConfig& c) {
  for (const int n : {c.core_grid_rows, c.core_grid_columns, c.rows, c.columns, c.mapping.max_logical_rows, c.mapping.max_columns,
                      c.mapping.bias_rows, c.mapping.max_bias_rows, static_cast<int>(c.mapping.encoding)})
    key.add("size", std::int64_t{n});
  if (c.mapping.scale != WeightScale::block) key.add("scale", static_cast<std::int64_t>(c.mapping.scale));
  for (const auto& p : ParameterTable<MappingRules>::table) key.add(p.key, c.mapping.*p.member);
  for (const auto& p : ParameterTable<BadRowRules>::table) key.add(p.key, c.bad_rows.*p.member);
  devices::add_to_key(key, c.programming);
}

}  // namespace mho::chip
