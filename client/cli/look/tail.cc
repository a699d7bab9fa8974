#include "client/cli/look/tail.h"

#include <poll.h>
#include <unistd.h>

#include <CLI/App.hpp>
#include <algorithm>
#include <cerrno>
#include <charconv>
#include <climits>
#include <cstdio>
#include <cstring>
#include <optional>

#include "client/cli/agent/emit.h"
#include "client/cli/agent/offline_agent.h"
#include "client/cli/agent/request.h"
#include "client/cli/interrupt.h"
#include "client/cli/look/filter_flags.h"
#include "client/cli/look/line_printer.h"
#include "client/cli/look/trace_choice.h"
#include "client/cli/render/text.h"
#include "client/cli/verb.h"
#include "client/rpc/channel.h"
#include "proto/record/names.h"
#include "proto/record/view.h"
#include "proto/trace/ids.h"

namespace sluice::cli {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr milliseconds kTailTimeout{10'000};
// An agent that is restarted, or whose host is busy, is waited for so long.
constexpr milliseconds kReturnTimeout{60'000};
constexpr milliseconds kPauseBetweenTries{100};
constexpr uint32_t kDefaultLines = 10;

struct TailFlags {
  std::string lines;
  std::string level;
  std::string output = "short";
  std::string pattern;
  std::string after_cursor;
  bool show_cursor = false;
  std::string user;
  std::string since;
  std::string until;
  std::string boot;
  bool reverse = false;
  std::string target;
  std::string unit;
  bool follow = false;
  std::string trace;
  std::string span;
};

void AddFlags(CLI::App& app, TailFlags* flags) {
  app.add_flag("-f,--follow", flags->follow, "Go on showing lines as they come");
  app.add_option("-n,--lines", flags->lines,
                 "The newest N, or all. Default: 10, after a cursor all")
      ->type_name("N");
  app.add_option("-p,--level", flags->level, "Only this level and more severe: error to trace")
      ->type_name("LEVEL");
  app.add_option("-g,--grep", flags->pattern,
                 "Only messages that match; case counts if REGEX has a capital")
      ->type_name("REGEX");
  app.add_option("-t,--target", flags->target, "Only targets that begin with this")
      ->type_name("PREFIX");
  app.add_option("-u,--unit", flags->unit, "Only this systemd unit")->type_name("UNIT");
  app.add_option("--uid", flags->user, "Only this user")->type_name("USER");
  app.add_option("-S,--since", flags->since,
                 "Only since this time: '2026-11-20 09:27' in UTC, '10 min ago', today")
      ->type_name("TIME");
  app.add_option("-U,--until", flags->until, "Only until this time")->type_name("TIME");
  app.add_option("-b,--boot", flags->boot, "Only this boot; without an id, the current one")
      ->type_name("[BOOT_ID]")
      ->expected(0, 1);
  app.add_flag("-r,--reverse", flags->reverse, "The newest first");
  app.add_option("--trace", flags->trace, "Only this trace: its id or first digits, or last")
      ->type_name("ID");
  app.add_option("--span", flags->span, "Only this span, by its id")->type_name("ID");
  app.add_option("-o,--output", flags->output,
                 "short: with the sender, and the spans around by name; full: as in the log file; "
                 "json: an object a line; cat: the message alone")
      ->type_name("SHAPE")
      ->capture_default_str()
      ->check(CLI::IsMember({"short", "full", "json", "cat"}));
  app.add_option("--after-cursor", flags->after_cursor, "Only what comes after this cursor")
      ->type_name("CURSOR");
  app.add_flag("--show-cursor", flags->show_cursor,
               "Print a cursor for --after-cursor behind the last line");
}

Result<v1::LinesRequest> MakeLinesRequest(const TailFlags& flags, uint64_t now, Users* users) {
  v1::LinesRequest request;
  if (!flags.level.empty()) {
    const Result<v1::Level> level = LevelFlag(flags.level);
    if (!level.ok()) return level.failure();
    request.set_level(*level);
  }
  if (flags.lines.empty()) {
    if (flags.after_cursor.empty()) request.set_newest(kDefaultLines);
  } else if (flags.lines != "all") {
    uint32_t count = 0;
    const char* const end = flags.lines.data() + flags.lines.size();
    const auto [parsed, error] = std::from_chars(flags.lines.data(), end, count);
    if (error != std::errc() || parsed != end) {
      return Failure{kExitUsage,
                     "invalid number of lines '" + flags.lines + "': expected 20, or all"};
    }
    request.set_newest(count);
  }
  request.set_follow(flags.follow);
  request.set_after_cursor(flags.after_cursor);
  request.set_target_prefix(flags.target);
  request.set_unit(UnitName(flags.unit));
  if (auto wrong = SelectByTimeAndUser(flags, now, users, &request)) return *std::move(wrong);
  request.set_boot_id(flags.boot);
  if (!flags.span.empty()) {
    const auto id = SpanId::FromHex(flags.span);
    if (!id) {
      return Failure{kExitUsage,
                     "invalid span id '" + flags.span + "': expected 16 hexadecimal digits"};
    }
    request.set_span_id(std::string(id->raw()));
  }
  return request;
}

// The agent knows no pattern: the newest lines that match are found here, before any are followed.
// How many of them; 0: all that the request asks for.
size_t TakeNewest(const TailFlags& flags, v1::LinesRequest* request) {
  if (flags.pattern.empty() || request->newest() == 0) return 0;
  const size_t newest = request->newest();
  request->clear_newest();
  request->set_follow(false);
  return newest;
}

LineOutput::Shape ShapeOf(const TailFlags& flags, bool json) {
  if (json || flags.output == "json") return LineOutput::Shape::kJson;
  return flags.output == "cat" ? LineOutput::Shape::kCat : LineOutput::Shape::kShort;
}

v1::LineStyle StyleFor(LineOutput::Shape shape, const std::string& output) {
  if (shape == LineOutput::Shape::kJson) return v1::LINE_STYLE_JSON;
  const bool color = TextStyle::OfStdout().color;
  if (output == "full") return color ? v1::LINE_STYLE_COLOR : v1::LINE_STYLE_TEXT;
  return color ? v1::LINE_STYLE_BRIEF_COLOR : v1::LINE_STYLE_BRIEF;
}

// The lines of one connection after the other.
class Tail {
 public:
  Tail(SocketPaths sockets, v1::LinesRequest request, LinePrinter printer)
      : sockets_(std::move(sockets)), request_(std::move(request)), printer_(std::move(printer)) {
    printer_.WriteBy([this](std::string_view text) { return Write(text); });
  }

  // Reads from that one, which is not looked for again when it is gone.
  void Use(OfflineAgent agent) {
    channel_ = std::move(agent.channel);
    socket_ = std::move(agent.name);
    method_ = method::kControlLines;
  }
  // Once, or with `follow` until told to stop. Exit code.
  int Run(milliseconds timeout, milliseconds return_timeout);

  int PrintHeld() { return printer_.PrintHeld(); }
  // Run goes on behind what was shown.
  void FollowFromHere() {
    request_.set_after_cursor(printer_.cursor());
    request_.set_follow(true);
  }
  const LinePrinter& printer() const { return printer_; }

 private:
  // How one connection ended.
  struct End {
    rpc::Status status;
    int exit_code = kExitOk;  // of what had nothing to do with the agent
  };

  // To stdout, for as long as nobody says to stop. Exit code.
  int Write(std::string_view text);
  rpc::Status Open(milliseconds timeout);
  End ReadToEnd(milliseconds timeout);
  bool AwaitReturn(milliseconds timeout, rpc::Status* status);

  const SocketPaths sockets_;
  v1::LinesRequest request_;
  LinePrinter printer_;
  Interrupt interrupt_;
  std::unique_ptr<rpc::Channel> channel_;
  std::string socket_;
  std::string_view method_;
};

// In pieces that a pipe takes at once when it is ready for any, so that none is waited for in
// write(2), where signals are held back.
int Tail::Write(std::string_view text) {
  while (!text.empty()) {
    interrupt_.Wait(STDOUT_FILENO, POLLOUT, rpc::Deadline::max());
    if (interrupt_.is_raised()) return kExitOk;
    const ssize_t size =
        ::write(STDOUT_FILENO, text.data(), std::min<size_t>(text.size(), PIPE_BUF));
    if (size >= 0) {
      text.remove_prefix(static_cast<size_t>(size));
    } else if (errno != EINTR && errno != EAGAIN) {
      return Fail({kExitIo, std::string("write to stdout: ") + std::strerror(errno)});
    }
  }
  return kExitOk;
}

// All there is where this process may open the admin socket, else its own uid's part.
rpc::Status Tail::Open(milliseconds timeout) {
  const rpc::Deadline deadline = steady_clock::now() + timeout;
  socket_ = sockets_.admin;
  method_ = method::kControlLines;
  if (const rpc::Status status = rpc::Channel::Open(socket_, deadline, &channel_); status.ok()) {
    return status;
  }
  socket_ = sockets_.ingest;
  method_ = method::kQueryLines;
  return rpc::Channel::Open(socket_, deadline, &channel_);
}

Tail::End Tail::ReadToEnd(milliseconds timeout) {
  End end;
  // The agent is given `timeout` for each message, and with `follow` for the first.
  rpc::Deadline deadline = steady_clock::now() + timeout;
  const auto call = channel_->Start(method_, rpc::Deadline::max(), [&](std::string_view message) {
    deadline = request_.follow() ? rpc::Deadline::max() : steady_clock::now() + timeout;
    v1::LinesResponse response;
    if (!response.ParseFromArray(message.data(), static_cast<int>(message.size()))) {
      end.exit_code = Fail({kExitIo, "the answer of the agent at " + socket_ +
                                         " cannot be read; sluice and sluiced differ in version"});
    } else {
      end.exit_code = printer_.Take(response);
    }
    return end.exit_code == kExitOk;
  });
  call->Send(EncodeRequest(request_));
  call->CloseSend();
  while (!interrupt_.is_raised()) {
    end.status = channel_->Step(rpc::Deadline{});
    if (call->done()) end.status = call->status();
    if (!call->wanted()) end.status = {};
    if (call->done() || !call->wanted() || !end.status.ok()) return end;
    if (steady_clock::now() >= deadline) {
      end.status = {.outcome = rpc::Outcome::kTimeout, .message = "no lines came"};
      return end;
    }
    const short events = channel_->has_unsent() ? POLLIN | POLLOUT : POLLIN;
    interrupt_.Wait(channel_->fd(), events, deadline);
  }
  return end;
}

bool IsLost(const rpc::Status& status) {
  return status.outcome == rpc::Outcome::kBroken || status.outcome == rpc::Outcome::kNoAgent ||
         (status.outcome == rpc::Outcome::kStatus && status.code == rpc::GrpcCode::kUnavailable);
}

int Tail::Run(milliseconds timeout, milliseconds return_timeout) {
  rpc::Status status = channel_ != nullptr ? rpc::Status() : Open(timeout);
  while (status.ok()) {
    const End end = ReadToEnd(timeout);
    if (end.exit_code != kExitOk) return end.exit_code;
    status = end.status;
    if (status.ok()) return kExitOk;
    if (!IsLost(status)) break;
    if (!request_.follow() || printer_.cursor().empty()) break;
    Note("the agent at " + socket_ + " is gone; waiting for it");
    if (!AwaitReturn(return_timeout, &status)) return kExitOk;
  }
  Failure failure = CallFailure(status, socket_);
  if (IsLost(status)) failure.code = kExitNoAgent;
  return Fail(failure);
}

// False: told to stop meanwhile. `*status` says whether it is back.
bool Tail::AwaitReturn(milliseconds timeout, rpc::Status* status) {
  request_.set_after_cursor(printer_.cursor());
  request_.clear_newest();
  const rpc::Deadline deadline = steady_clock::now() + timeout;
  do {
    interrupt_.Wait(-1, 0, steady_clock::now() + kPauseBetweenTries);
    if (interrupt_.is_raised()) return false;
    *status = Open(kPauseBetweenTries);
  } while (IsLost(*status) && steady_clock::now() < deadline);
  return true;
}

// Finds the trace that --trace means.
Result<std::string> FindTraceId(const std::string& typed, const GlobalOptions& options,
                                milliseconds timeout) {
  if (const auto id = TraceId::FromHex(typed)) return std::string(id->raw());
  TraceChoice choice;
  choice.last = typed == "last";
  if (!choice.last) choice.id = typed;
  const Result<v1::TraceSelector> selector = SelectorOf(choice);
  if (!selector.ok()) return selector.failure();
  Result<AgentView> agent = AgentView::Open(options, timeout);
  if (!agent.ok()) return agent.failure();
  std::string id;
  const auto take_id = [&](const v1::StoredRecord* stored) {
    const v1::Record& record = stored->record();
    id = record.has_event() ? record.event().trace_id() : record.span().trace_id();
  };
  const Result<size_t> newest = ReadTrace(&*agent, choice, /*limit=*/1, take_id);
  if (!newest.ok()) return newest.failure();
  return id;
}

Result<std::string> ThisBoot(const GlobalOptions& options, milliseconds timeout) {
  Result<AgentView> agent = AgentView::Open(options, timeout);
  if (!agent.ok()) return agent.failure();
  const Result<v1::StatusResponse> status = agent->Status(/*open_spans=*/false);
  if (!status.ok()) return status.failure();
  return status->boot_id();
}

// With `then_follows` a second time, for what comes behind what was held back.
int RunAll(Tail* tail, const GlobalOptions& options, bool then_follows) {
  const milliseconds timeout = options.timeout.value_or(kTailTimeout);
  const milliseconds return_timeout = options.timeout.value_or(kReturnTimeout);
  int code = tail->Run(timeout, return_timeout);
  if (code == kExitOk) code = tail->PrintHeld();
  if (code != kExitOk || !then_follows) return code;
  tail->FollowFromHere();
  return tail->Run(timeout, return_timeout);
}

}  // namespace

int TailVerb(GlobalOptions options, std::vector<std::string> arguments) {
  CLI::App app(
      "Shows the newest records as log lines. Root sees everybody's, other users their own.",
      "sluice tail");
  TailFlags flags;
  AddViewOptions(app, &options);
  AddFlags(app, &flags);
  app.footer(
      "-f ends on SIGINT, and when an agent that went does not come back within 60s (--timeout).\n"
      "Exit code 1: there was nothing to show.\n"
      "Examples:\n"
      "  sluice tail -f -p warn\n"
      "  sluice tail -n all -u cloud-init -g 'timed? ?out'");
  if (const auto code = ParseArguments(app, std::move(arguments))) return *code;

  if (flags.reverse && flags.follow) {
    return Fail({kExitUsage, "-f shows what comes, which is never first; leave out -r"});
  }
  if (options.is_offline() && flags.follow) {
    return Fail({kExitUsage, "-f follows the running agent; nothing comes to --journal or --root"});
  }
  Users users(UsersOf(options));
  Result<v1::LinesRequest> request = MakeLinesRequest(flags, UnixNow(), &users);
  if (!request.ok()) return Fail(request.failure());
  const LineOutput::Shape shape = ShapeOf(flags, options.json);
  const size_t newest = TakeNewest(flags, &*request);
  Result<LinePrinter> printer =
      LinePrinter::Create({shape, flags.pattern, flags.reverse, newest, TextStyle::OfStdout()});
  if (!printer.ok()) return Fail(printer.failure());
  if (!flags.trace.empty()) {
    const Result<std::string> trace_id =
        FindTraceId(flags.trace, options, options.timeout.value_or(kTailTimeout));
    if (!trace_id.ok()) return Fail(trace_id.failure());
    request->set_trace_id(*trace_id);
  }
  if (app.count("--boot") > 0 && flags.boot.empty()) {
    const Result<std::string> boot_id = ThisBoot(options, options.timeout.value_or(kTailTimeout));
    if (!boot_id.ok()) return Fail(boot_id.failure());
    request->set_boot_id(*boot_id);
  }
  request->set_style(StyleFor(shape, flags.output));
  Tail tail(ResolveSockets(options), std::move(*request), std::move(*printer));
  if (options.is_offline()) {
    Result<OfflineAgent> agent =
        StartOfflineAgent(options, steady_clock::now() + options.timeout.value_or(kTailTimeout));
    if (!agent.ok()) return Fail(agent.failure());
    tail.Use(std::move(*agent));
  }
  const int code = RunAll(&tail, options, newest > 0 && flags.follow);
  if (flags.show_cursor && !tail.printer().cursor().empty()) {
    if (const int printed = tail.printer().PrintCursor(); printed != kExitOk) return printed;
  }
  if (code != kExitOk || flags.follow || tail.printer().has_printed()) return code;
  return Fail({kExitNegative, "nothing to show"});
}

}  // namespace sluice::cli
