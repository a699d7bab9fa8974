#include "agent/control/status_report.h"

#include <unistd.h>

#include <algorithm>
#include <utility>

#include "agent/base/log.h"
#include "agent/live/origin_codec.h"
#include "agent/live/resource_text.h"
#include "proto/record/names.h"
#include "proto/wire/utf8.h"

namespace sluice::control {
namespace {

// Of a text that a client chose.
constexpr size_t kTextBytes = 256;
// Of the clients listed, and of the open spans: with them an answer stays below
// net::Call::kMaxUnsentBytes. What comes behind is not looked at.
constexpr size_t kListBytes = 3 * 1024 * 1024;
// What is copied in one turn of the loop: some tens of microseconds.
constexpr size_t kPiece = 256;

std::string Cut(std::string_view text) {
  return std::string(text.substr(0, Utf8Boundary(text, kTextBytes)));
}

bool Shown(std::optional<uid_t> only_uid, uid_t uid) {
  return !only_uid.has_value() || *only_uid == uid;
}

v1::ClientStatus Describe(const ingest::ClientCopy& client) {
  v1::ClientStatus status;
  status.set_connected_unix_nano(client.connected_unix_nano);
  status.set_last_sequence(client.last_sequence);
  status.set_records(client.records);
  *status.mutable_identity() = live::EncodeIdentity(client.identity);
  if (client.origin == nullptr) return status;
  status.set_client_id(std::string(client.client_id.raw()));
  status.set_service_name(Cut(live::FindResourceText(client.origin->resource, "service.name")));
  return status;
}

void DescribeExport(const sinks::ExportStatus& status, v1::ExportStatus* described) {
  described->set_max_request_bytes(status.max_request_bytes);
  described->set_last_message(status.last_message);
  described->set_last_message_unix_nano(status.last_message_unix_nano);
  for (const sinks::ExportStatus::Signal& signal : status.signals) {
    v1::ExportedSignal* const one = described->add_signals();
    one->set_name(signal.name);
    one->set_sent(signal.sent);
    one->set_rejected(signal.rejected);
    one->set_is_off(signal.is_off);
    for (const auto& [reason, records] : signal.dropped) {
      v1::DroppedByReason* const dropped = one->add_dropped();
      dropped->set_reason(reason);
      dropped->set_records(records);
    }
  }
}

// A list of the response, encoded piece by piece: concatenated pieces parse as the whole. As
// messages the items would take several times their bytes.
class EncodedList {
 public:
  explicit EncodedList(std::string* encoded) : encoded_(encoded) {}

  // `most`: of the list so far. False: an item had no room, and none after it is looked at.
  bool Append(const v1::StatusResponse& piece, size_t most = kListBytes) {
    const size_t size = piece.ByteSizeLong();
    if (bytes_ + size > most) return false;
    bytes_ += size;
    return piece.AppendToString(encoded_);
  }
  size_t bytes() const { return bytes_; }

 private:
  std::string* const encoded_;
  size_t bytes_ = 0;
};

}  // namespace

// Where it stands among the open spans of those uids.
struct StatusReport::SpanWalk {
  std::vector<uid_t> uids;
  size_t at = 0;
  live::SpanTable::WalkPlace place;

  bool is_over() const { return at == uids.size(); }
  void SkipUid() {
    ++at;
    place = {};
  }
};

struct StatusReport::SpanCopy {
  explicit SpanCopy(const live::Span& span)
      : key(span.key),
        parent_span_id(span.parent_span_id),
        name(Cut(span.name)),
        target(span.target),
        start_unix_nano(span.start_unix_nano),
        origin(span.origin) {}

  v1::OpenSpan Describe() const {
    v1::OpenSpan open;
    open.set_trace_id(std::string(key.trace_id.raw()));
    open.set_span_id(std::string(key.span_id.raw()));
    if (!parent_span_id.IsZero()) open.set_parent_span_id(std::string(parent_span_id.raw()));
    open.set_name(name);
    open.set_target(target);
    open.set_start_time_unix_nano(start_unix_nano);
    *open.mutable_identity() = live::EncodeIdentity(origin->identity);
    open.set_service_name(Cut(live::FindResourceText(origin->resource, "service.name")));
    return open;
  }

