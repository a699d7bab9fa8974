// What can be configured of the export by OTLP: `[otlp]` and any `[otlp.NAME]`.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "agent/config/sink_section.h"
#include "agent/sinks/otlp/sampler.h"
#include "agent/sinks/otlp/transport.h"

namespace sluice::otlp {

// How a destination on a network is spoken to. kAuto: gRPC to port 4317 and to Unix sockets, else
// kHttpProtobuf.
enum class Protocol { kAuto, kGrpc, kHttpProtobuf, kHttpJson };
// kAuto: gzip for https.
enum class Compression { kAuto, kGzip, kNone };

// As what an event goes out that is inside an open span.
enum class EventsAs { kSpan, kLog, kBoth };

// What becomes of what a destination refuses.
enum class OnRefused { kWait, kDrop };

// By Signal.
using Signals = std::array<bool, std::size(kSignals)>;
using Attributes = std::map<std::string, std::string>;

struct OtlpSettings {
  // `http://`, `https://`, `unix:///path`, `file:///path` or `stdout`.
  std::string endpoint;
  // Of one signal, in place of `endpoint`; over HTTP with the whole path.
  std::string traces_endpoint;
  std::string logs_endpoint;
  std::string metrics_endpoint;
  Signals signals{true, true, true};  // what is exported
  // Of a request.
  uint32_t batch_records = 512;  // enough to go out at once
  uint64_t batch_bytes = 3 * config::kMiB;
  std::chrono::milliseconds batch_delay{200};
  // What to say of each process, where it does not say so itself.
  Attributes resource;
  // The attribute that tells a span's level; empty: none.
  std::string level_attribute;
  EventsAs events = EventsAs::kSpan;
  SampleRate sample;
  OnRefused on_refused = OnRefused::kWait;

  // Of a file.
  uint64_t max_size = 64 * config::kMiB;  // bytes before it is rotated; 0: never
  std::chrono::seconds max_age{0};        // age before it is rotated; 0: never
  uint32_t rotate_keep = 4;               // rotated files kept

  // Of a destination on a network.
  Protocol protocol = Protocol::kAuto;
  bool insecure = false;             // an endpoint without scheme is http
  std::vector<std::string> headers;  // `key=value`
  std::string headers_file;          // more of them, one a line; read again when it changed
  std::string ca_file;               // empty: the system's
  std::string client_cert_file;
  std::string client_key_file;
  Compression compression = Compression::kAuto;
  std::chrono::milliseconds timeout{10'000};  // of one export call
  std::string proxy;                          // empty: HTTPS_PROXY and NO_PROXY say
  std::chrono::seconds max_connection_age{300};
};

// That of the signal alone; empty: it has none.
const std::string& OwnEndpointOf(const OtlpSettings& settings, Signal signal);
// Where the signal goes; empty: nowhere.
const std::string& EndpointFor(const OtlpSettings& settings, Signal signal);

// Where an endpoint leads.
enum class EndpointKind { kFile, kStdout, kNetwork, kUnknown };
EndpointKind KindOf(const std::string& endpoint);
// Of `file:///path`.
std::string PathOf(const std::string& endpoint);

config::SinkSection OtlpSection();

}  // namespace sluice::otlp
