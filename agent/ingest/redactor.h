// Takes out of records what is configured not to be kept (`ingest.redact`), before the journal.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "agent/filter/redaction.h"

namespace sluice::ingest {

// Looks at attributes wherever they stand, of maps and lists within them too, at messages, names of
// spans and of events within them, and what a span says of its failure. Of an attribute whose key
// is covered the whole value goes; of other text the parts that are covered.
class Redactor {
 public:
  // Not null.
  explicit Redactor(std::shared_ptr<const filter::Redaction> redaction)
      : redaction_(std::move(redaction)) {}

  // What is encoded, and was found sound: our own Record, or a message of OTLP.
  enum class Kind : uint8_t { kRecord, kSpan, kLogRecord, kMetric, kResource, kScope };

  // The message without what is covered; nullopt: it has nothing of that. `*count` grows by the
  // number of values and parts of text that were replaced.
  std::optional<std::string> Redact(Kind kind, std::string_view encoded, uint64_t* count) const;

 private:
  const std::shared_ptr<const filter::Redaction> redaction_;
};

}  // namespace sluice::ingest
