// Laws of every compact model in the list, on every card in devices/params, and of the engine that
// drives it.
#include <doctest/doctest.h>

#include <cmath>
#include <limits>
#include <vector>

#include "devices/all_cards.hpp"
#include "devices/transient.hpp"

using namespace mho;
using namespace mho::devices;

namespace {
// A model whose publication has a branch of negative differential conductance is exempt from the
// law that the current increases with the voltage.
bool negative_branch_published(std::string_view name) { return name.starts_with("jart"); }

// [V] from which on a model's exponentials are cut; infinite when none is.
double voltage_limit(const AnyMemristor& any) {
  return std::visit(
      [](const auto& model) {
        if constexpr (requires { model.v_limit; })
          return double{model.v_limit};
        else
          return std::numeric_limits<double>::infinity();
      },
      any);
}

// law(model) for each card, with its name in messages.
template <class Law>
void for_each_card(const Law& law) {
  for (const Card& card : all_cards()) {
    CAPTURE(card.name);
    law(model_of(card));
  }
}

// States between the walls; a second state that has no walls, a temperature, takes its lower end,
// which is ambient, and a hot value.
std::vector<State> states_of(const AnyMemristor& model, const std::vector<double>& fractions) {
  const State low = low_state(model), high = high_state(model);
  const std::vector<StateInfo> info = state_info(model);
  std::vector<State> states;
  for (double f : fractions) {
    states.push_back(low + f * (high - low));
    if (info.size() == 2 && !info[1].wall) {
      State hot = states.back();
      hot[1] = 0.7 * lower(model)[1] + 0.3 * upper(model)[1];
      states.push_back(hot);
    }
  }
  return states;
}
const std::vector<double> walls_included{0.0, 1e-4, 0.01, 0.2, 0.5, 0.8, 0.99, 1.0};
const std::vector<double> inner{0.02, 0.3, 0.6, 0.95};
const std::vector<double> voltages{0.01, 0.1, 0.29, 0.35, 0.61, 1.0, 1.55, 2.4, 3.9, 5.0};

bool close(double a, double b, double relative) {
  return std::abs(a - b) <= relative * std::max(std::abs(a), std::abs(b));
}
}  // namespace

TEST_CASE("every model: no current without voltage, passive, finite, increasing with the voltage") {
  for_each_card([](const AnyMemristor& model) {
    for (const State& x : states_of(model, walls_included)) {
      CHECK(evaluate(model, 0.0, x).current == 0.0);
      for (double sign : {1.0, -1.0}) {
        double before = 0.0;
        for (double magnitude : voltages) {
          const double v = sign * magnitude;
          CAPTURE(v);
          const Evaluation e = evaluate(model, v, x);
          CHECK(v * e.current > 0.0);
          CHECK(std::isfinite(e.current));
          CHECK(std::isfinite(e.di_dv));
          CHECK(e.di_dx.allFinite());
          CHECK(e.rate.allFinite());
          CHECK(e.drate_dv.allFinite());
          CHECK(e.drate_dx.allFinite());
          CHECK(e.temperature > 0.0);
          if (!negative_branch_published(model_name(model))) {
            CHECK(e.di_dv > 0.0);
            CHECK(std::abs(e.current) > before);
          }
          before = std::abs(e.current);
        }
      }
    }
  });
}

