#include "agent/control/filter_query.h"

#include <algorithm>
#include <deque>
#include <utility>

#include "absl/strings/str_cat.h"
#include "agent/base/mutex.h"
#include "agent/base/status_macros.h"
#include "agent/control/valid_text.h"
#include "agent/filter/describe.h"
#include "agent/filter/matcher.h"
#include "proto/record/check.h"
#include "proto/record/limits.h"
#include "proto/record/repair.h"

namespace sluice::control {
namespace {

// Spans around a record that a request brings, and their bytes together.
constexpr int kMaxGivenSpans = 32;
constexpr size_t kMaxGivenBytes = limits::kRecordBytes;
// Of open spans around a record, and about how many of them are copied in one turn of the loop.
constexpr size_t kMaxOpenSpanBytes = 1024 * 1024;
constexpr size_t kPieceBytes = 128 * 1024;

// Held while somebody's filter is read and applied: its patterns and their caches may take
// filter::kMaxFilterMemory.
Mutex trial_mutex;

void AddRemark(const filter::Remark& remark, v1::FilterPiece* piece) {
  v1::FilterRemark* const added = piece->add_remarks();
  added->set_message(ValidText(remark.message));
  added->set_offset(static_cast<uint32_t>(remark.offset));
}

v1::FilterPiece MakePiece(const filter::Piece& from) {
  const filter::ParsedDirective& parsed = from.parsed;
  v1::FilterPiece piece;
  piece.set_text(from.text);
  piece.set_offset(static_cast<uint32_t>(from.offset));
  if (parsed.fault != filter::Fault::kNone) {
    piece.set_fault(std::string(filter::FaultName(parsed.fault)));
    AddRemark(parsed.error, &piece);
    return piece;
  }
  piece.set_directive(parsed.directive.Format());
  piece.set_looks_at(std::string(filter::LooksAt(parsed.directive)));
  for (const filter::Remark& warning : parsed.warnings) AddRemark(warning, &piece);
  return piece;
}

absl::Status TooLarge() {
  return absl::ResourceExhaustedError("the spans around the record are too large");
}

// A record and the spans around it, outermost first; owns its bytes.
class Case {
 public:
  static absl::StatusOr<Case> Make(const v1::Record& record) {
    Case made;
    ASSIGN_OR_RETURN(made.record_, Encode(record));
    return made;
  }

  // The spans that the request brings.
  absl::Status Enclose(const v1::ExplainRequest& request) {
    if (request.enclosing_size() > kMaxGivenSpans) {
      return absl::ResourceExhaustedError(
          absl::StrCat("more than ", kMaxGivenSpans, " spans around the record"));
    }
    size_t bytes = 0;
    for (const v1::Record& span : request.enclosing()) {
      ASSIGN_OR_RETURN(enclosing_.emplace_back(), Encode(span));
      bytes += enclosing_.back().size();
      if (bytes > kMaxGivenBytes) return TooLarge();
      if (ReadRecord(enclosing_.back())->kind == RecordKind::kEvent) {
        return absl::InvalidArgumentError("an event encloses nothing");
      }
    }
    return absl::OkStatus();
  }

  // The open spans that the record's ids name. They are copied on the loop's thread, a piece at a
  // time; what ends between two pieces encloses nothing any more.
  absl::Status Enclose(const live::SpanTable& spans, uid_t uid, AnswerStream& stream) {
    bool has_more = true;
    while (has_more && open_bytes_ <= kMaxOpenSpanBytes) {
      if (!stream.OnLoop([&] { has_more = CopySome(spans, uid); })) {
        return absl::CancelledError("nobody listens any more");
      }
    }
    return open_bytes_ > kMaxOpenSpanBytes ? TooLarge() : absl::OkStatus();
  }

  filter::Verdict Judge(const std::shared_ptr<const filter::Filter>& filter) const {
    filter::Matcher matcher(filter);
    std::deque<filter::SpanScope> scopes;
    const auto enter = [&](const RecordView& span) {
      const filter::SpanScope* const parent = scopes.empty() ? nullptr : &scopes.back();
      matcher.OpenSpan(filter::Subject::Of(span), parent, &scopes.emplace_back());
    };
    for (const std::string& span : enclosing_) enter(*ReadRecord(span));
    for (const live::Span& span : open_) enter(span.AsRecord(RecordKind::kSpanStart));
    const filter::SpanScope* const enclosing = scopes.empty() ? nullptr : &scopes.back();
    const RecordView record = *ReadRecord(record_);
    const filter::Subject subject = filter::Subject::Of(record);
    return record.kind == RecordKind::kEvent ? matcher.ExplainEvent(subject, enclosing)
                                             : matcher.ExplainSpan(subject, enclosing);
  }

  // Valid as long as this lives.
  RecordView record() const { return *ReadRecord(record_); }

 private:
  // As admission would take it.
  static absl::StatusOr<std::string> Encode(const v1::Record& record) {
    std::string encoded = record.SerializeAsString();
    const RecordVerdict verdict = CheckRecord(encoded);
    if (verdict.fault != RecordFault::kNone) {
      return absl::InvalidArgumentError(absl::StrCat("no such record could be emitted: ",
                                                     std::string(RecordFaultName(verdict.fault))));
    }
    const RecordKind kind = verdict.view.kind;
    if (kind == RecordKind::kSpanUpdate || kind == RecordKind::kSpanEnd) {
      return absl::InvalidArgumentError("only events and whole or beginning spans are judged");
    }
    if (verdict.flaws.any()) encoded = RepairRecord(encoded);
    if (encoded.empty()) return absl::InvalidArgumentError("the record is too large");
    return encoded;
  }

