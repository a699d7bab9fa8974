#include "client/cli/look/traces.h"

#include <CLI/App.hpp>
#include <charconv>
#include <optional>

#include "client/cli/agent/agent_view.h"
#include "client/cli/agent/emit.h"
#include "client/cli/look/filter_flags.h"
#include "client/cli/look/trace_choice.h"
#include "client/cli/render/message_json.h"
#include "client/cli/render/run_info.h"
#include "client/cli/render/traces.h"
#include "client/cli/render/value.h"
#include "client/cli/trace/run_info.h"
#include "client/cli/verb.h"
#include "client/cli/when.h"

namespace sluice::cli {
namespace {

constexpr std::chrono::milliseconds kTracesTimeout{10'000};
constexpr uint32_t kMaxTracesOfRun = 1000;

struct TracesFlags {
  uint32_t count = 20;
  std::string since;
  std::string until;
  std::string boot;
  std::string user;
  std::string unit;
  std::string service;
  std::string slower_than;
  std::string text;
  std::string run_id;
  bool failed = false;
};

void AddFlags(CLI::App& app, TracesFlags* flags) {
  app.add_option("-n,--lines", flags->count, "The newest N, at most 10000")
      ->type_name("N")
      ->capture_default_str()
      ->check(CLI::Range(1, 10'000));
  app.add_option("-S,--since", flags->since,
                 "Only traces that began since: '2026-11-20 09:27' in UTC, '10 min ago', today")
      ->type_name("TIME");
  app.add_option("-U,--until", flags->until, "Only traces that began until then")
      ->type_name("TIME");
  app.add_option("-b,--boot", flags->boot, "Only this boot; without an id, the current one")
      ->type_name("[BOOT_ID]")
      ->expected(0, 1);
  app.add_option("--uid", flags->user, "Only with records of this user")->type_name("USER");
  app.add_option("-u,--unit", flags->unit, "Only with records of this systemd unit")
      ->type_name("UNIT");
  app.add_option("--service", flags->service, "Only with records of this service")
      ->type_name("NAME");
  app.add_flag("--failed", flags->failed,
               "Only where a span failed or was aborted, or an event is an error");
  app.add_option("--slower-than", flags->slower_than,
                 "Only what took longer, also if it has not ended")
      ->type_name("TIME");
  app.add_option("--run-id", flags->run_id, "Only this run of an AI agent")->type_name("RUN");
  app.add_option("-g,--grep", flags->text,
                 "Only with this text in a span's name or an event's message")
      ->type_name("TEXT");
}

Result<v1::TracesRequest> MakeRequest(const TracesFlags& flags, uint64_t now, Users* users) {
  v1::TracesRequest request;
  request.set_limit(flags.count);
  if (auto wrong = SelectByTimeAndUser(flags, now, users, &request)) return *std::move(wrong);
  if (!flags.slower_than.empty()) {
    const auto length = ParseLength(flags.slower_than);
    if (!length) {
      return Failure{kExitUsage, "invalid --slower-than '" + flags.slower_than +
                                     "': expected a length of time such as 500ms or 2min"};
    }
    request.set_slower_than_nano(*length);
  }
  request.set_unit(UnitName(flags.unit));
  request.set_service_name(flags.service);
  request.set_failed(flags.failed);
  request.set_text(flags.text);
  request.set_run_id(flags.run_id);
  request.set_boot_id(flags.boot);
  return request;
}

// All traces of the run, the oldest first.
Result<std::vector<Trace>> ReadRun(const GlobalOptions& options, const std::string& run_id) {
  Result<AgentView> agent = AgentView::Open(options, options.timeout.value_or(kTracesTimeout));
  if (!agent.ok()) return agent.failure();
  v1::TracesRequest request;
  request.set_run_id(run_id);
  request.set_limit(kMaxTracesOfRun);
  const Result<v1::TracesResponse> found = agent->Traces(request);
  if (!found.ok()) return found.failure();
  std::vector<Trace> traces;
  for (int i = found->traces_size() - 1; i >= 0; --i) {
    Result<Trace> trace = ReadTrace(&*agent, {.id = ToHex(found->traces(i).trace_id())});
    if (!trace.ok()) return trace.failure();
    traces.push_back(std::move(*trace));
  }
  return traces;
}

int RunInfoVerb(GlobalOptions options, std::vector<std::string> arguments) {
  CLI::App app(
      "Shows what a run of an AI agent did: cost, tokens and time to the first token, calls by "
      "model,\n"
      "tools, agents, what failed. A call within another one counts once.",
      "sluice traces run-info");
  std::string run_id;
  bool with_content = false;
  AddViewOptions(app, &options);
  app.add_option("RUN", run_id, "Its id: vllora.run_id")->required();
  app.add_flag("--content", with_content, "Also what was sent to models and what came back");
  app.footer("Exit code 1: there is none.\nExample:\n  sluice traces run-info 6f9c1a");
  if (const auto code = ParseArguments(app, std::move(arguments))) return *code;

  const Result<std::vector<Trace>> traces = ReadRun(options, run_id);
  if (!traces.ok()) return Fail(traces.failure());
  if (traces->empty()) return Fail({kExitNegative, "no span of run " + run_id + " in the journal"});
  const RunInfo run = DescribeRun(*traces, run_id);
  return Print(options.json ? RenderRunInfoJson(run_id, run, *traces, with_content)
                            : RenderRunInfo(run_id, run, with_content, TextStyle::OfStdout()));
}

}  // namespace

int TracesVerb(GlobalOptions options, std::vector<std::string> arguments) {
  if (!arguments.empty() && arguments.front() == "run-info") {
    arguments.erase(arguments.begin());
    return RunInfoVerb(std::move(options), std::move(arguments));
  }
  CLI::App app("Lists the traces of the journal, the newest first.", "sluice traces");
  TracesFlags flags;
  AddViewOptions(app, &options);
  AddFlags(app, &flags);
  app.footer(
      "Then 'sluice tree ID' shows one, 'sluice why ID' what went wrong in it, and 'sluice traces\n"
      "run-info RUN' what a run of an AI agent did.\n"
      "Exit code 1: there is none.\n"
      "Examples:\n"
      "  sluice traces --failed -S today\n"
      "  sluice traces -b --slower-than 10s -u cloud-init");
  if (const auto code = ParseArguments(app, std::move(arguments))) return *code;

  Users users(UsersOf(options));
  Result<v1::TracesRequest> request = MakeRequest(flags, UnixNow(), &users);
  if (!request.ok()) return Fail(request.failure());
  Result<AgentView> agent = AgentView::Open(options, options.timeout.value_or(kTracesTimeout));
  if (!agent.ok()) return Fail(agent.failure());
  if (app.count("--boot") > 0 && flags.boot.empty()) {
    const Result<v1::StatusResponse> status = agent->Status(/*open_spans=*/false);
    if (!status.ok()) return Fail(status.failure());
    request->set_boot_id(status->boot_id());
  }
  const Result<v1::TracesResponse> traces = agent->Traces(*request);
  if (!traces.ok()) return Fail(traces.failure());
  if (options.json) {
    const int printed = Print(MessageJson(*traces));
    return printed != kExitOk || traces->traces_size() > 0 ? printed : kExitNegative;
  }
  if (traces->traces_size() == 0) return Fail({kExitNegative, "no such trace in the journal"});
  return Print(RenderTraces(*traces, TextStyle::OfStdout(),
                            [&](uint32_t uid) { return users.NameOf(uid); }));
}

}  // namespace sluice::cli
