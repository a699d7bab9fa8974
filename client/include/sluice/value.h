// Values of any type as attributes. What is neither text nor a number is read when the record is
// made, on the caller's thread, and not at all where nobody wants it:
//
//   a type with AbslStringify or operator<<   its text
//   std::chrono's durations                   seconds, as a double
//   points of its system clock                2026-11-20T09:27:53.502904000Z
//   enums                                     their text where they have one, else their number
//   std::optional, std::expected              the value; without one there is no attribute
//   containers and other ranges               an array of at most 128; of pairs whose first is
//                                             text, a map
//   exceptions                                what()
#pragma once

#include <string_view>
#include <type_traits>
#include <utility>

#include "sluice/cxx20.h"
#include "sluice/types.h"
#include "sluice/value_text.h"

namespace sluice {

// A string that log lines print without quotes.
struct Bare {
  std::string_view text;
};

// Text that is JSON already.
struct Json {
  std::string_view text;
};

// Raw bytes.
struct Bytes {
  const void* data;
  size_t size;
};

namespace internal {

template <typename T>
concept TextLike = std::is_convertible_v<const T&, std::string_view>;
template <typename T>
concept Plain = TextLike<T> || std::is_arithmetic_v<T> || std::is_same_v<T, Bare> ||
    std::is_same_v<T, Json> || std::is_same_v<T, Bytes>;

// Makes a value, and keeps what it consists of.
class ValueMaker {
 public:
  ValueMaker() = default;
  ValueMaker(const ValueMaker&) = delete;
  ValueMaker& operator=(const ValueMaker&) = delete;
  ~ValueMaker() {
    while (kept_ != nullptr) {
      delete[] kept_->items;
      delete std::exchange(kept_, kept_->next);
    }
  }

  // False: there is none.
  template <typename T>
  bool Make(const T& value, sluice_attribute* made) {
    if constexpr (Plain<T>) {
      MakePlain(value, made);
      return true;
    } else if constexpr (MaybeValue<T>) {
      return value.has_value() && Make(*value, made);
    } else if constexpr (Duration<T>) {
      MakePlain(Seconds(value), made);
      return true;
    } else if constexpr (Range<T> && !Stringifies<T> && !Streams<T> && !NamesText<T>) {
      MakeList(value, made);
      return true;
    } else {
      return MakeOther(value, made);
    }
  }

  template <Plain T>
  static void MakePlain(const T& value, sluice_attribute* made) {
    if constexpr (std::is_same_v<T, bool>) {
      made->type = SLUICE_BOOL;
      made->value.boolean = value;
    } else if constexpr (std::is_floating_point_v<T>) {
      made->type = SLUICE_DOUBLE;
      made->value.number = static_cast<double>(value);
    } else if constexpr (std::is_arithmetic_v<T>) {
      made->type = SLUICE_INT;
      made->value.integer = value > T{0} && static_cast<uint64_t>(value) > INT64_MAX
                                ? INT64_MAX
                                : static_cast<int64_t>(value);
    } else if constexpr (std::is_same_v<T, Bytes>) {
      made->type = SLUICE_BYTES;
      made->value.text = {static_cast<const char*>(value.data), value.size};
    } else if constexpr (std::is_same_v<T, Bare> || std::is_same_v<T, Json>) {
      MakeText(SLUICE_BARE, value.text, made);
    } else if constexpr (std::is_convertible_v<const T&, const char*>) {
      const char* const text = value;
      MakeText(SLUICE_STRING, text == nullptr ? std::string_view() : std::string_view(text), made);
    } else {
      MakeText(SLUICE_STRING, value, made);
    }
  }

 private:
  static void MakeText(sluice_type type, std::string_view text, sluice_attribute* made) {
    made->type = type;
    made->value.text = {text.data(), text.size()};
  }

  struct Kept {
    Kept* next;
    Text text = {};
    sluice_attribute* items = nullptr;
  };
  Kept* Keep() { return kept_ = new Kept{kept_}; }

  template <typename T>
  bool MakeOther(const T& value, sluice_attribute* made) {
    if constexpr (Stringifies<T>) {
      Text* const text = &Keep()->text;
      AbslStringify(*text, value);
      MakeText(SLUICE_STRING, text->view(), made);
    } else if constexpr (SystemTime<T>) {
      Text* const text = &Keep()->text;
      AppendTime(UnixNano(value), text);
      MakeText(SLUICE_STRING, text->view(), made);
    } else if constexpr (TimePoint<T>) {
      return Make(value.time_since_epoch(), made);
    } else if constexpr (std::is_enum_v<T> && (!Streams<T> || std::is_convertible_v<T, int>)) {
      return Make(static_cast<std::underlying_type_t<T>>(value), made);
    } else {
      MakeStreamed(value, made);
    }
    return true;
  }

  template <typename T>
  void MakeStreamed(const T& value, sluice_attribute* made) {
    Text* const text = &Keep()->text;
    if constexpr (NamesText<T>) {
      text->Append(value.string());
    } else if constexpr (Explains<T>) {
      text->Append(value.what());
    } else {
      static_assert(Streams<T>,
                    "sluice: this type has no text; give it AbslStringify or operator<<");
      AppendStreamed(value, text);
    }
    MakeText(SLUICE_STRING, text->view(), made);
  }

  // At most as many as a record takes.
  template <typename T>
  void MakeList(const T& range, sluice_attribute* made) {
    constexpr size_t kMost = 128;
    Kept* const kept = Keep();
    kept->items = new sluice_attribute[kMost];
    size_t count = 0;
    made->type = SLUICE_ARRAY;
    for (auto&& item : range) {
      if (count == kMost) break;
      sluice_attribute* const to = &kept->items[count];
      *to = {};
      if constexpr (requires {
                      requires TextLike<decltype(item.first)>;
                      item.second;
                    }) {
        made->type = SLUICE_MAP;
        const std::string_view key = item.first;
        to->key = {key.data(), key.size()};
        count += Make(item.second, to);
      } else {
        count += Make(item, to);
      }
    }
    made->value.list = {kept->items, count};
  }

  Kept* kept_ = nullptr;
};

// As the C interface makes a deferred value. What throws has no value.
template <typename T>
void MakeDeferred(const void* object, sluice_take take, void* to) noexcept {
  SLUICE_INTERNAL_TRY {
    ValueMaker maker;
    sluice_attribute made = {};
    if (maker.Make(*static_cast<const T*>(object), &made)) take(to, &made);
  }
  SLUICE_INTERNAL_CATCH_ALL {}
}

}  // namespace internal
}  // namespace sluice
