#include "agent/sinks/otlp/signal_batch.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "proto/record/otlp_field_numbers.h"
#include "proto/wire/reader.h"
#include "proto/wire/writer.h"

namespace sluice::otlp {
namespace {

namespace request_field = export_request_field;
namespace envelope_field = resource_spans_field;
namespace scope_field = scope_spans_field;

// More than the tags and lengths around a group or a scope take.
constexpr size_t kHeadBytes = 32;

size_t CostOf(const Envelope& envelope) {
  return envelope.resource.size() + envelope.schema_url.size() + envelope.rest.size() + kHeadBytes;
}
size_t CostOf(const SignalBatch::Scope& scope) {
  return scope.scope.size() + scope.schema_url.size() + scope.rest.size() + kHeadBytes;
}

// Shorter rows are copied: that costs less than a piece of its own.
constexpr size_t kLeastLent = 4096;
// What is held of what was read: so much, and twice of what is lent.
constexpr size_t kHeldBytes = 4 * 1024 * 1024;
constexpr size_t kHeldToLent = 2;

std::string& CopiesOf(SignalBatch::Scope* scope) {
  if (scope->rows.empty() || !scope->rows.back().lent.empty()) {
    scope->rows.push_back({scope->bytes(), {}, {}});
  }
  return scope->rows.back().copied;
}

// Some items of one scope, one behind the other.
struct Part {
  const SignalBatch::Scope* scope;
  size_t begin;
  size_t end;

  size_t from() const { return begin == 0 ? 0 : scope->ends[begin - 1]; }
  size_t to() const { return scope->ends[end - 1]; }
  size_t bytes() const { return to() - from(); }
};

// Calls `visit` with the bytes of its items, in order.
template <typename Visit>
void ForEachRow(const Part& part, Visit visit) {
  const std::vector<SignalBatch::Row>& rows = part.scope->rows;
  auto row =
      std::upper_bound(rows.begin(), rows.end(), part.from(),
                       [](size_t at, const SignalBatch::Row& after) { return at < after.begin; });
  if (row != rows.begin()) --row;
  for (; row != rows.end() && row->begin < part.to(); ++row) {
    const size_t from = std::max(part.from(), row->begin) - row->begin;
    const size_t to = std::min(part.to() - row->begin, row->bytes().size());
    visit(row->bytes().substr(from, to - from));
  }
}

size_t FieldSize(uint32_t number, std::string_view content) {
  return content.empty() ? 0 : BytesFieldSize(number, content.size());
}

size_t SizeOf(const Part& part) {
  return FieldSize(scope_field::kScope, part.scope->scope) + part.bytes() +
         FieldSize(scope_field::kSchemaUrl, part.scope->schema_url) + part.scope->rest.size();
}

// Calls `visit(scope, begin, end)` for each scope of `group` that has some of the items from
// `begin` to before `end`, where `*first` is the number of its first item; moves that on.
template <typename Visit>
void ForEachPart(const SignalBatch::Group& group, size_t begin, size_t end, size_t* first,
                 Visit visit) {
  for (const SignalBatch::Scope& scope : group.scopes) {
    const size_t from = std::max(begin, *first);
    const size_t to = std::min(end, *first + scope.ends.size());
    if (from < to) visit(Part{&scope, from - *first, to - *first});
    *first += scope.ends.size();
  }
}

// Writes what is around the items into one string, between whose parts they go.
class RequestWriter {
 public:
  explicit RequestWriter(Request* request)
      : request_(request), writer_(StringSink(&request->heads)) {}

  void Write(const Envelope& envelope, const std::vector<Part>& parts) {
    size_t size = FieldSize(envelope_field::kResource, envelope.resource) +
                  FieldSize(envelope_field::kSchemaUrl, envelope.schema_url) + envelope.rest.size();
    for (const Part& part : parts)
      size += BytesFieldSize(envelope_field::kScopeSpans, SizeOf(part));
    writer_.BytesHeader(request_field::kResourceSpans, size);
    Text(envelope_field::kResource, envelope.resource);
    for (const Part& part : parts) Write(part);
    Text(envelope_field::kSchemaUrl, envelope.schema_url);
    writer_.Raw(envelope.rest);
  }

  void Finish() {
    size_t from = 0;
    for (const Cut& cut : cuts_) {
      Piece(std::string_view(request_->heads).substr(from, cut.head_end - from));
      Piece(cut.items);
      from = cut.head_end;
    }
    Piece(std::string_view(request_->heads).substr(from));
  }

 private:
  struct Cut {
    size_t head_end;
    std::string_view items;
  };

  void Write(const Part& part) {
    writer_.BytesHeader(envelope_field::kScopeSpans, SizeOf(part));
    Text(scope_field::kScope, part.scope->scope);
    ForEachRow(part, [&](std::string_view row) { cuts_.push_back({writer_.size(), row}); });
    Text(scope_field::kSchemaUrl, part.scope->schema_url);
    writer_.Raw(part.scope->rest);
  }

  void Text(uint32_t number, std::string_view content) {
    if (!content.empty()) writer_.Bytes(number, content);
  }

  void Piece(std::string_view piece) {
    if (piece.empty()) return;
    request_->pieces.push_back(absl::string_view(piece.data(), piece.size()));
    request_->bytes += piece.size();
  }

