#include "client/cli/look/flush.h"

#include <CLI/App.hpp>
#include <algorithm>

#include "client/cli/agent/agent_view.h"
#include "client/cli/render/message_json.h"
#include "client/cli/verb.h"

namespace sluice::cli {
namespace {

constexpr std::chrono::milliseconds kDefaultTimeout{5'000};
constexpr std::chrono::milliseconds kLongestTimeout{60'000};
// The agent answers at the timeout; this is for the answer's way.
constexpr std::chrono::milliseconds kFlushAnswerTime{1'000};

// `otlp (behind), kvp (off)`; empty: all are done.
std::string Laggards(const v1::FlushResponse& response) {
  std::string names;
  for (const v1::SinkFlush& sink : response.sinks()) {
    if (sink.done()) continue;
    if (!names.empty()) names += ", ";
    names += sink.sink() + " (" + (sink.error().empty() ? "behind" : sink.error()) + ')';
  }
  return names;
}

}  // namespace

int FlushVerb(GlobalOptions options, std::vector<std::string> arguments) {
  CLI::App app(
      "Waits until the sinks have written everything that the agent acknowledged before.\n"
      "Prints nothing when they have; exit code 1 names on stderr those that have not.",
      "sluice flush");
  std::vector<std::string> sinks;
  AddGlobalOptions(app, &options);
  app.add_option("--sink", sinks, "kvp, file or stderr; repeatable. Default: those that are on")
      ->type_name("SINK")
      ->allow_extra_args(false);
  app.footer(
      "--timeout is 5s by default and 60s at most.\n"
      "Example:\n  sluice flush --sink kvp --timeout 2s");
  if (const auto code = ParseArguments(app, std::move(arguments))) return *code;

  const auto timeout = std::min(options.timeout.value_or(kDefaultTimeout), kLongestTimeout);
  v1::FlushRequest request;
  request.set_timeout_ms(static_cast<uint32_t>(timeout.count()));
  for (const std::string& sink : sinks) request.add_sinks(sink);
  const Result<v1::FlushResponse> response =
      Flush(ResolveSockets(options).ingest, request, timeout + kFlushAnswerTime);
  if (!response.ok()) return Fail(response.failure());
  if (options.json && Print(MessageJson(*response)) != kExitOk) return kExitIo;
  const std::string laggards = Laggards(*response);
  if (laggards.empty()) return kExitOk;
  return Fail({kExitNegative, "not flushed: " + laggards});
}

}  // namespace sluice::cli
