#include "client/cli/emit/span.h"

#include <CLI/App.hpp>
#include <array>

#include "client/cli/emit/one_shot.h"
#include "client/cli/emit/propagation.h"
#include "client/cli/emit/span_change.h"
#include "client/cli/emit/span_flags.h"
#include "client/cli/emit/span_start.h"
#include "client/cli/emit/stderr_echo.h"
#include "client/cli/verb.h"

namespace sluice::cli {
namespace {

constexpr std::array kSpanVerbs = {
    Verb{"start", "Start a span of this shell, and print what makes it current", SpanStartVerb},
    Verb{"background", "Start one beside what the shell does, and print nothing",
         SpanBackgroundVerb},
    Verb{"event", "Add an event to it", SpanEventVerb},
    Verb{"attr", "Add attributes to it", SpanAttrVerb},
    Verb{"end", "End it, and print what makes the one around it current again", SpanEndVerb},
};

struct WholeSpanFlags {
  SpanFlags span{.emit = {.target = "sluice::span"}};
  OneShotFlags one_shot;
  std::string start = "now";
  std::string end = "now";
};

int SendWholeSpan(const GlobalOptions& options, const WholeSpanFlags& flags, rpc::Deadline begin) {
  const uint64_t now = UnixNow();
  const auto started = ParseSpanTime(flags.start, now);
  const auto ended = ParseSpanTime(flags.end, now);
  if (!started || !ended) {
    return Fail({kExitUsage, "invalid time '" + (started ? flags.end : flags.start) +
                                 "'; use now, 2026-11-20T09:27:53Z or 1763630873.5"});
  }
  if (*ended < *started) return Fail({kExitUsage, "--end is before --start"});
  const auto incoming = ContextOf(flags.span.context);
  if (!incoming && flags.span.context.required) return Fail(NoContext());
  Result<std::vector<Attribute>> attributes = SpanAttributes(flags.span.emit, flags.span.attrs);
  if (!attributes.ok()) return Fail(attributes.failure());

  SpanStart span = DescribeSpan(flags.span, incoming, std::move(*attributes));
  span.start_unix_nano = *started;
  const SpanEnd end{.end_unix_nano = *ended,
                    .status = flags.span.status,
                    .status_message = flags.span.status_description};
  const std::string record = EncodeSpan(span, end);
  const std::string request =
      EncodeEmitRequest(NewClientId(), 1, {&record, 1}, ResourceOf(flags.span));
  const rpc::Status status =
      SendOneShot(options, flags.one_shot, request, OneShotDeadline(options, begin));
  SpanEcho echo;
  echo.Start(EncodeSpanStart(span));
  echo.End(EncodeSpanEnd(span, end));
  const int told = TellOneShot(options, flags.one_shot, status, "span");
  const Failure written = HandOnContext(flags.span.context, OwnContext(span), stdout);
  return written.code == kExitOk ? told : Fail(written);
}

}  // namespace

int SpanVerb(GlobalOptions options, std::vector<std::string> arguments) {
  const rpc::Deadline begin = rpc::Deadline::clock::now();
  if (!arguments.empty() && !arguments.front().starts_with('-')) {
    const std::string name = arguments.front();
    arguments.erase(arguments.begin());
    const Verb* const verb = FindVerb(kSpanVerbs, name);
    if (verb == nullptr) return UnknownVerb("sluice span", kSpanVerbs, name);
    return verb->main(std::move(options), std::move(arguments));
  }
  CLI::App app(
      "Emits one span that has begun and ended, within the one that TRACEPARENT names. The verbs\n"
      "start a span that lasts, change it and end it.",
      "sluice span");
  WholeSpanFlags flags;
  flags.one_shot.connection = ConnectEarly(options, arguments);
  AddGlobalOptions(app, &options);
  AddSpanFlags(app, &flags.span);
  app.add_option("--start", flags.start, "When it began: RFC 3339, seconds since 1970, or now")
      ->type_name("TIME");
  app.add_option("--end", flags.end, "When it ended")->type_name("TIME");
  AddStatusFlags(app, &flags.span);
  AddOneShotFlags(app, &flags.one_shot);
  SetUsage(app, "sluice span --name NAME [OPTIONS], or sluice span VERB ...");
  app.footer(ListVerbs(kSpanVerbs) +
             "\nTakes otel-cli's flags. 'sluice span VERB --help' says more of a verb.\n"
             "Example:\n"
             "  sluice span -n backup -a files=12 --start 2026-11-20T09:27:53Z --end now");
  if (const auto code = ParseArguments(app, std::move(arguments))) return *code;
  if (flags.span.emit.name.empty()) return Fail({kExitUsage, "no name given; write --name NAME"});
  return SendWholeSpan(options, flags, begin);
}

}  // namespace sluice::cli
