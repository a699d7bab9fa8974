#include "client/cli/emit/event.h"

#include <CLI/App.hpp>
#include <cstdlib>

#include "client/cli/agent/emit.h"
#include "client/cli/emit/explain.h"
#include "client/cli/emit/propagation.h"
#include "client/cli/emit/record_encoder.h"
#include "client/cli/emit/stderr_echo.h"
#include "client/cli/verb.h"
#include "proto/record/limits.h"
#include "proto/record/names.h"

namespace sluice::cli {
namespace {

Event MakeEvent(const EmitFlags& flags, std::string message, std::vector<Attribute> attributes) {
  Event event;
  event.level = *ParseLevel(flags.level);
  event.target = flags.target;
  event.name = flags.name;
  event.message = std::move(message);
  event.time_unix_nano = UnixNow();
  event.attributes = std::move(attributes);
  if (const auto context = IncomingContext(std::getenv)) {
    event.trace_id = context->trace_id;
    event.span_id = context->span_id;
    event.trace_flags = context->flags;
  }
  return event;
}

int Send(const GlobalOptions& options, const std::string& record,
         std::chrono::steady_clock::time_point begin, bool require) {
  const SocketPaths sockets = ResolveSockets(options);
  const std::string request =
      EncodeEmitRequest(NewClientId(), 1, {&record, 1}, ResourceFromEnvironment(std::getenv));
  const rpc::Status status =
      Emit(sockets.ingest, request, begin + options.timeout.value_or(kEmitTimeout));
  // What the filters leave out is nobody's mistake.
  const bool is_unwanted =
      status.outcome == rpc::Outcome::kStatus && status.message == kUnwantedLevel;
  if (status.ok() || (is_unwanted && !require)) return kExitOk;
  Failure failure = CallFailure(status, sockets.ingest);
  failure.message = "event not sent: " + failure.message;
  const int code = Fail(failure);
  return require ? code : kExitOk;
}

}  // namespace

int EventVerb(GlobalOptions options, std::vector<std::string> arguments) {
  const auto begin = std::chrono::steady_clock::now();
  CLI::App app("Emits one event, within the span that TRACEPARENT names.", "sluice event");
  EmitFlags flags{.target = "sluice::event"};
  std::string message;
  bool require = false;
  bool explain = false;
  bool dry_run = false;
  AddGlobalOptions(app, &options);
  AddEmitFlags(app, &flags);
  app.add_flag("--require", require,
               "Exit with 4 or 5 when the agent does not take it, not only with a note");
  CLI::Option* const explains =
      app.add_flag("--explain", explain,
                   "Also print which sinks take it, and which directive of their filters decides");
  app.add_flag("--dry-run", dry_run, "With --explain: do not emit it")->needs(explains);
  app.add_option("MESSAGE", message, "What happened; after -- if it begins with a dash")
      ->required();
  app.footer(
      "Takes 250 ms at most, or --timeout. With --explain, exit code 1: nobody takes it.\n"
      "Example:\n"
      "  sluice event --level warn --attr disk=sda1 --attr free:int=12 'disk nearly full'");
  if (const auto code = ParseArguments(app, std::move(arguments))) return *code;

  Result<std::vector<Attribute>> attributes = ParseAttributes("--attr", flags.attributes);
  if (!attributes.ok()) return Fail(attributes.failure());
  const std::string record =
      EncodeEvent(MakeEvent(flags, std::move(message), std::move(*attributes)));
  if (record.size() > limits::kRecordBytes) {
    return Fail({kExitUsage, "the event has " + std::to_string(record.size()) + " bytes; at most " +
                                 std::to_string(limits::kRecordBytes) + " can be sent"});
  }
  const int code = dry_run ? kExitOk : Send(options, record, begin, require);
  if (!dry_run) EchoEvent(record);
  if (!explain || code != kExitOk) return code;
  return ExplainInForce(options, record);
}

}  // namespace sluice::cli
