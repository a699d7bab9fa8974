#include "agent/control/trace_scan.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "absl/strings/ascii.h"
#include "agent/journal/field_numbers.h"
#include "agent/live/origin_codec.h"
#include "agent/live/resource_text.h"
#include "proto/wire/utf8.h"

namespace sluice::control {
namespace {

// Held in memory of one segment, some 200 bytes each.
constexpr size_t kMaxTraces = 65'536;
constexpr size_t kNameBytes = 256;

bool HasText(std::string_view text, std::string_view searched) {
  const auto same = [](char a, char b) {
    return absl::ascii_tolower(static_cast<unsigned char>(a)) ==
           absl::ascii_tolower(static_cast<unsigned char>(b));
  };
  return std::search(text.begin(), text.end(), searched.begin(), searched.end(), same) !=
         text.end();
}

bool RecordHasText(const RecordView& record, std::string_view searched) {
  if (record.kind != RecordKind::kEvent) return HasText(record.span.name, searched);
  return HasText(record.event.message.text, searched) || HasText(record.event.event_name, searched);
}

bool SpanHasRun(const SpanView& span, std::string_view run_id) {
  for (const std::string_view encoded : span.attributes()) {
    const AttributeView attribute = ReadAttribute(encoded);
    if (attribute.key != "vllora.run_id" && attribute.key != "run_id") continue;
    if (attribute.value.type == ValueView::Type::kString && attribute.value.text == run_id) {
      return true;
    }
  }
  return false;
}

}  // namespace

TraceScan::TraceScan(journal::Journal* journal, TraceFilter filter, uint64_t now_unix_nano,
                     AnswerStream* stream)
    : filter_(std::move(filter)),
      now_unix_nano_(now_unix_nano),
      stream_(stream),
      journal_(journal),
      reader_(journal->OpenReader("")) {}

std::vector<TraceSums> TraceScan::Run() {
  const uint64_t journal_end = journal_->last_sequence() + 1;
  // Behind the entries of a segment.
  uint64_t end = journal_end;
  while (end > 1 && found_.size() < filter_.limit && !stream_->IsOver()) {
    RestoreOpen(reader_->Restore(end - 2));
    const uint64_t first = reader_->next_sequence();
    if (first >= end) break;
    ReadSegment(end);
    if (end == journal_end) CountOpen();
    SettleWhole();
    const bool rest_is_older = received_.newest < filter_.since_unix_nano;
    if (rest_is_older) break;
    end = first;
  }
  // Nothing is left that says when these began.
  if (found_.size() < filter_.limit) {
    for (auto& [id, sums] : std::exchange(traces_, {})) Settle(std::move(sums));
  }
  ForgetOldest(filter_.limit);
  std::vector<TraceSums> newest_first;
  for (auto& [id, sums] : found_) newest_first.push_back(std::move(sums));
  std::ranges::sort(newest_first, [](const TraceSums& a, const TraceSums& b) {
    return std::pair(a.BeganAt(), a.first_sequence) > std::pair(b.BeganAt(), b.first_sequence);
  });
  return newest_first;
}

void TraceScan::RestoreOpen(std::string_view checkpoint) {
  open_.clear();
  open_before_.clear();
  live::ForEachOpenSpan(checkpoint, [this](uid_t uid, const TraceId& trace, const SpanId& span) {
    if (filter_.only_uid && uid != *filter_.only_uid) return;
    open_[trace].insert({uid, span});
    open_before_.insert(trace);
  });
}

void TraceScan::ReadSegment(uint64_t end_sequence) {
  received_ = {};
  while (const auto entry = reader_->Next(std::chrono::steady_clock::now())) {
    if (entry->sequence >= end_sequence || stream_->IsOver()) return;
    received_.oldest = std::min(received_.oldest, entry->batch.received_unix_nano);
    received_.newest = std::max(received_.newest, entry->batch.received_unix_nano);
    if (!filter_.only_uid || entry->uid == *filter_.only_uid) AddEntry(*entry);
  }
}

void TraceScan::AddEntry(const journal::Entry& entry) {
  origin_ = nullptr;
  for (journal::RecordCursor records = entry.batch.records(); records.Next();) {
    const auto record = records.Read();
    if (record && !record->trace_id().IsZero()) AddRecord(entry, *record);
  }
}

void TraceScan::AddRecord(const journal::Entry& entry, const RecordView& record) {
  const TraceId id = record.trace_id();
  if (!filter_.id_prefix.empty() && !id.ToHex().starts_with(filter_.id_prefix)) return;
  TraceSums* const sums = Find(id);
  if (entry.sequence < sums->first_sequence) {
    sums->first_sequence = entry.sequence;
    sums->first_offset = entry.offset;
    sums->boot_id = entry.boot_id;
  }
  sums->last_sequence = std::max(sums->last_sequence, entry.sequence);
  sums->received_unix_nano = std::min(sums->received_unix_nano, entry.batch.received_unix_nano);
  if (record.kind == RecordKind::kEvent) {
    ++sums->events;
    sums->errors += record.level == Level::kError;
  } else {
    AddSpan(entry, record, sums);
  }
  if (filter_.uid) sums->has_uid |= entry.uid == *filter_.uid;
  sums->has_unit |= !filter_.unit.empty() && entry.batch.unit == filter_.unit;
  sums->has_service |=
      !filter_.service_name.empty() && !sums->has_service &&
      live::FindResourceText(entry.batch.resource, "service.name") == filter_.service_name;
  sums->has_text |= !filter_.text.empty() && !sums->has_text && RecordHasText(record, filter_.text);
}

void TraceScan::AddSpan(const journal::Entry& entry, const RecordView& record, TraceSums* sums) {
  const SpanView& span = record.span;
  const std::pair<uid_t, SpanId> key(entry.uid, span.span_id);
  sums->has_run |= !filter_.run_id.empty() && !sums->has_run && SpanHasRun(span, filter_.run_id);
  const bool ends = record.kind == RecordKind::kSpan || record.kind == RecordKind::kSpanEnd;
  // A client states its open spans again when it comes back.
  const bool begins = record.kind == RecordKind::kSpan ||
                      (record.kind == RecordKind::kSpanStart && open_[sums->id].insert(key).second);
  if (begins) {
    ++sums->spans;
    ChooseRoot(entry, span, sums);
  }
  if (!ends) return;
  if (const auto open = open_.find(sums->id); open != open_.end()) {
    open->second.erase(key);
    if (open->second.empty()) open_.erase(open);
  }
  sums->end_unix_nano = std::max(sums->end_unix_nano, span.end_unix_nano);
  sums->aborted += entry.batch.synthetic;
  sums->errors += !entry.batch.synthetic && span.status == StatusCode::kError;
}

void TraceScan::ChooseRoot(const journal::Entry& entry, const SpanView& span, TraceSums* sums) {
  if (span.start_unix_nano != 0) {
    sums->start_unix_nano = std::min(sums->start_unix_nano, span.start_unix_nano);
  }
  const bool is_root = span.parent_span_id.IsZero();
  const bool is_better =
      is_root != sums->has_root ? is_root : span.start_unix_nano < sums->root_start_unix_nano;
  if (!is_better && sums->root_origin != nullptr) return;
  if (origin_ == nullptr) origin_ = live::MakeOrigin(entry.batch);
  sums->has_root = is_root;
  sums->root_start_unix_nano = span.start_unix_nano;
  sums->root_name = span.name.substr(0, Utf8Boundary(span.name, kNameBytes));
  sums->root_origin = origin_;
}

TraceSums* TraceScan::Find(const TraceId& id) {
  if (const auto found = found_.find(id); found != found_.end()) return &found->second;
  const auto [entry, is_new] = traces_.try_emplace(id);
  if (!is_new) return &entry->second;
  entry->second.id = id;
  in_order_.push_back(id);
  LimitTraces();
  return &traces_.find(id)->second;
}

// Makes room by taking the oldest without open spans for whole.
void TraceScan::LimitTraces() {
  for (size_t tries = in_order_.size(); traces_.size() > kMaxTraces && tries > 1; --tries) {
    const TraceId oldest = in_order_.front();
    in_order_.pop_front();
    if (open_.contains(oldest) || open_before_.contains(oldest)) {
      in_order_.push_back(oldest);
      continue;
    }
    const auto found = traces_.find(oldest);
    TraceSums sums = std::move(found->second);
    traces_.erase(found);
    Settle(std::move(sums));
  }
}

// At the journal's end.
void TraceScan::CountOpen() {
  for (const auto& [id, spans] : open_) {
    if (filter_.id_prefix.empty() || id.ToHex().starts_with(filter_.id_prefix)) {
      Find(id)->open = spans.size();
    }
  }
}

// Moves what began in the segments read from traces_ to found_.
void TraceScan::SettleWhole() {
  absl::flat_hash_map<TraceId, TraceSums> all = std::exchange(traces_, {});
  in_order_.clear();
  for (auto& [id, sums] : all) {
    if (open_before_.contains(id) || sums.BeganAt() < received_.oldest) {
      in_order_.push_back(id);
      traces_.emplace(id, std::move(sums));
    } else {
      Settle(std::move(sums));
    }
  }
}

void TraceScan::Settle(TraceSums sums) {
  if (!IsAskedFor(sums)) return;
  const TraceId id = sums.id;
  found_.emplace(id, std::move(sums));
  if (found_.size() > 2 * filter_.limit + 64) ForgetOldest(filter_.limit);
}

bool TraceScan::IsAskedFor(const TraceSums& sums) const {
  if (sums.spans + sums.open == 0 && !filter_.any_records) return false;
  if (filter_.uid && !sums.has_uid) return false;
  if (!filter_.unit.empty() && !sums.has_unit) return false;
  if (!filter_.service_name.empty() && !sums.has_service) return false;
  if (!filter_.text.empty() && !sums.has_text) return false;
  if (!filter_.run_id.empty() && !sums.has_run) return false;
  if (!filter_.boot_id.empty() && sums.boot_id != filter_.boot_id) return false;
  if (filter_.failed && sums.errors + sums.aborted == 0) return false;
  if (sums.BeganAt() < filter_.since_unix_nano || sums.BeganAt() > filter_.until_unix_nano) {
    return false;
  }
  const uint64_t end = sums.open > 0 ? now_unix_nano_ : sums.end_unix_nano;
  if (filter_.slower_than_nano == 0) return true;
  return end > sums.BeganAt() && end - sums.BeganAt() > filter_.slower_than_nano;
}

void TraceScan::ForgetOldest(size_t kept) {
  if (found_.size() <= kept) return;
  std::vector<std::pair<uint64_t, TraceId>> by_time;
  for (const auto& [id, sums] : found_) by_time.emplace_back(sums.BeganAt(), id);
  const auto first_gone = by_time.begin() + static_cast<ptrdiff_t>(kept);
  std::ranges::nth_element(by_time, first_gone, std::greater<>());
  for (auto gone = first_gone; gone != by_time.end(); ++gone) found_.erase(gone->second);
}

}  // namespace sluice::control