// The reference is a central difference of second order with the step h: error h²f'''/6 of relative
// size (h/scale)², scale the shortest length of the model's exponentials (2 pm walls, 25 mV of
// kT/qγ): 1e-6 of the range resolves both to 1e-6, rounding adds 1e-16/1e-6. So 2e-5, and 1e-7 of
// the natural slope f/x.
TEST_CASE("every model: derivatives are central differences") {
  for_each_card([](const AnyMemristor& model) {
    const State range = upper(model) - lower(model);
    const auto near = [](double a, double b, double scale) {
      return std::abs(a - b) <= 2e-5 * std::max(std::abs(a), std::abs(b)) + 1e-7 * std::abs(scale);
    };
    for (const State& x : states_of(model, inner))
      for (double v : {-2.03, -0.91, -0.57, 0.37, 0.83, 1.31, 2.23}) {
        CAPTURE(v);
        CAPTURE(x);
        const double dv = 1e-6;
        const Evaluation e = evaluate(model, v, x);
        const Evaluation v1 = evaluate(model, v + dv, x), v0 = evaluate(model, v - dv, x);
        CHECK(near((v1.current - v0.current) / (2 * dv), e.di_dv, e.current / v));
        for (int i = 0; i < state_count(model); ++i)
          CHECK(near((v1.rate[i] - v0.rate[i]) / (2 * dv), e.drate_dv[i], e.rate[i] / v));
        for (int k = 0; k < state_count(model); ++k) {
          State dx = State::Zero();
          dx[k] = 1e-6 * std::abs(range[k]);
          const Evaluation x1 = evaluate(model, v, x + dx), x0 = evaluate(model, v, x - dx);
          const double h = (x + dx)[k] - (x - dx)[k];
          CHECK(near((x1.current - x0.current) / h, e.di_dx[k], e.current / range[k]));
          for (int i = 0; i < state_count(model); ++i)
            CHECK(near((x1.rate[i] - x0.rate[i]) / h, e.drate_dx(i, k), e.rate[i] / range[k]));
        }
      }
  });
}

TEST_CASE(
    "every model: a positive voltage never lowers the conductance, a negative one never raises it, "
    "walls hold") {
  for_each_card([](const AnyMemristor& model) {
    const std::vector<StateInfo> info = state_info(model);
    CHECK(std::abs(current(model, 0.1, low_state(model))) <
          std::abs(current(model, 0.1, high_state(model))));
    CHECK(std::abs(current(model, -0.1, low_state(model))) <
          std::abs(current(model, -0.1, high_state(model))));
    for (const State& x : states_of(model, walls_included))
      for (double v : voltages) {
        CAPTURE(v);
        // Rate of change of the current at 0.1 V through the states that have walls.
        const auto drift = [&](double at) {
          const Evaluation e = evaluate(model, at, x), read = evaluate(model, 0.1, x);
          double sum = 0.0;
          for (size_t i = 0; i < info.size(); ++i) {
            const auto k = static_cast<Eigen::Index>(i);
            if (info[i].wall) sum += read.di_dx[k] * e.rate[k];
          }
          return sum;
        };
        CHECK(drift(v) >= 0.0);
        CHECK(drift(-v) <= 0.0);
        for (double at : {v, -v})
          for (size_t i = 0; i < info.size(); ++i) {
            if (!info[i].wall) continue;
            const auto k = static_cast<Eigen::Index>(i);
            State wall = x;
            wall[k] = lower(model)[k];
            CHECK(evaluate(model, at, wall).rate[k] >= 0.0);
            wall[k] = upper(model)[k];
            CHECK(evaluate(model, at, wall).rate[k] <= 0.0);
          }
      }
  });
}

TEST_CASE("every model: what is observed and what the twin holds lead back to the state") {
  for_each_card([](const AnyMemristor& model) {
    const State range = upper(model) - lower(model);
    for (const State& x : states_of(model, walls_included)) {
      const State seen = from_observed(model, observe(model, x)),
                  twin = from_twin(model, twin_state(model, x));
      for (int i = 0; i < state_count(model); ++i) {
        CHECK(std::abs(seen[i] - x[i]) <= 1e-12 * std::abs(range[i]) + 1e-12 * std::abs(x[i]));
        CHECK(std::abs(twin[i] - x[i]) <= 1e-12 * std::abs(range[i]) + 1e-12 * std::abs(x[i]));
      }
      // Voltages of a netlist's nodes: of the order of volts, where its tolerances are.
      CHECK(twin_state(model, x).cwiseAbs().maxCoeff() < 100.0);
    }
  });
}

