// Drain currents of transistors as a table, and how a model card is held against them.
//
// CSV, one line per point, header
//   device,corner,T[degC],W[um],L[um],Vgs[V],Vds[V],Vbs[V],Id[A]
// (gzip or plain). Metric: rms of asinh(I/I0) − asinh(I_data/I0), I0 = 3 nA·W/L: the relative error
// of a current above I0, the absolute one in units of I0 below it.
//
// Held out of every fit: of the geometries whose W and whose L are neither the smallest nor the
// largest of the device, ordered by W then L, every second one, counted from the last.
#pragma once
#include <span>
#include <string>
#include <vector>

#include "circuits/model_card.hpp"
#include "circuits/spice/session.hpp"
#include "circuits/transistor_curves.hpp"

namespace mho::validation {

// One device at one corner and temperature: the same bias points for every geometry.
struct TransistorCurves {
  std::string device;  // name of the card: n18, p18, n50, p50
  circuits::Corner corner = circuits::Corner::tt;
  double temperature = 27.0;  // [degC]
  std::vector<circuits::Geometry> geometries;
  std::vector<circuits::TerminalBias> biases;
  std::vector<std::vector<double>> currents;  // [geometry][bias] into the drain [A]
  std::vector<bool> held_out;                 // by geometry
};

// Throws IoError, and ConfigError{file, line} for a bad line or a table that is not complete.
std::vector<TransistorCurves> read_transistor_curves(const std::string& path);
const TransistorCurves& curves_of(const std::vector<TransistorCurves>& all,
                                  const std::string& device, circuits::Corner corner,
                                  double temperature);

std::vector<bool> held_out_geometries(std::span<const circuits::Geometry> geometries);

// asinh(I/I0)
double current_coordinate(double current, const circuits::Geometry& g);
double current_at(double coordinate, const circuits::Geometry& g);  // [A], the inverse

// The card's currents at every point of the data. Throws what drain_curves() throws.
std::vector<std::vector<double>> card_currents(spice::Session& session,
                                               const circuits::TransistorCard& card,
                                               const TransistorCurves& data);

struct CardErrors {
  double fit = 0.0, held_out = 0.0;  // rms of the differences
  double held_out_body = 0.0;        // of those with body bias
  std::vector<double> geometry;      // rms of each
};
CardErrors card_errors(const std::vector<std::vector<double>>& currents,
                       const TransistorCurves& data);

}  // namespace mho::validation
