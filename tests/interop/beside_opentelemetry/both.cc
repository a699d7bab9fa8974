// Links both families of messages and reads one's bytes as the other's.
#include <cstdio>
#include <string>

#include "opentelemetry/proto/trace/v1/trace.pb.h"
#include "sluice/otlp/v1/trace.pb.h"
#include "sluice/v1/ingest.pb.h"

int main() {
  sluice::otlp::v1::Span span;
  span.set_trace_id(std::string(16, 't'));
  span.set_span_id(std::string(8, 's'));
  span.set_name("both");
  opentelemetry::proto::trace::v1::Span read;
  sluice::v1::EmitRequest request;
  if (!read.ParseFromString(span.SerializeAsString()) || read.name() != "both" ||
      read.trace_id() != span.trace_id() || !request.SerializeAsString().empty()) {
    return 1;
  }
  std::puts("ok");
  return 0;
}
