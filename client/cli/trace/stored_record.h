// A v1.StoredRecord read in place: views into the encoded bytes, which must outlive them.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "proto/record/view.h"

namespace sluice::cli {

struct StoredRecordView {
  std::string_view identity;  // an encoded v1.Identity
  uint64_t received_unix_nano = 0;
  std::string_view resource;  // an encoded otlp.v1.Resource
  std::string_view record;    // an encoded v1.Record
  bool is_synthetic = false;  // made by the agent: a span closed because its process is gone

  // Of the record. kUnspecified: it does not say.
  RecordKind kind = RecordKind::kUnspecified;
  Level level = Level::kUnspecified;
  std::string_view target;
  // At most one of them.
  std::optional<SpanView> span;
  std::optional<EventView> event;
};

// nullopt: malformed.
std::optional<StoredRecordView> ReadStoredRecord(std::string_view encoded);

}  // namespace sluice::cli
