#include "client/cli/emit/span_change.h"

#include <CLI/App.hpp>
#include <cstdlib>
#include <optional>

#include "client/cli/emit/carrier.h"
#include "client/cli/emit/one_shot.h"
#include "client/cli/emit/propagation.h"
#include "client/cli/emit/shell_text.h"
#include "client/cli/emit/span_flags.h"
#include "client/cli/verb.h"

namespace sluice::cli {
namespace {

// What every verb about a span that goes on takes.
struct ChangeFlags {
  std::string carrier;  // a file that holds the span's context; empty: TRACEPARENT does
  std::string sockdir;  // or the folder of one
  OneShotFlags one_shot;

  bool names_file() const { return !carrier.empty() || !sockdir.empty(); }
};

// `arguments`: of the verb, not yet read.
void AddChangeFlags(CLI::App& app, GlobalOptions* options, ChangeFlags* flags,
                    const std::vector<std::string>& arguments) {
  flags->one_shot.connection = ConnectEarly(*options, arguments);
  AddGlobalOptions(app, options);
  AddCarrierFlag(app, &flags->carrier);
  AddSockdirFlags(app, &flags->sockdir);
  AddOneShotFlags(app, &flags->one_shot);
}

// Where a file is named that holds no context, the current span is not meant in its place.
std::optional<TraceContext> MeantContext(const ChangeFlags& flags, rpc::Deadline deadline) {
  // `span background --sockdir DIR &` may still be at it.
  if (!flags.sockdir.empty()) return AwaitCarrier(SockdirCarrier(flags.sockdir), deadline);
  return flags.carrier.empty() ? IncomingContext(std::getenv) : ReadCarrier(flags.carrier);
}

// The span that is meant: its ids alone.
std::optional<SpanStart> MeantSpan(const ChangeFlags& flags, rpc::Deadline deadline) {
  const auto context = MeantContext(flags, deadline);
  if (!context) return std::nullopt;
  SpanStart span;
  span.trace_id = context->trace_id;
  span.span_id = context->span_id;
  return span;
}

// Sends the record that `encode` makes of the span that is meant.
template <typename Encode>
int Change(const GlobalOptions& options, const ChangeFlags& flags, rpc::Deadline begin,
           const Encode& encode) {
  const rpc::Deadline deadline = OneShotDeadline(options, begin);
  const std::optional<SpanStart> span = MeantSpan(flags, deadline);
  if (!span) return Fail(NoContext());
  const std::string record = encode(*span);
  const std::string request = EncodeEmitRequest(NewClientId(), 1, {&record, 1}, {});
  const rpc::Status status = SendOneShot(options, flags.one_shot, request, deadline);
  return TellOneShot(options, flags.one_shot, status, "change of the span");
}

struct EndFlags {
  ChangeFlags change;
  SpanFlags span;  // its attributes and its status
  std::optional<int> exit_status;
  std::string end = "now";
};

void AddEndFlags(CLI::App& app, EndFlags* flags) {
  app.add_option("--status", flags->exit_status,
                 "Exit status of the work; any but 0 means that it failed: --status $?")
      ->type_name("N");
  AddStatusFlags(app, &flags->span);
  AddAttrFlag(app, &flags->span.emit.attributes);
  AddAttrsFlag(app, &flags->span.attrs);
  app.add_option("--end", flags->end, "When it ended, if not now")->type_name("TIME");
}

SpanEnd DescribeEnd(const EndFlags& flags, uint64_t ended, std::vector<Attribute> attributes) {
  SpanEnd end{.end_unix_nano = ended,
              .status = flags.span.status,
              .status_message = flags.span.status_description,
              .attributes = std::move(attributes)};
  if (!flags.exit_status) return end;
  end.attributes.push_back({"process.exit.code", int64_t{*flags.exit_status}});
  if (*flags.exit_status != 0 && end.status == StatusCode::kUnset) {
    end.status = StatusCode::kError;
    if (end.status_message.empty()) {
      end.status_message = "exit status " + std::to_string(*flags.exit_status);
    }
  }
  return end;
}

}  // namespace

int SpanEventVerb(GlobalOptions options, std::vector<std::string> arguments) {
  const rpc::Deadline begin = rpc::Deadline::clock::now();
  CLI::App app("Adds an event to a span that 'sluice span' has started.", "sluice span event");
  ChangeFlags flags;
  EmitFlags emit;
  std::vector<std::string> attrs;
  std::string time = "now";
  AddChangeFlags(app, &options, &flags, arguments);
  app.add_option("NAME,-e,-n,--name", emit.name, "What happened")->required();
  app.add_option("-t,--time", time, "When, if not now")->type_name("TIME");
  AddAttrFlag(app, &emit.attributes);
  AddAttrsFlag(app, &attrs);
  app.footer(
      "It is a part of the span, as OpenTelemetry has it; 'sluice event' makes one that stands "
      "for\n"
      "itself and has a level.\n"
      "Example:\n"
      "  sluice span event --attr disk=sda1 mounted");
  if (const auto code = ParseArguments(app, std::move(arguments))) return *code;
  Result<std::vector<Attribute>> attributes = SpanAttributes(emit, attrs);
  if (!attributes.ok()) return Fail(attributes.failure());
  const auto moment = ParseSpanTime(time, UnixNow());
  if (!moment) return Fail({kExitUsage, "--time: invalid time '" + time + "'"});
  return Change(options, flags, begin, [&](const SpanStart& span) {
    return EncodeSpanEvent(span, {*moment, emit.name, std::move(*attributes)});
  });
}

int SpanAttrVerb(GlobalOptions options, std::vector<std::string> arguments) {
  const rpc::Deadline begin = rpc::Deadline::clock::now();
  CLI::App app("Adds attributes to a span that 'sluice span' has started.", "sluice span attr");
  ChangeFlags flags;
  std::vector<std::string> texts;
  AddChangeFlags(app, &options, &flags, arguments);
  app.add_option("K=V", texts, "Attributes; typed as K:int=5, K:double=0.5, K:bool=true")
      ->required();
  app.footer("Example:\n  sluice span attr disk=sda1 free:int=12");
  if (const auto code = ParseArguments(app, std::move(arguments))) return *code;
  const Result<std::vector<Attribute>> attributes = ParseAttributes("attribute", texts);
  if (!attributes.ok()) return Fail(attributes.failure());
  return Change(options, flags, begin,
                [&](const SpanStart& span) { return EncodeSpanAttributes(span, *attributes); });
}

int SpanEndVerb(GlobalOptions options, std::vector<std::string> arguments) {
  const rpc::Deadline begin = rpc::Deadline::clock::now();
  CLI::App app(
      "Ends a span that 'sluice span' has started. Prints lines that make the outer span current\n"
      "again in the shell that evaluates them; none if a file or a folder names the span.",
      "sluice span end");
  EndFlags flags;
  AddChangeFlags(app, &options, &flags.change, arguments);
  AddEndFlags(app, &flags);
  app.footer(
      "Example:\n"
      "  eval \"$(sluice span end --status $?)\"");
  if (const auto code = ParseArguments(app, std::move(arguments))) return *code;
  Result<std::vector<Attribute>> attributes = SpanAttributes(flags.span.emit, flags.span.attrs);
  if (!attributes.ok()) return Fail(attributes.failure());
  const auto ended = ParseSpanTime(flags.end, UnixNow());
  if (!ended) return Fail({kExitUsage, "--end: invalid time '" + flags.end + "'"});
  const SpanEnd end = DescribeEnd(flags, *ended, std::move(*attributes));
  const int told = Change(options, flags.change, begin,
                          [&](const SpanStart& span) { return EncodeSpanEnd(span, end); });
  const int printed = flags.change.names_file() ? kExitOk : Print(LeaveSpan());
  return printed == kExitOk ? told : printed;
}

}  // namespace sluice::cli
