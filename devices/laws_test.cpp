// Laws of the models that arrays are programmed with, on every card, and published unit values. Laws of all
// models: model_laws_test.cpp.
#include <doctest/doctest.h>

#include <Eigen/Core>
#include <cmath>
#include <set>
#include <unsupported/Eigen/AutoDiff>
#include <vector>

#include "devices/all_cards.hpp"

using namespace mho;
using namespace mho::devices;

namespace {
// law(model, spread) for each card of a FastMemristor, with the card's name in messages.
template <class Law>
void for_each_card(const Law& law) {
  for (const Card& card : all_cards()) {
    CAPTURE(card.name);
    std::visit(
        [&](const auto& device) {
          if constexpr (FastMemristor<std::decay_t<decltype(device.model)>>)
            law(device.model, device.spread);
        },
        card.device);
  }
}

// Fractions of the state's range, walls included.
const std::vector<double> fractions{0.0, 1e-4, 0.01, 0.2, 0.5, 0.8, 0.99, 1.0};
const std::vector<double> voltages{0.01, 0.1, 0.29, 0.35, 0.6, 1.0, 1.5, 2.4, 3.9};

// Relative agreement; doctest's Approx adds an absolute part of its epsilon, which is coarse beside
// currents and rates in SI units.
bool close(double a, double b, double relative) {
  return std::abs(a - b) <= relative * std::max(std::abs(a), std::abs(b));
}

template <FastMemristor M>
double state_at(const M& model, double fraction) {
  return model.state_min() + fraction * (model.state_max() - model.state_min());
}
}  // namespace

TEST_CASE("every model of the list has a card") {
  std::set<size_t> covered;
  for (const Card& card : all_cards()) covered.insert(card.device.index());
  CHECK(covered.size() == std::variant_size_v<AnyMemristor>);
}

TEST_CASE(
    "no current without voltage, current is odd, passive and increasing in v, conductance matches "
    "it") {
  for_each_card([](const auto& model, const auto&) {
    for (double f : fractions) {
      const auto curve = model.at(state_at(model, f));
      CHECK(curve.current(0.0).current == 0.0);
      double before = 0.0;
      for (double v : voltages) {
        const CurrentSlope c = curve.current(v);
        CHECK(std::isfinite(c.current));
        CHECK(c.current > before);
        CHECK(c.slope > 0.0);
        CHECK(close(c.current, -curve.current(-v).current, 1e-12));
        CHECK(close(model.conductance(v, state_at(model, f)), c.current / v, 1e-9));
        before = c.current;
      }
    }
  });
}

TEST_CASE(
    "a positive voltage never lowers the conductance, a negative one never raises it, and walls "
    "hold") {
  for_each_card([](const auto& model, const auto&) {
    const double step = 1e-3 * (model.state_max() - model.state_min());
    for (double f : fractions) {
      const double x = state_at(model, f);
      const double dg_dx = model.conductance(0.1, std::min(x + step, model.state_max())) -
                           model.conductance(0.1, std::max(x - step, model.state_min()));
      for (double v : voltages) {
        CHECK(model.evaluate(v, x).rate * dg_dx >= 0.0);
        CHECK(model.evaluate(-v, x).rate * dg_dx <= 0.0);
      }
    }
    for (double v : {-3.0, -0.5, 0.5, 3.0}) {
      CHECK(model.evaluate(v, model.state_min()).rate >= 0.0);
      CHECK(model.evaluate(v, model.state_max()).rate <= 0.0);
      if (std::abs(v) < model.guard_voltage())
        CHECK(model.evaluate(v, state_at(model, 0.5)).rate == 0.0);
    }
  });
}

