// What can be configured of the export by OTLP: `[otlp]` and any `[otlp.NAME]`.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "agent/config/sink_section.h"

namespace sluice::otlp {

struct OtlpSettings {
  std::string endpoint;              // OTEL_EXPORTER_OTLP_ENDPOINT's syntax, or `unix:///path`
  std::vector<std::string> headers;  // `key=value`
  std::string ca_file;               // empty: the system's
  std::string client_cert_file;
  std::string client_key_file;
  bool gzip = false;
  std::chrono::milliseconds timeout{10'000};  // of one export call
  uint32_t batch_records = 512;
};

config::SinkSection OtlpSection();

}  // namespace sluice::otlp
