#include "client/cli/render/why.h"

#include <string_view>

#include "client/cli/render/tree_json.h"
#include "client/cli/render/value.h"
#include "client/cli/trace/timing.h"
#include "proto/record/view.h"

namespace sluice::cli {
namespace {

class WhyRenderer {
 public:
  WhyRenderer(const Trace& trace, uint64_t now, const TextStyle& style)
      : trace_(trace), now_(now), style_(style), whole_(IntervalOf(trace, now)) {}

  std::string Render(const TraceWhy& why);

 private:
  void Line(size_t indent, const std::string& text) { out_ += Fold(text, indent, style_) + '\n'; }
  void Headline(const TraceWhy& why);
  void Story(const FailureStory& story);
  void FailedSpan(const TraceSpan& span, uint64_t time);
  void Ancestors(const std::vector<size_t>& ancestors);
  void Events(std::string_view heading, const std::vector<size_t>& events);
  std::string EventText(const TraceEvent& event) const;
  void Open(size_t index);
  std::string SinceBeginning(uint64_t time) const;

  const Trace& trace_;
  const uint64_t now_;
  const TextStyle style_;
  const std::optional<Interval> whole_;
  std::string out_;
};

std::string SenderText(const Sender& sender) {
  std::string out = "uid " + std::to_string(sender.uid) + ", pid " + std::to_string(sender.pid);
  for (const std::string_view name : {sender.service_name, sender.unit}) {
    if (!name.empty()) out += ", " + EscapeControls(name);
  }
  return out;
}

std::string RootName(const Trace& trace) {
  const TraceSpan* const root = trace.FirstRoot();
  return root == nullptr ? "(no span)" : SpanName(*root);
}

void WhyRenderer::Headline(const TraceWhy& why) {
  std::string line = RootName(trace_);
  line += !why.failures.empty() ? " failed" : !why.open.empty() ? " has not ended" : ": no failure";
  line += "  trace " + ToHex(trace_.trace_id);
  if (whole_) line += "  " + FormatTime(whole_->begin) + "  " + FormatDuration(whole_->length());
  Line(0, line);
}

std::string WhyRenderer::SinceBeginning(uint64_t time) const {
  if (time == 0) return "at an unknown time";
  std::string out = FormatTimeOfDay(time);
  if (whole_ && time >= whole_->begin) {
    out += ", " + FormatDuration(time - whole_->begin) + " after the beginning";
  }
  return out;
}

void WhyRenderer::FailedSpan(const TraceSpan& span, uint64_t time) {
  Line(0, SpanName(span) + ": " + FailureText(span) + FormatAttributes(span.attributes()));
  std::string when = SinceBeginning(time);
  if (const auto duration = span.Duration()) when += "; ran " + FormatDuration(*duration);
  Line(2, when + "; " + SenderText(*span.sender));
}

void WhyRenderer::Ancestors(const std::vector<size_t>& ancestors) {
  if (ancestors.empty()) return;
  std::string line = "in ";
  for (const size_t i : ancestors) {
    if (i != ancestors.front()) line += " > ";
    line += SpanName(trace_.spans[i]);
    const std::string failure = FailureText(trace_.spans[i]);
    if (!failure.empty()) line += " (" + failure + ")";
  }
  Line(2, line);
}

std::string WhyRenderer::EventText(const TraceEvent& event) const {
  std::string line = FormatTimeOfDay(event.time_unix_nano) + "  " +
                     std::string(LevelName(static_cast<Level>(event.level))) + "  ";
  if (event.span) line += SpanName(trace_.spans[*event.span]) + ": ";
  return line + EscapeControls(event.text) + FormatAttributes(event.attributes());
}

void WhyRenderer::Events(std::string_view heading, const std::vector<size_t>& events) {
  if (events.empty()) return;
  Line(2, std::string(heading));
  for (const size_t i : events) Line(4, EventText(trace_.events[i]));
}

void WhyRenderer::Story(const FailureStory& story) {
  out_ += '\n';
  if (story.item.kind == TraceItem::Kind::kSpan) {
    FailedSpan(trace_.spans[story.item.index], story.time_unix_nano);
  } else {
    const TraceEvent& event = trace_.events[story.item.index];
    Line(0, EventText(event));
    Line(2, SinceBeginning(story.time_unix_nano) + "; " + SenderText(*event.sender));
  }
  Ancestors(story.ancestors);
  Events("before:", story.before);
  Events("after:", story.after);
}

void WhyRenderer::Open(size_t index) {
  const TraceSpan& span = trace_.spans[index];
  const uint64_t start = span.start_unix_nano;
  std::string line = "waits for " + SpanName(span);
  if (start != 0) line += " since " + FormatTimeOfDay(start);
  if (start != 0 && now_ >= start) line += " (" + FormatDuration(now_ - start) + ")";
  out_ += '\n';
  Line(0, line + "; " + SenderText(*span.sender));
  Ancestors(trace_.AncestorsOf(index));
}

std::string WhyRenderer::Render(const TraceWhy& why) {
  Headline(why);
  for (const FailureStory& story : why.failures) Story(story);
  if (why.more_failures > 0) {
    out_ += '\n';
    Line(0, std::to_string(why.more_failures) + " more failed later; 'sluice tree' shows them");
  }
  for (const size_t open : why.open) Open(open);
  return std::move(out_);
}

void WriteSpan(const TraceSpan& span, JsonWriter* json) {
  json->BeginObject();
  json->Key("span_id");
  json->String(span.id.ToHex());
  json->Key("name");
  json->String(span.name);
  json->Key("state");
  json->String(StateWord(span.state));
  json->Key("failure");
  json->String(FailureText(span));
  json->Key("start_time_unix_nano");
  json->String(std::to_string(span.start_unix_nano));
  json->Key("end_time_unix_nano");
  json->String(std::to_string(span.end_unix_nano));
  json->Key("attributes");
  WriteAttributes(span.attributes(), json);
  json->EndObject();
}

void WriteSpans(std::string_view key, const Trace& trace, const std::vector<size_t>& spans,
                JsonWriter* json) {
  json->Key(key);
  json->BeginArray();
  for (const size_t i : spans) WriteSpan(trace.spans[i], json);
  json->EndArray();
}

void WriteEvents(std::string_view key, const Trace& trace, const std::vector<size_t>& events,
                 JsonWriter* json) {
  json->Key(key);
  json->BeginArray();
  for (const size_t i : events) WriteTraceEvent(trace.events[i], json);
  json->EndArray();
}

}  // namespace

std::string SpanName(const TraceSpan& span) {
  return span.name.empty() ? "(no name) " + span.id.ToHex() : EscapeControls(span.name);
}

std::string FailureText(const TraceSpan& span) {
  const std::string message = EscapeControls(span.status_message);
  if (span.state == TraceSpan::State::kAborted) return message.empty() ? "aborted" : message;
  if (!span.IsError()) return {};
  return message.empty() ? "ERROR" : "ERROR " + message;
}

std::string RenderWhy(const Trace& trace, const TraceWhy& why, uint64_t now_unix_nano,
                      const TextStyle& style) {
  return WhyRenderer(trace, now_unix_nano, style).Render(why);
}

void WriteWhy(const Trace& trace, const TraceWhy& why, JsonWriter* json) {
  json->BeginObject();
  json->Key("trace_id");
  json->String(ToHex(trace.trace_id));
  json->Key("root");
  json->String(RootName(trace));
  json->Key("failures");
  json->BeginArray();
  for (const FailureStory& story : why.failures) {
    json->BeginObject();
    json->Key("time_unix_nano");
    json->String(std::to_string(story.time_unix_nano));
    if (story.item.kind == TraceItem::Kind::kSpan) {
      json->Key("span");
      WriteSpan(trace.spans[story.item.index], json);
    } else {
      json->Key("event");
      WriteTraceEvent(trace.events[story.item.index], json);
    }
    WriteSpans("ancestors", trace, story.ancestors, json);
    WriteEvents("before", trace, story.before, json);
    WriteEvents("after", trace, story.after, json);
    json->EndObject();
  }
  json->EndArray();
  json->Key("more_failures");
  json->Uint(why.more_failures);
  WriteSpans("open", trace, why.open, json);
  json->EndObject();
}

}  // namespace sluice::cli
