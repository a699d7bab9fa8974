#include "agent/control/line_query.h"

#include <algorithm>
#include <chrono>
#include <deque>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "agent/control/line_cursor.h"
#include "agent/control/line_reader.h"
#include "agent/control/message_writer.h"
#include "agent/lines/builder.h"
#include "proto/text/message_text.h"

namespace sluice::control {
namespace {

using std::chrono::steady_clock;

// A follower to whom nothing is shown hears so often how far it is, in journal entries.
constexpr uint64_t kQuietEntries = 1024;
// The places of the newest lines are held in memory.
constexpr uint32_t kMaxNewest = 100'000;

lines::LineOptions OptionsOf(v1::LineStyle style) {
  lines::LineOptions options;
  options.brief = style == v1::LINE_STYLE_BRIEF || style == v1::LINE_STYLE_BRIEF_COLOR;
  options.color = style == v1::LINE_STYLE_COLOR || style == v1::LINE_STYLE_BRIEF_COLOR;
  if (style == v1::LINE_STYLE_JSON) options.style = lines::LineStyle::kJson;
  if (style == v1::LINE_STYLE_LOGFMT) options.style = lines::LineStyle::kLogfmt;
  return options;
}

LineSelection SelectionOf(const v1::LinesRequest& request, std::optional<uid_t> only_uid) {
  LineSelection selection;
  selection.only_uid = only_uid;
  if (request.level() != v1::LEVEL_UNSPECIFIED) {
    selection.level = static_cast<Level>(request.level());
  }
  selection.target_prefix = request.target_prefix();
  selection.unit = request.unit();
  selection.since_unix_nano = request.since_unix_nano();
  if (request.until_unix_nano() != 0) selection.until_unix_nano = request.until_unix_nano();
  selection.boot_id = request.boot_id();
  if (request.has_uid()) selection.uid = request.uid();
  if (!request.trace_id().empty()) selection.trace_id = TraceId::FromBytes(request.trace_id());
  if (!request.span_id().empty()) selection.span_id = SpanId::FromBytes(request.span_id());
  return selection;
}

// `, error: WHY`; empty: it did not fail.
std::string FailureOf(const live::Span& span) {
  if (!span.HasFailed()) return "";
  const SpanView view = span.view();
  if (view.status_message.empty()) return ", error";
  return absl::StrCat(", error: ", std::string(view.status_message));
}

// What `sluice tail` matches and prints where it prints messages alone.
std::string MessageOf(const stream::Delivery& delivery) {
  switch (delivery.kind) {
    case stream::Delivery::Kind::kSpanOpened:
      return absl::StrCat(delivery.span->name, ": new");
    case stream::Delivery::Kind::kSpanClosed:
      return absl::StrCat(delivery.span->name, ": close", FailureOf(*delivery.span));
    case stream::Delivery::Kind::kEvent:
      break;
  }
  const EventView& event = delivery.record->event;
  if (event.message.type == ValueView::Type::kEmpty) return std::string(event.event_name);
  if (event.message.type == ValueView::Type::kString) return std::string(event.message.text);
  std::string text;
  AppendValueText(event.message, true, &text);
  return text;
}

// One call under way.
class LineQuery {
 public:
  LineQuery(journal::Journal* journal, const v1::LinesRequest& request,
            std::optional<uid_t> only_uid, AnswerStream* stream)
      : journal_(journal),
        request_(request),
        selection_(SelectionOf(request, only_uid)),
        builder_(OptionsOf(request.style())),
        stream_(stream),
        writer_(stream),
        end_(journal->last_sequence()),
        reader_(journal, &selection_, [this](LinePlace place, const stream::Delivery& delivery) {
          Show(place, delivery);
        }) {}

  absl::Status Run();

 private:
  LinePlace FindStart();
  LinePlace FindNewest(LinePlace from);
  void Show(LinePlace place, const stream::Delivery& delivery);
  void NoteMissed();
  bool Report();
  bool HasNews();
  bool Send(LinePlace next);
  // Nobody listens any more, or the agent stops.
  bool IsOver() const { return stream_->IsOver(); }