  // Of the open spans around the record, innermost first, from behind those that are copied. False:
  // these were the last, or they are too large.
  bool CopySome(const live::SpanTable& spans, uid_t uid) {
    std::shared_ptr<live::Span> span = NextOut(spans, uid);
    for (size_t piece = 0; span != nullptr && piece < kPieceBytes; span = span->parent) {
      piece += span->body.size();
      open_bytes_ += span->body.size();
      if (open_bytes_ > kMaxOpenSpanBytes) return false;
      live::Span& copy = open_.emplace_front(*span);
      // What others may still hold goes on the loop's thread alone.
      copy.parent = nullptr;
    }
    return span != nullptr;
  }

  std::shared_ptr<live::Span> NextOut(const live::SpanTable& spans, uid_t uid) const {
    if (!open_.empty()) {
      const auto last = spans.Find(open_.front().key);
      return last == nullptr ? nullptr : last->parent;
    }
    const RecordView record = *ReadRecord(record_);
    const SpanId& parent =
        record.kind == RecordKind::kEvent ? record.event.span_id : record.span.parent_span_id;
    return spans.FindEnclosing(uid, record.trace_id(), parent);
  }

  std::string record_;
  std::vector<std::string> enclosing_;
  std::deque<live::Span> open_;
  size_t open_bytes_ = 0;
};

v1::FilterVerdict MakeVerdict(const filter::Filter& filter, const filter::Verdict& from) {
  v1::FilterVerdict verdict;
  verdict.set_enabled(from.enabled);
  verdict.set_reason(std::string(filter::ReasonText(from.reason)));
  if (from.directive >= 0) {
    const auto& directive = filter.directives()[static_cast<size_t>(from.directive)];
    verdict.set_directive(ValidText(directive.Format()));
  }
  return verdict;
}

v1::FilterVerdict JudgeForSink(const FiltersInForce::OfSink& of, const Case& judged) {
  v1::FilterVerdict verdict;
  if (of.enabled) {
    verdict = MakeVerdict(*of.filter, judged.Judge(of.filter));
  } else {
    verdict.set_reason("the sink is off");
  }
  verdict.set_sink(of.sink);
  const RecordView record = judged.record();
  for (const std::string_view route : of.routes.TakenBy(record.target, record.level)) {
    verdict.add_routes(ValidText(route));
  }
  return verdict;
}

v1::FilterVerdict JudgeForJournal(const FiltersInForce& in_force, const Case& judged) {
  const RecordView record = judged.record();
  v1::FilterVerdict verdict;
  verdict.set_sink("journal");
  verdict.set_enabled(filter::Allows(in_force.wanted.LevelFor(record.target), record.level));
  if (filter::Allows(in_force.journal_level, record.level)) {
    verdict.set_reason("journal.level");
  } else {
    verdict.set_reason(verdict.enabled() ? "a sink may want it" : "nobody wants it");
  }
  return verdict;
}

v1::ExplainResponse ExplainInForce(const FiltersInForce& in_force, const Case& judged) {
  v1::ExplainResponse response;
  for (const FiltersInForce::OfSink& of : in_force.sinks) {
    *response.add_verdicts() = JudgeForSink(of, judged);
  }
  *response.add_verdicts() = JudgeForJournal(in_force, judged);
  return response;
}

v1::ExplainResponse ExplainText(std::string_view text, const filter::FilterOptions& options,
                                const Case& judged) {
  v1::ExplainResponse response;
  MutexLock lock(&trial_mutex);
  const auto parsed = filter::Filter::Parse(text, options);
  if (parsed.filter == nullptr) {
    for (const filter::Piece& piece : parsed.pieces) *response.add_pieces() = MakePiece(piece);
  } else {
    *response.add_verdicts() = MakeVerdict(*parsed.filter, judged.Judge(parsed.filter));
  }
  return response;
}

}  // namespace

absl::Status CheckFilter(const v1::CheckFilterRequest& request,
                         const filter::FilterOptions& options, AnswerStream& stream) {
  v1::CheckFilterResponse response;
  {
    MutexLock lock(&trial_mutex);
    for (const filter::Piece& piece : filter::Filter::Parse(request.filter(), options).pieces) {
      *response.add_pieces() = MakePiece(piece);
    }
  }
  stream.Send(response.SerializeAsString());
  return absl::OkStatus();
}

absl::Status Explain(const v1::ExplainRequest& request, const FiltersInForce& in_force,
                     const live::SpanTable& spans, uid_t uid, AnswerStream& stream) {
  ASSIGN_OR_RETURN(Case judged, Case::Make(request.record()));
  if (request.has_filter()) {
    RETURN_IF_ERROR(judged.Enclose(request));
    stream.Send(ExplainText(request.filter(), in_force.options, judged).SerializeAsString());
    return absl::OkStatus();
  }
  RETURN_IF_ERROR(judged.Enclose(spans, uid, stream));
  stream.Send(ExplainInForce(in_force, judged).SerializeAsString());
  return absl::OkStatus();
}

}  // namespace sluice::control