TEST_CASE(
    "the fast rate is the rate of evaluate(), and its partial derivatives are finite differences") {
  for_each_card([](const auto& model, const auto&) {
    const double range = model.state_max() - model.state_min();
    for (double f : {0.02, 0.3, 0.6, 0.95})
      for (double v : {-2.0, -0.9, -0.5, 0.4, 0.8, 1.3, 2.2}) {
        const double x = state_at(model, f), dv = 1e-6, dx = 1e-6 * range;
        CAPTURE(v);
        CAPTURE(f);
        const Jacobian j = model.evaluate(v, x);
        CHECK(close(model.state_rate(v, x, model.at(x).current(v).current), j.rate, 1e-9));
        const auto near = [](double a, double b, double scale) {
          return std::abs(a - b) <= 2e-5 * std::abs(b) + 1e-7 * scale;
        };
        const Jacobian v1 = model.evaluate(v + dv, x), v0 = model.evaluate(v - dv, x);
        const Jacobian x1 = model.evaluate(v, x + dx), x0 = model.evaluate(v, x - dx);
        CHECK(near((v1.current - v0.current) / (2 * dv), j.di_dv, std::abs(j.current / v)));
        CHECK(near((x1.current - x0.current) / (2 * dx), j.di_dx, std::abs(j.current) / range));
        CHECK(near((v1.rate - v0.rate) / (2 * dv), j.drate_dv, std::abs(j.rate / v)));
        CHECK(near((x1.rate - x0.rate) / (2 * dx), j.drate_dx, std::abs(j.rate) / range));
      }
  });
}

TEST_CASE(
    "state_for() inverts the conductance, a varied device stays in its range, without spread it is "
    "the model") {
  for_each_card([](const auto& model, const auto& spread) {
    for (double f : fractions) {
      const double x = state_at(model, f);
      CHECK(close(model.state_for(model.conductance(0.1, x), 0.1), x, 1e-9));
    }
    RandomStream stream(1, 0, 0, 0, Purpose::test);
    const auto varied = model.vary(spread, stream);
    for (int i = 0; i < 100; ++i) {
      const double x =
          varied.settle(spread, state_of(0.0), state_of(varied.state_max()), stream)[0];
      CHECK(x >= varied.state_min());
      CHECK(x <= varied.state_max());
    }
    const auto none = std::decay_t<decltype(model)>::no_spread(model.params);
    const auto same = model.vary(none, stream);
    CHECK(same.conductance(0.1, model.state_min()) == model.conductance(0.1, model.state_min()));
    CHECK(same.settle(none, state_of(model.state_min()), state_of(model.state_max()), stream)[0] ==
          model.state_max());
  });
}

TEST_CASE("gap model: analytic derivatives agree with automatic differentiation") {
  using Vector2 = Eigen::Vector2d;
  using Dual = Eigen::AutoDiffScalar<Vector2>;
  for (const Card& card : all_cards()) {
    const auto* device = std::get_if<Device<GapModel>>(&card.device);
    if (!device) continue;
    const GapModel& model = device->model;
    CAPTURE(card.name);
    for (double f : {0.001, 0.3, 0.6, 0.99})
      for (double v : {-3.0, -1.2, -0.5, 0.4, 0.9, 1.6, 3.0}) {
        const double g = state_at(model, f);
        const Dual dual_v(v, Vector2(1, 0)), dual_g(g, Vector2(0, 1));
        const Dual current = model.current(dual_v, dual_g), rate = model.rate(dual_v, dual_g);
        const Jacobian j = model.evaluate(v, g);
        CHECK(close(j.current, current.value(), 1e-12));
        CHECK(close(j.di_dv, current.derivatives()[0], 1e-10));
        CHECK(close(j.di_dx, current.derivatives()[1], 1e-10));
        CHECK(close(j.rate, rate.value(), 1e-10));
        // Where an exponent is capped the other, vanishing one is all that is left of the
        // derivative: compare on the scale of the rate itself.
        const double range = model.state_max() - model.state_min();
        CHECK(std::abs(j.drate_dv - rate.derivatives()[0]) <=
              1e-8 * std::abs(j.drate_dv) + 1e-12 * std::abs(j.rate / v));
        CHECK(std::abs(j.drate_dx - rate.derivatives()[1]) <=
              1e-8 * std::abs(j.drate_dx) + 1e-12 * std::abs(j.rate) / range);
      }
  }
}

