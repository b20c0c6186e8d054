// The list of compact models. A new model is its own file, its twin netlists/models/<name>.sub, one
// entry here and one page in docs/models; cards, cells, both engines, fits and the law tests follow.
#pragma once
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "core/params.hpp"
#include "devices/gap_model.hpp"
#include "devices/jart_vcm.hpp"
#include "devices/pku.hpp"
#include "devices/sky130_reram.hpp"
#include "devices/vteam.hpp"
#include "devices/yakopcic.hpp"

namespace mho::devices {

using AnyMemristor = std::variant<  // one line each
    GapModel,
    Sky130Model,
    VteamModel,
    YakopcicModel,
    JartModel,
    PkuModel>;

// The members of Memristor for whichever model it is.
std::string_view model_name(const AnyMemristor& model);
std::string_view model_title(const AnyMemristor& model);
int state_count(const AnyMemristor& model);
double published_sign(const AnyMemristor& model);
std::vector<StateInfo> state_info(const AnyMemristor& model);
Evaluation evaluate(const AnyMemristor& model, double v, const State& x);
State lower(const AnyMemristor& model);
State upper(const AnyMemristor& model);
State observe(const AnyMemristor& model, const State& x);
State from_observed(const AnyMemristor& model, const State& observed);
State low_state(const AnyMemristor& model);
State high_state(const AnyMemristor& model);
State twin_state(const AnyMemristor& model, const State& x);
State from_twin(const AnyMemristor& model, const State& volts);
double conductance(const AnyMemristor& model, double v, const State& x);  // [S] I(v)/v, v ≠ 0
double current(const AnyMemristor& model, double v, const State& x);      // [A]

// State of conductance g [S] at v [V], within the walls. Models of one state: exact. Of two: on the straight line from
// low_state() to high_state().
template <Memristor M>
State state_for(const M& model, double g, double v) {
  if constexpr (FastMemristor<M>) {
    return state_of(std::clamp(model.state_for(g, v), model.state_min(), model.state_max()));
  } else {
    // Conductance rises monotonically from one end to the other: bisection on the line between them.
    const State low = model.low_state(), high = model.high_state();
    double a = 0.0, b = 1.0;
    for (int i = 0; i < 60; ++i) {
      const double m = 0.5 * (a + b);
      const State x = low + m * (high - low);
      (model.evaluate(v, x).current / v < g ? a : b) = m;
    }
    return low + 0.5 * (a + b) * (high - low);
  }
}

// One parameter of a model by name, for tables, fits and netlists. All values in SI.
struct ParameterView {
  std::string_view key, unit, meaning;
  double min, max;
  double* value;
};
std::vector<ParameterView> parameters(AnyMemristor& model);
struct ParameterValue {
  std::string_view key, unit, meaning;
  double min, max, value;
};
std::vector<ParameterValue> parameters(const AnyMemristor& model);

// First parameter that is out of its range or not finite, or that contradicts another; empty key when all fit.
Misfit misfit(const AnyMemristor& model);

// Names of all models, in the order of the list.
std::vector<std::string> model_names();

}  // namespace mho::devices
