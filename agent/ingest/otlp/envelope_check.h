// Whether an export request can be taken apart: all that is around its items is well formed.
#pragma once

#include <array>
#include <string_view>

#include "absl/status/statusor.h"
#include "agent/ingest/otlp/slice.h"
#include "proto/wire/reader.h"

namespace sluice::ingest::otlp {

// Looked at before anything of the request is taken, so that a broken one is refused as a whole.
// What is too large to be looked at (limits::kOtlpResourceBytes, kOtlpEnvelopeBytes) is not: its
// items are rejected later.
class EnvelopeCheck {
 public:
  // `request` stays where it is.
  explicit EnvelopeCheck(std::string_view request) { readers_[kRequest] = WireReader(request); }

  // Goes on for a slice. Whether that was the last of it; INVALID_ARGUMENT: it is broken.
  absl::StatusOr<bool> Work(Slice* slice);

 private:
  enum Depth : size_t { kRequest, kResource, kScope };

  bool Enter(const WireField& field, Slice* slice);

  std::array<WireReader, 3> readers_{WireReader({}), WireReader({}), WireReader({})};
  size_t depth_ = kRequest;
};

}  // namespace sluice::ingest::otlp