  live::SpanKey key;
  SpanId parent_span_id;
  std::string name;
  std::string target;
  uint64_t start_unix_nano;
  std::shared_ptr<const live::Origin> origin;
};

absl::Status StatusReport::Answer(const v1::StatusRequest& request, const Identity& caller,
                                  std::optional<uid_t> only_uid, AnswerStream& stream) const {
  v1::StatusResponse response;
  response.set_version(std::string(kVersion));
  response.set_pid(::getpid());
  response.set_started_unix_nano(sources_.started_unix_nano);
  response.set_as_of_unix_nano(sources_.as_of_unix_nano);
  response.set_boot_id(sources_.boot_id);
  *response.mutable_you() = live::EncodeIdentity(caller);
  if (!only_uid.has_value()) response.set_vm_id(sources_.vm_id);
  AddJournal(&response);
  AddSinks(&response);
  AddCounters(only_uid, &response);
  if (!stream.OnLoop([&] { AddOfLoop(only_uid, &response); })) return absl::OkStatus();
  std::string encoded = response.SerializeAsString();
  if (!AppendClients(only_uid, stream, &encoded)) return absl::OkStatus();
  if (request.open_spans() && !AppendOpenSpans(only_uid, stream, &encoded)) {
    return absl::OkStatus();
  }
  stream.Send(std::move(encoded));
  return absl::OkStatus();
}

void StatusReport::AddOfLoop(std::optional<uid_t> only_uid, v1::StatusResponse* response) const {
  response->set_open_span_count(only_uid.has_value() ? sources_.spans->OpenCountOf(*only_uid)
                                                     : sources_.spans->size());
  for (const net::PeerTable::Peer& peer : sources_.peers->Copy(only_uid)) {
    v1::PeerStatus* const status = response->add_peers();
    *status->mutable_identity() = live::EncodeIdentity(peer.identity);
    status->set_protocol(peer.protocol);
    status->set_user_agent(peer.user_agent);
    status->set_connections(peer.connections);
    status->set_last_unix_nano(peer.last_unix_nano);
  }
  AddClientLosses(only_uid, response);
  if (only_uid.has_value()) return;
  for (v1::Setting& setting : sources_.settings()) *response->add_settings() = std::move(setting);
}

void StatusReport::AddClientLosses(std::optional<uid_t> only_uid,
                                   v1::StatusResponse* response) const {
  if (sources_.ingest == nullptr) return;
  for (const ingest::LossTable::Client& client : sources_.ingest->losses().Copy(only_uid)) {
    v1::ClientLosses* const told = response->add_client_losses();
    *told->mutable_identity() = live::EncodeIdentity(client.identity);
    told->set_service_name(client.service_name);
    for (const auto& [reason, count] : client.losses) {
      v1::Drop* const loss = told->add_losses();
      loss->set_reason(reason);
      loss->set_count(count);
    }
    told->set_told_unix_nano(client.told_unix_nano);
    told->set_ended_unix_nano(client.ended_unix_nano);
  }
}

void StatusReport::AddJournal(v1::StatusResponse* response) const {
  const journal::Usage usage = sources_.journal->GetUsage();
  v1::JournalStatus* const journal = response->mutable_journal();
  journal->set_path(usage.path);
  journal->set_durability(ingest::ToProto(usage.durability));
  journal->set_first_sequence(usage.first_sequence);
  journal->set_next_sequence(usage.next_sequence);
  journal->set_synced_sequence(usage.synced_sequence);
  journal->set_bytes(usage.bytes);
  journal->set_max_bytes(usage.max_bytes);
  journal->set_segments(usage.segments);
  journal->set_error(usage.error);
  for (const std::string& path : usage.set_aside) journal->add_set_aside(path);
}

void StatusReport::AddSinks(v1::StatusResponse* response) const {
  const uint64_t last = sources_.journal->last_sequence();
  for (const auto& worker : *sources_.workers) {
    const sinks::SinkWorker::Status status = worker->status();
    v1::SinkStatus* const sink = response->add_sinks();
    sink->set_name(status.name);
    sink->set_enabled(true);
    sink->set_state(status.state);
    sink->set_destination(status.destination);
    sink->set_cursor(status.cursor);
    sink->set_behind(last > status.cursor ? last - status.cursor : 0);
    sink->set_written_records(status.written_records);
    sink->set_filtered_records(status.filtered_records);
    sink->set_last_error(status.last_error);
    sink->set_oldest_unix_nano(sink->behind() > 0 ? status.oldest_unix_nano : 0);
    sink->set_next_attempt_unix_nano(status.next_attempt_unix_nano);
    if (status.exports.has_value()) DescribeExport(*status.exports, sink->mutable_exports());
  }
  for (const SinkOff& off : sources_.sinks_off) {
    v1::SinkStatus* const sink = response->add_sinks();
    sink->set_name(off.name);
    sink->set_state("off");
    sink->set_destination(off.destination);
  }
}

void StatusReport::AddCounters(std::optional<uid_t> only_uid, v1::StatusResponse* response) const {
  for (const Counters::Value& value : sources_.counters->Snapshot()) {
    if (value.uid.has_value() && !Shown(only_uid, *value.uid)) continue;
    v1::Counter* const counter = response->add_counters();
    counter->set_name(value.name);
    counter->set_reason(value.reason);
    counter->set_has_uid(value.uid.has_value());
    counter->set_uid(value.uid.value_or(0));
    counter->set_value(value.count);
  }
  if (const uint64_t dropped = DroppedLogMessages(); dropped > 0) {
    v1::Counter* const counter = response->add_counters();
    counter->set_name("agent_log.dropped");
    counter->set_value(dropped);
  }
}

bool StatusReport::AppendClients(std::optional<uid_t> only_uid, AnswerStream& stream,
                                 std::string* encoded) const {
  if (sources_.ingest == nullptr) return true;
  EncodedList list(encoded);
  ingest::IngestService::ClientPlace place;
  std::vector<ingest::ClientCopy> copies;
  do {
    if (!stream.OnLoop([&] { copies = sources_.ingest->CopyClients(only_uid, kPiece, &place); })) {
      return false;
    }
    for (const ingest::ClientCopy& client : copies) {
      v1::StatusResponse one;
      *one.add_clients() = Describe(client);
      if (!list.Append(one)) return true;
    }
  } while (copies.size() == kPiece);
  return true;
}

std::vector<StatusReport::SpanCopy> StatusReport::CopySpans(SpanWalk* walk) const {
  std::vector<SpanCopy> copies;
  for (size_t left = kPiece; left > 0 && !walk->is_over();) {
    const bool has_more =
        sources_.spans->VisitSome(walk->uids[walk->at], left, &walk->place,
                                  [&](const live::Span& span) { copies.emplace_back(span); });
    left -= std::min(left, walk->place.passed.size() + 1);
    if (!has_more) walk->SkipUid();
  }
  return copies;
}

// Where several uids are listed each has its part, so that none of them hides the others.
bool StatusReport::AppendOpenSpans(std::optional<uid_t> only_uid, AnswerStream& stream,
                                   std::string* encoded) const {
  SpanWalk walk;
  if (only_uid.has_value()) {
    walk.uids = {*only_uid};
  } else if (!stream.OnLoop([&] { walk.uids = sources_.spans->Uids(); })) {
    return false;
  }
  EncodedList list(encoded);
  const size_t part = kListBytes / std::max<size_t>(walk.uids.size(), 1);
  std::optional<uid_t> listed;
  size_t before = 0;
  std::optional<uid_t> full;
  while (!walk.is_over()) {
    std::vector<SpanCopy> copies;
    if (!stream.OnLoop([&] { copies = CopySpans(&walk); })) return false;
    for (const SpanCopy& span : copies) {
      if (listed != span.key.uid) {
        listed = span.key.uid;
        before = list.bytes();
      }
      if (full == listed) continue;
      v1::StatusResponse one;
      *one.add_open_spans() = span.Describe();
      if (!list.Append(one, before + part)) full = listed;
    }
    if (!walk.is_over() && full == walk.uids[walk.at]) walk.SkipUid();
  }
  return true;
}

}  // namespace sluice::control
