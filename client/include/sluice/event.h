// Events: something that happens at one moment, in a span or outside any.
#pragma once

#include <optional>

#include "sluice/attribute.h"
#include "sluice/context.h"

namespace sluice {

// Most severe first.
enum class Level {
  kError = SLUICE_ERROR,
  kWarn = SLUICE_WARN,
  kInfo = SLUICE_INFO,
  kDebug = SLUICE_DEBUG,
  kTrace = SLUICE_TRACE
};

// Whether anybody wants this level of any target: one relaxed load.
inline bool Enabled(Level level) noexcept {
  return static_cast<int>(level) <= __atomic_load_n(&sluice_widest_level, __ATOMIC_RELAXED);
}
// Whether anybody wants it of this target. Guards what is costly to compute:
//   if (sluice::Enabled(sluice::Level::kDebug, "app::db")) ...
inline bool Enabled(Level level, std::string_view target) noexcept {
  return Enabled(level) &&
         sluice_enabled(static_cast<sluice_level>(level), Attribute::Text(target)) != 0;
}

// Nanoseconds since the Unix epoch, or any point of std::chrono's system clock. Default: now.
struct UnixTime {
  UnixTime() = default;
  explicit UnixTime(uint64_t unix_ns) noexcept : ns(unix_ns) {}
  template <internal::SystemTime T>
  UnixTime(const T& time) noexcept : ns(static_cast<uint64_t>(internal::UnixNano(time))) {}

  uint64_t ns = 0;
};

struct EventOptions {
  // The module that speaks, e.g. "app::db"; filters match its prefixes. Default: the span's, where
  // the event is a span's, else the program's file name.
  std::string_view target = {};
  Level level = Level::kInfo;
  std::optional<Context> context = {};  // default: the calling thread's
  UnixTime time = {};
  const sluice_source* source = nullptr;  // &SLUICE_HERE, of macros.h
};

// In place of a message: an event that is its attributes alone. An attribute `message` is its
// message then, of any type and in its place among the others, as in Rust's tracing.
inline constexpr std::string_view kNoMessage{};

namespace internal {
inline sluice_event_options Raw(const EventOptions& options,
                                const Attributes& attributes) noexcept {
  sluice_event_options raw = {};
  raw.size = sizeof(raw);
  raw.target = Attribute::Text(options.target);
  raw.level = static_cast<sluice_level>(options.level);
  raw.context = options.context ? &options.context->raw() : nullptr;
  raw.attributes = attributes.raw();
  raw.attribute_count = attributes.size();
  raw.unix_ns = options.time.ns;
  raw.source = options.source;
  return raw;
}
}  // namespace internal

// An event with the attribute `health_report` is sent whatever is wanted: the report must reach the
// host.
inline void Event(std::string_view message, const Attributes& attributes = {},
                  const EventOptions& options = {}) noexcept {
  const sluice_event_options raw = internal::Raw(options, attributes);
  sluice_event(Attribute::Text(message), &raw);
}

}  // namespace sluice
