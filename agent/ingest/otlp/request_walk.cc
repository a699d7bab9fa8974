// Problem: A request nests in three levels, any of which may have a million parts, may be 64 MiB
// long, and must not hold up others. What is around items may stand behind them, and every entry
// must have it.
//
// States: kRequest looks for the next resource; kResourceHead goes over all of it for what is
// around its scopes; kResource looks for the next scope, kScopeHead goes over all of that in the
// same way, kScope takes its items. Each step is one field, so that a pause may come between any
// two.
//
// Invariants:
// * builder_ holds views of the request and, within a scope, of scope_owned_: that is cleared
// between
//   scopes. A new resource begins after the last entry of the one before was taken.
// * Before an entry is cut within a scope the item that did not fit is put back.

#include "agent/ingest/otlp/request_walk.h"

#include <utility>

#include "agent/ingest/otlp/metric_check.h"
#include "agent/journal/field_numbers.h"
#include "agent/journal/record_cursor.h"
#include "proto/record/field_numbers.h"
#include "proto/record/limits.h"
#include "proto/record/names.h"
#include "proto/record/repair.h"
#include "proto/wire/utf8.h"
#include "proto/wire/writer.h"

namespace sluice::ingest::otlp {
namespace {

constexpr uint32_t kResourceTag = WireTag(export_request_field::kResourceSpans, WireType::kBytes);
constexpr uint32_t kScopeTag = WireTag(resource_spans_field::kScopeSpans, WireType::kBytes);
constexpr uint32_t kItemTag = WireTag(scope_spans_field::kSpans, WireType::kBytes);
constexpr std::string_view kInvalidUtf8 = "invalid_utf8";

uint32_t ScopeField(Signal signal) {
  switch (signal) {
    case Signal::kTraces:
      return journal::journal_batch_field::kScopeSpans;
    case Signal::kLogs:
      return journal::journal_batch_field::kScopeLogs;
    case Signal::kMetrics:
      break;
  }
  return journal::journal_batch_field::kScopeMetrics;
}

// The next field, and its whole encoding.
bool NextWhole(WireReader* reader, WireField* field, std::string_view* whole) {
  const char* const begin = reader->position();
  if (!reader->Next(field)) return false;
  *whole = {begin, static_cast<size_t>(reader->position() - begin)};
  return true;
}

std::string ValidText(std::string_view text) {
  std::string valid;
  AppendValidUtf8(text, &valid);
  return valid;
}

}  // namespace

RequestWalk::RequestWalk(Options options, std::string_view request)
    : options_(std::move(options)),
      request_(request),
      builder_(ScopeField(options_.signal)),
      rejections_(options_.signal) {
  candidate_.sender_is_host_root = options_.sender_is_host_root;
  candidate_.counts = &counts_;
}

RequestWalk::Next RequestWalk::Work(Slice* slice) {
  while (!is_entry_due_) {
    if (slice->is_over()) return Next::kPause;
    slice->TakeField();
    switch (state_) {
      case State::kRequest:
        if (!NextResource()) return Next::kEnd;
        break;
      case State::kResourceHead:
        ReadResourceHead(slice);
        break;
      case State::kResource:
        NextScope();
        break;
      case State::kScopeHead:
        ReadScopeHead();
        break;
      case State::kScope:
        NextItem(slice);
        break;
    }
  }
  return Next::kEntry;
}

bool RequestWalk::NextResource() {
  WireField field;
  if (!request_.Next(&field)) return false;
  if (field.tag != kResourceTag) return true;
  resource_content_ = field.bytes;
  resource_reader_ = WireReader(resource_content_);
  resource_.clear();
  schema_url_.clear();
  rest_.clear();
  resource_fault_ = options_.rejects_all;
  place_.scope = 0;
  state_ = State::kResourceHead;
  return true;
}

void RequestWalk::ReadResourceHead(Slice* slice) {
  WireField field;
  std::string_view whole;
  if (!NextWhole(&resource_reader_, &field, &whole)) {
    FinishResourceHead();
    resource_reader_ = WireReader(resource_content_);
    state_ = State::kResource;
    return;
  }
  if (field.tag == kScopeTag) return;
  slice->TakeBytes(whole.size());
  const bool is_resource = field.number() == resource_spans_field::kResource;
  const size_t most = is_resource ? limits::kOtlpResourceBytes : limits::kOtlpEnvelopeBytes;
  const size_t taken = is_resource ? resource_.size() : schema_url_.size() + rest_.size();
  if (taken + whole.size() > most) {
    if (resource_fault_.empty()) resource_fault_ = "resource_too_large";
  } else if (is_resource) {
    resource_ += field.bytes;
  } else if (field.number() == resource_spans_field::kSchemaUrl) {
    schema_url_ = ValidText(field.bytes);
  } else {
    rest_ += whole;
  }
}

void RequestWalk::FinishResourceHead() {
  if (!resource_fault_.empty()) return;
  if (resource_.size() > limits::kOtlpEnvelopeBytes || CheckOtlpResource(resource_).flawed) {
    uint32_t left_out = 0;
    resource_ = RepairOtlpResource(resource_, &left_out);
    ++repairs_["resource"];
    if (left_out > 0) repairs_["resource_attribute"] += left_out;
  }
  if (auto redacted = Redact(Redactor::Kind::kResource, resource_)) {
    uint32_t left_out = 0;
    resource_ = RepairOtlpResource(*redacted, &left_out);
  }
  auto origin = std::make_shared<live::Origin>();
  origin->identity = options_.identity;
  origin->resource = resource_;
  origin_ = std::move(origin);
  candidate_.origin = origin_.get();
}

void RequestWalk::NextScope() {
  WireField field;
  if (!resource_reader_.Next(&field)) {
    is_entry_due_ = builder_.items() > 0;
    ++place_.resource;
    state_ = State::kRequest;
    return;
  }
  if (field.tag != kScopeTag) return;
  scope_content_ = field.bytes;
  scope_reader_ = WireReader(scope_content_);
  scope_ = {.content = scope_content_, .around = {}};
  scope_owned_.clear();
  scope_name_ = {};
  scope_fault_ = resource_fault_;
  place_.item = 0;
  state_ = State::kScopeHead;
}

void RequestWalk::ReadScopeHead() {
  WireField field;
  std::string_view whole;
  if (NextWhole(&scope_reader_, &field, &whole)) {
    if (field.tag != kItemTag && scope_fault_.empty()) AddAround(field, whole);
    return;
  }
  scope_reader_ = WireReader(scope_content_);
  builder_.BeginScope(&scope_, true);
  state_ = State::kScope;
}

void RequestWalk::AddAround(const WireField& field, std::string_view whole) {
  if (scope_.around_bytes + whole.size() > limits::kOtlpEnvelopeBytes) {
    scope_fault_ = "scope_too_large";
    return;
  }
  const bool is_scope = field.number() == scope_spans_field::kScope;
  std::optional<std::string> mended;
  if (is_scope && CheckOtlpScope(field.bytes).flawed) {
    mended = RepairOtlpScope(field.bytes);
  } else if (field.number() == scope_spans_field::kSchemaUrl && !IsValidUtf8(field.bytes)) {
    mended = ValidText(field.bytes);
  }
  if (mended.has_value()) ++repairs_["scope"];
  if (is_scope) {
    auto redacted = Redact(Redactor::Kind::kScope, mended.has_value() ? *mended : field.bytes);
    if (redacted.has_value()) mended = std::move(redacted);
  }
  std::string_view content = field.bytes;
  if (mended.has_value()) {
    scope_.is_as_it_came = false;
    std::string& owned = scope_owned_.emplace_back();
    StringWireWriter{StringSink(&owned)}.Bytes(field.number(), *mended);
    whole = owned;
    content = whole.substr(whole.size() - mended->size());
  }
  if (is_scope) scope_name_ = journal::ScopeName(content);
  scope_.around.push_back(whole);
  scope_.around_bytes += whole.size();
}

void RequestWalk::NextItem(Slice* slice) {
  const WireReader before = scope_reader_;
  WireField field;
  std::string_view whole;
  if (!NextWhole(&scope_reader_, &field, &whole)) {
    builder_.EndScope(true);
    ++place_.scope;
    state_ = State::kResource;
    return;
  }
  if (field.tag != kItemTag) return;
  if (builder_.items() > 0 && builder_.bytes() + whole.size() > kEntryBytes) {
    scope_reader_ = before;
    builder_.EndScope(false);
    is_entry_due_ = true;
    return;
  }
  slice->TakeBytes(whole.size());
  if (!scope_fault_.empty() && options_.signal != Signal::kMetrics) {
    Reject(scope_fault_);
  } else if (options_.signal == Signal::kMetrics) {
    TakeMetric(whole, field.bytes);
  } else {
    TakeItem(whole, field.bytes);
  }
  ++place_.item;
}

void RequestWalk::TakeItem(std::string_view whole, std::string_view item) {
  if (item.size() > options_.max_item_bytes) return Reject(RecordFaultName(RecordFault::kTooLarge));
  const bool is_span = options_.signal == Signal::kTraces;
  const RecordVerdict verdict =
      is_span ? CheckBareSpan(item, scope_name_) : CheckBareEvent(item, scope_name_);
  if (const std::string_view reason = WhyNotTaken(verdict); !reason.empty()) {
    LookForOtherSignal(item);
    return Reject(reason);
  }
  if (!IsWanted(verdict)) {
    ++unwanted_[std::string(kUnwantedLevel)];
    return builder_.LeaveOut();
  }
  std::optional<std::string> mended;
  if (verdict.flaws.any()) mended = Mend(verdict.flaws, item);
  Keep(whole, item, std::move(mended));
}

void RequestWalk::TakeMetric(std::string_view whole, std::string_view item) {
  const MetricVerdict verdict = CheckMetric(item);
  if (!scope_fault_.empty()) return Reject(scope_fault_, verdict.data_points);
  if (verdict.fault != RecordFault::kNone) {
    return Reject(RecordFaultName(verdict.fault), verdict.data_points);
  }
  if (item.size() > options_.max_item_bytes) {
    return Reject(RecordFaultName(RecordFault::kTooLarge), verdict.data_points);
  }
  if (verdict.invalid_utf8) return Reject(kInvalidUtf8, verdict.data_points);
  Keep(whole, item, std::nullopt, verdict.data_points);
}

// Text that is none is no flaw of an item here: others have a whole export refused for it, and an
// item that is stored is what was sent.
std::string_view RequestWalk::WhyNotTaken(const RecordVerdict& verdict) const {
  if (verdict.fault != RecordFault::kNone) return RecordFaultName(verdict.fault);
  return verdict.flaws.invalid_utf8 ? kInvalidUtf8 : std::string_view();
}

void RequestWalk::Reject(std::string_view reason, uint64_t count) {
  rejections_.Add(reason, place_, count);
  builder_.LeaveOut();
}

// Their messages agree in their numbers down to the items, so that what was sent to the wrong
// service comes as items that are none.
void RequestWalk::LookForOtherSignal(std::string_view item) {
  if (!looks_for_other_signal_ || item.empty()) return;
  looks_for_other_signal_ = false;
  if (options_.signal == Signal::kTraces) {
    if (CheckBareEvent(item, {}).fault != RecordFault::kNone) return;
    rejections_.SetHint("these look like log records: send them to LogsService or /v1/logs");
  } else {
    if (CheckBareSpan(item, {}).fault != RecordFault::kNone) return;
    rejections_.SetHint("these look like spans: send them to TraceService or /v1/traces");
  }
}

bool RequestWalk::IsWanted(const RecordVerdict& verdict) {
  if (options_.wanted == nullptr || *options_.wanted == nullptr) return true;
  candidate_.record = &verdict.view;
  candidate_.key_sizes = verdict.key_sizes;
  return (*options_.wanted)(candidate_);
}

std::string RequestWalk::Mend(const RecordFlaws& flaws, std::string_view item) {
  if (flaws.reserved_attributes > 0) repairs_["reserved_attribute"] += flaws.reserved_attributes;
  if (flaws.bad_ids) ++repairs_["bad_ids"];
  return options_.signal == Signal::kTraces ? RepairBareSpan(item) : RepairBareEvent(item);
}

void RequestWalk::Keep(std::string_view whole, std::string_view item,
                       std::optional<std::string> mended, uint64_t count) {
  if (auto redacted = Redact(ItemKind(), mended.has_value() ? *mended : item)) {
    mended = std::move(redacted);
  }
  if (!mended.has_value()) return builder_.Keep(whole);
  if (mended->size() > options_.max_item_bytes) {
    return Reject(RecordFaultName(RecordFault::kTooLarge), count);
  }
  std::string field;
  StringWireWriter{StringSink(&field)}.Bytes(scope_spans_field::kSpans, *mended);
  builder_.KeepMended(std::move(field));
}

std::optional<std::string> RequestWalk::Redact(Redactor::Kind kind, std::string_view encoded) {
  if (options_.redactor == nullptr) [[likely]]
    return std::nullopt;
  return options_.redactor->Redact(kind, encoded, &redacted_);
}

Redactor::Kind RequestWalk::ItemKind() const {
  switch (options_.signal) {
    case Signal::kTraces:
      return Redactor::Kind::kSpan;
    case Signal::kLogs:
      return Redactor::Kind::kLogRecord;
    case Signal::kMetrics:
      break;
  }
  return Redactor::Kind::kMetric;
}

Admission::ScopesEntry RequestWalk::entry() const {
  return {.origin = origin_.get(),
          .sender_is_host_root = options_.sender_is_host_root,
          .resource_schema_url = schema_url_,
          .resource_rest = rest_,
          .items = builder_.items(),
          .scopes = builder_.pieces()};
}

void RequestWalk::EntryTaken() {
  is_entry_due_ = false;
  builder_.Clear();
  if (state_ == State::kScope) builder_.BeginScope(&scope_, false);
}

}  // namespace sluice::ingest::otlp
