#include "client/cli/render/tree.h"

#include <algorithm>
#include <string_view>

#include "client/cli/render/value.h"
#include "client/cli/render/why.h"
#include "client/cli/trace/timing.h"
#include "proto/record/view.h"

namespace sluice::cli {
namespace {

// Below this depth lines are indented no further; the depth is written out instead.
constexpr size_t kMaxIndentedDepth = 40;

// When the first span began; 0: not known.
uint64_t BeginOf(const Trace& trace) {
  uint64_t begin = 0;
  for (const TraceSpan& span : trace.spans) {
    const uint64_t start = span.start_unix_nano;
    if (start != 0 && (begin == 0 || start < begin)) begin = start;
  }
  return begin;
}

class TreeRenderer {
 public:
  TreeRenderer(const Trace& trace, const TreeOptions& options, const TextStyle& style)
      : trace_(trace), options_(options), style_(style), begin_(BeginOf(trace)) {}

  void Render(const TextSink& out);

 private:
  std::string Headline() const;
  std::string LineOf(const TreeRow& row);
  // What stands in front of a row, in columns of their own.
  std::string OffsetOf(const TreeRow& row) const;
  std::string TookOf(const TreeRow& row) const;
  size_t MaxIndentedDepth() const;
  // The lines that lead to the row from its ancestors.
  std::string Indentation(const TreeRow& row);
  std::string SpanLine(const TreeRow& row) const;
  std::string SpanDetails(const TraceSpan& span) const;
  std::string EventLine(const TraceEvent& event, const TraceSpan* parent) const;
  std::string Outcome(const TraceSpan& span) const;
  std::string Marks(const TraceSpan& span) const;

  std::string Colored(std::string_view color, std::string_view text) const {
    return Painted(color, text, style_);
  }

