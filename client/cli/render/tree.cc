#include "client/cli/render/tree.h"

#include <algorithm>
#include <string_view>

#include "client/cli/render/value.h"
#include "client/cli/render/why.h"
#include "client/cli/trace/timing.h"
#include "proto/record/view.h"

namespace sluice::cli {
namespace {

using otlp::v1::Status;

// Below this depth lines are indented no further; the depth is written out instead.
constexpr size_t kMaxIndentedDepth = 40;

// When the first span began; 0: not known.
uint64_t BeginOf(const Trace& trace) {
  uint64_t begin = 0;
  for (const TraceSpan& span : trace.spans) {
    const uint64_t start = span.span.start_time_unix_nano();
    if (start != 0 && (begin == 0 || start < begin)) begin = start;
  }
  return begin;
}

class TreeRenderer {
 public:
  TreeRenderer(const Trace& trace, const TreeOptions& options, const TextStyle& style)
      : trace_(trace), options_(options), style_(style), begin_(BeginOf(trace)) {}

  std::string Render();

 private:
  // What stands in front of a row, from left to right, and the row.
  struct Line {
    std::string offset;
    std::string took;
    std::string indentation;
    std::string text;
  };

  std::string Headline() const;
  Line LineOf(const TreeRow& row);
  std::string OffsetOf(uint64_t unix_nano) const;
  size_t MaxIndentedDepth() const;
  // The lines that lead to the row from its ancestors.
  std::string Indentation(const TreeRow& row);
  std::string SpanLine(const TreeRow& row) const;
  std::string SpanDetails(size_t index) const;
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
  // For each depth above the current row: more siblings follow there.
  std::vector<bool> continues_;
};

std::string TreeRenderer::Headline() const {
  size_t errors = 0, open = 0, aborted = 0;
  for (const TraceSpan& span : trace_.spans) {
    errors += span.span.status().code() == Status::STATUS_CODE_ERROR;
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
    const uint64_t start = span.span.start_time_unix_nano();
    std::string open = start == 0 ? "open" : "open since " + FormatTimeOfDay(start);
    if (start != 0 && options_.now_unix_nano > start) {
      open += " (" + FormatDuration(options_.now_unix_nano - start) + ")";
    }
    out += "  " + Colored(kYellow, open);
  }
  const Status& status = span.span.status();
  const std::string message = EscapeControls(status.message());
  if (span.state == TraceSpan::State::kAborted) {
    out += "  " + Colored(kYellow, message.empty() ? "aborted" : message);
  } else if (status.code() == Status::STATUS_CODE_ERROR) {
    out += "  " + Colored(kRed, message.empty() ? "ERROR" : "ERROR " + message);
  }
  return out;
}

std::string TreeRenderer::Marks(const TraceSpan& span) const {
  std::string out;
  if (span.EndsBeforeStart()) out += "  (ends before it starts: the clock was set back)";
  if (span.span.start_time_unix_nano() == 0) out += "  (start not seen)";
  if (span.parent_not_seen) out += "  (parent not seen)";
  if (span.id_used_before) out += "  (another span has this id, too)";
  if (span.parent_is_descendant) out += "  (its parent is its own descendant)";
  return out;
}

// Who sent a span or an event, as far as it differs from its parent's sender.
std::string SenderChange(const Sender& sender, const TraceSpan* parent) {
  static const Sender kNobody;
  const Sender& above = parent == nullptr ? kNobody : parent->sender;
  const v1::Identity& identity = sender.identity;
  std::string out;
  if (parent == nullptr || identity.uid() != above.identity.uid()) {
    out += "  uid " + std::to_string(identity.uid());
  }
  if (identity.pid() != above.identity.pid()) out += "  pid " + std::to_string(identity.pid());
  if (sender.service_name != above.service_name && !sender.service_name.empty()) {
    out += "  " + EscapeControls(sender.service_name);
  }
  if (identity.unit() != above.identity.unit() && !identity.unit().empty()) {
    out += "  " + EscapeControls(identity.unit());
  }
  return out;
}

std::string TreeRenderer::SpanDetails(size_t index) const {
  const uint64_t now = options_.now_unix_nano;
  const auto self = SelfTime(trace_, index, now);
  const auto interval = IntervalOf(trace_.spans[index], now);
  std::string out;
  if (self && *self != interval->length()) out += "  self " + FormatDuration(*self);
  const std::string attributes = FormatAttributes(trace_.spans[index].span.attributes());
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
  if (options_.is_verbose && !row.repeated) line += SpanDetails(row.item.index);
  return line + Colored(kDim, SenderChange(span.sender, row.parent)) + Marks(span);
}

std::string TreeRenderer::EventLine(const TraceEvent& event, const TraceSpan* parent) const {
  const std::string_view level = LevelName(static_cast<Level>(event.level));
  const std::string_view color = event.level == v1::LEVEL_ERROR  ? kRed
                                 : event.level == v1::LEVEL_WARN ? kYellow
                                                                 : kDim;
  std::string line = Colored(kDim, FormatTimeOfDay(event.time_unix_nano)) + "  " +
                     Colored(color, level) + "  " + EscapeControls(event.text) +
                     FormatAttributes(event.attributes);
  if (parent == nullptr && !event.span_id.empty()) line += "  (span not seen)";
  return line + Colored(kDim, SenderChange(event.sender, parent));
}

std::string TreeRenderer::OffsetOf(uint64_t unix_nano) const {
  if (unix_nano == 0 || begin_ == 0 || unix_nano < begin_) return {};
  return unix_nano == begin_ ? "@0" : '@' + FormatDuration(unix_nano - begin_);
}

TreeRenderer::Line TreeRenderer::LineOf(const TreeRow& row) {
  Line line;
  line.indentation = Indentation(row);
  if (row.item.kind == TraceItem::Kind::kEvent) {
    const TraceEvent& event = trace_.events[row.item.index];
    line.offset = OffsetOf(event.time_unix_nano);
    line.text = EventLine(event, row.parent);
    return line;
  }
  const TraceSpan& span = trace_.spans[row.item.index];
  line.offset = OffsetOf(span.span.start_time_unix_nano());
  const auto duration = row.repeated ? std::optional(row.repeated->total) : span.Duration();
  if (duration) line.took = FormatDuration(*duration);
  line.text = SpanLine(row);
  return line;
}

// Nothing where the column is empty.
std::string RightAligned(const std::string& text, size_t width) {
  return width == 0 ? "" : std::string(width - text.size(), ' ') + text + "  ";
}

std::string TreeRenderer::Render() {
  std::vector<Line> lines;
  size_t offset_width = 0, took_width = 0;
  for (const TreeRow& row : TreeRows(trace_, options_.limits)) {
    lines.push_back(LineOf(row));
    offset_width = std::max(offset_width, lines.back().offset.size());
    took_width = std::max(took_width, lines.back().took.size());
  }
  std::string out = Headline();
  for (const Line& line : lines) {
    const std::string front = Colored(kDim, RightAligned(line.offset, offset_width)) +
                              RightAligned(line.took, took_width) + line.indentation;
    const size_t front_width = TextWidth(front);
    out += front + Fold(line.text, front_width, style_).substr(front_width) + '\n';
  }
  return out;
}

}  // namespace

std::string RenderTree(const Trace& trace, const TreeOptions& options, const TextStyle& style) {
  return TreeRenderer(trace, options, style).Render();
}

}  // namespace sluice::cli