// Current, temperature, enhancement and rate of published cards, computed by an independent program
// with the equations of Guan et al. (2012) and Jiang et al. (2016); printed to 4 to 6 digits, so
// 1e-4 relative. Without field threshold and walls.
TEST_CASE("gap model: unit values of the published cards") {
  struct Row {
    const char* card;
    double v, gap_nm, current, temperature, gamma, rate_nm;
  };
  for (const Row& r : {Row{"stanford_v1", 1.3, 1.0, 1.66001e-3, 302.53, 15.2000, -3.6441e6},
                       Row{"stanford_v1", -1.2, 0.5, -8.22177e-3, 318.72, 15.9000, 3.1399e6},
                       Row{"stanford_v1", 0.1, 0.5, 5.55893e-5, 298.01, 15.9000, -1.1971},
                       Row{"stanford_2016_a", 0.6, 0.8, 2.59387e-6, 300.78, 15.9200, -3.9158},
                       Row{"stanford_2016_a", -0.5, 0.3, -5.32285e-5, 313.31, 16.3200, 2.2355},
                       Row{"stanford_2016_d", 0.6, 1.2, 5.71435e-6, 301.71, 11.3582, -238.22},
                       Row{"stanford_2016_d", -0.8, 1.1, -1.89581e-5, 307.58, 12.9028, 3.4435e5},
                       Row{"stanford_2016_d", 0.2, 0.93, 8.46021e-6, 300.85, 11.4668, -3.5180e-2},
                       Row{"stanford_2016_e", -0.8, 1.2, -8.99009e-6, 303.60, 13.2722, 4.3096e3},
                       Row{"stanford_2016_f", -0.8, 1.2, -1.74718e-5, 306.99, 17.6969, 5.4593e3}}) {
    CAPTURE(r.card);
    CAPTURE(r.v);
    GapModel model =
        std::get<Device<GapModel>>(load_card(params_folder + r.card + ".toml").device).model;
    model.params.field_min = 0.0;
    model.params.gap_min = 0.1e-9;
    model.params.gap_max = 3e-9;
    const double g = r.gap_nm * 1e-9, i = model.current(r.v, g);
    CHECK(close(i, r.current, 1e-5));
    CHECK(close(model.temperature(r.v, i), r.temperature, 2e-5));
    CHECK(close(model.enhancement(r.v >= 0.0, g), r.gamma, 1e-5));
    CHECK(close(model.evaluate(r.v, g).rate * 1e9, r.rate_nm, 1e-4));
  }
}

TEST_CASE("gap model: field threshold of v1 stops it at read voltage, exponents never overflow") {
  const GapModel v1 =
      std::get<Device<GapModel>>(load_card(params_folder + "stanford_v1.toml").device).model;
  CHECK(v1.evaluate(0.1, 0.5e-9).rate == 0.0);
  CHECK(v1.evaluate(1.3, 1.0e-9).rate < 0.0);
  const GapModel analog;
  for (double v : {-50.0, 50.0}) {
    const Jacobian j = analog.evaluate(v, 1.2e-9);
    CHECK(std::isfinite(j.current));
    CHECK(std::abs(j.rate) <= 0.5 * analog.params.velocity);
  }
}

TEST_CASE("a card with a wrong key, value or range is refused by name and line") {
  const auto message_of = [](const std::string& text) -> std::string {
    try {
      TomlFile file = TomlFile::from_text(text, "card.toml");
      read_card(file);
      file.finish();
    } catch (const ConfigError& e) {
      return e.what();
    }
    return "";
  };
  std::string good = "model = \"stanford_gap\"\nname = \"x\"\nsource = \"y\"\n[parameters]\n";
  for (const Parameter<GapParams>& p : ParameterTable<GapParams>::table) {
    const double value = GapParams{}.*p.member;
    const std::string number = std::to_string(value * 1e12);
    good += std::string(p.key) + " = " +
            (p.unit == "1" ? std::to_string(value)
                           : "\"" + number + " p" + std::string(p.unit) + "\"") +
            "\n";
  }
  CHECK(message_of(good) == "");
  const auto contains = [&](const std::string& text, const char* what) {
    return message_of(text).find(what) != std::string::npos;
  };
  CHECK(contains(good + "gamma0_sett = 3.0\n", "gamma0_set"));
  CHECK(contains(good.substr(0, good.find("v_guard")), "v_guard"));
  CHECK(contains("model = \"nobody\"\nname = \"x\"\nsource = \"y\"\n", "stanford_gap"));
  CHECK(contains("model = \"stanford_gap\"\n", "name"));
  std::string inverted = good;
  inverted.replace(inverted.find("gap_max"),
                   inverted.find("\n", inverted.find("gap_max")) - inverted.find("gap_max"),
                   "gap_max = \"0.5 nm\"");
  CHECK(contains(inverted, "gap_max"));
  std::string far = good;
  far.replace(far.find("r_th"), far.find("\n", far.find("r_th")) - far.find("r_th"),
              "r_th = \"-1 K/W\"");
  CHECK(contains(far, "outside"));
  CHECK_THROWS_AS(load_card("/nowhere/card.toml"), IoError);
}
