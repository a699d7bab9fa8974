#include "client/cli/render/plot.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <optional>
#include <string_view>
#include <vector>

#include "client/cli/render/text.h"
#include "client/cli/render/value.h"
#include "client/cli/render/why.h"
#include "client/cli/trace/critical_path.h"
#include "client/cli/trace/timing.h"
#include "client/cli/trace/walk.h"
#include "proto/record/view.h"
#include "proto/wire/utf8.h"

namespace sluice::cli {
namespace {

// What is told of a row when the pointer rests on it, so that a page of 5,000 spans stays small;
// `sluice tree -v` tells all.
constexpr size_t kDetailBytes = 120;
// Deeper rows are indented no further.
constexpr size_t kMaxPlotDepth = 20;
constexpr int kTicks = 5;

// The classes are: s span, v event, e failed, a aborted, o open, k on the critical path; n name, t
// time, l lane, b bar, d dot.
constexpr std::string_view kHead = R"(<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8">
<meta http-equiv="Content-Security-Policy"
 content="default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<style>
:root{--ink:#1b1f24;--dim:#646c75;--page:#fff;--line:#e3e6ea;--bar:#5b8def;--key:#1f4fb8;--bad:#cf3b32;--gone:#c77700}
@media (prefers-color-scheme:dark){:root{--ink:#dfe3e8;--dim:#8d96a0;--page:#15181c;--line:#2b3036;--bar:#4a78cf;--key:#9fc0ff;--bad:#ff6b61;--gone:#ffb03a}}
body{margin:0;background:var(--page);color:var(--ink);font:13px/20px system-ui,sans-serif}
header,main{padding:8px 16px}
h1{font-size:16px;margin:0 0 4px}
header p{margin:0 0 8px;color:var(--dim)}
input{font:inherit;width:20em;padding:2px 6px}
.r,.x{display:grid;grid-template-columns:minmax(8em,32%) 7em 1fr;column-gap:8px;height:20px;border-bottom:1px solid var(--line)}
.x{position:sticky;top:0;background:var(--page);color:var(--dim)}
.n{overflow:hidden;white-space:nowrap;text-overflow:ellipsis;padding-left:calc(var(--i,0)*12px)}
.t{overflow:hidden;white-space:nowrap;text-align:right;color:var(--dim);font-variant-numeric:tabular-nums}
.l{position:relative;overflow:hidden}
.b,.d{position:absolute;left:var(--x);top:4px;height:12px;border-radius:2px}
.b{width:var(--w);min-width:2px;background:var(--bar)}
.d{top:7px;width:6px;height:6px;margin-left:-3px;border-radius:3px;background:var(--dim)}
.k .b{background:var(--key)}
.o .b{border-right:3px dotted var(--gone);opacity:.7}
.e .b,.e .d{background:var(--bad)} .e .n{color:var(--bad)}
.a .b{background:var(--gone)} .a .n{color:var(--gone)}
.v .n{color:var(--dim)} .v.e .n{color:var(--bad)}
.x .l span{position:absolute;white-space:nowrap}
.h{display:none}
</style>
)";

constexpr std::string_view kScript = R"(<script>
const field=document.querySelector('input'),count=document.querySelector('output');
const rows=[...document.querySelectorAll('.r')];
field.oninput=()=>{const text=field.value.toLowerCase();let found=0;
for(const row of rows){const hit=!text||(row.textContent+' '+row.title).toLowerCase().includes(text);
row.classList.toggle('h',!hit);found+=hit}
count.textContent=text?found+' of '+rows.length:''};
</script>
)";

std::string Escape(std::string_view text) {
  std::string out;
  for (const char c : EscapeControls(text)) {
    if (c == '&') {
      out += "&amp;";
    } else if (c == '<') {
      out += "&lt;";
    } else if (c == '"') {
      out += "&quot;";
    } else {
      out += c;
    }
  }
  return out;
}

std::string ShareOf(uint64_t part, uint64_t whole) {
  std::array<char, 16> text;
  const double share = whole == 0 ? 0 : static_cast<double>(part) / static_cast<double>(whole);
  std::snprintf(text.data(), text.size(), "%.3g%%", 100 * share);
  return text.data();
}

class PlotRenderer {
 public:
  explicit PlotRenderer(const Trace& trace)
      : trace_(trace), whole_(IntervalOf(trace, trace.seen_unix_nano).value_or(Interval())) {
    is_critical_.resize(trace.spans.size());
    for (const CriticalStep& step : CriticalPath(trace, trace.seen_unix_nano)) {
      if (step.span) is_critical_[*step.span] = true;
    }
  }

  void Render(const TextSink& out);

 private:
  std::string Title() const;
  void AddTop();
  void AddAxis();
  void AddSpan(const TraceSpan& span, const TreeRow& row);
  void AddEvent(const TraceEvent& event, size_t depth);
  void AddRow(std::string_view classes, const std::string& detail, size_t depth,
              const std::string& name, const std::string& took, const std::string& lane);
  std::string Place(uint64_t unix_nano) const {
    return ShareOf(std::clamp(unix_nano, whole_.begin, whole_.end) - whole_.begin, whole_.length());
  }

  const Trace& trace_;
  const Interval whole_;
  std::vector<bool> is_critical_;  // spans
  std::string out_;                // of what is rendered, what is not yet out
};

std::string PlotRenderer::Title() const {
  const TraceSpan* const root = trace_.FirstRoot();
  return root == nullptr ? "trace " + ToHex(trace_.trace_id) : SpanName(*root);
}

void PlotRenderer::AddTop() {
  const std::string title = Escape(Title());
  out_ +=
      "<title>" + title + "</title></head>\n<body><header><h1>" + title + "</h1>\n<p>trace " +
      ToHex(trace_.trace_id) + " &middot; " + FormatTime(whole_.begin) + " &middot; " +
      FormatDuration(whole_.length()) + " &middot; " + Counted(trace_.spans.size(), "span") + ", " +
      Counted(trace_.events.size(), "event") +
      "; darker or brighter bars are what the trace had to wait for</p>\n"
      "<label>Show rows with <input type=\"search\"></label> <output></output></header>\n<main>\n";
}

void PlotRenderer::AddAxis() {
  out_ +=
      "<div class=\"x\"><span class=\"n\">name</span><span class=\"t\">took</span><span "
      "class=\"l\">";
  for (int tick = 0; tick < kTicks; ++tick) {
    out_ += "<span style=\"left:" + std::to_string(100 * tick / kTicks) + "%\">" +
            (tick == 0 ? "0" : FormatDuration(whole_.length() / kTicks * tick)) + "</span>";
  }
  out_ += "</span></div>\n";
}

void PlotRenderer::AddRow(std::string_view classes, const std::string& detail, size_t depth,
                          const std::string& name, const std::string& took,
                          const std::string& lane) {
  out_.append("<div class=\"r ").append(classes).append("\" title=\"");
  const size_t cut =
      detail.size() <= kDetailBytes ? detail.size() : Utf8Boundary(detail, kDetailBytes);
  out_ += Escape(detail.substr(0, cut)) + (cut < detail.size() ? "..." : "");
  out_ += "\"><span class=\"n\"";
  if (depth > 0) {
    out_ += " style=\"--i:" + std::to_string(std::min(depth, kMaxPlotDepth)) + '"';
  }
  out_ += '>' + Escape(name) + "</span><span class=\"t\">" + took + "</span><span class=\"l\">" +
          lane + "</span></div>\n";
}

void PlotRenderer::AddSpan(const TraceSpan& span, const TreeRow& row) {
  std::string classes = "s";
  std::string name = span.name.empty() ? SpanName(span) : std::string(span.name);
  const std::string failure = FailureText(span);
  if (span.state == TraceSpan::State::kAborted) {
    classes += " a";
  } else if (!failure.empty()) {
    classes += " e";
  }
  if (span.state == TraceSpan::State::kOpen) classes += " o";
  if (is_critical_[row.item.index]) classes += " k";
  if (!failure.empty()) name += ": " + failure;

  const auto time = IntervalOf(span, trace_.seen_unix_nano);
  const auto took = span.Duration();
  std::string lane;
  if (time) {
    lane = "<i class=\"b\" style=\"--x:" + Place(time->begin) +
           ";--w:" + ShareOf(time->length(), whole_.length()) + "\"></i>";
  }
  const Sender& sender = *span.sender;
  AddRow(classes,
         std::string(sender.service_name) + " pid " + std::to_string(sender.pid) + " uid " +
             std::to_string(sender.uid) + FormatAttributes(span.attributes()),
         row.depth, name,
         took                                    ? FormatDuration(*took)
         : span.state == TraceSpan::State::kOpen ? "open"
                                                 : "-",
         lane);
}

void PlotRenderer::AddEvent(const TraceEvent& event, size_t depth) {
  std::string lane;
  if (event.time_unix_nano != 0) {
    lane = "<i class=\"d\" style=\"--x:" + Place(event.time_unix_nano) + "\"></i>";
  }
  std::string name(LevelName(static_cast<Level>(event.level)));
  AddRow(event.level == v1::LEVEL_ERROR ? "v e" : "v",
         std::string(event.target) + FormatAttributes(event.attributes()), depth,
         name.append(" ").append(event.text), "", lane);
}

void PlotRenderer::Render(const TextSink& out) {
  out_ = kHead;
  AddTop();
  AddAxis();
  VisitRows(trace_, {}, [&](const TreeRow& row) {
    if (row.item.kind == TraceItem::Kind::kSpan) {
      AddSpan(trace_.spans[row.item.index], row);
    } else {
      AddEvent(trace_.events[row.item.index], row.depth);
    }
    out(out_);
    out_.clear();
  });
  out(out_.append("</main>\n").append(kScript).append("</body></html>\n"));
}

}  // namespace

void RenderPlot(const Trace& trace, const TextSink& out) { PlotRenderer(trace).Render(out); }

}  // namespace sluice::cli
