// A request's bytes as they go out.
#pragma once

#include <string>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "agent/sinks/otlp/transport.h"

struct libdeflate_compressor;

namespace sluice::otlp {

std::string JoinPieces(absl::Span<const absl::string_view> pieces);

// The request as OTLP's JSON.
std::string ToJson(Signal signal, absl::string_view encoded);

// Compresses by gzip, fast rather than small. Keeps its tables between calls.
class Gzip {
 public:
  Gzip() = default;
  ~Gzip();
  Gzip(const Gzip&) = delete;
  Gzip& operator=(const Gzip&) = delete;
  std::string Compress(absl::string_view bytes);

 private:
  libdeflate_compressor* compressor_ = nullptr;
};

}  // namespace sluice::otlp
