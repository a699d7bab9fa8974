#include "agent/ingest/recovery.h"

#include <algorithm>

#include "agent/live/dropped_span_codec.h"
#include "agent/live/origin_codec.h"
#include "sluice/disk/v1/journal.pb.h"

namespace sluice::ingest {

void Recovery::OnCheckpoint(std::string_view encoded) {
  live::RestoreOpenSpans(encoded, &state_->spans);
  std::string_view boot_id;
  for (const std::string_view last :
       FieldRange(encoded, disk::v1::Checkpoint::kBootIdFieldNumber)) {
    boot_id = last;
  }
  rebooted_ = boot_id != boot_id_;
  if (rebooted_) return;
  live::RestoreDroppedSpans(encoded, &state_->spans);
  for (const std::string_view state :
       FieldRange(encoded, disk::v1::Checkpoint::kClientsFieldNumber)) {
    disk::v1::ClientState saved;
    if (!saved.ParseFromArray(state.data(), static_cast<int>(state.size()))) continue;
    const auto id = ClientId::FromBytes(saved.client_id());
    if (!id.has_value()) continue;
    ClientRegistry::Client* const client =
        state_->clients.Get(saved.uid(), *id, saved.last_seen_boottime_nano());
    if (client != nullptr) client->last_sequence = saved.last_sequence();
  }
}

void Recovery::OnEntry(const journal::Entry& entry) {
  const auto origin = live::MakeOrigin(entry.batch);
  for (journal::RecordCursor records = entry.batch.records(); records.Next();) {
    if (!records.is_own()) continue;  // whole spans and events open nothing
    if (const auto record = records.Read()) {
      state_->spans.Apply(*record, origin, entry.batch.received_boottime_nano);
    }
  }
  rebooted_ = !entry.this_boot;
  // What the agent wrote in a process's place is no sign of its life.
  if (entry.this_boot && !entry.batch.synthetic) {
    last_entries_[{entry.batch.pid, entry.batch.start_time_ticks}] =
        entry.batch.received_boottime_nano;
  }
  if (!rebooted_) live::ApplyDroppedSpans(entry.batch, &state_->spans);
  const auto id = ClientId::FromBytes(entry.batch.client_id);
  if (rebooted_ || !id.has_value() || entry.batch.sent_records == 0) return;
  ClientRegistry::Client* const client =
      state_->clients.Get(entry.uid, *id, entry.batch.received_boottime_nano);
  if (client == nullptr) return;
  const uint64_t last = entry.batch.first_sequence + entry.batch.sent_records - 1;
  client->last_sequence = std::max(client->last_sequence, last);
  client->journal_sequence = entry.sequence;
  client->last_seen_boottime_nano = entry.batch.received_boottime_nano;
}

std::string EncodeCheckpoint(const AdmissionState& state, const std::string& boot_id) {
  disk::v1::Checkpoint checkpoint;
  checkpoint.set_boot_id(boot_id);
  state.clients.ForEach([&](uid_t uid, const ClientId& id, const ClientRegistry::Client& client) {
    disk::v1::ClientState* const saved = checkpoint.add_clients();
    saved->set_uid(uid);
    saved->set_client_id(std::string(id.raw()));
    saved->set_last_sequence(client.last_sequence);
    saved->set_last_seen_boottime_nano(client.last_seen_boottime_nano);
  });
  std::string encoded = checkpoint.SerializeAsString();
  live::SaveOpenSpans(state.spans, &encoded);
  live::SaveDroppedSpans(state.spans, &encoded);
  return encoded;
}

}  // namespace sluice::ingest
