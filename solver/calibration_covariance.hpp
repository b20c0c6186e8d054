// How well a calibration knows its parameters, and models drawn from that.
//
// Stage s makes |f_s|² small over its own parameters x_s, given those y of the stages before it. With J = ∂f/∂x, C = ∂f/∂y at the optimum, P the pull of the neuron's parameters to their
// start, H = JᵀJ + P and g a run (a conversion, or a run that only pulses the word lines):
//   independent  s² H⁻¹, s² = |f|²/(n − tr H⁻¹JᵀJ): residuals independent and of one variance, which those of one run are not
//   jackknife    Σ_g δ_g δ_gᵀ (G − 1)/G,  δ_g = (H − J_gᵀJ_g)⁻¹ [J_gᵀf_g − (JᵀC − J_gᵀC_g) δ_g of y]: one Gauss-Newton step of the fit without run g, through all stages, plus H⁻¹ s²P H⁻¹
//                for what P holds. It makes no assumption about residuals of the same run (the sandwich CR3 of Bell and McCaffrey, Survey Methodology 28, 169 (2002)).
// The jackknife is what errors and draws use.
#pragma once
#include <Eigen/Core>
#include <string>
#include <utility>
#include <vector>

#include "solver/calibrate.hpp"
#include "solver/energy_model.hpp"

namespace mho::solver {

struct ParameterError {
  std::string name, unit;      // "transistor.beta", "energy.array.line_joule"
  double value = 0, error = 0; // one standard error, by the jackknife over runs
  double independent = 0;      // the same if all residuals were independent
  bool positive = false;       // drawn as value · exp(error/value · z)
  std::string note;            // what keeps it from being determined; empty: nothing
};

struct StageDirections {
  std::string stage;
  int runs = 0, points = 0;
  double condition = 0;        // [1] of J with columns of length 1: how much worse the least determined combination is known than the best
  std::string weakest;         // that combination, in steps of equal effect
};

struct CalibrationCovariance {
  std::vector<ParameterError> parameters;
  Eigen::MatrixXd correlation;          // of the parameters
  std::vector<StageDirections> stages;
};
void to_json(Json& json, const CalibrationCovariance& covariance);
void from_json(const Json& json, CalibrationCovariance& covariance);

// Of models that calibrate_neuron() and fit_energy() made of these data.
CalibrationCovariance covariance_of(const NeuronModel& model, const EnergyModel& energy, const FitReport& fit, const circuits::ControlProgram& program, const CalibrationData& data,
                                    const LineRuns& lines, int threads);

// Draw `number`: normally distributed around the fit, parameters kept within their ranges. The same for the same seed, whatever else is drawn.
std::pair<NeuronModel, EnergyModel> draw_model(const NeuronModel& model, const EnergyModel& energy, const CalibrationCovariance& covariance, std::uint64_t seed, std::uint32_t number);

}  // namespace mho::solver
