// What a run of an AI agent cost and did: its model calls, tools and agents, out of the spans that
// carry its id, under vLLora's names and under those of OpenTelemetry's GenAI conventions.
//
// One definition: a call is a span that names a model, tokens or a cost and has none such below it.
// Where a call is a span of the gateway with one of the provider's inside, which both say the same,
// it counts once.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "client/cli/trace/trace.h"

namespace sluice::cli {

struct RunCall {
  size_t trace = 0;  // of the traces given
  size_t span = 0;
  std::string model;                    // empty: not said
  std::string provider;                 // likewise
  std::optional<uint64_t> duration;     // nanoseconds
  std::optional<uint64_t> first_token;  // nanoseconds until it came
  uint64_t input_tokens = 0;
  uint64_t output_tokens = 0;
  double cost = 0;
  bool failed = false;
  // What was sent and what came, as far as the span carries it.
  std::string input;
  std::string output;
};

struct RunFailure {
  std::string span;    // its name
  std::string reason;  // may be empty
};

struct RunInfo {
  std::string root;  // the outermost span's name
  uint64_t begin_unix_nano = 0;
  uint64_t end_unix_nano = 0;
  bool is_open = false;
  size_t spans = 0;
  std::vector<RunCall> calls;  // in order of time
  // Calls of each, and how many of them failed.
  struct Uses {
    size_t count = 0;
    size_t failed = 0;
  };
  std::map<std::string, Uses> tools;
  std::map<std::string, Uses> agents;
  std::vector<RunFailure> failures;  // where they began: no span below failed
};

// Of the spans of `traces` that carry `run_id`, or lie below one that does.
RunInfo DescribeRun(const std::vector<Trace>& traces, const std::string& run_id);

}  // namespace sluice::cli
