#include "client/cli/emit/run.h"

#include <unistd.h>

#include <CLI/App.hpp>
#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <system_error>

#include "client/cli/agent/emit.h"
#include "client/cli/emit/child_process.h"
#include "client/cli/emit/otel_environment.h"
#include "client/cli/emit/otlp_forwarder.h"
#include "client/cli/emit/propagation.h"
#include "client/cli/emit/span_reporter.h"
#include "client/cli/emit/stderr_echo.h"
#include "client/cli/verb.h"
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
  EmitFlags emit{.target = "sluice::run"};
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

SpanStart MakeStart(const EmitFlags& flags, const std::vector<std::string>& command,
                    std::vector<Attribute> attributes) {
  SpanStart start;
  start.level = *ParseLevel(flags.level);
  start.target = flags.target;
  start.name = flags.name.empty() ? BaseName(command.front()) : flags.name;
  start.attributes = std::move(attributes);
  for (Attribute& attribute : BaggageAttributes(std::getenv)) {
    std::erase_if(start.attributes, [&](const auto& given) { return given.key == attribute.key; });
    start.attributes.push_back(std::move(attribute));
  }
  start.attributes.push_back({"process.executable.name", BaseName(command.front())});
  start.attributes.push_back({"process.command_args", CutCommandArgs(command)});
  return start;
}

void SetContext(const std::optional<TraceContext>& incoming, const TraceContext& own,
                SpanStart* start) {
  start->trace_id = own.trace_id;
  start->span_id = own.span_id;
  start->trace_flags = own.flags;
  start->trace_state = own.tracestate;
  if (incoming) start->parent_span_id = incoming->span_id;
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
void StartReporter(const GlobalOptions& options, const SpanStart& start,
                   std::optional<SpanReporter>* reporter) {
  try {
    reporter->emplace(SpanReporter::Options{.socket = ResolveSockets(options).ingest,
                                            .resource = ResourceFromEnvironment(std::getenv)},
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
  const auto incoming = IncomingContext(std::getenv);
  const TraceContext own = NewSpanContext(incoming);
  SetContext(incoming, own, &start);
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
    StartReporter(options, start, &reporter);
    echo.Start(EncodeSpanStart(start));
  };
  const int error = child.Start(command, environment, [&](pid_t pid) {
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
  if (reporter) reporter->End(std::move(end), deadline);
  echo.End(end_record);
  return exit.code;
}

void AddOtlpFlags(CLI::App& app, RunFlags* flags) {
  CLI::Option* const otlp = app.add_flag(
      "--otlp", flags->otlp,
      "Take what OpenTelemetry's exporters in the command send, over a port of its own");
  app.add_option("--protocol", flags->otlp_protocol, "With --otlp: grpc, http/protobuf, http/json")
      ->type_name("PROTOCOL")
      ->needs(otlp)
      ->check([](const std::string& text) {
        return std::ranges::count(kOtlpProtocols, text) != 0
                   ? std::string()
                   : "'" + text + "' is none of grpc, http/protobuf and http/json";
      });
}

}  // namespace

int RunVerb(GlobalOptions options, std::vector<std::string> arguments) {
  CLI::App app(
      "Runs a command inside a span: its name, arguments, duration and exit code.\n"
      "The command finds TRACEPARENT in its environment, so that what it emits lies within.",
      "sluice run");
  RunFlags flags;
  AddGlobalOptions(app, &options);
  AddEmitFlags(app, &flags.emit);
  AddOtlpFlags(app, &flags);
  app.prefix_command();
  SetUsage(app, "sluice run [OPTIONS] [--] COMMAND [ARGUMENT...]");
  app.footer(
      "Returns the command's exit code; 126: it cannot be executed, 127: it is not found, 128+N:\n"
      "signal N killed it. Signals are passed on. Without an agent it only runs the command.\n"
      "With --otlp any OpenTelemetry SDK in the command exports to the agent as this user.\n"
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
  Result<std::vector<Attribute>> attributes = ParseAttributes("--attr", flags.emit.attributes);
  if (!attributes.ok()) return Fail(attributes.failure());
  SpanStart start = MakeStart(flags.emit, command, std::move(*attributes));
  if (EncodeSpanStart(start).size() > limits::kRecordBytes - 1024) {
    return Fail({kExitUsage, "the attributes are too large; a span holds 63 KiB in all"});
  }
  return RunInSpan(options, flags, std::move(start), command);
}

}  // namespace sluice::cli
