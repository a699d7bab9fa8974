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

// What the allocator takes for so many bytes.
constexpr size_t AllocatedBytes(size_t bytes) {
  return std::max<size_t>((bytes + 8 + 15) & ~15, 32);
}

// Beside the object itself.
constexpr size_t StringBytes(size_t size) {
  constexpr size_t kInline = 15;
  if (size <= kInline) return 0;
  return AllocatedBytes(std::max(size, 2 * kInline) + 1);
}

// What an entry of a flat_hash_map takes, which is between seven sixteenths and seven eighths full.
constexpr size_t EntryBytes(size_t size) { return (size + 1) * 7 / 4; }

// With the counts of its shared_ptr.
constexpr size_t kSpanObjectBytes = AllocatedBytes(sizeof(Span) + 16);
constexpr size_t kOriginObjectBytes = AllocatedBytes(sizeof(Origin) + 16);
constexpr size_t kSpanEntryBytes = EntryBytes(sizeof(std::pair<SpanKey, std::shared_ptr<Span>>));

// A body that grows gets so much room as a part of it: less than a string would take by itself,
// and enough that many small updates do not copy it each time.
constexpr size_t kBodyGrowth = 8;

// Of an empty table.
constexpr size_t kKeptCapacity = 1024;

void AppendTo(std::string_view more, std::string* body) {
  const size_t size = body->size() + more.size();
  if (size > body->capacity() && !body->empty()) {
    std::string larger;
    larger.reserve(size + size / kBodyGrowth);
    larger.append(*body);
    *body = std::move(larger);
  }
  body->append(more);
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
  AppendTo(record.span.body, &span->body);
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

size_t SizeWithoutBody(const Span& span) {
  return kSpanObjectBytes + StringBytes(span.name.size()) + StringBytes(span.target.size());
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
  span->parent_span_id = record.span.parent_span_id;
  span->start_unix_nano = record.span.start_unix_nano;
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
  const size_t bytes = BytesOf(start, *origin);
  if (CountOf(uid) >= limits_.spans_per_uid || !FitsBytes(uid, bytes)) return Result::kOverLimit;
  Usage& usage = UsageOf(uid);
  ++usage.spans;
  usage.bytes->Add(bytes);
  auto span = Whole(start, std::move(origin));
  span->received_boottime_nano = received_boottime_nano;
  span->counted_bytes = bytes;
  Link(span.get(), &usage);
  spans_.emplace(key, std::move(span));
  return Result::kDone;
}

void SpanTable::SetLimits(const SpanLimits& limits) {
  limits_ = limits;
  users_bytes_ = std::make_shared<SharedLimit>(limits.bytes_of_users);
  for (const auto& [uid, usage] : usage_) {
    if (uid == 0) continue;
    users_bytes_->Change(0, usage.bytes->all);
    usage.bytes->of_users = users_bytes_;
  }
}

SpanTable::Usage& SpanTable::UsageOf(uid_t uid) {
  Usage& usage = usage_[uid];
  if (usage.bytes == nullptr) {
    usage.bytes = std::make_shared<SpanBytes>();
    if (uid != 0) usage.bytes->of_users = users_bytes_;
  }
  return usage;
}

void SpanTable::Link(Span* span, Usage* usage) {
  span->order = ++last_order_;
  span->links.before = usage->last;
  (usage->last == nullptr ? usage->first : usage->last->links.after) = span;
  usage->last = span;
  ++usage->open;
}

void SpanTable::Unlink(Span* span, Usage* usage) {
  SpanLinks& links = span->links;
  (links.before == nullptr ? usage->first : links.before->links.after) = links.after;
  (links.after == nullptr ? usage->last : links.after->links.before) = links.before;
  links.before = links.after = nullptr;
  --usage->open;
}

void SpanTable::ForgetIfEmpty(uid_t uid) {
  const auto usage = usage_.find(uid);
  if (usage->second.spans == 0 && usage->second.bytes->all == 0) usage_.erase(usage);
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
  const size_t held = usage == usage_.end() ? 0 : usage->second.bytes->all;
  if (bytes > limits_.bytes_per_uid || held > limits_.bytes_per_uid - bytes) return false;
  return uid == 0 || users_bytes_->HasRoom(held, bytes);
}

size_t SpanTable::BytesOf(const RecordView& start, const Origin& origin) {
  return kSpanEntryBytes + kSpanObjectBytes + StringBytes(start.span.name.size()) +
         StringBytes(start.target.size()) + StringBytes(start.span.body.size()) +
         kOriginObjectBytes + StringBytes(origin.resource.size()) +
         StringBytes(origin.identity.unit.size()) + StringBytes(origin.identity.pod.size());
}

size_t SpanTable::BytesOf(const RecordView& update) {
  return update.span.body.size() + update.span.body.size() / kBodyGrowth;
}

SpanTable::Result SpanTable::Update(uid_t uid, const RecordView& update) {
  const auto span = Find(KeyOf(uid, update));
  if (span == nullptr) return Result::kNotOpen;
  const size_t bytes = BytesOf(update);
  if (!FitsBytes(uid, bytes)) return Result::kOverLimit;
  Merge(update, span.get());
  span->counted_bytes += bytes;
  UsageOf(uid).bytes->Add(bytes);
  return Result::kDone;
}

std::shared_ptr<Span> SpanTable::Close(uid_t uid, const RecordView& end) {
  const auto found = spans_.find(KeyOf(uid, end));
  if (found == spans_.end()) return nullptr;
  const auto span = std::move(found->second);
  spans_.erase(found);
  // One that was large once gives its room back.
  if (spans_.empty() && spans_.capacity() > kKeptCapacity) spans_ = {};
  Usage& usage = UsageOf(uid);
  Unlink(span.get(), &usage);
  --usage.spans;
  usage.bytes->Subtract(std::exchange(span->counted_bytes, 0));
  Merge(end, span.get());
  span->end_unix_nano = end.span.end_unix_nano;
  return span;
}

void SpanTable::Retire(std::shared_ptr<Span> span) {
  const uid_t uid = span->key.uid;
  const std::shared_ptr<SpanBytes> bytes = UsageOf(uid).bytes;
  FreeBody(span.get());
  if (bytes->ended + SizeWithoutBody(*span) > limits_.ended_bytes_per_uid) {
    span->name = std::string("...");
    span->target = std::string();
    span->parent = nullptr;
  }
  span->kept.CountIn(bytes, SizeWithoutBody(*span));
  // Where no child holds it, it goes here, and so may its ancestors.
  span = nullptr;
  ForgetIfEmpty(uid);
}

void SpanTable::AddDropped(const SpanKey& key, const Dropped& span) {
  if (!dropped_.insert_or_assign(key, span).second) return;
  Usage& usage = UsageOf(key.uid);
  ++usage.spans;
  usage.bytes->Add(kDroppedSpanBytes);
}

void SpanTable::ForgetDropped(uid_t uid) {
  Usage& usage = UsageOf(uid);
  --usage.spans;
  usage.bytes->Subtract(kDroppedSpanBytes);
  ForgetIfEmpty(uid);
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

const Span* SpanTable::FirstBehind(const Usage& usage, const WalkPlace& place) const {
  for (auto passed = place.passed.rbegin(); passed != place.passed.rend(); ++passed) {
    const auto found = spans_.find(passed->first);
    if (found == spans_.end() || found->second->order != passed->second) continue;
    return found->second->links.after;
  }
  return usage.first;
}

bool SpanTable::VisitSome(uid_t uid, size_t most, WalkPlace* place,
                          const std::function<void(const Span&)>& visit) const {
  const auto usage = usage_.find(uid);
  if (usage == usage_.end()) return false;
  if (place->end == 0) place->end = last_order_;
  const Span* span = FirstBehind(usage->second, *place);
  place->passed.clear();
  for (; span != nullptr && span->order <= place->end && most > 0; --most) {
    place->passed.emplace_back(span->key, span->order);
    if (span->order > place->order) {
      place->order = span->order;
      visit(*span);
    }
    span = span->links.after;
  }
  return span != nullptr && span->order <= place->end;
}

std::vector<uid_t> SpanTable::Uids() const {
  std::vector<uid_t> uids;
  for (const auto& [uid, usage] : usage_) {
    if (usage.open > 0) uids.push_back(uid);
  }
  std::sort(uids.begin(), uids.end());
  return uids;
}

size_t SpanTable::OpenCountOf(uid_t uid) const {
  const auto usage = usage_.find(uid);
  return usage == usage_.end() ? 0 : usage->second.open;
}

int SpanTable::CountOf(uid_t uid) const {
  const auto usage = usage_.find(uid);
  return usage == usage_.end() ? 0 : usage->second.spans;
}

size_t SpanTable::EndedBytesOf(uid_t uid) const {
  const auto usage = usage_.find(uid);
  return usage == usage_.end() ? 0 : usage->second.bytes->ended;
}

}  // namespace sluice::live
