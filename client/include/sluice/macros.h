// Spans and events in one line. Each costs a load and a branch where nobody wants its level.
//
//   #define SLUICE_TARGET "app::users"          // before the first include, or on the command line
//
//   std::expected<Uid, Error> Provision(const User& user) {
//     SLUICE_FUNCTION(.fields = {{"user", user.name}});
//     SLUICE_INFO("creating home", {"path", user.home}, {"quota", user.quota});
//     { SLUICE_SPAN("useradd", {"shell", user.shell}); RunUseradd(user); }
//     SLUICE_RETURN(LookUp(user));
//   }
#pragma once

#include <string_view>

#include "sluice/event.h"
#include "sluice/span.h"

// The module that speaks: the file's name without folders and ending, unless it says another.
#ifndef SLUICE_TARGET
#define SLUICE_TARGET ::sluice::internal::ModuleOf(__FILE__)
#endif

// A span around the rest of the function, named by it. Arguments are fields of
// sluice::FunctionOptions: `.name = "root", .level = sluice::Level::kDebug, .fields = {...}`. Not
// in coroutines: see coroutine.h.
#define SLUICE_FUNCTION(...)                                                                   \
  ::sluice::Span sluice_function_span =                                                        \
      ::sluice::Enabled(::sluice::internal::NamedLevel(#__VA_ARGS__))                          \
          ? ::sluice::internal::FunctionSpan(::sluice::FunctionOptions{__VA_ARGS__}, __func__, \
                                             SLUICE_TARGET)                                    \
          : ::sluice::Span()

// Returns `value` from a function with SLUICE_FUNCTION: it becomes the span's attribute `return`,
// an error the span's error, as SpanRef::Record says.
#define SLUICE_RETURN(...) return sluice_function_span.Record(__VA_ARGS__)

// The variables as fields under their own names, eight at most: `.fields = SLUICE_ARGS(user,
// size)`.
#define SLUICE_ARGS(...) \
  { SLUICE_INTERNAL_ARGS(__VA_ARGS__, 8, 7, 6, 5, 4, 3, 2, 1)(__VA_ARGS__) }

// A span until the end of the block: SLUICE_SPAN("name", {"key", value}, ...).
#define SLUICE_SPAN(name, ...) SLUICE_INTERNAL_SPAN(kInfo, name, {__VA_ARGS__})
#define SLUICE_DEBUG_SPAN(name, ...) SLUICE_INTERNAL_SPAN(kDebug, name, {__VA_ARGS__})
#define SLUICE_TRACE_SPAN(name, ...) SLUICE_INTERNAL_SPAN(kTrace, name, {__VA_ARGS__})

// An event: SLUICE_INFO("message", {"key", value}, ...). No value is computed where it is off.
#define SLUICE_ERROR(message, ...) SLUICE_INTERNAL_EVENT(kError, message, {__VA_ARGS__})
#define SLUICE_WARN(message, ...) SLUICE_INTERNAL_EVENT(kWarn, message, {__VA_ARGS__})
#define SLUICE_INFO(message, ...) SLUICE_INTERNAL_EVENT(kInfo, message, {__VA_ARGS__})
#define SLUICE_DEBUG(message, ...) SLUICE_INTERNAL_EVENT(kDebug, message, {__VA_ARGS__})
#define SLUICE_TRACE(message, ...) SLUICE_INTERNAL_EVENT(kTrace, message, {__VA_ARGS__})

// Where this stands, for options' `source`, as long as the statement lasts.
#define SLUICE_HERE \
  ::sluice::internal::Temporary(sluice_source{sluice_str(__FILE__), sluice_str(__func__), __LINE__})

namespace sluice {

struct FunctionOptions {
  std::string_view name = {};    // default: the function's
  std::string_view target = {};  // default: SLUICE_TARGET
  Level level = Level::kInfo;
  SpanKind kind = SpanKind::kInternal;
  Attributes fields = {};
};

namespace internal {

consteval std::string_view ModuleOf(std::string_view file) {
  const size_t folder = file.rfind('/');
  if (folder != std::string_view::npos) file.remove_prefix(folder + 1);
  return file.substr(0, file.find('.'));
}

// Of the text of FunctionOptions, so that it is known before any of the fields is computed. kError,
// which is off last, where `.level` is no plain name of a level.
consteval Level NamedLevel(std::string_view options) {
  constexpr std::string_view kOption = ".level";
  constexpr std::string_view kNames[] = {"kError", "kWarn", "kInfo", "kDebug", "kTrace"};
  const size_t at = options.find(kOption);
  if (at == std::string_view::npos) return Level::kInfo;
  if (options.rfind(kOption) != at) return Level::kError;
  bool is_within_text = false;
  for (const char c : options.substr(0, at)) is_within_text ^= c == '"';
  if (is_within_text) return Level::kError;
  std::string_view value = options.substr(at + kOption.size());
  value = value.substr(0, value.find(','));
  while (value.ends_with(' ')) value.remove_suffix(1);
  const size_t name = value.find_last_of(" :=") + 1;
  // `= sluice::Level::`, and no expression.
  if (value.substr(0, name).find_first_not_of("= :sluiceLv") != std::string_view::npos) {
    return Level::kError;
  }
  for (int i = 0; i < 5; ++i) {
    if (value.substr(name) == kNames[i]) return static_cast<Level>(i + 1);
  }
  return Level::kError;
}

inline Span FunctionSpan(const FunctionOptions& options, std::string_view function,
                         std::string_view target) noexcept {
  return Span(options.name.empty() ? function : options.name, options.fields,
              {.target = options.target.empty() ? target : options.target,
               .level = options.level,
               .kind = options.kind});
}

template <typename T>
constexpr const T* Temporary(const T& value) noexcept {
  return &value;
}

}  // namespace internal
}  // namespace sluice

#define SLUICE_INTERNAL_EVENT(severity, message, ...)                                 \
  do {                                                                                \
    if (::sluice::Enabled(::sluice::Level::severity)) [[unlikely]]                    \
      ::sluice::Event(message, __VA_ARGS__,                                           \
                      {.target = SLUICE_TARGET, .level = ::sluice::Level::severity}); \
  } while (false)

#define SLUICE_INTERNAL_SPAN(severity, name, ...)                                         \
  const ::sluice::Span SLUICE_INTERNAL_JOIN(sluice_span_, __COUNTER__) =                  \
      ::sluice::Enabled(::sluice::Level::severity)                                        \
          ? ::sluice::Span(name, __VA_ARGS__,                                             \
                           {.target = SLUICE_TARGET, .level = ::sluice::Level::severity}) \
          : ::sluice::Span()

#define SLUICE_INTERNAL_JOIN(left, right) SLUICE_INTERNAL_JOIN_2(left, right)
#define SLUICE_INTERNAL_JOIN_2(left, right) left##right

#define SLUICE_INTERNAL_ARGS(a, b, c, d, e, f, g, h, count, ...) SLUICE_INTERNAL_ARGS_##count
#define SLUICE_INTERNAL_ARGS_1(a) \
  { #a, a }
#define SLUICE_INTERNAL_ARGS_2(a, ...) {#a, a}, SLUICE_INTERNAL_ARGS_1(__VA_ARGS__)
#define SLUICE_INTERNAL_ARGS_3(a, ...) {#a, a}, SLUICE_INTERNAL_ARGS_2(__VA_ARGS__)
#define SLUICE_INTERNAL_ARGS_4(a, ...) {#a, a}, SLUICE_INTERNAL_ARGS_3(__VA_ARGS__)
#define SLUICE_INTERNAL_ARGS_5(a, ...) {#a, a}, SLUICE_INTERNAL_ARGS_4(__VA_ARGS__)
#define SLUICE_INTERNAL_ARGS_6(a, ...) {#a, a}, SLUICE_INTERNAL_ARGS_5(__VA_ARGS__)
#define SLUICE_INTERNAL_ARGS_7(a, ...) {#a, a}, SLUICE_INTERNAL_ARGS_6(__VA_ARGS__)
#define SLUICE_INTERNAL_ARGS_8(a, ...) {#a, a}, SLUICE_INTERNAL_ARGS_7(__VA_ARGS__)
