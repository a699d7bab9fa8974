#include "client/cli/render/perfetto.h"

#include <algorithm>
#include <map>
#include <optional>
#include <utility>
#include <vector>

#include "client/cli/render/json_writer.h"
#include "client/cli/render/tree_json.h"
#include "client/cli/render/value.h"
#include "client/cli/render/why.h"
#include "client/cli/trace/timing.h"
#include "proto/record/view.h"

namespace sluice::cli {
namespace {

// In one process, a place where spans lie within each other. The innermost comes last.
using Track = std::vector<Interval>;

class PerfettoRenderer {
 public:
  explicit PerfettoRenderer(const Trace& trace) : trace_(trace) {}

  std::string Render();

 private:
  struct Placed {
    size_t span = 0;
    Interval time;
  };

  std::vector<Placed> InOrder();
  uint64_t TrackOf(const Placed& placed);
  void WriteProcesses();
  void WriteSpan(const Placed& placed);
  void WriteEvent(const TraceEvent& event, uint64_t track);
  void Begin(std::string_view phase, std::string_view name, const Sender& sender, uint64_t track,
             uint64_t unix_nano);
  void Member(std::string_view key, std::string_view text) {
    json_.Key(key);
    json_.String(text);
  }
  void Micros(std::string_view key, uint64_t nanoseconds) {
    json_.Key(key);
    json_.Double(static_cast<double>(nanoseconds) / 1000);
  }

  const Trace& trace_;
  uint64_t begin_ = 0;
  size_t left_out_ = 0;
  std::map<int32_t, std::vector<Track>> tracks_;  // by pid
  std::vector<std::optional<uint64_t>> track_of_;
  JsonWriter json_;
};

// Of two that begin together the longer one first, which holds the other.
std::vector<PerfettoRenderer::Placed> PerfettoRenderer::InOrder() {
  std::vector<Placed> order;
  for (size_t i = 0; i < trace_.spans.size(); ++i) {
    const auto time = IntervalOf(trace_.spans[i], trace_.seen_unix_nano);
    if (time) order.push_back({i, *time});
  }
  left_out_ = trace_.spans.size() - order.size();
  std::ranges::stable_sort(order, [](const Placed& a, const Placed& b) {
    return std::pair(a.time.begin, b.time.end) < std::pair(b.time.begin, a.time.end);
  });
  return order;
}

uint64_t PerfettoRenderer::TrackOf(const Placed& placed) {
  std::vector<Track>& tracks = tracks_[trace_.spans[placed.span].sender.identity.pid()];
  for (Track& track : tracks) {
    while (!track.empty() && track.back().end <= placed.time.begin) track.pop_back();
    if (!track.empty() && track.back().end < placed.time.end) continue;
    track.push_back(placed.time);
    return static_cast<uint64_t>(&track - tracks.data()) + 1;
  }
  tracks.push_back({placed.time});
  return tracks.size();
}

void PerfettoRenderer::WriteProcesses() {
  std::map<int32_t, std::string> names;
  for (const TraceSpan& span : trace_.spans) {
    const Sender& sender = span.sender;
    std::string& name = names[sender.identity.pid()];
    if (name.empty()) name = sender.service_name;
    if (name.empty()) name = sender.identity.comm();
  }
  for (const auto& [pid, name] : names) {
    json_.BeginObject();
    Member("ph", "M");
    Member("name", "process_name");
    json_.Key("pid");
    json_.Int(pid);
    json_.Key("args");
    json_.BeginObject();
    Member("name", name);
    json_.EndObject();
    json_.EndObject();
  }
}

void PerfettoRenderer::Begin(std::string_view phase, std::string_view name, const Sender& sender,
                             uint64_t track, uint64_t unix_nano) {
  json_.BeginObject();
  Member("ph", phase);
  Member("name", name);
  json_.Key("pid");
  json_.Int(sender.identity.pid());
  json_.Key("tid");
  json_.Uint(track);
  Micros("ts", unix_nano < begin_ ? 0 : unix_nano - begin_);
}

void PerfettoRenderer::WriteSpan(const Placed& placed) {
  const TraceSpan& span = trace_.spans[placed.span];
  const bool is_open = span.state == TraceSpan::State::kOpen;
  const uint64_t track = TrackOf(placed);
  track_of_[placed.span] = track;
  Begin(is_open ? "B" : "X", SpanName(span), span.sender, track, placed.time.begin);
  if (!is_open) Micros("dur", placed.time.length());
  if (!span.target.empty()) Member("cat", span.target);
  json_.Key("args");
  json_.BeginObject();
  Member("span_id", ToHex(span.span.span_id()));
  Member("state", StateWord(span.state));
  if (const std::string failure = FailureText(span); !failure.empty()) Member("error", failure);
  json_.Key("attributes");
  WriteAttributes(span.span.attributes(), &json_);
  json_.EndObject();
  json_.EndObject();
}

void PerfettoRenderer::WriteEvent(const TraceEvent& event, uint64_t track) {
  Begin("i", event.text, event.sender, track, event.time_unix_nano);
  Member("s", "t");
  json_.Key("args");
  json_.BeginObject();
  Member("level", LevelName(static_cast<Level>(event.level)));
  json_.Key("attributes");
  WriteAttributes(event.attributes, &json_);
  json_.EndObject();
  json_.EndObject();
}

std::string PerfettoRenderer::Render() {
  const std::vector<Placed> order = InOrder();
  if (!order.empty()) begin_ = order.front().time.begin;
  track_of_.resize(trace_.spans.size());
  json_.BeginObject();
  json_.Key("traceEvents");
  json_.BeginArray();
  WriteProcesses();
  for (const Placed& placed : order) WriteSpan(placed);
  for (size_t i = 0; i < trace_.spans.size(); ++i) {
    for (const TraceItem& item : trace_.children[i]) {
      if (item.kind != TraceItem::Kind::kEvent) continue;
      WriteEvent(trace_.events[item.index], track_of_[i].value_or(0));
    }
  }
  for (const TraceItem& item : trace_.roots) {
    if (item.kind == TraceItem::Kind::kEvent) WriteEvent(trace_.events[item.index], 0);
  }
  json_.EndArray();
  json_.Key("otherData");
  json_.BeginObject();
  Member("trace_id", ToHex(trace_.trace_id));
  Member("begin_unix_nano", std::to_string(begin_));
  json_.Key("spans_left_out");
  json_.Uint(left_out_);
  json_.EndObject();
  json_.EndObject();
  return json_.Finish();
}

}  // namespace

std::string RenderPerfetto(const Trace& trace) { return PerfettoRenderer(trace).Render(); }

}  // namespace sluice::cli
