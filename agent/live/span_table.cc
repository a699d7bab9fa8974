// Problem: Clients decide how many spans there are, how long they stay open and how deep they nest,
// and no user may exhaust the memory of all. Yet the lines of a child need names of ancestors that
// ended.
//
// States: A span is opened, updated, closed (it leaves the table whole) and retired (its body is
// freed; name and parent stay while a child holds it). Whole makes a span that is never in the
// table. A dropped span has an entry of its own, without body, from AddDropped to RemoveDropped.
//
// Invariants:
// * usage_[uid].bytes is the sum over the uid's open and dropped spans. Close therefore subtracts
//   before it merges the END, whose bytes were never added. If the sum drifted, the uid would be
//   refused for ever or exceed its limit.
// * A span points only to its parent, and only from when it is made, to a span that is open then.
//   So there are no circles of shared pointers, which would never be freed.
// * A uid's usage is erased only when it has no span and no ended bytes. Ended spans count in the
//   object that usage held when they were retired, and a new one would give the uid the same room
//   twice.
// * FindEnclosing sees the uid's own spans and root's. Otherwise a user could put records under
//   another user's span.

#include "agent/live/span_table.h"

#include <algorithm>
#include <utility>

namespace sluice::live {
namespace {

// Longer chains of ancestors are cut: a log line cannot show them, and a chain is freed
// recursively.
constexpr int kMaxDepth = 128;

SpanKey KeyOf(uid_t uid, const RecordView& record) {
  return {uid, record.span.trace_id, record.span.span_id};
}

// Appends the record's body and its marks, which count from the attributes already there.
void AppendBody(const RecordView& record, Span* span) {
  uint32_t index = 0;
  for ([[maybe_unused]] const std::string_view attribute : record.span.attributes()) {
    if (record.bare.Has(index)) span->bare.Set(span->attribute_count + index);
    ++index;
  }
  span->attribute_count += index;
  span->had_error |= record.span.status == StatusCode::kError;
  span->body.append(record.span.body);
}

void Merge(const RecordView& record, Span* span) {
  if (record.busy_ns != 0) span->busy_ns = record.busy_ns;
  AppendBody(record, span);
}

void FreeBody(Span* span) {
  span->origin = nullptr;
  span->body = std::string();
  span->bare = BareMarks();
  span->attribute_count = 0;
}

size_t OpenBytes(std::string_view body, const Origin& origin) {
  return body.size() + origin.resource.size() + limits::kOpenSpanOverheadBytes;
}

size_t SizeWithoutBody(const Span& span) {
  return sizeof(span) + span.name.size() + span.target.size();
}

}  // namespace

SpanLimits SpanLimits::OfJournal(uint64_t journal_bytes) {
  return {.spans_per_uid = limits::kOpenSpansPerUid,
          .bytes_per_uid = std::min(limits::kOpenSpanBytesPerUid, journal_bytes / 16),
          .bytes_of_users = std::min(limits::kOpenSpanBytesOfUsers, journal_bytes / 8)};
}

SpanView Span::view() const {
  // A body is only ever made of bodies that were read before.
  return ReadSpan(body).value_or(SpanView{});
}

RecordView Span::AsRecord(RecordKind kind) const {
  RecordView record;
  record.kind = kind;
  record.level = level;
  record.target = target;
  record.busy_ns = busy_ns;
  record.bare = bare;
  record.span = view();
  record.span.name = name;
  return record;
}

std::shared_ptr<Span> SpanTable::Whole(const RecordView& record,
                                       std::shared_ptr<const Origin> origin) const {
  auto span = std::make_shared<Span>();
  const uid_t uid = origin->identity.uid;
  span->key = KeyOf(uid, record);
  span->origin = std::move(origin);
  span->level = record.level;
  span->name = record.span.name;
  span->target = record.target;
  span->busy_ns = record.busy_ns;
  AppendBody(record, span.get());
  if (!record.span.parent_span_id.IsZero()) {
    span->parent = FindEnclosing(uid, record.span.trace_id, record.span.parent_span_id);
  }
  if (span->parent != nullptr && span->parent->depth >= kMaxDepth) span->parent = nullptr;
  span->depth = span->parent == nullptr ? 0 : span->parent->depth + 1;
  return span;
}

SpanTable::Result SpanTable::Open(const RecordView& start, std::shared_ptr<const Origin> origin,
                                  uint64_t received_boottime_nano) {
  const uid_t uid = origin->identity.uid;
  const SpanKey key = KeyOf(uid, start);
  if (spans_.contains(key)) return Result::kAlreadyOpen;
  if (CountOf(uid) >= limits_.spans_per_uid || !FitsBytes(uid, BytesOf(start, *origin))) {
    return Result::kOverLimit;
  }
  ++usage_[uid].spans;
  AddBytes(uid, BytesOf(start, *origin));
  auto span = Whole(start, std::move(origin));
  span->received_boottime_nano = received_boottime_nano;
  spans_.emplace(key, std::move(span));
  return Result::kDone;
}

std::shared_ptr<Span> SpanTable::Find(const SpanKey& key) const {
  const auto found = spans_.find(key);
  return found == spans_.end() ? nullptr : found->second;
}

std::shared_ptr<Span> SpanTable::FindEnclosing(uid_t uid, const TraceId& trace_id,
                                               const SpanId& span_id) const {
  auto span = Find({uid, trace_id, span_id});
  if (span == nullptr && uid != 0) span = Find({0, trace_id, span_id});
  return span;
}

bool SpanTable::FitsBytes(uid_t uid, size_t bytes) const {
  const auto usage = usage_.find(uid);
  const size_t taken = usage == usage_.end() ? 0 : usage->second.bytes;
  const auto fits = [bytes](size_t held, size_t limit) {
    return bytes <= limit && held <= limit - bytes;
  };
  return fits(taken, limits_.bytes_per_uid) &&
         (uid == 0 || fits(users_bytes_, limits_.bytes_of_users) ||
          fits(taken, limits_.bytes_per_uid / 8));
}

void SpanTable::AddBytes(uid_t uid, size_t bytes) {
  usage_[uid].bytes += bytes;
  if (uid != 0) users_bytes_ += bytes;
}

void SpanTable::SubtractBytes(uid_t uid, size_t bytes) {
  usage_[uid].bytes -= bytes;
  if (uid != 0) users_bytes_ -= bytes;
}

size_t SpanTable::BytesOf(const RecordView& start, const Origin& origin) {
  return OpenBytes(start.span.body, origin);
}

SpanTable::Result SpanTable::Update(uid_t uid, const RecordView& update) {
  const auto span = Find(KeyOf(uid, update));
  if (span == nullptr) return Result::kNotOpen;
  if (!FitsBytes(uid, update.span.body.size())) return Result::kOverLimit;
  Merge(update, span.get());
  AddBytes(uid, update.span.body.size());
  return Result::kDone;
}

std::shared_ptr<Span> SpanTable::Close(uid_t uid, const RecordView& end) {
  const auto found = spans_.find(KeyOf(uid, end));
  if (found == spans_.end()) return nullptr;
  const auto span = std::move(found->second);
  spans_.erase(found);
  SubtractBytes(uid, OpenBytes(span->body, *span->origin));
  --usage_[uid].spans;
  Merge(end, span.get());
  return span;
}

void SpanTable::Retire(std::shared_ptr<Span> span) {
  const uid_t uid = span->key.uid;
  Usage& usage = usage_[uid];
  FreeBody(span.get());
  if (*usage.ended_bytes + SizeWithoutBody(*span) > limits_.ended_bytes_per_uid) {
    span->name = std::string("...");
    span->parent = nullptr;
  }
  span->kept.AddTo(usage.ended_bytes, SizeWithoutBody(*span));
  // Where no child holds it, it goes here, and so may its ancestors.
  span = nullptr;
  if (usage.spans == 0 && *usage.ended_bytes == 0) usage_.erase(uid);
}

void SpanTable::AddDropped(const SpanKey& key, const Dropped& span) {
  if (!dropped_.insert_or_assign(key, span).second) return;
  ++usage_[key.uid].spans;
  AddBytes(key.uid, kDroppedSpanBytes);
}

void SpanTable::ForgetDropped(uid_t uid) {
  SubtractBytes(uid, kDroppedSpanBytes);
  Usage& usage = usage_[uid];
  if (--usage.spans == 0 && *usage.ended_bytes == 0) usage_.erase(uid);
}

void SpanTable::RemoveDropped(const SpanKey& key) {
  if (dropped_.erase(key) > 0) ForgetDropped(key.uid);
}

void SpanTable::RemoveDroppedIf(
    const std::function<bool(const SpanKey&, const Dropped&)>& selects) {
  absl::erase_if(dropped_, [&](const auto& entry) {
    const SpanKey& key = entry.first;
    if (!selects(key, entry.second)) return false;
    ForgetDropped(key.uid);
    return true;
  });
}

void SpanTable::ForEachDropped(
    const std::function<void(const SpanKey&, const Dropped&)>& visit) const {
  for (const auto& [key, span] : dropped_) visit(key, span);
}

void SpanTable::Apply(const RecordView& record, const std::shared_ptr<const Origin>& origin,
                      uint64_t received_boottime_nano) {
  if (record.kind == RecordKind::kSpanStart) {
    Open(record, origin, received_boottime_nano);
  } else if (record.kind == RecordKind::kSpanUpdate) {
    Update(origin->identity.uid, record);
  } else if (record.kind == RecordKind::kSpanEnd) {
    if (auto span = Close(origin->identity.uid, record)) Retire(std::move(span));
  }
}

void SpanTable::ForEach(const std::function<void(const std::shared_ptr<Span>&)>& visit) const {
  for (const auto& [key, span] : spans_) visit(span);
}

int SpanTable::CountOf(uid_t uid) const {
  const auto usage = usage_.find(uid);
  return usage == usage_.end() ? 0 : usage->second.spans;
}

size_t SpanTable::EndedBytesOf(uid_t uid) const {
  const auto usage = usage_.find(uid);
  return usage == usage_.end() ? 0 : *usage->second.ended_bytes;
}

}  // namespace sluice::live
