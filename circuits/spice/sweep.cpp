#include "circuits/spice/sweep.hpp"

#include <fmt/format.h>

#include "core/progress.hpp"

namespace mho::spice {
namespace {

CacheKey key_of_attempt(CacheKey key, int attempt) {
  if (attempt > 0) key.add("attempt", std::int64_t{attempt});
  return key;
}

bool find(const SweepCases& cases, size_t i, const SweepOptions& options, const Cache& cache,
          SweepResult& result) {
  const CacheKey key = cases.key(i);
  for (int attempt = 0; attempt <= options.worker.retries; ++attempt)
    if (auto text = cache.find(options.kind, key_of_attempt(key, attempt))) {
      result.ok = result.cached = true;
      result.text = std::move(*text);
      result.attempt = attempt;
      return true;
    }
  return false;
}

SweepSummary summarise(const SweepCases& cases, const std::vector<SweepResult>& results) {
  SweepSummary s;
  for (size_t i = 0; i < results.size(); ++i) {
    const SweepResult& r = results[i];
    s.done += r.ok;
    s.from_cache += r.cached;
    s.rescued += r.ok && r.attempt > 0;
    s.failed += !r.ok;
    s.bad_input += r.cause == Cause::bad_input;
    if (r.ok) continue;
    std::string line = fmt::format("{}: {}: {}", cases.name(i), cause_name(r.cause), r.error);
    if (r.attempts.size() > 1) line += fmt::format(" ({} attempts)", r.attempts.size());
    s.failures.push_back(std::move(line));
  }
  return s;
}

}  // namespace

Sweep run_sweep(const SweepCases& cases, const SweepOptions& options, const Cache& cache) {
  Sweep sweep;
  sweep.results.resize(cases.count);
  std::vector<size_t> missing;
  for (size_t i = 0; i < cases.count; ++i)
    if (!find(cases, i, options, cache, sweep.results[i])) missing.push_back(i);
  if (!missing.empty()) {
    Progress progress(options.title, missing.size(), !options.title.empty());
    size_t failed = 0, rescued = 0;
    const auto note = [&] {
      std::string text = failed > 0 ? fmt::format("{} failed", failed) : std::string();
      if (rescued > 0) text += fmt::format("{}{} at safer settings", text.empty() ? "" : ", ", rescued);
      return text;
    };
    run_in_workers(
        missing.size(), options.worker,
        [&](size_t m, int attempt) { return cases.task(missing[m], attempt); },
        [&](size_t m, TaskOutcome outcome) {
          const size_t i = missing[m];
          SweepResult& r = sweep.results[i];
          r.ok = outcome.ok;
          r.text = std::move(outcome.result);
          r.error = std::move(outcome.error);
          r.cause = outcome.cause;
          r.attempts = std::move(outcome.attempts);
          r.attempt = static_cast<int>(r.attempts.size()) - 1;
          if (r.ok)
            cache.store(options.kind, key_of_attempt(cases.key(i), r.attempt), r.text);
          else
            ++failed;
          rescued += r.ok && r.attempt > 0;
          progress.advance(1, note());
        });
    progress.finish(note());
  }
  sweep.summary = summarise(cases, sweep.results);
  return sweep;
}

}  // namespace mho::spice
