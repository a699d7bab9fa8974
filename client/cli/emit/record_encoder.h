// Encodes what the emitting verbs send, straight into wire format: no protobuf, so that a one-shot
// emit starts fast.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "client/cli/emit/attribute.h"
#include "proto/record/view.h"
#include "proto/trace/ids.h"

namespace sluice::cli {

// Times are nanoseconds since the Unix epoch.
struct Event {
  Level level = Level::kInfo;
  std::string target;
  std::string name;  // empty: none
  std::string message;
  uint64_t time_unix_nano = 0;
  TraceId trace_id;  // zero: outside any span, then span_id too
  SpanId span_id;
  uint8_t trace_flags = 0;
  std::vector<Attribute> attributes;
};

// What is known of a span when it begins.
struct SpanStart {
  Level level = Level::kInfo;
  std::string target;
  std::string name;
  uint64_t start_unix_nano = 0;
  TraceId trace_id;
  SpanId span_id;
  SpanId parent_span_id;  // zero: a root; else the span of another process
  uint32_t kind = 1;      // as in OTLP; internal
  uint8_t trace_flags = 0;
  std::string trace_state;
  std::vector<Attribute> attributes;
};

// What its end adds.
struct SpanEnd {
  uint64_t end_unix_nano = 0;
  StatusCode status = StatusCode::kUnset;
  std::string status_message;
  std::vector<Attribute> attributes;
};

// Something that happened within a span, kept as part of it.
struct SpanEvent {
  uint64_t time_unix_nano = 0;
  std::string name;
  std::vector<Attribute> attributes;
};

// Each returns one encoded Record. An update and an end take no more than its ids from `start`.
std::string EncodeEvent(const Event& event);
std::string EncodeSpanStart(const SpanStart& start);
std::string EncodeSpanEnd(const SpanStart& start, const SpanEnd& end);
std::string EncodeSpan(const SpanStart& start, const SpanEnd& end);
std::string EncodeSpanAttributes(const SpanStart& start, std::span<const Attribute> attributes);
std::string EncodeSpanEvent(const SpanStart& start, const SpanEvent& event);

// An encoded Resource out of string attributes; empty where there are none.
std::string EncodeResource(std::span<const Attribute> attributes);

// What the life of the spans that a request starts follows, if not the caller's.
struct SpanOwner {
  pid_t pid = 0;                  // 0: no process
  uint64_t start_time_ticks = 0;  // field 22 of /proc/PID/stat
  uint64_t ttl_ms = 0;            // 0: with a pid no limit, else the agent's own
};

// An encoded EmitRequest. The records have the numbers from `first_sequence` on: with the client id
// they make a repeated call be stored once.
std::string EncodeEmitRequest(const ClientId& client_id, uint64_t first_sequence,
                              std::span<const std::string> records, std::string_view resource,
                              const std::optional<SpanOwner>& owner = std::nullopt);

}  // namespace sluice::cli