TEST_CASE(
    "every model: a device without spread is the model, one with the widest card spread stays in "
    "range") {
  for (const Card& card : all_cards()) {
    CAPTURE(card.name);
    std::visit(
        [](const auto& device) {
          using M = std::decay_t<decltype(device.model)>;
          RandomStream stream(1, 0, 0, 0, Purpose::test);
          const auto none = M::no_spread(device.model.params);
          const M same = device.model.vary(none, stream);
          for (const Parameter<typename M::Params>& p : ParameterTable<typename M::Params>::table)
            CHECK(same.params.*p.member == device.model.params.*p.member);
          const State low = device.model.low_state(), high = device.model.high_state();
          CHECK(same.settle(none, low, high, stream)[0] == high[0]);
          const M varied = device.model.vary(device.spread, stream);
          const State start = varied.start_state(device.spread);
          for (int i = 0; i < M::states; ++i) {
            CHECK(start[i] >= varied.lower()[i]);
            CHECK(start[i] <= varied.upper()[i]);
          }
          // The state of a conductance has it.
          const double mid = std::sqrt(device.model.evaluate(0.1, low).current *
                                       device.model.evaluate(0.1, high).current) /
                             0.1;
          CHECK(close(device.model.evaluate(0.1, state_for(device.model, mid, 0.1)).current / 0.1,
                      mid, 1e-9));
        },
        card.device);
  }
}

TEST_CASE(
    "every model: pulses and sweeps of any height and width end, in numbers, inside the walls, and "
    "report their limits") {
  for_each_card([](const AnyMemristor& model) {
    const std::vector<StateInfo> info = state_info(model);
    const auto law = [&](const Drive& drive, const State& start, const Load& load) {
      TransientOptions options;
      options.max_steps = 50'000;
      options.keep = true;
      const TransientResult r = run_transient(model, load, drive, start, options);
      CHECK_MESSAGE(r, r.brief());
      CHECK(r.t_reached == doctest::Approx(drive.end()).scale(1e-30).epsilon(1e-9));
      CHECK(r.state.allFinite());
      CHECK(std::isfinite(r.energy));
      CHECK(std::isfinite(r.charge));
      CHECK(r.energy >= 0.0);
      unsigned seen = 0;
      for (size_t i = 0; i < r.trace.size(); ++i) {
        const State x = from_observed(model, r.trace.state[i]);
        for (size_t k = 0; k < info.size(); ++k) {
          const auto n = static_cast<Eigen::Index>(k);
          const double slack = 1e-9 * (upper(model)[n] - lower(model)[n]);
          CHECK(x[n] >= lower(model)[n] - (info[k].wall ? slack : 1e6 * slack));
          if (info[k].wall) CHECK(x[n] <= upper(model)[n] + slack);
        }
        CHECK(std::isfinite(r.trace.current[i]));
        seen |= evaluate(model, r.trace.v[i], x).limits;
      }
      // What is cut or held must be told.
      for (size_t i = 0; i < r.trace.size(); ++i)
        if (std::abs(r.trace.v[i]) > voltage_limit(model)) CHECK((r.limits & limit_voltage) != 0);
      for (size_t k = 0; k < info.size(); ++k) {
        const auto n = static_cast<Eigen::Index>(k);
        const double range = upper(model)[n] - lower(model)[n],
                     moved = std::abs(r.state[n] - start[n]);
        const double distance =
            std::min(r.state[n] - lower(model)[n], upper(model)[n] - r.state[n]);
        if (info[k].wall && moved > 0.01 * range && distance < 1e-5 * range)
          CHECK((r.limits & limit_wall) != 0);
      }
      // A state that went through observe() may differ in its last digit: bits that hang on the
      // wall's place aside.
      CHECK((seen & ~r.limits & ~unsigned{limit_wall}) == 0);
    };
    for (double rs : {0.0, 1e3}) {
      Load load;
      load.r_series = rs;
      for (double v : {-5.0, -4.0, -2.0, -1.0, 1.0, 2.0, 4.0, 5.0}) {
        CAPTURE(rs);
        CAPTURE(v);
        for (double width : {1e-9, 1e-6, 1e-3, 1.0}) {
          CAPTURE(width);
          law(pulse_train({{v, width, 0.1 * width}}, 0.0),
              v > 0.0 ? low_state(model) : high_state(model), load);
        }
      }
      for (double v : {1.0, 2.0, 4.0, 5.0}) {
        CAPTURE(v);
        law(triangle(v, -v, 4.0 * v / 1e-3), low_state(model), load);
      }
    }
  });
}
