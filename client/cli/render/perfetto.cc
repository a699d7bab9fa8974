#include "client/cli/render/perfetto.h"

#include <algorithm>
#include <map>
#include <optional>
#include <span>
#include <string_view>
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

  void Render(const TextSink& out);

 private:
  struct Placed {
    uint32_t span = 0;
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
  for (uint32_t i = 0; i < trace_.spans.size(); ++i) {
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
  std::vector<Track>& tracks = tracks_[trace_.spans[placed.span].sender->pid];
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
  std::map<int32_t, std::string_view> names;
  for (const TraceSpan& span : trace_.spans) {
    std::string_view& name = names[span.sender->pid];
    if (name.empty()) name = span.sender->service_name;
    if (name.empty()) name = span.sender->comm;
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
  json_.Int(sender.pid);
  json_.Key("tid");
  json_.Uint(track);
  Micros("ts", unix_nano < begin_ ? 0 : unix_nano - begin_);
}

void PerfettoRenderer::WriteSpan(const Placed& placed) {
  const TraceSpan& span = trace_.spans[placed.span];
  const bool is_open = span.state == TraceSpan::State::kOpen;
  const uint64_t track = TrackOf(placed);
  track_of_[placed.span] = track;
  Begin(is_open ? "B" : "X", SpanName(span), *span.sender, track, placed.time.begin);
  if (!is_open) Micros("dur", placed.time.length());
  if (!span.target.empty()) Member("cat", span.target);
  json_.Key("args");
  json_.BeginObject();
  Member("span_id", span.id.ToHex());
  Member("state", StateWord(span.state));
  if (const std::string failure = FailureText(span); !failure.empty()) Member("error", failure);
  json_.Key("attributes");
  WriteAttributes(span.attributes(), &json_);
  json_.EndObject();
  json_.EndObject();
}

void PerfettoRenderer::WriteEvent(const TraceEvent& event, uint64_t track) {
  Begin("i", event.text, *event.sender, track, event.time_unix_nano);
  Member("s", "t");
  json_.Key("args");
  json_.BeginObject();
  Member("level", LevelName(static_cast<Level>(event.level)));
  json_.Key("attributes");
  WriteAttributes(event.attributes(), &json_);
  json_.EndObject();
  json_.EndObject();
}

void PerfettoRenderer::Render(const TextSink& out) {
  const std::vector<Placed> order = InOrder();
  if (!order.empty()) begin_ = order.front().time.begin;
  track_of_.resize(trace_.spans.size());
  json_.BeginObject();
  json_.Key("traceEvents");
  json_.BeginArray();
  WriteProcesses();
  for (const Placed& placed : order) {
    WriteSpan(placed);
    out(json_.Take());
  }
  const auto write_events = [&](std::span<const TraceItem> items, uint64_t track) {
    for (const TraceItem& item : items) {
      if (item.kind != TraceItem::Kind::kEvent) continue;
      WriteEvent(trace_.events[item.index], track);
      out(json_.Take());
    }
  };
  for (size_t i = 0; i < trace_.spans.size(); ++i) {
    write_events(trace_.ItemsIn(trace_.spans[i]), track_of_[i].value_or(0));
  }
  write_events(trace_.Roots(), 0);
  json_.EndArray();
  json_.Key("otherData");
  json_.BeginObject();
  Member("trace_id", ToHex(trace_.trace_id));
  Member("begin_unix_nano", std::to_string(begin_));
  json_.Key("spans_left_out");
  json_.Uint(left_out_);
  json_.EndObject();
  json_.EndObject();
  out(json_.Finish());
}

}  // namespace

void RenderPerfetto(const Trace& trace, const TextSink& out) {
  PerfettoRenderer(trace).Render(out);
}

}  // namespace sluice::cli
