#include "client/cli/look/collect.h"

#include <sys/utsname.h>

#include <CLI/App.hpp>
#include <algorithm>
#include <optional>

#include "client/cli/agent/agent_view.h"
#include "client/cli/agent/emit.h"
#include "client/cli/look/collection.h"
#include "client/cli/look/output_file.h"
#include "client/cli/look/trace_choice.h"
#include "client/cli/render/message_json.h"
#include "client/cli/render/otlp.h"
#include "client/cli/render/text.h"
#include "client/cli/render/value.h"
#include "client/cli/trace/redact.h"
#include "client/cli/trace/trace_builder.h"
#include "client/cli/verb.h"
#include "proto/base/bundle.h"
#include "proto/record/names.h"

namespace sluice::cli {
namespace {

constexpr std::chrono::milliseconds kCollectTimeout{30'000};
constexpr uint64_t kMaxJournalBytes = 64 << 20;
constexpr uint64_t kMaxPoolBytes = 4 << 20;
constexpr uint64_t kMaxLogBytes = 4 << 20;
constexpr uint64_t kMaxTextBytes = 64 << 10;
// With --redact.
constexpr uint32_t kRedactedTraces = 100;

// Where things are. Empty: not known, or there is none.
struct Places {
  std::string journal = "/var/lib/sluice/journal";
  std::string pool = "/var/lib/hyperv/.kvp_pool_1";
  std::string log = "/var/log/sluice/sluice.log";
};

Places PlacesOf(const GlobalOptions& options) {
  Places places;
  if (!options.journal.empty()) return {options.journal, "", ""};
  for (std::string* const path : {&places.journal, &places.pool, &places.log}) {
    path->insert(0, options.root);
  }
  return places;
}

// As the running agent has them.
void Correct(const v1::StatusResponse& status, Places* places) {
  if (!status.journal().path().empty()) places->journal = status.journal().path();
  for (const v1::SinkStatus& sink : status.sinks()) {
    if (sink.destination().empty()) continue;
    if (sink.name() == "kvp") places->pool = sink.destination();
    if (sink.name() == "file") places->log = sink.destination();
  }
}

// Without what gives access: values of headers, and users and passwords within addresses.
void BlankSecrets(v1::StatusResponse* status) {
  for (v1::Setting& setting : *status->mutable_settings()) {
    if (setting.key().ends_with(".headers") && setting.value() != "[]") setting.set_value("***");
    setting.set_value(WithoutUserInfo(setting.value()));
  }
  for (v1::SinkStatus& sink : *status->mutable_sinks()) {
    sink.set_destination(WithoutUserInfo(sink.destination()));
    sink.set_last_error(WithoutUserInfo(sink.last_error()));
  }
}

std::string SettingLines(const v1::StatusResponse& status) {
  std::string text;
  for (const v1::Setting& setting : status.settings()) {
    text += setting.key() + " = " + setting.value() + "  # " + setting.origin() + '\n';
  }
  return text;
}

std::string VersionsText(const v1::StatusResponse* status) {
  std::string text = "sluice " + std::string(kVersion) + '\n';
  if (status != nullptr && !status->version().empty())
    text += "sluiced " + status->version() + '\n';
  utsname system{};
  if (::uname(&system) == 0) {
    text += std::string(system.sysname) + ' ' + system.release + ' ' + system.version + ' ' +
            system.machine + '\n';
  }
  return text;
}

// What the traces were, with no word that anybody chose but for names.
Result<std::string> RedactedTraces(const GlobalOptions& options) {
  Result<AgentView> agent = AgentView::Open(options, options.timeout.value_or(kCollectTimeout));
  if (!agent.ok()) return agent.failure();
  v1::TracesRequest request;
  request.set_limit(kRedactedTraces);
  const Result<v1::TracesResponse> traces = agent->Traces(request);
  if (!traces.ok()) return traces.failure();
  std::string lines;
  for (const v1::TraceSummary& summary : traces->traces()) {
    TraceBuilder builder;
    const auto add = [&](v1::StoredRecord* record) {
      Redact(record);
      builder.Add(record);
    };
    const TraceChoice choice{.id = ToHex(summary.trace_id())};
    const Result<size_t> count = ReadTrace(&*agent, choice, /*limit=*/0, add);
    if (!count.ok()) return count.failure();
    RenderOtlpLines(std::move(builder).Finish(), [&](std::string_view text) { lines += text; });
  }
  return lines;
}

void AddFiles(const Places& places, Collection* collection) {
  collection->AddJournal(places.journal, kMaxJournalBytes);
  if (!places.pool.empty()) collection->AddFile(bundle::kPool, places.pool, kMaxPoolBytes);
  if (!places.log.empty()) collection->AddFile("log/sluice.log", places.log, kMaxLogBytes);
}

void AddRedacted(const GlobalOptions& options, Collection* collection) {
  const Result<std::string> traces = RedactedTraces(options);
  if (traces.ok()) {
    collection->Add("traces.jsonl", *traces);
  } else {
    collection->LeaveOut("traces", traces.failure().message);
  }
  collection->LeaveOut("journal, pool and log", "--redact");
}

// `sluice-HOST-20261120T092753Z.tar.gz`
std::string DefaultName(uint64_t now) {
  utsname system{};
  ::uname(&system);
  std::string time = FormatTime(now).substr(0, 19);
  std::erase_if(time, [](char c) { return c == '-' || c == ':'; });
  return "sluice-" + std::string(system.nodename) + '-' + time + "Z.tar.gz";
}

}  // namespace

int CollectVerb(GlobalOptions options, std::vector<std::string> arguments) {
  CLI::App app(
      "Packs what is needed to examine this machine elsewhere: the journal, the agent's\n"
      "status and configuration with secrets blanked, the pool, the log, versions.",
      "sluice collect");
  std::string path;
  bool is_redacted = false;
  AddViewOptions(app, &options);
  app.add_option("-o,--output", path, "The file; default: sluice-HOST-TIME.tar.gz")
      ->type_name("FILE");
  app.add_flag("--redact", is_redacted,
               "Leave out journal, pool and log; pack the newest 100 traces without messages and "
               "texts of attributes");
  app.footer(
      "At most 64 MiB of the journal and 4 MiB of the log, the newest. Says what is left out.\n"
      "Then, on any machine: sluice why --journal FILE\n"
      "Example:\n  sluice collect -o ticket.tar.gz");
  if (const auto code = ParseArguments(app, std::move(arguments))) return *code;

  const uint64_t now = UnixNow();
  Collection collection(now / 1'000'000'000);
  Places places = PlacesOf(options);
  Result<AgentView> agent = AgentView::Open(options, options.timeout.value_or(kCollectTimeout));
  std::optional<v1::StatusResponse> status;
  if (agent.ok()) {
    const Result<v1::StatusResponse> answer = agent->Status(/*open_spans=*/true);
    if (answer.ok()) status = *answer;
  }
  if (status) {
    BlankSecrets(&*status);
    if (!options.is_offline()) Correct(*status, &places);
    collection.Add("status.json", MessageJson(*status));
    if (status->settings_size() > 0) collection.Add("configuration", SettingLines(*status));
  } else {
    collection.LeaveOut("status and configuration",
                        agent.ok() ? "the agent does not answer" : agent.failure().message);
  }
  collection.Add("versions", VersionsText(status ? &*status : nullptr));
  collection.AddFile("os-release", options.root + "/etc/os-release", kMaxTextBytes);
  if (is_redacted) {
    AddRedacted(options, &collection);
  } else {
    AddFiles(places, &collection);
  }

  if (path.empty()) path = DefaultName(now);
  for (const std::string& what : collection.left_out()) Note("left out: " + what);
  const std::string packed = std::move(collection).Pack();
  const int written = WriteOutput(path, [&](const TextSink& out) { out(packed); });
  if (written != kExitOk || path == "-") return written;
  return Print(path + '\n');
}

}  // namespace sluice::cli