  Request* const request_;
  StringWireWriter writer_;
  std::vector<Cut> cuts_;
};

}  // namespace

SignalBatch::Group* SignalBatch::Find(const std::string& key) {
  const auto found = group_by_key_.find(key);
  return found == group_by_key_.end() ? nullptr : found->second;
}

SignalBatch::Group* SignalBatch::Add(const std::string& key, Envelope envelope) {
  bytes_ += CostOf(envelope);
  groups_.push_back(std::make_unique<Group>());
  Group* const group = groups_.back().get();
  group->envelope = std::move(envelope);
  group_by_key_.emplace(key, group);
  return group;
}

SignalBatch::Scope& SignalBatch::ScopeOf(Group* group, const ScopeKey& key) {
  const auto is_of = [&](const Scope& scope) {
    return scope.scope == key.scope && scope.schema_url == key.schema_url && scope.rest == key.rest;
  };
  if (group->scopes.empty() || !is_of(group->scopes[group->last_scope])) {
    std::string text = absl::StrCat(key.scope.size(), " ", key.schema_url.size(), " ");
    text.append(key.scope).append(key.schema_url).append(key.rest);
    const auto [found, is_new] = group->scope_by_key.try_emplace(text, group->scopes.size());
    if (is_new) {
      group->scopes.push_back(
          {std::string(key.scope), std::string(key.schema_url), std::string(key.rest), {}, {}});
      bytes_ += CostOf(group->scopes.back());
    }
    group->last_scope = found->second;
  }
  return group->scopes[group->last_scope];
}

void SignalBatch::AddItem(Group* group, const ScopeKey& key, std::string_view item) {
  Scope& scope = ScopeOf(group, key);
  StringWireWriter(StringSink(&CopiesOf(&scope))).Bytes(scope_field::kSpans, item);
  bytes_ += BytesFieldSize(scope_field::kSpans, item.size());
  scope.ends.push_back(scope.bytes());
  ++size_;
}

// Whatever is written of what was read, memory is bounded by that.
bool SignalBatch::Holds(const journal::SharedBlock& block, size_t bytes) {
  if (held_.empty() || held_.back() != block) {
    const size_t held_bytes = held_bytes_ + block->capacity();
    if (held_bytes > kHeldBytes + kHeldToLent * (lent_bytes_ + bytes)) return false;
    held_.push_back(block);
    held_bytes_ = held_bytes;
  }
  lent_bytes_ += bytes;
  return true;
}

void SignalBatch::AddRow(Scope* scope, std::string_view row, const journal::SharedBlock* block) {
  bytes_ += row.size();
  if (block != nullptr && row.size() >= kLeastLent && Holds(*block, row.size())) {
    scope->rows.push_back({scope->bytes(), {}, row});
  } else if (!row.empty()) {
    CopiesOf(scope).append(row);
  }
}

// Items that stand in a row, as mostly all do, are taken at once.
void SignalBatch::AddItemsOf(Group* group, const ScopeKey& key, std::string_view encoded,
                             const journal::SharedBlock* block) {
  constexpr uint32_t kItemTag = WireTag(scope_field::kSpans, WireType::kBytes);
  Scope& scope = ScopeOf(group, key);
  const size_t items_before = scope.ends.size();
  size_t row_begin = scope.bytes();
  WireReader reader(encoded);
  const char* row = reader.position();
  const char* begin = row;
  for (WireField field; reader.Next(&field); begin = reader.position()) {
    if (field.tag == kItemTag) {
      scope.ends.push_back(row_begin + static_cast<size_t>(reader.position() - row));
    } else {
      AddRow(&scope, {row, begin}, block);
      row = reader.position();
      row_begin = scope.bytes();
    }
  }
  AddRow(&scope, {row, begin}, block);
  size_ += scope.ends.size() - items_before;
}

std::map<uid_t, uint64_t> SignalBatch::CountByUid(size_t begin, size_t end) const {
  std::map<uid_t, uint64_t> counts;
  size_t first = 0;
  for (const auto& group : groups_) {
    ForEachPart(*group, begin, end, &first,
                [&](const Part& part) { counts[group->envelope.uid] += part.end - part.begin; });
  }
  return counts;
}

size_t SignalBatch::EndOfRequest(size_t begin, size_t end, size_t max_bytes) const {
  if (bytes_ <= max_bytes) return end;
  size_t bytes = 0;
  size_t fits = begin;
  bool is_full = false;
  size_t first = 0;
  for (const auto& group : groups_) {
    bool has_envelope = false;
    ForEachPart(*group, begin, end, &first, [&](const Part& part) {
      if (!std::exchange(has_envelope, true)) bytes += CostOf(group->envelope);
      bytes += CostOf(*part.scope);
      for (size_t i = part.begin; i < part.end && !is_full; ++i) {
        bytes += Part{part.scope, i, i + 1}.bytes();
        is_full = bytes > max_bytes;
        if (!is_full) ++fits;
      }
    });
  }
  return std::max(fits, std::min(begin + 1, end));
}

void SignalBatch::Cut(size_t begin, size_t end, Request* request) const {
  request->heads.clear();
  request->pieces.clear();
  request->bytes = 0;
  RequestWriter writer(request);
  size_t first = 0;
  std::vector<Part> parts;
  for (const auto& group : groups_) {
    parts.clear();
    ForEachPart(*group, begin, end, &first, [&](const Part& part) { parts.push_back(part); });
    if (!parts.empty()) writer.Write(group->envelope, parts);
  }
  writer.Finish();
}

void SignalBatch::Clear() {
  group_by_key_.clear();
  groups_.clear();
  size_ = bytes_ = 0;
  held_.clear();
  held_bytes_ = lent_bytes_ = 0;
}

}  // namespace sluice::otlp
