#include "client/cli/render/tree.h"

#include <algorithm>
#include <string_view>

#include "client/cli/render/value.h"
#include "client/cli/trace/walk.h"
#include "proto/record/view.h"

namespace sluice::cli {
namespace {

using otlp::v1::Status;

// Below this depth lines are indented no further; the depth is written out instead.
constexpr size_t kMaxIndentedDepth = 40;

constexpr std::string_view kRed = "\x1b[31m";
constexpr std::string_view kYellow = "\x1b[33m";
constexpr std::string_view kDim = "\x1b[2m";
constexpr std::string_view kReset = "\x1b[0m";

class TreeRenderer {
 public:
  explicit TreeRenderer(const TextStyle& style) : style_(style) {}

  std::string Render(const Trace& trace);

 private:
  std::string Headline(const Trace& trace) const;
  // The lines that lead to the row from its ancestors.
  std::string Indentation(const TreeRow& row);
  std::string SpanLine(const TraceSpan& span, const TraceSpan* parent) const;
  std::string EventLine(const TraceEvent& event, const TraceSpan* parent) const;
  std::string Outcome(const TraceSpan& span) const;
  std::string Marks(const TraceSpan& span) const;

  std::string Colored(std::string_view color, std::string_view text) const {
    if (!style_.color) return std::string(text);
    return std::string(color).append(text).append(kReset);
  }

  TextStyle style_;
  // For each depth above the current row: more siblings follow there.
  std::vector<bool> continues_;
};

std::string Counted(size_t count, std::string_view noun) {
  return std::to_string(count) + ' ' + std::string(noun) + (count == 1 ? "" : "s");
}

std::string TreeRenderer::Headline(const Trace& trace) const {
  uint64_t begin = 0;
  size_t errors = 0, open = 0, aborted = 0;
  for (const TraceSpan& span : trace.spans) {
    const uint64_t start = span.span.start_time_unix_nano();
    if (start != 0 && (begin == 0 || start < begin)) begin = start;
    errors += span.span.status().code() == Status::STATUS_CODE_ERROR;
    open += span.state == TraceSpan::State::kOpen;
    aborted += span.state == TraceSpan::State::kAborted;
  }
  std::string line = "trace " + ToHex(trace.trace_id);
  if (begin != 0) line += "  " + FormatTime(begin);
  line += "  " + Counted(trace.spans.size(), "span") + ", " + Counted(trace.events.size(), "event");
  if (errors > 0) line += ", " + Colored(kRed, Counted(errors, "error"));
  if (aborted > 0) line += ", " + Colored(kYellow, std::to_string(aborted) + " aborted");
  if (open > 0) line += ", " + Colored(kYellow, std::to_string(open) + " open");
  return line + '\n';
}

std::string TreeRenderer::Indentation(const TreeRow& row) {
  continues_.resize(row.depth + 1);
  continues_[row.depth] = !row.is_last;
  if (row.depth == 0) return {};
  std::string out;
  const size_t indented = std::min(row.depth, kMaxIndentedDepth);
  for (size_t depth = 1; depth < indented; ++depth) {
    out += !continues_[depth] ? "   " : style_.unicode ? "\u2502  " : "|  ";
  }
  if (style_.unicode) {
    out += row.is_last ? "\u2514\u2500 " : "\u251c\u2500 ";
  } else {
    out += row.is_last ? "`- " : "|- ";
  }
  if (row.depth > kMaxIndentedDepth) out += "(depth " + std::to_string(row.depth) + ") ";
  return Colored(kDim, out);
}

// What the span's time and end say.
std::string TreeRenderer::Outcome(const TraceSpan& span) const {
  std::string out;
  if (const auto duration = span.Duration()) out += "  " + FormatDuration(*duration);
  if (span.state == TraceSpan::State::kOpen) {
    const uint64_t start = span.span.start_time_unix_nano();
    out += "  " + Colored(kYellow, start == 0 ? "open" : "open since " + FormatTimeOfDay(start));
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

std::string TreeRenderer::SpanLine(const TraceSpan& span, const TraceSpan* parent) const {
  const std::string name =
      span.span.name().empty() ? "(no name) " + ToHex(span.span.span_id()) : span.span.name();
  return EscapeControls(name) + Outcome(span) + Colored(kDim, SenderChange(span.sender, parent)) +
         Marks(span);
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

std::string TreeRenderer::Render(const Trace& trace) {
  std::string out = Headline(trace);
  for (const TreeRow& row : TreeRows(trace)) {
    out += Indentation(row);
    if (row.item.kind == TraceItem::Kind::kSpan) {
      out += SpanLine(trace.spans[row.item.index], row.parent);
    } else {
      out += EventLine(trace.events[row.item.index], row.parent);
    }
    out += '\n';
  }
  return out;
}

}  // namespace

std::string RenderTree(const Trace& trace, const TextStyle& style) {
  return TreeRenderer(style).Render(trace);
}

}  // namespace sluice::cli
