// Events: something that happens at one moment, in a span or outside any.
#pragma once

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

namespace internal {
inline sluice_event_options EventOptions(Level level, std::string_view target,
                                         const Attributes& attributes) noexcept {
  sluice_event_options options = {};
  options.size = sizeof(options);
  options.target = Attribute::Text(target);
  options.level = static_cast<sluice_level>(level);
  options.attributes = attributes.raw();
  options.attribute_count = attributes.size();
  return options;
}
}  // namespace internal

// In place of a message: an event that is its attributes alone. An attribute `message` is its
// message then, of any type and in its place among the others, as in Rust's tracing.
inline constexpr std::string_view kNoMessage{};

// An event in the calling thread's current span. An event with the attribute `health_report` is
// sent whatever is wanted: the report must reach the host.
inline void Event(Level level, std::string_view target, std::string_view message,
                  const Attributes& attributes = {}) noexcept {
  const sluice_event_options options = internal::EventOptions(level, target, attributes);
  sluice_event(Attribute::Text(message), &options);
}

// Likewise, in a context of the caller's choice.
inline void Event(const Context& context, Level level, std::string_view target,
                  std::string_view message, const Attributes& attributes = {}) noexcept {
  sluice_event_options options = internal::EventOptions(level, target, attributes);
  options.context = &context.raw();
  sluice_event(Attribute::Text(message), &options);
}

}  // namespace sluice
