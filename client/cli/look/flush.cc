#include "client/cli/look/flush.h"

#include <CLI/App.hpp>
#include <algorithm>
#include <array>
#include <string_view>

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

// Whether no agent of this release has a sink of that name, on or off.
bool IsUnknown(const v1::SinkFlush& sink) {
  static constexpr std::array<std::string_view, 4> kKinds = {"stderr", "otlp", "kvp", "file"};
  const std::string_view name = sink.sink();
  return sink.error() == "off, or no such sink" &&
         std::ranges::count(kKinds, name.substr(0, name.find('.'))) == 0;
}

// `kvp, file: written, the records of this user`; empty: the agent does not say what it waited for.
std::string WhatIsWritten(const v1::FlushResponse& response) {
  const bool is_all = response.scope() == v1::FLUSH_SCOPE_ALL;
  if (!is_all && response.scope() != v1::FLUSH_SCOPE_OWN) return {};
  std::string names;
  for (const v1::SinkFlush& sink : response.sinks()) {
    if (!names.empty()) names += ", ";
    names += sink.sink();
  }
  return names + ": written, the records of " + (is_all ? "all users" : "this user") + '\n';
}

}  // namespace

int FlushVerb(GlobalOptions options, std::vector<std::string> arguments) {
  CLI::App app(
      "Waits until the sinks have written everything of this user's that the agent acknowledged\n"
      "before. Root's records go before those of others that wait. Exit code 1: stderr names\n"
      "the sinks that have not.",
      "sluice flush");
  std::vector<std::string> sinks;
  AddGlobalOptions(app, &options);
  app.add_option(
         "--sink", sinks,
         "kvp, file, otlp, stderr, file.NAME or otlp.NAME; repeatable. Default: all that are on")
      ->type_name("SINK")
      ->allow_extra_args(false);
  bool all = false;
  app.add_flag("--all", all, "Waits for the records of all users; for root");
  app.footer(
      "--timeout is 5s by default and 60s at most.\n"
      "Example:\n  sluice flush --sink kvp --timeout 2s");
  if (const auto code = ParseArguments(app, std::move(arguments))) return *code;

  const auto timeout = options.timeout.value_or(kDefaultTimeout);
  if (timeout > kLongestTimeout) {
    return Fail({kExitUsage, "an agent is waited for 60s at most; write --timeout 60s"});
  }
  v1::FlushRequest request;
  request.set_timeout_ms(static_cast<uint32_t>(timeout.count()));
  for (const std::string& sink : sinks) request.add_sinks(sink);
  if (all) request.set_scope(v1::FLUSH_SCOPE_ALL);
  const Result<v1::FlushResponse> response =
      Flush(ResolveSockets(options).ingest, request, timeout + kFlushAnswerTime);
  if (!response.ok()) return Fail(response.failure());
  if (options.json && Print(MessageJson(*response)) != kExitOk) return kExitIo;
  for (const v1::SinkFlush& sink : response->sinks()) {
    if (!IsUnknown(sink)) continue;
    return Fail({kExitUsage, "unknown sink '" + sink.sink() + "'; 'sluice status' lists them"});
  }
  const std::string laggards = Laggards(*response);
  if (!laggards.empty()) return Fail({kExitNegative, "not flushed: " + laggards});
  if (all && response->scope() != v1::FLUSH_SCOPE_ALL) {
    return Fail({kExitRefused, "only root can wait for the records of all users"});
  }
  return options.json ? kExitOk : Print(WhatIsWritten(*response));
}

}  // namespace sluice::cli
