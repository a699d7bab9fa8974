#include "agent/ingest/otlp/envelope_check.h"

#include "proto/record/check.h"
#include "proto/record/field_numbers.h"
#include "proto/record/limits.h"

namespace sluice::ingest::otlp {
namespace {

// A field that is not the message's, or one of it in its right type.
bool IsOf(const WireField& field, uint32_t last) {
  return field.number() > last || field.type() == WireType::kBytes;
}

}  // namespace

absl::StatusOr<bool> EnvelopeCheck::Work(Slice* slice) {
  while (!slice->is_over()) {
    slice->TakeField();
    WireReader& reader = readers_[depth_];
    WireField field;
    bool is_sound = true;
    if (reader.Next(&field)) {
      is_sound = Enter(field, slice);
    } else if (!reader.ok()) {
      is_sound = false;
    } else if (depth_ == kRequest) {
      return true;
    } else {
      --depth_;
    }
    if (!is_sound) return absl::InvalidArgumentError("not an encoded export request");
  }
  return false;
}

bool EnvelopeCheck::Enter(const WireField& field, Slice* slice) {
  const std::string_view bytes = field.bytes;
  switch (depth_) {
    case kRequest:
      if (!IsOf(field, export_request_field::kResourceSpans)) return false;
      if (field.number() != export_request_field::kResourceSpans) return true;
      break;
    case kResource:
      if (!IsOf(field, resource_spans_field::kLast)) return false;
      if (field.number() == resource_spans_field::kResource) {
        slice->TakeBytes(bytes.size());
        return bytes.size() > limits::kOtlpResourceBytes || CheckOtlpResource(bytes).sound;
      }
      if (field.number() != resource_spans_field::kScopeSpans) return true;
      break;
    default:
      if (!IsOf(field, scope_spans_field::kLast)) return false;
      if (field.number() != scope_spans_field::kScope) return true;
      slice->TakeBytes(bytes.size());
      return bytes.size() > limits::kOtlpEnvelopeBytes || CheckOtlpScope(bytes).sound;
  }
  readers_[++depth_] = WireReader(bytes);
  return true;
}

}  // namespace sluice::ingest::otlp
