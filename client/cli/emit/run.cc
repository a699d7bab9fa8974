#include "client/cli/emit/run.h"

#include <unistd.h>

#include <CLI/App.hpp>
#include <algorithm>
#include <chrono>
#include <cstring>
#include <optional>
#include <system_error>

#include "client/cli/agent/emit.h"
#include "client/cli/emit/auto_tree.h"
#include "client/cli/emit/child_process.h"
#include "client/cli/emit/otel_environment.h"
#include "client/cli/emit/otlp_forwarder.h"
#include "client/cli/emit/propagation.h"
#include "client/cli/emit/span_flags.h"
#include "client/cli/emit/span_reporter.h"
#include "client/cli/emit/stderr_echo.h"
#include "client/cli/verb.h"
#include "client/cli/when.h"
#include "proto/record/limits.h"

namespace sluice::cli {
namespace {

using std::chrono::steady_clock;

// A record holds 64 KiB; a longer command line is cut, its last element then being "...".
constexpr size_t kCommandArgsBytes = 16 * 1024;

// How long the command waits for the agent to have the span that it runs in: what it emits before
// would lie outside any span. An agent that answers takes one sync of its disk.
constexpr std::chrono::milliseconds kStartWait{50};

struct RunFlags {
  SpanFlags span{.emit = {.target = "sluice::run"}};
  bool leaves_slot = false;     // `{{traceparent}}` in the command stays as it is
  uint64_t auto_tree_nano = 0;  // 0: no tree is shown
  bool otlp = false;
  std::string otlp_protocol;  // empty: what the command's environment says
};

std::string BaseName(const std::string& path) { return path.substr(path.rfind('/') + 1); }

std::vector<std::string> CutCommandArgs(const std::vector<std::string>& command) {
  std::vector<std::string> args;
  size_t bytes = 0;
  for (const std::string& arg : command) {
    bytes += arg.size() + 8;
    if (bytes > kCommandArgsBytes) {
      args.push_back("...");
      break;
    }
    args.push_back(arg);
  }
  return args;
}

// The span around the command, but for when it began.
SpanStart MakeStart(const SpanFlags& flags, const std::optional<TraceContext>& incoming,
                    const std::vector<std::string>& command, std::vector<Attribute> attributes) {
  SpanStart start = DescribeSpan(flags, incoming, std::move(attributes));
  if (start.name.empty()) start.name = BaseName(command.front());
  start.attributes.push_back({"process.executable.name", BaseName(command.front())});
  start.attributes.push_back({"process.command_args", CutCommandArgs(command)});
  return start;
}

// The command as it is run: the context stands where otel-cli has a slot for it.
std::vector<std::string> WithContext(std::vector<std::string> command,
                                     const TraceContext& context) {
  constexpr std::string_view kSlot = "{{traceparent}}";
  const std::string traceparent = FormatTraceparent(context);
  for (std::string& word : command) {
    for (size_t at = word.find(kSlot); at != std::string::npos;
         at = word.find(kSlot, at + traceparent.size())) {
      word.replace(at, kSlot.size(), traceparent);
    }
  }
  return command;
}

SpanEnd EndOfChild(const ChildExit& exit) {
  SpanEnd end;
  end.attributes.push_back({"process.exit.code", int64_t{exit.code}});
  if (exit.code != 0) {
    end.status = StatusCode::kError;
    end.status_message = exit.signal != 0 ? "killed by " + SignalName(exit.signal)
                                          : "exit status " + std::to_string(exit.code);
  }
  return end;
}

SpanEnd EndOfFailedExec(int error) {
  SpanEnd end;
  end.status = StatusCode::kError;
  end.status_message = std::string("cannot run: ") + std::strerror(error);
  return end;
}

// Leaves `*reporter` empty where the system grants no thread: the command goes on without a span.
void StartReporter(const GlobalOptions& options, const SpanStart& start, std::string resource,
                   std::optional<SpanReporter>* reporter) {
  try {
    reporter->emplace(SpanReporter::Options{.socket = ResolveSockets(options).ingest,
                                            .resource = std::move(resource)},
                      start);
  } catch (const std::system_error&) {
    reporter->reset();
  }
}

// Leaves `*forwarder` empty where the system grants no port: the command goes on without.
void OpenForwarder(const GlobalOptions& options, std::optional<OtlpForwarder>* forwarder) {
  forwarder->emplace(ResolveSockets(options).ingest);
  const int error = (*forwarder)->Listen();
  if (error == 0) return;
  Note(std::string("cannot forward OTLP: no port: ") + std::strerror(error));
  forwarder->reset();
}

// Runs the command within the span `start`; returns its exit code.
int RunInSpan(const GlobalOptions& options, const RunFlags& flags, SpanStart start,
              const std::vector<std::string>& command) {
  const TraceContext own = OwnContext(start);
  // Stdout is the command's, which runs also where the context cannot be written.
  const Failure written = HandOnContext(flags.span.context, own, stderr);
  if (written.code != kExitOk) Note(written.message);
  start.start_unix_nano = UnixNow();
  const uint64_t start_boottime = BoottimeNow();

  std::optional<OtlpForwarder> forwarder;
  if (flags.otlp) OpenForwarder(options, &forwarder);
  std::vector<std::string> environment = ChildEnvironment(environ, own);
  if (forwarder) {
    environment =
        WithOtlpEndpoint(std::move(environment), forwarder->endpoint(), flags.otlp_protocol);
  }

  ChildProcess child;
  SpanEcho echo;
  std::optional<SpanReporter> reporter;
  const auto open_span = [&] {
    StartReporter(options, start, ResourceOf(flags.span), &reporter);
    echo.Start(EncodeSpanStart(start));
  };
  const std::vector<std::string> words = flags.leaves_slot ? command : WithContext(command, own);
  const int error = child.Start(words, environment, [&](pid_t pid) {
    start.attributes.push_back({"process.pid", int64_t{pid}});
    open_span();
    if (forwarder && !forwarder->Start()) Note("cannot forward OTLP: no thread");
    if (reporter) reporter->WaitForStart(steady_clock::now() + kStartWait);
  });
  // A command that could not be started still gets a span.
  if (child.pid() < 0) open_span();
  const ChildExit exit = error == 0 ? child.Wait() : ChildExit{.code = ExitCodeOfExecError(error)};

  SpanEnd end = error == 0 ? EndOfChild(exit) : EndOfFailedExec(error);
  end.end_unix_nano = start.start_unix_nano + (BoottimeNow() - start_boottime);
  if (error != 0) {
    Fail({kExitIo, "cannot run '" + command.front() + "': " + std::strerror(error)});
  }
  const std::string end_record = EncodeSpanEnd(start, end);
  const rpc::Deadline deadline = steady_clock::now() + options.timeout.value_or(kEmitTimeout);
  if (forwarder) forwarder->Stop(deadline);
  const uint64_t took = end.end_unix_nano - start.start_unix_nano;
  const bool is_reported = reporter && reporter->End(std::move(end), deadline).ok();
  echo.End(end_record);
  if (is_reported && flags.auto_tree_nano != 0 && took >= flags.auto_tree_nano) {
    ShowTreeOf(ResolveSockets(options).ingest, start.span_id);
  }
  return exit.code;
}

void AddOtlpFlags(CLI::App& app, RunFlags* flags) {
  CLI::Option* const otlp =
      app.add_flag("--otlp", flags->otlp,
                   "Receive what OpenTelemetry's exporters in the command send, on a local port");
  app.add_option("--protocol", flags->otlp_protocol,
                 "Protocol of the exporters: grpc, http/protobuf, http/json")
      ->type_name("PROTOCOL")
      ->needs(otlp)
      ->check([](const std::string& text) {
        return std::ranges::count(kOtlpProtocols, text) != 0
                   ? std::string()
                   : "'" + text + "' is none of grpc, http/protobuf and http/json";
      });
}

void AddRunFlags(CLI::App& app, RunFlags* flags) {
  AddSpanFlags(app, &flags->span);
  app.add_flag("--tp-disable-inject", flags->leaves_slot,
               "Do not replace {{traceparent}} in the command");
  app.add_option_function<std::string>(
         "--auto-tree",
         [flags](const std::string& text) {
           const auto length = ParseLength(text);
           if (!length || *length == 0) {
             throw CLI::ValidationError("--auto-tree",
                                        "invalid time '" + text + "'; use 3s, for example");
           }
           flags->auto_tree_nano = *length;
         },
         "Show the span's tree on stderr if the command took longer than this")
      ->type_name("TIME");
  AddOtlpFlags(app, flags);
}

}  // namespace

int RunVerb(GlobalOptions options, std::vector<std::string> arguments) {
  CLI::App app(
      "Runs a command inside a span: its name, arguments, duration and exit code.\n"
      "The command finds TRACEPARENT in its environment, so what it emits is part of the span.",
      "sluice run");
  RunFlags flags;
  AddGlobalOptions(app, &options);
  AddRunFlags(app, &flags);
  app.prefix_command();
  SetUsage(app, "sluice run [OPTIONS] [--] COMMAND [ARGUMENT...]");
  app.footer(
      "Returns the command's exit code; 126: it cannot be executed, 127: it is not found, 128+N:\n"
      "signal N killed it. Signals are passed on. Without an agent it only runs the command.\n"
      "With --otlp any OpenTelemetry SDK in the command exports to the agent as this user.\n"
      "{{traceparent}} in the command becomes its span's context. 'sluice exec' is the same verb.\n"
      "Examples:\n"
      "  sluice run --name build --attr jobs:int=2 -- make -j2\n"
      "  sluice run --otlp -- java -javaagent:opentelemetry-javaagent.jar -jar app.jar");
  if (const auto code = ParseArguments(app, std::move(arguments))) return *code;

  std::vector<std::string> command = app.remaining();
  const bool is_marked = !command.empty() && command.front() == "--";
  if (is_marked) command.erase(command.begin());
  if (command.empty()) {
    return Fail({kExitUsage, "no command given; write 'sluice run -- COMMAND ARGUMENT...'"});
  }
  if (!is_marked && command.front().starts_with('-')) {
    return Fail({kExitUsage, "unknown option '" + command.front() +
                                 "'; a command of that name is written behind '--'"});
  }
  Result<std::vector<Attribute>> attributes = SpanAttributes(flags.span.emit, flags.span.attrs);
  if (!attributes.ok()) return Fail(attributes.failure());
  const auto incoming = ContextOf(flags.span.context);
  if (!incoming && flags.span.context.required) return Fail(NoContext());
  SpanStart start = MakeStart(flags.span, incoming, command, std::move(*attributes));
  if (EncodeSpanStart(start).size() > limits::kRecordBytes - 1024) {
    return Fail({kExitUsage, "the attributes are too large; a span holds 63 KiB in all"});
  }
  return RunInSpan(options, flags, std::move(start), command);
}

}  // namespace sluice::cli
