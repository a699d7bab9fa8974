#include "client/cli/emit/event.h"

#include <CLI/App.hpp>
#include <cstdlib>
#include <optional>

#include "client/cli/agent/emit.h"
#include "client/cli/emit/explain.h"
#include "client/cli/emit/propagation.h"
#include "client/cli/emit/record_encoder.h"
#include "client/cli/emit/stderr_echo.h"
#include "client/cli/verb.h"
#include "proto/record/limits.h"
#include "proto/record/names.h"
#include "proto/trace/uuid.h"

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

struct EventFlags {
  EmitFlags emit{.target = "sluice::event"};
  std::string message;
  std::optional<ClientId> id;  // the event's own, for who sends it again
  bool require = false;
  bool no_wait = false;
  bool explain = false;
  bool dry_run = false;
};

// Of a request that was sent, at least in part, and not answered.
bool IsUncertain(const rpc::Status& status) {
  return status.outcome == rpc::Outcome::kTimeout || status.outcome == rpc::Outcome::kBroken;
}

int Send(const GlobalOptions& options, const EventFlags& flags, const std::string& record,
         std::chrono::steady_clock::time_point begin) {
  const SocketPaths sockets = ResolveSockets(options);
  const std::string request = EncodeEmitRequest(flags.id ? *flags.id : NewClientId(), 1,
                                                {&record, 1}, ResourceFromEnvironment(std::getenv));
  const rpc::Deadline deadline = begin + options.timeout.value_or(kEmitTimeout);
  const rpc::Status status = flags.no_wait ? HandOver(sockets.ingest, request, deadline)
                                           : Emit(sockets.ingest, request, deadline);
  // What the filters leave out is nobody's mistake.
  const bool is_unwanted =
      status.outcome == rpc::Outcome::kStatus && status.message == kUnwantedLevel;
  if (status.ok() || (is_unwanted && !flags.require)) return kExitOk;
  Failure failure = CallFailure(status, sockets.ingest);
  failure.message = IsUncertain(status) ? failure.message + "; the event may still arrive"
                                        : "event not sent: " + failure.message;
  const int code = Fail(failure);
  return flags.require ? code : kExitOk;
}

std::string ReadId(const std::string& text, std::optional<ClientId>* id) {
  *id = ParseUuid(text);
  if (!*id) *id = ClientId::FromHex(text);
  const bool is_id = *id && !(*id)->IsZero();
  return is_id ? std::string() : "invalid UUID '" + text + "'";
}

void AddEventFlags(CLI::App& app, EventFlags* flags) {
  AddEmitFlags(app, &flags->emit);
  CLI::Option* const require =
      app.add_flag("--require", flags->require,
                   "Exit with 4 or 5 when the agent does not take it, not only with a note");
  app.add_option_function<std::string>(
         "--id",
         [flags](const std::string& text) {
           const std::string error = ReadId(text, &flags->id);
           if (!error.empty()) throw CLI::ValidationError("--id", error);
         },
         "A UUID of its own: sent again under the same one, it is stored once")
      ->type_name("UUID");
  app.add_flag("--no-wait", flags->no_wait,
               "Hand it to the socket and do not wait for the agent to have it")
      ->excludes(require);
  CLI::Option* const explains =
      app.add_flag("--explain", flags->explain,
                   "Also print which sinks take it, and which directive of their filters decides");
  app.add_flag("--dry-run", flags->dry_run, "With --explain: do not emit it")->needs(explains);
  app.add_option("MESSAGE", flags->message, "What happened; after -- if it begins with a dash")
      ->required();
}

}  // namespace

int EventVerb(GlobalOptions options, std::vector<std::string> arguments) {
  const auto begin = std::chrono::steady_clock::now();
  CLI::App app("Emits one event, within the span that TRACEPARENT names.", "sluice event");
  EventFlags flags;
  AddGlobalOptions(app, &options);
  AddEventFlags(app, &flags);
  app.footer(
      "Takes 250 ms at most, or --timeout. Without an answer by then the event may arrive all the\n"
      "same: the agent finds what waits at its socket. With --explain, exit code 1: nobody takes "
      "it.\n"
      "Example:\n"
      "  sluice event --level warn --attr disk=sda1 --attr free:int=12 'disk nearly full'");
  if (const auto code = ParseArguments(app, std::move(arguments))) return *code;

  Result<std::vector<Attribute>> attributes = ParseAttributes("--attr", flags.emit.attributes);
  if (!attributes.ok()) return Fail(attributes.failure());
  const std::string record =
      EncodeEvent(MakeEvent(flags.emit, flags.message, std::move(*attributes)));
  if (record.size() > limits::kRecordBytes) {
    return Fail({kExitUsage, "the event has " + std::to_string(record.size()) + " bytes; at most " +
                                 std::to_string(limits::kRecordBytes) + " can be sent"});
  }
  const int code = flags.dry_run ? kExitOk : Send(options, flags, record, begin);
  if (!flags.dry_run) EchoEvent(record);
  if (!flags.explain || code != kExitOk) return code;
  return ExplainInForce(options, record);
}

}  // namespace sluice::cli
