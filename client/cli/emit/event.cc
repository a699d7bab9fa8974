#include "client/cli/emit/event.h"

#include <unistd.h>

#include <CLI/App.hpp>
#include <cstdlib>
#include <optional>

#include "client/cli/agent/emit.h"
#include "client/cli/emit/event_lines.h"
#include "client/cli/emit/explain.h"
#include "client/cli/emit/one_shot.h"
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
  OneShotFlags one_shot;
  bool explain = false;
  bool dry_run = false;
  bool lines = false;
};

int Send(const GlobalOptions& options, const EventFlags& flags, const std::string& record,
         rpc::Deadline begin) {
  const std::string request = EncodeEmitRequest(flags.id ? *flags.id : NewClientId(), 1,
                                                {&record, 1}, ResourceFromEnvironment(std::getenv));
  const rpc::Status status =
      SendOneShot(options, flags.one_shot, request, OneShotDeadline(options, begin));
  return TellOneShot(options, flags.one_shot, status, "event");
}

std::string ReadId(const std::string& text, std::optional<ClientId>* id) {
  *id = ParseUuid(text);
  if (!*id) *id = ClientId::FromHex(text);
  const bool is_id = *id && !(*id)->IsZero();
  return is_id ? std::string() : "invalid UUID '" + text + "'";
}

void AddEventFlags(CLI::App& app, EventFlags* flags) {
  AddEmitFlags(app, &flags->emit);
  AddOneShotFlags(app, &flags->one_shot);
  CLI::Option* const id =
      app.add_option_function<std::string>(
             "--id",
             [flags](const std::string& text) {
               const std::string error = ReadId(text, &flags->id);
               if (!error.empty()) throw CLI::ValidationError("--id", error);
             },
             "UUID of the event; if it is sent again under the same one, it is stored once")
          ->type_name("UUID");
  CLI::Option* const explains =
      app.add_flag("--explain", flags->explain,
                   "Also print which sinks take it, and which directive of their filters decides");
  app.add_flag("--dry-run", flags->dry_run, "With --explain: do not emit it")->needs(explains);
  CLI::Option* const lines =
      app.add_flag("--lines", flags->lines, "Each line of stdin is the message of an event")
          ->excludes(id)
          ->excludes(explains);
  app.add_option("MESSAGE", flags->message,
                 "What happened; write it behind -- if it begins with a dash")
      ->excludes(lines);
}

}  // namespace

int EventVerb(GlobalOptions options, std::vector<std::string> arguments) {
  const auto begin = std::chrono::steady_clock::now();
  CLI::App app("Emits one event, within the span that TRACEPARENT names.", "sluice event");
  EventFlags flags;
  flags.one_shot.connection = ConnectEarly(options, arguments);
  AddGlobalOptions(app, &options);
  AddEventFlags(app, &flags);
  app.footer(
      "Waits 250 ms at most, or --timeout. Without an answer by then the event may still arrive, "
      "for\n"
      "the agent reads what waits at its socket. SLUICE_QUIET=1 leaves out the note of an event "
      "that\n"
      "the agent did not take. With --explain, exit code 1: no sink takes it, nor the journal.\n"
      "Example:\n"
      "  sluice event --level warn --attr disk=sda1 --attr free:int=12 'disk nearly full'\n"
      "  make 2>&1 | sluice event --lines --target make");
  if (const auto code = ParseArguments(app, std::move(arguments))) return *code;

  Result<std::vector<Attribute>> attributes = ParseAttributes("--attr", flags.emit.attributes);
  if (!attributes.ok()) return Fail(attributes.failure());
  if (!flags.lines && app.count("MESSAGE") == 0) {
    return Fail({kExitUsage, "no message given; write it behind the flags, or --lines"});
  }
  const Event event = MakeEvent(flags.emit, flags.message, std::move(*attributes));
  if (flags.lines) {
    // The first of them may be long in coming.
    flags.one_shot.connection.reset();
    return EmitLines(options, flags.one_shot, event, STDIN_FILENO);
  }
  const std::string record = EncodeEvent(event);
  if (record.size() > limits::kRecordBytes) {
    return Fail({kExitUsage, "the event has " + std::to_string(record.size()) + " bytes; at most " +
                                 std::to_string(limits::kRecordBytes) + " can be sent"});
  }
  const int code = flags.dry_run ? kExitOk : Send(options, flags, record, begin);
  if (!flags.dry_run) EventEcho().Show(record);
  if (!flags.explain || code != kExitOk) return code;
  return ExplainInForce(options, record);
}

}  // namespace sluice::cli
