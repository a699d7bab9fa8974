// What of a request was not taken, for its sender to read.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "agent/ingest/otlp/receiver.h"

namespace sluice::ingest::otlp {

// Where an item stands in its request: the index of its resource, of its scope within that, and of
// itself within that.
struct ItemPlace {
  size_t resource = 0;
  size_t scope = 0;
  size_t item = 0;
};

class Rejections {
 public:
  explicit Rejections(Signal signal) : signal_(signal) {}

  // `count`: what it stands for, which for a metric is its data points.
  void Add(std::string_view reason, const ItemPlace& place, uint64_t count = 1);
  // Said first, once.
  void SetHint(const char* hint) { hint_ = hint; }

  uint64_t total() const { return total_; }
  const std::map<std::string, uint64_t, std::less<>>& by_reason() const { return by_reason_; }
  // `2 of the spans were rejected: bad_span_id 1, invalid_utf8 1; first
  // resource_spans[0].scope_spans[0].spans[3] (bad_span_id), ...`. Empty: there are none.
  std::string Message() const;

 private:
  static constexpr size_t kMostNamed = 8;

  std::string PathOf(const ItemPlace& place) const;

  const Signal signal_;
  uint64_t total_ = 0;
  std::map<std::string, uint64_t, std::less<>> by_reason_;
  std::vector<std::string> named_;
  const char* hint_ = nullptr;
};

}  // namespace sluice::ingest::otlp
