// What one filter decision costs: by target from the cache and without it, by an enclosing span,
// with 65 directives, among a million open spans, and with patterns on values.
#include <benchmark/benchmark.h>

#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include "agent/filter/matcher.h"

namespace sluice::filter {
namespace {

std::shared_ptr<const Filter> Compile(const std::string& text) {
  return Filter::Parse(text, {}).filter;
}

std::string ManyDirectives(int count) {
  std::string text = "warn";
  for (int i = 1; i < count; ++i) text += ",app::module" + std::to_string(i) + "=info";
  return text;
}

std::vector<std::string> Targets(size_t count) {
  std::vector<std::string> targets;
  for (size_t i = 0; i < count; ++i) {
    targets.push_back("app::module" + std::to_string(i % 100) + "::part" + std::to_string(i));
  }
  return targets;
}

// Events of 16 targets, all known after the first round.
void BM_EventByTarget(benchmark::State& state) {
  Matcher matcher(Compile(ManyDirectives(static_cast<int>(state.range(0)))));
  const std::vector<std::string> targets = Targets(16);
  size_t i = 0;
  for (auto _ : state) {
    const Subject event{targets[i++ % targets.size()], Level::kInfo, "", Fields()};
    benchmark::DoNotOptimize(matcher.EventEnabled(event, nullptr));
  }
}
BENCHMARK(BM_EventByTarget)->Arg(2)->Arg(17)->Arg(65);

// Each target is new: the cache is filled, and emptied when it is full.
void BM_EventOfANewTarget(benchmark::State& state) {
  Matcher matcher(Compile(ManyDirectives(static_cast<int>(state.range(0)))));
  const std::vector<std::string> targets = Targets(100'000);
  size_t i = 0;
  for (auto _ : state) {
    const Subject event{targets[i++ % targets.size()], Level::kInfo, "", Fields()};
    benchmark::DoNotOptimize(matcher.EventEnabled(event, nullptr));
  }
}
BENCHMARK(BM_EventOfANewTarget)->Arg(2)->Arg(65);

// More verbose than anything wanted: no text is looked at.
void BM_EventAboveEveryLevel(benchmark::State& state) {
  Matcher matcher(Compile(ManyDirectives(65)));
  const Subject event{"app::module7", Level::kTrace, "", Fields()};
  for (auto _ : state) benchmark::DoNotOptimize(matcher.EventEnabled(event, nullptr));
}
BENCHMARK(BM_EventAboveEveryLevel);

// Events inside random ones of a million open spans.
void BM_EventAmongOpenSpans(benchmark::State& state) {
  Matcher matcher(Compile("warn,[job]=debug"));
  std::vector<SpanScope> scopes(1'000'000);
  for (size_t i = 0; i < scopes.size(); ++i) {
    const Subject span{"app", Level::kInfo, i % 2 == 0 ? "job" : "other", Fields()};
    matcher.OpenSpan(span, nullptr, &scopes[i]);
  }
  std::mt19937 random(1);
  const Subject event{"app::db", Level::kDebug, "", Fields()};
  for (auto _ : state) {
    const SpanScope& scope = scopes[random() % scopes.size()];
    benchmark::DoNotOptimize(matcher.EventEnabled(event, &scope));
  }
}
BENCHMARK(BM_EventAmongOpenSpans);

Field TextField(std::string_view name, std::string_view text) {
  Field field{name, {}, false};
  field.value.type = ValueView::Type::kString;
  field.value.text = text;
  return field;
}

// A span with four attributes, one of which the filter asks for.
void BM_OpenSpan(benchmark::State& state, const char* text) {
  Matcher matcher(Compile(text));
  const std::vector<Field> fields = {
      TextField("http.request.method", "GET"), TextField("url.path", "/api/v1/accounts/1234567890"),
      TextField("user", "bobby"), TextField("server.address", "accounts.internal")};
  SpanScope scope;
  const Subject span{"app::http", Level::kInfo, "request", Fields(fields)};
  for (auto _ : state) benchmark::DoNotOptimize(matcher.OpenSpan(span, nullptr, &scope));
}
BENCHMARK_CAPTURE(BM_OpenSpan, targets_only, "warn,app=info");
BENCHMARK_CAPTURE(BM_OpenSpan, other_name, "warn,[job]=debug");
BENCHMARK_CAPTURE(BM_OpenSpan, by_name, "warn,[request]=debug");
BENCHMARK_CAPTURE(BM_OpenSpan, by_number, "warn,[request{user=4}]=debug");
BENCHMARK_CAPTURE(BM_OpenSpan, by_pattern, "warn,[request{user=^bob.*$}]=debug");

void BM_Parse(benchmark::State& state) {
  const std::string text = ManyDirectives(65);
  for (auto _ : state) benchmark::DoNotOptimize(Compile(text));
}
BENCHMARK(BM_Parse);

}  // namespace
}  // namespace sluice::filter

BENCHMARK_MAIN();
