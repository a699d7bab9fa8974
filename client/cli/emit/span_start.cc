#include "client/cli/emit/span_start.h"

#include <CLI/App.hpp>
#include <charconv>
#include <cstdlib>

#include "client/cli/emit/carrier.h"
#include "client/cli/emit/one_shot.h"
#include "client/cli/emit/propagation.h"
#include "client/cli/emit/shell_text.h"
#include "client/cli/emit/span_flags.h"
#include "client/cli/emit/span_owner.h"
#include "client/cli/emit/stderr_echo.h"
#include "client/cli/render/json_writer.h"
#include "client/cli/verb.h"
#include "client/cli/when.h"
#include "proto/record/limits.h"

namespace sluice::cli {
namespace {

struct StartFlags {
  SpanFlags span{.emit = {.target = "sluice::span"}};
  OneShotFlags one_shot;
  std::string name;     // as a word; else --name
  std::string owner;    // empty: the caller; `none`; or a pid
  uint64_t ttl_ms = 0;  // 0: none
  std::string start = "now";
  std::string sockdir;
};

void AddOwnerFlags(CLI::App& app, StartFlags* flags) {
  app.add_option("--owner", flags->owner,
                 "The span ends with this process: a pid, or none. Default: the calling shell")
      ->type_name("PID");
  app.add_option_function<std::string>(
         "--ttl",
         [flags](const std::string& text) {
           const auto length = ParseLength(text);
           if (!length || *length < 1'000'000 || *length > limits::kSpanTtlMaxMs * 1'000'000) {
             throw CLI::ValidationError("--ttl", "'" + text + "' is not a time up to 7d");
           }
           flags->ttl_ms = *length / 1'000'000;
         },
         "The agent ends the span after this time at the latest: 90s, 2h, at most 7d")
      ->type_name("TIME");
}

// nullopt: that process does not live, nor would the span.
Result<std::optional<SpanOwner>> ChooseOwner(const StartFlags& flags) {
  std::optional<SpanOwner> owner = SpanOwner{};
  if (flags.owner.empty()) {
    owner = OwnerOfCaller();
  } else if (flags.owner != "none") {
    pid_t pid = 0;
    const char* const end = flags.owner.data() + flags.owner.size();
    const auto parsed = std::from_chars(flags.owner.data(), end, pid);
    if (parsed.ec != std::errc() || parsed.ptr != end || pid <= 0) {
      return Failure{kExitUsage, "--owner '" + flags.owner + "' is neither a pid nor none"};
    }
    owner = OwnerWithPid(pid);
  }
  if (owner) owner->ttl_ms = flags.ttl_ms;
  return owner;
}

rpc::Status SendStart(const GlobalOptions& options, const StartFlags& flags,
                      const std::string& record, const SpanOwner& owner, rpc::Deadline deadline) {
  const std::string resource = ResourceOf(flags.span);
  const auto send = [&](const SpanOwner& to) {
    return SendOneShot(options, flags.one_shot,
                       EncodeEmitRequest(NewClientId(), 1, {&record, 1}, resource, to), deadline);
  };
  const rpc::Status status = send(owner);
  const bool is_owner_refused = status.outcome == rpc::Outcome::kStatus &&
                                status.code == rpc::GrpcCode::kFailedPrecondition && owner.pid != 0;
  // An owner that lives here and not for the agent is of another pid namespace. The agent cannot
  // see its end, so that time alone ends the span.
  if (is_owner_refused && Lives(owner)) return send({.ttl_ms = owner.ttl_ms});
  return status;
}

int PrintContext(const GlobalOptions& options, const TraceContext& context, bool is_new_trace) {
  if (!options.json) return Print(EnterSpan(context, is_new_trace));
  JsonWriter json;
  json.BeginObject();
  json.Key("traceparent");
  json.String(FormatTraceparent(context));
  json.Key("trace_id");
  json.String(context.trace_id.ToHex());
  json.Key("span_id");
  json.String(context.span_id.ToHex());
  json.EndObject();
  return Print(json.Finish());
}

// Tells the agent, unless the owner is gone, whose end would end the span. Returns the exit code.
int Announce(const GlobalOptions& options, const StartFlags& flags, SpanStart span,
             const std::optional<SpanOwner>& owner, rpc::Deadline begin) {
  if (!owner) {
    const int code = Fail({kExitUsage, "span not sent: its owner does not live"});
    return flags.one_shot.require ? code : kExitOk;
  }
  if (owner->pid != 0) span.attributes.push_back({"process.pid", int64_t{owner->pid}});
  const std::string record = EncodeSpanStart(span);
  const rpc::Status status =
      SendStart(options, flags, record, *owner, OneShotDeadline(options, begin));
  SpanEcho().Start(record);
  return TellOneShot(options, flags.one_shot, status, "span");
}

int StartSpan(const GlobalOptions& options, const StartFlags& flags, bool is_background,
              rpc::Deadline begin) {
  const auto started = ParseSpanTime(flags.start, UnixNow());
  if (!started) return Fail({kExitUsage, "--start: invalid time '" + flags.start + "'"});
  const auto incoming = ContextOf(flags.span.context);
  if (!incoming && flags.span.context.required) return Fail(NoContext());
  Result<std::vector<Attribute>> attributes = SpanAttributes(flags.span.emit, flags.span.attrs);
  if (!attributes.ok()) return Fail(attributes.failure());
  const Result<std::optional<SpanOwner>> owner = ChooseOwner(flags);
  if (!owner.ok()) return Fail(owner.failure());

  SpanStart span = DescribeSpan(flags.span, incoming, std::move(*attributes));
  span.start_unix_nano = *started;
  const TraceContext context = OwnContext(span);
  int code = Announce(options, flags, std::move(span), *owner, begin);
  Failure written = HandOnContext(flags.span.context, context, stdout);
  if (written.code == kExitOk && !flags.sockdir.empty()) {
    written = WriteCarrier(SockdirCarrier(flags.sockdir), FormatCarrier(context, false));
  }
  if (written.code != kExitOk) code = Fail(written);
  if (is_background || flags.span.context.print) return code;
  const int printed = PrintContext(options, context, !incoming.has_value());
  return printed == kExitOk ? code : printed;
}

int Run(CLI::App& app, GlobalOptions options, std::vector<std::string> arguments,
        bool is_background) {
  const rpc::Deadline begin = rpc::Deadline::clock::now();
  StartFlags flags;
  flags.one_shot.connection = ConnectEarly(options, arguments);
  AddGlobalOptions(app, &options);
  app.add_option("NAME", flags.name, "Its name, as --name");
  AddSpanFlags(app, &flags.span);
  AddOwnerFlags(app, &flags);
  app.add_option("--start", flags.start, "When it began, if not now")->type_name("TIME");
  AddOneShotFlags(app, &flags.one_shot);
  bool has_no_owner = false;
  if (is_background) {
    AddSockdirFlags(app, &flags.sockdir);
    app.add_flag("--skip-pid-check", has_no_owner, "The same as --owner none");
  }
  if (const auto code = ParseArguments(app, std::move(arguments))) return *code;
  if (!flags.name.empty()) flags.span.emit.name = flags.name;
  if (flags.span.emit.name.empty()) {
    return Fail({kExitUsage, "no name given; write 'sluice span " +
                                 std::string(is_background ? "background" : "start") + " NAME'"});
  }
  if (has_no_owner) flags.owner = "none";
  return StartSpan(options, flags, is_background, begin);
}

}  // namespace

int SpanStartVerb(GlobalOptions options, std::vector<std::string> arguments) {
  CLI::App app(
      "Starts a span that lasts until 'sluice span end'. If the calling shell ends first, the "
      "span\n"
      "ends as aborted. Prints lines that make it the current span of the shell that evaluates "
      "them.",
      "sluice span start");
  app.footer(
      "Without an agent it prints the same, and a note on stderr.\n"
      "Example:\n"
      "  eval \"$(sluice span start --name backup)\"\n"
      "  tar -cf /backup/home.tar /home\n"
      "  eval \"$(sluice span end --status $?)\"");
  return Run(app, std::move(options), std::move(arguments), /*is_background=*/false);
}

int SpanBackgroundVerb(GlobalOptions options, std::vector<std::string> arguments) {
  CLI::App app(
      "Starts a span that does not become the shell's current one, and returns at once. Later "
      "calls\n"
      "name it by the file (--tp-carrier) or the folder (--sockdir) given here.",
      "sluice span background");
  app.footer(
      "It ends, aborted, with the shell that calls, unless --owner names another process.\n"
      "Example:\n"
      "  sluice span background --name download --tp-carrier /run/job/download\n"
      "  sluice span end --tp-carrier /run/job/download");
  return Run(app, std::move(options), std::move(arguments), /*is_background=*/true);
}

}  // namespace sluice::cli
