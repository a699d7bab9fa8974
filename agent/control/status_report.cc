#include "agent/control/status_report.h"

#include <unistd.h>

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
// net::Call::kMaxUnsentBytes.
constexpr size_t kListBytes = 3 * 1024 * 1024;

std::string Cut(std::string_view text) {
  return std::string(text.substr(0, Utf8Boundary(text, kTextBytes)));
}

// Adds `item` to `list` if there is room; `*bytes` are in the list so far.
template <typename Item>
void AddIfItFits(Item item, size_t* bytes, google::protobuf::RepeatedPtrField<Item>* list) {
  const size_t size = item.ByteSizeLong();
  if (*bytes + size > kListBytes) return;
  *bytes += size;
  *list->Add() = std::move(item);
}

bool Shown(std::optional<uid_t> only_uid, uid_t uid) {
  return !only_uid.has_value() || *only_uid == uid;
}

v1::OpenSpan Describe(const live::Span& span) {
  const SpanView view = span.view();
  v1::OpenSpan open;
  open.set_trace_id(std::string(span.key.trace_id.raw()));
  open.set_span_id(std::string(span.key.span_id.raw()));
  if (!view.parent_span_id.IsZero()) {
    open.set_parent_span_id(std::string(view.parent_span_id.raw()));
  }
  open.set_name(Cut(span.name));
  open.set_target(span.target);
  open.set_start_time_unix_nano(view.start_unix_nano);
  *open.mutable_identity() = live::EncodeIdentity(span.origin->identity);
  open.set_service_name(Cut(live::FindResourceText(span.origin->resource, "service.name")));
  return open;
}

}  // namespace

v1::StatusResponse StatusReport::Make(const v1::StatusRequest& request, const Identity& caller,
                                      std::optional<uid_t> only_uid) const {
  v1::StatusResponse response;
  response.set_version(std::string(kVersion));
  response.set_pid(::getpid());
  response.set_started_unix_nano(sources_.started_unix_nano);
  response.set_boot_id(sources_.boot_id);
  *response.mutable_you() = live::EncodeIdentity(caller);
  AddJournal(&response);
  AddSinks(&response);
  AddCounters(only_uid, &response);
  AddClients(only_uid, &response);
  AddOpenSpans(request.open_spans(), only_uid, &response);
  if (!only_uid.has_value()) {
    response.set_vm_id(sources_.vm_id);
    for (v1::Setting& setting : sources_.settings()) {
      *response.add_settings() = std::move(setting);
    }
  }
  return response;
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

void StatusReport::AddClients(std::optional<uid_t> only_uid, v1::StatusResponse* response) const {
  size_t bytes = 0;
  sources_.ingest->ForEachClient([&](v1::ClientStatus client) {
    if (!Shown(only_uid, client.identity().uid())) return;
    client.set_service_name(Cut(client.service_name()));
    AddIfItFits(std::move(client), &bytes, response->mutable_clients());
  });
}

void StatusReport::AddOpenSpans(bool list, std::optional<uid_t> only_uid,
                                v1::StatusResponse* response) const {
  uint64_t count = 0;
  size_t bytes = 0;
  sources_.spans->ForEach([&](const std::shared_ptr<live::Span>& span) {
    if (!Shown(only_uid, span->key.uid)) return;
    ++count;
    if (list) AddIfItFits(Describe(*span), &bytes, response->mutable_open_spans());
  });
  response->set_open_span_count(count);
}

}  // namespace sluice::control
