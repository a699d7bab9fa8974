#include "agent/control/trace_query.h"

#include <algorithm>
#include <chrono>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "agent/base/status_macros.h"
#include "agent/control/message_writer.h"
#include "agent/control/trace_scan.h"
#include "agent/control/valid_text.h"
#include "agent/live/origin_codec.h"
#include "agent/live/resource_text.h"

namespace sluice::control {
namespace {

// Sums of so many are held in memory.
constexpr uint32_t kMaxTraceLimit = 10'000;
constexpr uint32_t kDefaultTraceLimit = 20;
// Of traces whose ids begin alike.
constexpr size_t kShownCandidates = 5;

TraceFilter FilterOf(const v1::TracesRequest& request, std::optional<uid_t> only_uid) {
  TraceFilter filter;
  filter.only_uid = only_uid;
  filter.limit = request.limit() == 0 ? kDefaultTraceLimit : request.limit();
  filter.since_unix_nano = request.since_unix_nano();
  if (request.until_unix_nano() != 0) filter.until_unix_nano = request.until_unix_nano();
  filter.boot_id = request.boot_id();
  if (request.has_uid()) filter.uid = request.uid();
  filter.unit = request.unit();
  filter.service_name = request.service_name();
  filter.failed = request.failed();
  filter.slower_than_nano = request.slower_than_nano();
  filter.text = request.text();
  filter.run_id = request.run_id();
  return filter;
}

v1::TraceSummary Describe(const TraceSums& sums) {
  v1::TraceSummary summary;
  summary.set_trace_id(std::string(sums.id.raw()));
  if (sums.start_unix_nano != UINT64_MAX) summary.set_start_unix_nano(sums.start_unix_nano);
  const bool has_duration = sums.open == 0 && summary.start_unix_nano() != 0 &&
                            sums.end_unix_nano >= summary.start_unix_nano();
  if (has_duration) summary.set_duration_nano(sums.end_unix_nano - summary.start_unix_nano());
  summary.set_root_name(ValidText(sums.root_name));
  if (sums.root_origin != nullptr) {
    *summary.mutable_identity() = live::EncodeIdentity(sums.root_origin->identity);
    summary.set_service_name(
        ValidText(live::FindResourceText(sums.root_origin->resource, "service.name")));
  }
  summary.set_spans(sums.spans);
  summary.set_events(sums.events);
  summary.set_errors(sums.errors);
  summary.set_aborted(sums.aborted);
  summary.set_open(sums.open);
  summary.set_boot_id(ValidText(sums.boot_id));
  summary.set_first_sequence(sums.first_sequence);
  summary.set_last_sequence(sums.last_sequence);
  return summary;
}

absl::Status SendTraces(const std::vector<TraceSums>& traces, AnswerStream* stream) {
  MessageWriter<v1::TracesResponse> writer(stream);
  for (const TraceSums& sums : traces) {
    v1::TraceSummary summary = Describe(sums);
    writer.Count(summary);
    *writer.message().add_traces() = std::move(summary);
    if (writer.IsFull() && !writer.Send()) return absl::OkStatus();
  }
  if (writer.message().traces_size() > 0) writer.Send();
  return absl::OkStatus();
}

SelectedTrace Selected(const TraceSums& sums) {
  return {sums.id, sums.first_sequence, sums.first_offset, sums.last_sequence};
}

absl::StatusOr<SelectedTrace> SelectNewest(journal::Journal* journal, TraceFilter filter,
                                           AnswerStream* stream) {
  filter.limit = 1;
  const bool failed = filter.failed;
  const auto traces = TraceScan(journal, std::move(filter), 0, stream).Run();
  if (!traces.empty()) return Selected(traces.front());
  return absl::NotFoundError(failed ? "the journal holds no trace in which something failed"
                                    : "the journal holds no trace");
}

absl::Status Ambiguous(const std::string& prefix, const std::vector<TraceSums>& traces) {
  std::string text = absl::StrCat("several traces begin with ", prefix, ": ");
  for (size_t i = 0; i < std::min(traces.size(), kShownCandidates); ++i) {
    absl::StrAppend(&text, i == 0 ? "" : ", ", traces[i].id.ToHex());
  }
  if (traces.size() > kShownCandidates) absl::StrAppend(&text, " and more");
  return absl::FailedPreconditionError(text);
}

absl::StatusOr<SelectedTrace> SelectByPrefix(journal::Journal* journal, std::string prefix,
                                             std::optional<uid_t> only_uid, AnswerStream* stream) {
  absl::AsciiStrToLower(&prefix);
  const bool is_hex = std::ranges::all_of(prefix, absl::ascii_isxdigit);
  if (!is_hex || prefix.empty() || prefix.size() > 2 * TraceId::kBytes) {
    return absl::InvalidArgumentError("trace_id_prefix is not 1 to 32 hexadecimal digits");
  }
  TraceFilter filter;
  filter.only_uid = only_uid;
  filter.limit = kShownCandidates + 1;
  filter.id_prefix = prefix;
  filter.any_records = true;
  const auto traces = TraceScan(journal, std::move(filter), 0, stream).Run();
  if (traces.empty()) {
    return absl::NotFoundError(absl::StrCat("the journal holds no trace ",
                                            prefix.size() < 32 ? "that begins with " : "", prefix));
  }
  if (traces.size() > 1) return Ambiguous(prefix, traces);
  return Selected(traces.front());
}

// Spans are looked for from the oldest on, for their beginning.
absl::StatusOr<SelectedTrace> SelectBySpan(journal::Journal* journal, const std::string& span_id,
                                           std::optional<uid_t> only_uid, AnswerStream* stream) {
  const auto id = SpanId::FromBytes(span_id);
  if (!id || id->IsZero()) return absl::InvalidArgumentError("span_id is not 8 bytes");
  const uint64_t end = journal->last_sequence();
  const auto reader = journal->OpenReader("");
  reader->Restore(0);
  while (const auto entry = reader->Next(std::chrono::steady_clock::now())) {
    if (entry->sequence > end || stream->IsOver()) break;
    if (only_uid && entry->uid != *only_uid) continue;
    for (journal::RecordCursor records = entry->batch.records(); records.Next();) {
      const auto record = records.Read();
      if (!record || record->kind == RecordKind::kEvent || record->span.span_id != *id) continue;
      return SelectedTrace{.id = record->span.trace_id};
    }
  }
  return absl::NotFoundError(absl::StrCat("the journal holds no span ", id->ToHex()));
}

}  // namespace

absl::StatusOr<Producer> QueryTraces(journal::Journal* journal, const v1::TracesRequest& request,
                                     std::optional<uid_t> only_uid, uint64_t now_unix_nano) {
  if (request.limit() > kMaxTraceLimit) {
    return absl::InvalidArgumentError("limit is at most 10000 traces");
  }
  if (only_uid && request.has_uid() && request.uid() != *only_uid) {
    return absl::PermissionDeniedError("others' records are shown to root alone");
  }
  return [=, filter = FilterOf(request, only_uid)](AnswerStream& stream) {
    return SendTraces(TraceScan(journal, filter, now_unix_nano, &stream).Run(), &stream);
  };
}

absl::StatusOr<SelectedTrace> SelectTrace(journal::Journal* journal,
                                          const v1::TraceSelector& selector,
                                          std::optional<uid_t> only_uid, AnswerStream* stream) {
  TraceFilter filter;
  filter.only_uid = only_uid;
  switch (selector.by_case()) {
    case v1::TraceSelector::kLast:
      return SelectNewest(journal, std::move(filter), stream);
    case v1::TraceSelector::kLastFailed:
      filter.failed = true;
      return SelectNewest(journal, std::move(filter), stream);
    case v1::TraceSelector::kTraceIdPrefix:
      return SelectByPrefix(journal, selector.trace_id_prefix(), only_uid, stream);
    case v1::TraceSelector::kSpanId:
      return SelectBySpan(journal, selector.span_id(), only_uid, stream);
    case v1::TraceSelector::BY_NOT_SET:
      break;
  }
  return absl::InvalidArgumentError("the selector selects nothing");
}

}  // namespace sluice::control
