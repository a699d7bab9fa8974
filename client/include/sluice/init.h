// What concerns the process as a whole: options, flush, counters. All of it is optional.
#pragma once

#include <initializer_list>
#include <string_view>

#include "sluice/attribute.h"

namespace sluice {

// Defaults as in sluice_options.
struct Options {
  std::string_view service_name = {};
  std::string_view service_version = {};
  std::string_view socket_path = {};
  size_t ring_bytes = 0;
  uint32_t send_interval_ms = 0;
  Attributes resource = {};
  std::string_view baggage_keys = {};  // e.g. "run_id, tenant, app.*": see baggage.h
  void (*make_ids)(void* user, uint8_t trace_id[16], uint8_t span_id[8]) = nullptr;
  void* make_ids_user = nullptr;
};

// Only before the first use: false when it comes too late, and then does nothing.
inline bool Init(const Options& options) noexcept {
  const sluice_options raw = {.size = sizeof(raw),
                              .service_name = Attribute::Text(options.service_name),
                              .service_version = Attribute::Text(options.service_version),
                              .socket_path = Attribute::Text(options.socket_path),
                              .ring_bytes = options.ring_bytes,
                              .send_interval_ms = options.send_interval_ms,
                              .resource = options.resource.raw(),
                              .resource_count = options.resource.size(),
                              .baggage_keys = Attribute::Text(options.baggage_keys),
                              .make_ids = options.make_ids,
                              .make_ids_user = options.make_ids_user};
  return sluice_init(&raw) == 0;
}

// A time to wait, in milliseconds or any of std::chrono's durations.
struct Timeout {
  Timeout(uint32_t milliseconds) noexcept : ms(milliseconds) {}
  template <internal::Duration T>
  Timeout(const T& duration) noexcept
      : ms(static_cast<uint32_t>(internal::Seconds(duration) * 1e3)) {}

  uint32_t ms;
};

// Waits until the agent has everything emitted so far in its journal; false when time ran out.
inline bool Flush(Timeout timeout) noexcept { return sluice_flush(timeout.ms) == 0; }
// Likewise, and until these sinks have written it, e.g. {"otlp", "kvp"}: the collector has it then.
inline bool Flush(Timeout timeout, std::initializer_list<std::string_view> sinks) noexcept {
  constexpr size_t kMostSinks = 8;
  sluice_text names[kMostSinks];
  size_t count = 0;
  for (const std::string_view sink : sinks) {
    if (count == kMostSinks) return false;
    names[count++] = Attribute::Text(sink);
  }
  return sluice_flush_sinks(names, count, timeout.ms, nullptr, nullptr) == 0;
}

// Flushes when main returns, or wherever it is destroyed. The library hands over what is left at
// exit by itself, within 250 ms; this waits longer.
class [[nodiscard]] FlushGuard {
 public:
  explicit FlushGuard(Timeout timeout) noexcept : timeout_(timeout) {}
  ~FlushGuard() { Flush(timeout_); }
  FlushGuard(const FlushGuard&) = delete;
  FlushGuard& operator=(const FlushGuard&) = delete;

 private:
  const Timeout timeout_;
};

using Stats = sluice_stats;
inline Stats ReadStats() noexcept {
  Stats stats = {};
  stats.size = sizeof(stats);
  sluice_read_stats(&stats);
  return stats;
}

}  // namespace sluice
