// Attributes: a key and a typed value, as `{"user", name}` or `{"bytes", 512}`.
#pragma once

#include <initializer_list>
#include <string_view>

#include "sluice/sluice.h"

namespace sluice {

// A string that log lines print without quotes.
struct Bare {
  std::string_view text;
};

// Raw bytes.
struct Bytes {
  const void* data;
  size_t size;
};

// A view of the caller's text; both must outlive the call they are handed to, which a temporary in
// that call does.
class Attribute {
 public:
  Attribute(std::string_view key, std::string_view text) noexcept
      : Attribute(key, SLUICE_STRING, text) {}
  Attribute(std::string_view key, const char* text) noexcept
      : Attribute(key, SLUICE_STRING, text ? std::string_view(text) : std::string_view()) {}
  Attribute(std::string_view key, Bare bare) noexcept : Attribute(key, SLUICE_BARE, bare.text) {}
  Attribute(std::string_view key, Bytes bytes) noexcept
      : Attribute(key, SLUICE_BYTES, {static_cast<const char*>(bytes.data), bytes.size}) {}

  // Unsigned numbers above the largest int64_t read as that.
  template <typename Number>
  requires std::is_arithmetic_v<Number> Attribute(std::string_view key, Number number)
  noexcept : raw_{} {
    raw_.key = Text(key);
    if constexpr (std::is_same_v<Number, bool>) {
      raw_.type = SLUICE_BOOL;
      raw_.value.boolean = number;
    } else if constexpr (std::is_floating_point_v<Number>) {
      raw_.type = SLUICE_DOUBLE;
      raw_.value.number = static_cast<double>(number);
    } else {
      raw_.type = SLUICE_INT;
      raw_.value.integer = number > Number{0} && static_cast<uint64_t>(number) > INT64_MAX
                               ? INT64_MAX
                               : static_cast<int64_t>(number);
    }
  }

  // The values of `items`, or all of them under their keys; `items` must outlive the call.
  static Attribute Array(std::string_view key, const Attribute* items, size_t count) noexcept {
    return {key, SLUICE_ARRAY, items, count};
  }
  static Attribute Map(std::string_view key, const Attribute* items, size_t count) noexcept {
    return {key, SLUICE_MAP, items, count};
  }

  static constexpr sluice_text Text(std::string_view text) noexcept {
    return {text.data(), text.size()};
  }

 private:
  Attribute(std::string_view key, sluice_type type, std::string_view text) noexcept
      : raw_{.key = Text(key), .type = type, .value = {.text = Text(text)}} {}
  Attribute(std::string_view key, sluice_type type, const Attribute* items, size_t count) noexcept
      : raw_{.key = Text(key), .type = type, .value = {.list = {&items->raw_, count}}} {}

  sluice_attribute raw_;
};
static_assert(sizeof(Attribute) == sizeof(sluice_attribute));

// Some attributes in a row: `{{"user", name}, {"uid", 1000}}`, or any array or vector of them.
class Attributes {
 public:
  Attributes() = default;
  Attributes(std::initializer_list<Attribute> list) noexcept
      : Attributes(std::data(list), list.size()) {}
  Attributes(const Attribute* attributes, size_t count) noexcept
      : data_(attributes), size_(count) {}
  template <typename Range>
  requires requires(const Range& range) { Attributes(std::data(range), std::size(range)); }
  Attributes(const Range& range) noexcept : Attributes(std::data(range), std::size(range)) {}

  const sluice_attribute* raw() const { return reinterpret_cast<const sluice_attribute*>(data_); }
  size_t size() const { return size_; }

 private:
  const Attribute* data_ = nullptr;
  size_t size_ = 0;
};

}  // namespace sluice
