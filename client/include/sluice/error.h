// What a span can say of a failure: exceptions, std::error_code, statuses like absl's, and results
// like std::expected. See SpanRef::RecordError and SpanRef::Record in span.h.
#pragma once

#include <cxxabi.h>
#include <stdlib.h>

#include <exception>
#include <string_view>
#include <typeinfo>

#include "sluice/value.h"

namespace sluice::internal {

template <typename T>
concept ErrorCode = requires(const T& error) {
  error.category().name();
  error.value();
  { error.message() } -> std::convertible_to<std::string_view>;
};
template <typename T>
concept StatusLike = requires(const T& status) {
  { status.ok() } -> std::convertible_to<bool>;
  status.code();
  std::string_view(status.message());
};
// absl::StatusOr.
template <typename T>
concept StatusResult = requires(const T& result) {
  { result.ok() } -> std::convertible_to<bool>;
  result.status();
  *result;
};
// std::expected.
template <typename T>
concept Expected = requires(const T& result) {
  { result.has_value() } -> std::convertible_to<bool>;
  result.error();
};

// What sluice_error holds.
struct ErrorText {
  Text type;
  Text message;
};

inline void AppendTypeName(const std::type_info& type, Text* text) {
  int status = 0;
  char* const name = abi::__cxa_demangle(type.name(), nullptr, nullptr, &status);
  text->Append(status == 0 ? name : type.name());
  free(name);
}

// As text, however it is made.
template <typename T>
void AppendText(const T& value, Text* text) {
  ValueMaker maker;
  sluice_attribute made = {};
  if (!maker.Make(value, &made)) return;
  if (made.type == SLUICE_INT) text->Append(made.value.integer);
  if (made.type <= SLUICE_BARE) text->Append({made.value.text.data, made.value.text.size});
}

template <typename T>
ErrorText Describe(const T& error) {
  ErrorText text;
  if constexpr (std::is_base_of_v<std::exception, T>) {
#ifdef __cpp_rtti
    AppendTypeName(typeid(error), &text.type);
#else
    text.type.Append("exception");
#endif
    text.message.Append(error.what());
  } else if constexpr (ErrorCode<T>) {
    text.type.Append(error.category().name());
    text.type.Append(":");
    text.type.Append(int64_t{error.value()});
    text.message.Append(error.message());
  } else if constexpr (StatusLike<T>) {
    AppendText(error.code(), &text.type);
    text.message.Append(std::string_view(error.message()));
  } else {
    text.type.Append("error");
    AppendText(error, &text.message);
  }
  return text;
}

#ifdef __cpp_exceptions
// Of the exception that is being handled.
inline ErrorText DescribeCurrent() {
  try {
    throw;
  } catch (const std::exception& error) {
    return Describe(error);
  } catch (...) {
    ErrorText text;
    if (const std::type_info* const type = abi::__cxa_current_exception_type()) {
      AppendTypeName(*type, &text.type);
    }
    return text;
  }
}
#endif

}  // namespace sluice::internal
