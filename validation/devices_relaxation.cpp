#include "validation/devices_relaxation.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <utility>

namespace mho::validation {
namespace {
constexpr double micro = 1e-6;
constexpr const char* reads_file = "relaxation/techC_relaxdata.min.tsv.gz";
constexpr const char* table_file = "derived/relaxation_techC_sigma.csv";
constexpr double chip_fall = 0.29;  // 2.8 → 2.0 µS over levels, Wan et al., Nature 608, 504 (2022)

void print_fit(Section& s, const devices::RelaxationFit& fit) {
  using P = devices::RelaxationParams;
  const bool converged = fit.status == devices::RelaxationFitStatus::converged;
  s.text += fmt::format("fit: {} reads of {} cells, {}, log likelihood {:.1f}\n", fit.reads,
                        fit.cells, converged ? "converged" : "not converged", fit.log_likelihood);
  for (const Parameter<P>& p : ParameterTable<P>::table) {
    const double scale = p.unit == "1" ? 1.0 : micro, value = fit.params.*p.member / scale;
    const double error = fit.error.*p.member / scale;
    if (error > 0.0)
      s.text += fmt::format("  {:<12} {:>9.3f} ± {:<8.3f}{}\n", p.key, value, error,
                            p.unit == "1" ? "" : "uS");
    s.json["fit"][std::string(p.key)] = {
        {"value", value}, {"standard_error", error}, {"unit", p.unit == "1" ? "1" : "uS"}};
  }
  s.json["fit"]["log_likelihood"] = fit.log_likelihood;
  if (!converged) s.missed.push_back("relaxation: the fit did not converge");
}

void print_bins(Section& s, const RelaxationJudgement& j) {
  s.text +=
      "sigma of G(t) - G(0) in uS, judged half: model / measured (fit half), by start in uS\n";
  double worst_table = 0.0;
  for (size_t i = 0; i < j.bins.size(); ++i) {
    const JudgedBin& b = j.bins[i];
    if (i == 0 || b.bin.low != j.bins[i - 1].bin.low)
      s.text += fmt::format("{}  {:>3.0f}-{:<3.0f}", i ? "\n" : "", b.bin.low / micro,
                            b.bin.high / micro);
    s.text += fmt::format("  {:g} s {:.2f} / {:.2f} ({:.2f})", b.bin.time, b.model / micro,
                          b.measured / micro, b.fitted / micro);
    s.json["bins"].push_back({{"low", quantity(b.bin.low, "S")},
                              {"high", quantity(b.bin.high, "S")},
                              {"time", quantity(b.bin.time, "s")},
                              {"cells", b.cells},
                              {"sigma_model", quantity(b.model, "S")},
                              {"sigma_measured", quantity(b.measured, "S")},
                              {"sigma_fit_half", quantity(b.fitted, "S")},
                              {"mean_model", quantity(b.mean_model, "S")},
                              {"mean_measured", quantity(b.mean_measured, "S")}});
    worst_table = std::max(worst_table, std::abs(b.all - b.bin.sigma));
  }
  s.text += fmt::format(
      "\nrms over {} bins and times of sigma(model) - sigma(measured): {:.3f} uS; of the halves "
      "from "
      "each other: {:.3f} uS; ratio {:.2f} (limit {:.1f})\n",
      j.bins.size(), j.model_rms / micro, j.halves_rms / micro, j.ratio(), largest_sigma_ratio);
  s.text += fmt::format("rms of mean(model) - mean(measured): {:.3f} uS\n", j.mean_rms / micro);
  s.text += fmt::format("sigma of all cells against the table: worst {:.4f} uS (limit {:g})\n",
                        worst_table / micro, largest_table_error);
  s.json["sigma_rms"] = quantity(j.model_rms, "S");
  s.json["halves_rms"] = quantity(j.halves_rms, "S");
  s.json["sigma_ratio"] = j.ratio();
  s.json["mean_rms"] = quantity(j.mean_rms, "S");
  s.json["table_error"] = quantity(worst_table, "S");
  if (!(j.ratio() <= largest_sigma_ratio))
    s.missed.push_back(
        fmt::format("relaxation: rms of sigma is {:.2f} of what the halves differ by, limit {:.1f}",
                    j.ratio(), largest_sigma_ratio));
  if (!(worst_table <= largest_table_error * micro))
    s.missed.push_back(fmt::format("relaxation: sigma of the reads differs from {} by {:.4f} uS",
                                   table_file, worst_table / micro));
}

void print_shares(Section& s, const RelaxationJudgement& j) {
  s.text +=
      "share of cells that moved by more than 5 uS, bins pooled: model / measured (fit half)\n";
  for (const JudgedShare& share : j.shares) {
    s.text += fmt::format("  {:>6g} s  {:.2f} % / {:.2f} % ({:.2f} %)\n", share.time,
                          100.0 * share.model, 100.0 * share.measured, 100.0 * share.fitted);
    s.json["shares"].push_back({{"time", quantity(share.time, "s")},
                                {"cells", share.cells},
                                {"model", share.model},
                                {"measured", share.measured},
                                {"fit_half", share.fitted}});
    if (!(std::abs(share.model - share.measured) <= largest_share_error))
      s.missed.push_back(
          fmt::format("relaxation: at {:g} s {:.2f} % of the cells move by more than 5 uS, "
                      "measured {:.2f} %, limit 1 point",
                      share.time, 100.0 * share.model, 100.0 * share.measured));
  }
}

void print_increments(Section& s, const RelaxationJudgement& j) {
  s.text += "change from one time to the next, starts of 4-40 uS, sd in uS: model / measured\n";
  for (const JudgedIncrement& step : j.increments) {
    s.text += fmt::format("  {:>4g} to {:<6g} s  {:.2f} / {:.2f}", step.from, step.to,
                          step.model / micro, step.measured / micro);
    if (step.correlation != 0.0)
      s.text += fmt::format(", correlation with the next 0 / {:.2f}", step.correlation);
    s.text += "\n";
    s.json["increments"].push_back({{"from", quantity(step.from, "s")},
                                    {"to", quantity(step.to, "s")},
                                    {"model", quantity(step.model, "S")},
                                    {"measured", quantity(step.measured, "S")},
                                    {"correlation_with_next", step.correlation}});
  }
}

void print_rewrites(Section& s, const devices::RelaxationParams& fitted, std::uint64_t seed,
                    int threads) {
  s.text += fmt::format(
      "fall of sigma(30 min) at 12 uS when cells outside +-1 uS are written again once, twice, "
      "three times "
      "(chip: {:.0f} % after three, mean over levels)\n",
      100.0 * chip_fall);
  const std::pair<const char*, devices::RelaxationParams> laws[] = {{"fit half", fitted},
                                                                    {"built-in card", {}}};
  for (const auto& [name, params] : laws)
    for (double spacing : {30.0, 1800.0}) {
      const RewriteResult r = rewrite(params, {.spacing = spacing}, seed, threads);
      s.text += fmt::format("  {:<13} {:>4g} s apart: sigma {:.2f} -> {:.2f} uS; ", name, spacing,
                            r.sigma[0] / micro, r.sigma[3] / micro);
      Json falls = Json::array();
      for (int n = 1; n <= 3; ++n) {
        s.text += fmt::format("{}{:.1f} ± {:.1f} %", n > 1 ? ", " : "", 100.0 * r.fall[n],
                              100.0 * r.fall_error[n]);
        falls.push_back({{"rounds", n}, {"fall", r.fall[n]}, {"standard_error", r.fall_error[n]}});
      }
      s.text += "\n";
      s.json["rewriting"].push_back({{"law", name},
                                     {"spacing", quantity(spacing, "s")},
                                     {"sigma_before", quantity(r.sigma[0], "S")},
                                     {"sigma_after", quantity(r.sigma[3], "S")},
                                     {"falls", falls},
                                     {"chip_fall", chip_fall}});
    }
}
}  // namespace

Section validate_relaxation(const std::string& data_folder, std::uint64_t seed, int threads) {
  Section s;
  s.name = "relaxation";
  if (data_folder.empty()) {
    s.skipped = "no folder of measured data given (--data)";
    return s;
  }
  const std::filesystem::path folder(data_folder);
  const auto cells = devices::read_measured_relaxation((folder / reads_file).string());
  const auto bins = read_sigma_bins((folder / table_file).string());
  const RelaxationJudgement j = judge_relaxation(cells, bins, seed, {}, threads);
  s.text += fmt::format("{} cells; random half by seed {}\n", cells.size(), seed);
  s.json["cells"] = cells.size();
  s.json["seed"] = seed;
  print_fit(s, j.fit);
  print_bins(s, j);
  print_shares(s, j);
  print_increments(s, j);
  print_rewrites(s, j.fit.params, seed, threads);
  return s;
}

}  // namespace mho::validation
