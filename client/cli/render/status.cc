#include "client/cli/render/status.h"

#include <algorithm>
#include <array>
#include <functional>
#include <vector>

#include "client/cli/render/table.h"
#include "client/cli/render/value.h"
#include "proto/record/names.h"

namespace sluice::cli {
namespace {

std::string Since(uint64_t then_unix_nano, const StatusView& view) {
  if (then_unix_nano == 0) return "-";
  std::string out = FormatTime(then_unix_nano);
  if (view.now_unix_nano >= then_unix_nano) {
    out += " (" + FormatDuration(view.now_unix_nano - then_unix_nano) + " ago)";
  }
  return out;
}

std::string SenderText(const v1::Identity& identity) {
  std::string out =
      "uid " + std::to_string(identity.uid()) + "  pid " + std::to_string(identity.pid());
  if (!identity.comm().empty()) out += "  " + identity.comm();
  return out;
}

// Enough to name a trace by.
constexpr size_t kShortId = 8;

std::string Count(uint64_t count, std::string_view what) {
  return std::to_string(count) + ' ' + std::string(what);
}

// `1-46`; `none`.
std::string Entries(const v1::JournalStatus& journal) {
  if (journal.next_sequence() <= journal.first_sequence()) return "none";
  return std::to_string(journal.first_sequence()) + '-' +
         std::to_string(journal.next_sequence() - 1);
}

bool IsAllSynced(const v1::JournalStatus& journal) {
  return journal.synced_sequence() + 1 >= journal.next_sequence();
}

// Of a journal that is read while its agent does not run.
Table OfflineTable(const v1::StatusResponse& status) {
  Table table("Journal without its agent");
  table.Row({"ends", FormatTime(status.as_of_unix_nano())});
  if (!status.boot_id().empty()) table.Row({"last boot id", status.boot_id()});
  if (!status.vm_id().empty()) table.Row({"vm id", status.vm_id()});
  return table;
}

Table AgentTable(const v1::StatusResponse& status, const StatusView& view) {
  if (status.as_of_unix_nano() != 0) return OfflineTable(status);
  Table table("Agent");
  table.Row({"version", status.version()});
  table.Row({"pid", std::to_string(status.pid())});
  table.Row({"started", Since(status.started_unix_nano(), view)});
  if (!status.boot_id().empty()) table.Row({"boot id", status.boot_id()});
  if (!status.vm_id().empty()) table.Row({"vm id", status.vm_id()});
  if (status.has_you()) table.Row({"you", SenderText(status.you())});
  if (!view.whole_agent) {
    table.Row({"view", "your own uid's; through the admin socket root sees everything"});
  }
  return table;
}

Table JournalTable(const v1::JournalStatus& journal, bool is_offline) {
  Table table("Journal");
  if (is_offline) {
    table.Row({"path", journal.path()});
    table.Row({"entries", Entries(journal)});
    table.Row(
        {"size", FormatBytes(journal.bytes()) + " in " + Counted(journal.segments(), "segment")});
    return table;
  }
  table.Row({"state", journal.error().empty() ? "ok" : "failing: " + journal.error()});
  if (!journal.path().empty()) table.Row({"path", journal.path()});
  table.Row({"acknowledges", journal.durability() == v1::DURABILITY_MEMORY
                                 ? "from memory: the disk was not writable at start"
                                 : "what is synced to disk"});
  table.Row({"entries", Entries(journal) +
                            (IsAllSynced(journal)
                                 ? ", all synced"
                                 : ", synced to " + std::to_string(journal.synced_sequence()))});
  table.Row({"size", FormatBytes(journal.bytes()) + " of " + FormatBytes(journal.max_bytes()) +
                         " in " + Counted(journal.segments(), "segment")});
  for (const std::string& path : journal.set_aside()) {
    table.Row({"set aside", path + ": written by another release, which can read it there"});
  }
  return table;
}

const v1::Setting* FindSetting(const v1::StatusResponse& status, const std::string& key) {
  const auto found = std::ranges::find(status.settings(), key, &v1::Setting::key);
  return found == status.settings().end() ? nullptr : &*found;
}

// The setting that decides which records a sink gets; empty: the agent shows no settings. Routes
// stand for the filter of the configuration, but not for one of the environment.
std::string DecidingSetting(const v1::StatusResponse& status, const std::string& sink) {
  const std::string section = sink == "file" ? "log" : sink;
  const v1::Setting* const filter = FindSetting(status, section + ".filter");
  const v1::Setting* const routes = FindSetting(status, section + ".routes");
  if (filter == nullptr) return "";
  const bool by_routes = routes != nullptr && routes->origin() != "default" &&
                         !filter->origin().starts_with("environment");
  return by_routes ? routes->key() : filter->key();
}

// With the name of what filtered them, so that whoever misses a record knows where to look.
std::string Filtered(const v1::StatusResponse& status, const v1::SinkStatus& sink) {
  const std::string count = Count(sink.filtered_records(), "filtered");
  const std::string by = sink.filtered_records() > 0 ? DecidingSetting(status, sink.name()) : "";
  return by.empty() ? count : count + " by " + by;
}

// How far behind it is, by entries and by time.
std::string Behind(const v1::SinkStatus& sink, const StatusView& view) {
  std::string text = Count(sink.behind(), "behind");
  if (sink.oldest_unix_nano() == 0 || view.now_unix_nano < sink.oldest_unix_nano()) return text;
  return text + " for " + FormatDuration(view.now_unix_nano - sink.oldest_unix_nano());
}

std::string LastError(const v1::SinkStatus& sink, const StatusView& view) {
  if (sink.last_error().empty()) return "";
  std::string text = "last error: " + sink.last_error();
  if (sink.next_attempt_unix_nano() > view.now_unix_nano) {
    text +=
        ", next attempt in " + FormatDuration(sink.next_attempt_unix_nano() - view.now_unix_nano);
  }
  return text;
}

std::string Dropped(const v1::ExportedSignal& signal) {
  std::string reasons;
  uint64_t all = 0;
  for (const v1::DroppedByReason& dropped : signal.dropped()) {
    all += dropped.records();
    reasons += (reasons.empty() ? ": " : ", ") + Count(dropped.records(), dropped.reason());
  }
  return Count(all, "dropped") + reasons;
}

Table ExportTable(const v1::StatusResponse& status, const StatusView& view) {
  Table table("Exports");
  for (const v1::SinkStatus& sink : status.sinks()) {
    if (!sink.has_exports()) continue;
    const v1::ExportStatus& exported = sink.exports();
    for (const v1::ExportedSignal& signal : exported.signals()) {
      table.Row({sink.name(), signal.name(), Count(signal.sent(), "sent"),
                 Count(signal.rejected(), "rejected"), Dropped(signal),
                 signal.is_off() ? "off: the destination does not take it" : ""});
    }
    table.Row({sink.name(), "requests", "up to " + FormatBytes(exported.max_request_bytes())});
    if (exported.last_message().empty()) continue;
    table.Row({sink.name(), "answer", exported.last_message(),
               Since(exported.last_message_unix_nano(), view)});
  }
  return table;
}

std::string_view ColorOf(const v1::SinkStatus& sink) {
  if (!sink.enabled()) return kDim;
  if (sink.state() == "failing") return kRed;
  return sink.state() == "ok" ? kGreen : kYellow;
}

Table SinkTable(const v1::StatusResponse& status, const StatusView& view) {
  Table table("Sinks");
  for (const v1::SinkStatus& sink : status.sinks()) {
    table.Row({sink.name(), sink.enabled() ? sink.state() : "off", Behind(sink, view),
               Count(sink.written_records(), "written"), Filtered(status, sink), sink.destination(),
               LastError(sink, view)});
    if (view.style.color) table.PaintLast(1, ColorOf(sink));
  }
  return table;
}

Table ClientTable(const v1::StatusResponse& status, const StatusView& view) {
  Table table("Clients");
  for (const v1::ClientStatus& client : status.clients()) {
    table.Row({SenderText(client.identity()), client.service_name(),
               Counted(client.records(), "record"), Counted(client.open_spans(), "open span"),
               "since " + Since(client.connected_unix_nano(), view)});
  }
  return table;
}

// What a process is to be told that speaks a protocol which is not spoken here.
std::string_view AdviceFor(const v1::PeerStatus& peer) {
  return peer.protocol() == "TLS"
             ? "refused: there is no TLS here; set OTEL_EXPORTER_OTLP_INSECURE=true"
             : "";
}

Table PeerTable(const v1::StatusResponse& status, const StatusView& view) {
  Table table("Peers");
  for (const v1::PeerStatus& peer : status.peers()) {
    table.Row({SenderText(peer.identity()), peer.protocol(),
               peer.user_agent().empty() ? std::string(AdviceFor(peer)) : peer.user_agent(),
               Counted(peer.connections(), "connection"),
               "last " + Since(peer.last_unix_nano(), view)});
  }
  return table;
}

Table LossTable(const v1::StatusResponse& status, const StatusView& view) {
  Table table("Lost in clients before it was sent");
  for (const v1::ClientLosses& client : status.client_losses()) {
    const bool has_ended = client.ended_unix_nano() != 0;
    for (const v1::Drop& loss : client.losses()) {
      table.Row({SenderText(client.identity()), client.service_name(), loss.reason(),
                 std::to_string(loss.count()),
                 has_ended ? "ended " + Since(client.ended_unix_nano(), view) : "connected"});
    }
  }
  return table;
}

Table CounterTable(const v1::StatusResponse& status, std::string heading,
                   const std::function<bool(const v1::Counter&)>& is_shown) {
  Table table(std::move(heading));
  for (const v1::Counter& counter : status.counters()) {
    if (counter.value() == 0 || !is_shown(counter)) continue;
    table.Row({counter.name(), counter.reason(),
               counter.has_uid() ? "uid " + std::to_string(counter.uid()) : "",
               std::to_string(counter.value())});
  }
  return table;
}

// Filters are always of interest, other settings where somebody chose them.
Table SettingTable(const v1::StatusResponse& status) {
  Table table("Settings");
  for (const v1::Setting& setting : status.settings()) {
    if (setting.origin() == "default" && !setting.key().ends_with(".filter")) continue;
    table.Row({setting.key(), setting.origin(), setting.value()});
  }
  return table;
}

// A line where there are more than the answer lists.
std::string OpenSpansNotListed(const v1::StatusResponse& status) {
  const auto listed = static_cast<uint64_t>(status.open_spans_size());
  if (listed >= status.open_span_count()) return "";
  return '\n' + std::to_string(listed) + " of " + Counted(status.open_span_count(), "open span") +
         ": the agent lists no more at once\n";
}

struct Problem {
  std::string text;
  bool is_failure = false;  // something is not written that should be
};

std::string Because(const std::string& error) { return error.empty() ? "" : ": " + error; }

uint64_t Dropped(const v1::StatusResponse& status) {
  uint64_t dropped = 0;
  for (const v1::Counter& counter : status.counters()) {
    if (IsDrop(counter) && counter.reason() != kUnwantedLevel) dropped += counter.value();
  }
  return dropped;
}

// What fails comes first.
std::vector<Problem> Problems(const v1::StatusResponse& status) {
  std::vector<Problem> problems;
  const v1::JournalStatus& journal = status.journal();
  if (!journal.error().empty())
    problems.push_back({"the journal fails" + Because(journal.error()), true});
  for (const v1::SinkStatus& sink : status.sinks()) {
    if (!sink.enabled() || sink.state() != "failing") continue;
    problems.push_back({"sink " + sink.name() + " fails, " + Count(sink.behind(), "behind") +
                            Because(sink.last_error()),
                        true});
  }
  for (const v1::SinkStatus& sink : status.sinks()) {
    if (!sink.enabled() || sink.state() != "waiting") continue;
    problems.push_back({"sink " + sink.name() + " waits, " + Count(sink.behind(), "behind") +
                        Because(sink.last_error())});
  }
  if (journal.durability() == v1::DURABILITY_MEMORY) {
    problems.push_back({"the journal is in memory: the disk was not writable at start"});
  }
  if (const uint64_t dropped = Dropped(status); dropped > 0) {
    problems.push_back({Count(dropped, "dropped since the agent started; below stands why")});
  }
  return problems;
}

std::string ProblemText(const v1::StatusResponse& status, const TextStyle& style) {
  const std::vector<Problem> problems = Problems(status);
  if (problems.empty()) return Painted(kGreen, "ok", style) + '\n';
  std::string out;
  for (const Problem& problem : problems) {
    const std::string line = EscapeControls(problem.text);
    out += Fold(Painted(problem.is_failure ? kRed : kYellow, line, style), 0, style) + '\n';
  }
  return out;
}

}  // namespace

bool IsDrop(const v1::Counter& counter) {
  static constexpr std::array<std::string_view, 4> kEvents = {"dropped", "refused", "given_up",
                                                              "skipped"};
  const std::string_view name = counter.name();
  return std::ranges::any_of(kEvents,
                             [&](std::string_view event) { return name.ends_with(event); });
}

bool IsFailing(const v1::StatusResponse& status) {
  return std::ranges::any_of(Problems(status), &Problem::is_failure);
}

std::string RenderOpenSpans(const v1::StatusResponse& status, const StatusView& view) {
  std::vector<v1::OpenSpan> spans(status.open_spans().begin(), status.open_spans().end());
  std::ranges::sort(spans, {}, &v1::OpenSpan::start_time_unix_nano);
  Table table("");
  table.Row({"AGE", "NAME", "SINCE", "UID", "PID", "SERVICE", "UNIT", "TRACE"});
  for (const v1::OpenSpan& span : spans) {
    const uint64_t start = span.start_time_unix_nano();
    const bool has_age = start != 0 && view.now_unix_nano >= start;
    table.Row({has_age ? FormatDuration(view.now_unix_nano - start) : "-", span.name(),
               FormatTimeOfDay(start), std::to_string(span.identity().uid()),
               std::to_string(span.identity().pid()), span.service_name(), span.identity().unit(),
               ToHex(span.trace_id()).substr(0, kShortId)});
  }
  if (spans.empty()) return "no span is open\n";
  return table.RenderWithin(view.style, {1, 5, 6}) + OpenSpansNotListed(status);
}

std::string RenderStatus(const v1::StatusResponse& status, const StatusView& view) {
  const bool is_offline = status.as_of_unix_nano() != 0;
  std::string out = is_offline ? "" : ProblemText(status, view.style) + '\n';
  const auto section = [&](const Table& table) {
    if (table.empty()) return;
    if (!out.ends_with("\n\n") && !out.empty()) out += '\n';
    out += table.RenderFolded(view.style);
  };
  section(AgentTable(status, view));
  if (status.has_journal()) section(JournalTable(status.journal(), is_offline));
  section(SinkTable(status, view));
  section(ExportTable(status, view));
  section(ClientTable(status, view));
  section(PeerTable(status, view));
  section(LossTable(status, view));
  section(CounterTable(status, "Drops", IsDrop));
  section(CounterTable(status, "Counters", std::not_fn(IsDrop)));
  section(SettingTable(status));
  if (status.open_span_count() == 0) return out;
  return out + '\n' + Counted(status.open_span_count(), "open span") + "; --open lists them\n";
}

}  // namespace sluice::cli
