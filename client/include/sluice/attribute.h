// Attributes: a key and a typed value, as `{"user", name}` or `{"bytes", 512}`.
#pragma once

#include <initializer_list>
#include <string_view>

#include "sluice/sluice.h"
#include "sluice/value.h"

namespace sluice {

// A view of the caller's key and value, which must outlive the call they are handed to; a temporary
// in that call does. Values may be text, numbers, and all that value.h names.
class Attribute {
 public:
  template <typename T>
  Attribute(std::string_view key, const T& value) noexcept : raw_{} {
    raw_.key = Text(key);
    if constexpr (internal::Plain<T>) {
      internal::ValueMaker::MakePlain(value, &raw_);
    } else {
      raw_.type = SLUICE_DEFERRED;
      raw_.value.deferred = {internal::MakeDeferred<T>, __builtin_addressof(value)};
    }
  }

  // The values of `items`, or all of them under their keys; texts and numbers.
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
