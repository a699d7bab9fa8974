// The flags by which a command line describes a span and its context: ours, and otel-cli's as its
// users type them.
#pragma once

#include <cstdio>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "client/cli/agent/emit.h"
#include "client/cli/emit/attribute.h"
#include "client/cli/emit/record_encoder.h"
#include "proto/trace/context.h"

namespace sluice::cli {

// Where a span's context comes from and goes to.
struct ContextFlags {
  std::string carrier;      // a file that is read, and written by who makes a span; empty: none
  bool ignore_env = false;  // TRACEPARENT of the environment does not count
  bool required = false;    // without a context there is no span
  bool print = false;
  bool exports = false;  // what is printed or written begins with `export `
};

struct SpanFlags {
  EmitFlags emit;
  std::vector<std::string> attrs;  // otel-cli's: `k=v,k=v`, typed by how they look
  std::string service;
  uint32_t kind = 1;  // as in OTLP; internal
  TraceId trace_id;   // zero: as the context says, else random; likewise below
  SpanId span_id;
  SpanId parent_span_id;
  StatusCode status = StatusCode::kUnset;
  std::string status_description;
  ContextFlags context;
};

// All of them but --status-*.
void AddSpanFlags(CLI::App& app, SpanFlags* flags);
void AddStatusFlags(CLI::App& app, SpanFlags* flags);
void AddAttrsFlag(CLI::App& app, std::vector<std::string>* attrs);
// --tp-carrier.
void AddCarrierFlag(CLI::App& app, std::string* carrier);

// --sockdir DIR: a folder that holds the context of the span that was started with it. What
// otel-cli's server took beside it is accepted.
void AddSockdirFlags(CLI::App& app, std::string* sockdir);
std::string SockdirCarrier(const std::string& sockdir);

// --attr and --attrs together.
Result<std::vector<Attribute>> SpanAttributes(const EmitFlags& emit,
                                              const std::vector<std::string>& attrs);

// The elements of one `--attrs`: between commas, unless they stand in double quotes.
Result<std::vector<std::string>> SplitAttrs(std::string_view text);
// `true`, `false` and numbers that would be written the same way again are such; what else stands
// there is text. A type that the key names counts first.
Result<Attribute> ParseAttr(std::string_view text);

// Nanoseconds since the Unix epoch: `now`, RFC 3339 with any offset, seconds since the epoch with
// or without a fraction, and all that when.h reads.
std::optional<uint64_t> ParseSpanTime(std::string_view text, uint64_t now_unix_nano);

// The context that the environment or the carrier brings; nullopt: none.
std::optional<TraceContext> ContextOf(const ContextFlags& flags);
// Of a verb that needs one.
Failure NoContext();

// The span that the flags describe, below `incoming`, with its ids, the attributes that baggage
// brings, and no start time.
SpanStart DescribeSpan(const SpanFlags& flags, const std::optional<TraceContext>& incoming,
                       std::vector<Attribute> attributes);
// That of a span itself, for what happens within it.
TraceContext OwnContext(const SpanStart& span);

// The encoded Resource of the environment, with the service of the flags.
std::string ResourceOf(const SpanFlags& flags);

// Writes the carrier and prints, where the flags say so; `out` is stdout, or stderr where stdout
// is somebody else's.
Failure HandOnContext(const ContextFlags& flags, const TraceContext& context, std::FILE* out);

}  // namespace sluice::cli
