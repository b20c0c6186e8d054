#include "devices/defects.hpp"

#include <array>
#include <cmath>

#include "core/errors.hpp"
#include "core/toml_file.hpp"

namespace mho::devices {

std::string_view name_of(Defect defect) {
  constexpr std::array<std::string_view, 4> names{"none", "stuck_low", "stuck_high", "unformed"};
  return names.at(static_cast<size_t>(defect));
}

CellDefect draw_defect(const DefectParams& p, RandomStream device) {
  device.skip_to(defect_block);
  const double u = device.uniform(), v = device.uniform();
  if (u < p.stuck_low) return {Defect::stuck_low};
  if (u < p.stuck_low + p.stuck_high) return {Defect::stuck_high};
  if (u < p.stuck_low + p.stuck_high + p.unformed)
    return {Defect::unformed, p.pristine * std::pow(10.0, -p.pristine_decades * v)};
  return {};
}

double intermittent_conductance(const IntermittentParams& p, double conductance,
                                std::uint32_t cycle, RandomStream device) {
  MHO_ASSERT(cycle < intermittent_cycle_block);
  device.skip_to(intermittent_block);
  if (!(device.uniform() < p.share)) return conductance;
  device.skip_to(intermittent_cycle_block + cycle);
  if (!(device.uniform() < p.rate)) return conductance;
  return p.low * std::pow(p.high / p.low, device.uniform());
}

DefectCard load_defects(const std::string& path) {
  TomlFile file(path);
  DefectCard card;
  file.text("source", "");
  file.read("defects", card.defects);
  file.read("intermittent", card.intermittent);
  file.finish();
  if (!shares_fit(card.defects))
    throw file.error("defects.stuck_high", "stuck_low + stuck_high + unformed must not exceed 1");
  if (card.intermittent.high < card.intermittent.low)
    throw file.error("intermittent.high", "must not be below low");
  return card;
}

}  // namespace mho::devices