  journal::Journal* const journal_;
  const v1::LinesRequest& request_;
  const LineSelection selection_;
  lines::LineBuilder builder_;
  AnswerStream* const stream_;
  MessageWriter<v1::LinesResponse> writer_;
  // The last entry when the call came.
  const uint64_t end_;
  LineReader reader_;
  bool is_heard_ = true;
  std::optional<uint64_t> reported_sequence_;
};

absl::Status LineQuery::Run() {
  stream_->WhenOver([reader = reader_.journal_reader()] { reader->Wake(); });
  reader_.Start(FindStart());
  while (is_heard_ && !IsOver()) {
    const bool at_end = !request_.follow() && reader_.next().sequence > end_;
    if (!at_end && reader_.Read(steady_clock::now())) {
      NoteMissed();
    } else if (!request_.follow()) {
      Send(reader_.next());
      return absl::OkStatus();
    } else if (Report()) {
      reader_.Read(steady_clock::time_point::max());
      NoteMissed();
    }
  }
  return absl::UnavailableError("the agent is stopping");
}

LinePlace LineQuery::FindStart() {
  LinePlace start;
  if (const auto cursor = ParseCursor(request_.after_cursor())) {
    if (cursor->epoch == journal_->epoch()) {
      // A power cut may have taken what was read before it was synced.
      start = std::min(cursor->next, LinePlace{end_ + 1, 0});
    } else {
      writer_.message().set_other_journal(true);
    }
  }
  return request_.has_newest() ? FindNewest(start) : start;
}

// Looks back segment by segment, so that a few lines out of a full journal cost little: what is
// before a line in its segment has to be read in any case, to know the spans around it.
LinePlace LineQuery::FindNewest(LinePlace from) {
  const LinePlace end{end_ + 1, 0};
  std::deque<LinePlace> newest;
  std::vector<LinePlace> of_segment;
  LineReader reader(journal_, &selection_,
                    [&](LinePlace place, const stream::Delivery&) { of_segment.push_back(place); });
  LinePlace begin = end;
  while (newest.size() < request_.newest() && begin > from && begin.sequence > 1 && !IsOver()) {
    const LinePlace segment_end = begin;
    begin = std::max(from, LinePlace{reader.SegmentBegin(segment_end.sequence - 1), 0});
    if (begin >= segment_end) break;
    reader.Start(begin);
    while (reader.next() < segment_end && !IsOver() && reader.Read(steady_clock::now())) {
    }
    const size_t wanted = std::min<size_t>(request_.newest() - newest.size(), of_segment.size());
    newest.insert(newest.begin(), of_segment.end() - static_cast<ptrdiff_t>(wanted),
                  of_segment.end());
    of_segment.clear();
  }
  return newest.empty() ? end : newest.front();
}

void LineQuery::Show(LinePlace place, const stream::Delivery& delivery) {
  if (!is_heard_) return;
  v1::Line line;
  builder_.Append(delivery, line.mutable_text());
  line.mutable_text()->pop_back();
  line.set_message(MessageOf(delivery));
  writer_.Count(line);
  *writer_.message().add_lines() = std::move(line);
  if (writer_.IsFull()) is_heard_ = Send({place.sequence, place.index, place.event + 1});
}

void LineQuery::NoteMissed() {
  const uint64_t missed = reader_.TakeMissed();
  if (missed == 0) return;
  if (HasNews()) is_heard_ = Send(reader_.next());
  writer_.message().set_missed_entries(missed);
}

// Before going to sleep, tells what there is to tell. False: nobody listens any more.
bool LineQuery::Report() {
  const uint64_t sequence = reader_.next().sequence;
  const bool is_due = !reported_sequence_ || sequence >= *reported_sequence_ + kQuietEntries;
  if (!is_due && !HasNews()) return true;
  reported_sequence_ = sequence;
  return is_heard_ = Send(reader_.next());
}

bool LineQuery::HasNews() {
  return writer_.message().lines_size() > 0 || writer_.message().missed_entries() > 0;
}

// With the place to go on from. False: nobody listens any more.
bool LineQuery::Send(LinePlace next) {
  writer_.message().set_cursor(FormatCursor({journal_->epoch(), next}));
  return writer_.Send();
}

}  // namespace

absl::StatusOr<Producer> QueryLines(journal::Journal* journal, const v1::LinesRequest& request,
                                    std::optional<uid_t> only_uid) {
  if (!request.after_cursor().empty() && !ParseCursor(request.after_cursor())) {
    return absl::InvalidArgumentError("after_cursor is no cursor that an agent gave");
  }
  if (request.newest() > kMaxNewest) {
    return absl::InvalidArgumentError(
        absl::StrCat("newest is at most ", kMaxNewest, "; leave it out for all"));
  }
  if (!v1::Level_IsValid(request.level()) || !v1::LineStyle_IsValid(request.style())) {
    return absl::InvalidArgumentError("unknown level or style");
  }
  if (!request.trace_id().empty() && !TraceId::FromBytes(request.trace_id())) {
    return absl::InvalidArgumentError("trace_id is not 16 bytes");
  }
  if (!request.span_id().empty() && !SpanId::FromBytes(request.span_id())) {
    return absl::InvalidArgumentError("span_id is not 8 bytes");
  }
  if (only_uid && request.has_uid() && request.uid() != *only_uid) {
    return absl::PermissionDeniedError("others' records are shown to root alone");
  }
  return [=](AnswerStream& stream) { return LineQuery(journal, request, only_uid, &stream).Run(); };
}

}  // namespace sluice::control