  const Trace& trace_;
  const TreeOptions& options_;
  const TextStyle style_;
  const uint64_t begin_;
  size_t offset_width_ = 0;
  size_t took_width_ = 0;
  // For each depth above the current row: more siblings follow there.
  std::vector<bool> continues_;
};

std::string TreeRenderer::Headline() const {
  size_t errors = 0, open = 0, aborted = 0;
  for (const TraceSpan& span : trace_.spans) {
    errors += span.IsError();
    open += span.state == TraceSpan::State::kOpen;
    aborted += span.state == TraceSpan::State::kAborted;
  }
  std::string line = "trace " + ToHex(trace_.trace_id);
  if (begin_ != 0) line += "  " + FormatTime(begin_);
  line +=
      "  " + Counted(trace_.spans.size(), "span") + ", " + Counted(trace_.events.size(), "event");
  if (errors > 0) line += ", " + Colored(kRed, Counted(errors, "error"));
  if (aborted > 0) line += ", " + Colored(kYellow, std::to_string(aborted) + " aborted");
  if (open > 0) line += ", " + Colored(kYellow, std::to_string(open) + " open");
  return Fold(line, 0, style_) + '\n';
}

// Half of the width is left for the rows themselves.
size_t TreeRenderer::MaxIndentedDepth() const {
  return style_.width == 0 ? kMaxIndentedDepth : std::min(kMaxIndentedDepth, style_.width / 8);
}

std::string TreeRenderer::Indentation(const TreeRow& row) {
  continues_.resize(row.depth + 1);
  continues_[row.depth] = !row.is_last;
  if (row.depth == 0) return {};
  std::string out;
  const size_t indented = std::min(row.depth, MaxIndentedDepth());
  for (size_t depth = 1; depth < indented; ++depth) {
    out += !continues_[depth] ? "   " : style_.unicode ? "\u2502  " : "|  ";
  }
  if (style_.unicode) {
    out += row.is_last ? "\u2514\u2500 " : "\u251c\u2500 ";
  } else {
    out += row.is_last ? "`- " : "|- ";
  }
  if (row.depth > indented) out += "(depth " + std::to_string(row.depth) + ") ";
  return Colored(kDim, out);
}

// What the span's time and end say.
std::string TreeRenderer::Outcome(const TraceSpan& span) const {
  std::string out;
  if (span.state == TraceSpan::State::kOpen) {
    const uint64_t start = span.start_unix_nano;
    std::string open = start == 0 ? "open" : "open since " + FormatTimeOfDay(start);
    if (start != 0 && options_.now_unix_nano > start) {
      open += " (" + FormatDuration(options_.now_unix_nano - start) + ")";
    }
    out += "  " + Colored(kYellow, open);
  }
  const std::string message = EscapeControls(span.status_message);
  if (span.state == TraceSpan::State::kAborted) {
    out += "  " + Colored(kYellow, message.empty() ? "aborted" : message);
  } else if (span.IsError()) {
    out += "  " + Colored(kRed, message.empty() ? "ERROR" : "ERROR " + message);
  }
  return out;
}

std::string TreeRenderer::Marks(const TraceSpan& span) const {
  std::string out;
  if (span.EndsBeforeStart()) out += "  (ends before it starts: the clock was set back)";
  if (span.start_unix_nano == 0) out += "  (start not seen)";
  if (span.parent_not_seen) out += "  (parent not seen)";
  if (span.id_used_before) out += "  (another span has this id, too)";
  if (span.parent_is_descendant) out += "  (its parent is its own descendant)";
  return out;
}

// Who sent a span or an event, as far as it differs from its parent's sender.
std::string SenderChange(const Sender& sender, const TraceSpan* parent) {
  static const Sender kNobody;
  const Sender& above = parent == nullptr ? kNobody : *parent->sender;
  std::string out;
  if (parent == nullptr || sender.uid != above.uid) out += "  uid " + std::to_string(sender.uid);
  if (sender.pid != above.pid) out += "  pid " + std::to_string(sender.pid);
  if (sender.service_name != above.service_name && !sender.service_name.empty()) {
    out += "  " + EscapeControls(sender.service_name);
  }
  if (sender.unit != above.unit && !sender.unit.empty()) out += "  " + EscapeControls(sender.unit);
  return out;
}

std::string TreeRenderer::SpanDetails(const TraceSpan& span) const {
  const uint64_t now = options_.now_unix_nano;
  const auto self = SelfTime(trace_, span, now);
  const auto interval = IntervalOf(span, now);
  std::string out;
  if (self && *self != interval->length()) out += "  self " + FormatDuration(*self);
  const std::string attributes = FormatAttributes(span.attributes());
  return attributes.empty() ? out : out + ' ' + attributes;
}

std::string TreeRenderer::SpanLine(const TreeRow& row) const {
  const TraceSpan& span = trace_.spans[row.item.index];
  std::string line = SpanName(span);
  if (row.repeated) {
    line += " x " + std::to_string(row.repeated->count) + ", slowest " +
            FormatDuration(row.repeated->slowest);
  }
  line += Outcome(span);
  if (options_.is_verbose && !row.repeated) line += SpanDetails(span);
  return line + Colored(kDim, SenderChange(*span.sender, row.parent)) + Marks(span);
}

std::string TreeRenderer::EventLine(const TraceEvent& event, const TraceSpan* parent) const {
  const std::string_view level = LevelName(static_cast<Level>(event.level));
  const std::string_view color = event.level == v1::LEVEL_ERROR  ? kRed
                                 : event.level == v1::LEVEL_WARN ? kYellow
                                                                 : kDim;
  std::string line = Colored(kDim, FormatTimeOfDay(event.time_unix_nano)) + "  " +
                     Colored(color, level) + "  " + EscapeControls(event.text) +
                     FormatAttributes(event.attributes());
  if (parent == nullptr && !event.span_id.IsZero()) line += "  (span not seen)";
  return line + Colored(kDim, SenderChange(*event.sender, parent));
}

std::string TreeRenderer::OffsetOf(const TreeRow& row) const {
  const bool is_span = row.item.kind == TraceItem::Kind::kSpan;
  const uint64_t time = is_span ? trace_.spans[row.item.index].start_unix_nano
                                : trace_.events[row.item.index].time_unix_nano;
  if (time == 0 || begin_ == 0 || time < begin_) return {};
  return time == begin_ ? "@0" : '@' + FormatDuration(time - begin_);
}

std::string TreeRenderer::TookOf(const TreeRow& row) const {
  if (row.item.kind == TraceItem::Kind::kEvent) return {};
  const auto took =
      row.repeated ? std::optional(row.repeated->total) : trace_.spans[row.item.index].Duration();
  return took ? FormatDuration(*took) : "";
}

// Nothing where the column is empty.
std::string RightAligned(const std::string& text, size_t width) {
  return width == 0 ? "" : std::string(width - text.size(), ' ') + text + "  ";
}

std::string TreeRenderer::LineOf(const TreeRow& row) {
  const std::string front = Colored(kDim, RightAligned(OffsetOf(row), offset_width_)) +
                            RightAligned(TookOf(row), took_width_) + Indentation(row);
  const std::string text = row.item.kind == TraceItem::Kind::kSpan
                               ? SpanLine(row)
                               : EventLine(trace_.events[row.item.index], row.parent);
  const size_t front_width = TextWidth(front);
  return front + Fold(text, front_width, style_).substr(front_width) + '\n';
}

// Walks twice, so that no line is held until the widths of the columns are known.
void TreeRenderer::Render(const TextSink& out) {
  VisitRows(trace_, options_.limits, [this](const TreeRow& row) {
    offset_width_ = std::max(offset_width_, OffsetOf(row).size());
    took_width_ = std::max(took_width_, TookOf(row).size());
  });
  out(Headline());
  VisitRows(trace_, options_.limits, [&](const TreeRow& row) { out(LineOf(row)); });
}

}  // namespace

void RenderTree(const Trace& trace, const TreeOptions& options, const TextStyle& style,
                const TextSink& out) {
  TreeRenderer(trace, options, style).Render(out);
}

}  // namespace sluice::cli
