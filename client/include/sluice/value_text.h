// How values of types that sluice does not know become text. See value.h.
#pragma once

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <concepts>
#include <iosfwd>
#include <string_view>
#include <utility>

#include "sluice/cxx20.h"

namespace sluice::internal {

// Text that grows, for headers without <string>. It ends where memory does. AbslStringify writes to
// it, and absl's formatting.
class Text {
 public:
  Text() = default;
  Text(Text&& other) noexcept
      : data_(std::exchange(other.data_, nullptr)),
        size_(std::exchange(other.size_, 0)),
        capacity_(std::exchange(other.capacity_, 0)) {}
  Text& operator=(Text&&) = delete;
  ~Text() { free(data_); }

  void Append(std::string_view text) noexcept {
    if (!Grow(text.size())) return;
    text.copy(data_ + size_, text.size());
    size_ += text.size();
  }
  void Append(size_t count, char character) noexcept {
    for (; count != 0; --count) Append({&character, 1});
  }
  void Append(int64_t number) noexcept {
    char digits[24];
    Append({digits, static_cast<size_t>(
                        snprintf(digits, sizeof(digits), "%jd", static_cast<intmax_t>(number)))});
  }
  friend void AbslFormatFlush(Text* text, std::string_view more) { text->Append(more); }

  std::string_view view() const { return {data_, size_}; }

 private:
  bool Grow(size_t more) noexcept {
    if (capacity_ - size_ >= more) return true;
    const size_t capacity = 2 * (size_ + more) + 32;
    void* const grown = realloc(data_, capacity);
    if (grown == nullptr) return false;
    data_ = static_cast<char*>(grown);
    capacity_ = capacity;
    return true;
  }

  char* data_ = nullptr;
  size_t size_ = 0;
  size_t capacity_ = 0;
};

template <typename T>
concept Stringifies = requires(Text& sink, const T& value) {
  AbslStringify(sink, value);
};
template <typename T>
concept Streams = requires(std::basic_ostream<char>& stream, const T& value) {
  stream << value;
};
template <typename T>
concept MaybeValue = requires(const T& value) {
  value.has_value();
  *value;
};
template <typename T>
concept Duration = requires(const T& value) {
  typename T::rep;
  T::period::num;
  value.count();
};
template <typename T>
concept TimePoint = requires(const T& value) {
  typename T::clock;
  value.time_since_epoch().count();
};
template <typename T>
concept SystemTime = TimePoint<T> && requires(const T& value) {
  T::clock::to_time_t(value);
};
template <typename T>
concept Range = requires(const T& value) {
  std::begin(value) != std::end(value);
  *std::begin(value);
};
// std::filesystem::path.
template <typename T>
concept NamesText = requires(const T& value) {
  { value.string() } -> std::convertible_to<std::string_view>;
};
template <typename T>
concept Explains = requires(const T& value) {
  { value.what() } -> std::convertible_to<const char*>;
};

template <Duration T>
double Seconds(const T& duration) {
  return static_cast<double>(duration.count()) * static_cast<double>(T::period::num) /
         static_cast<double>(T::period::den);
}

template <SystemTime T>
int64_t UnixNano(const T& time) {
  using Period = typename T::duration::period;
  constexpr int64_t kNano = 1'000'000'000;
  if constexpr (kNano % Period::den == 0) {
    return static_cast<int64_t>(time.time_since_epoch().count()) * Period::num *
           (kNano / Period::den);
  } else {
    return static_cast<int64_t>(Seconds(time.time_since_epoch()) * 1e9);
  }
}

inline void AppendTime(int64_t unix_nano, Text* text) {
  const int64_t nano = (unix_nano % 1'000'000'000 + 1'000'000'000) % 1'000'000'000;
  const time_t seconds = (unix_nano - nano) / 1'000'000'000;
  tm parts = {};
  gmtime_r(&seconds, &parts);
  char date[64];
  text->Append({date, strftime(date, sizeof(date), "%Y-%m-%dT%H:%M:%S.", &parts)});
  snprintf(date, sizeof(date), "%09dZ", static_cast<int>(nano));
  text->Append(date);
}

// Its base is complete only where <ostream> is included, which who writes an operator<< does.
template <typename Streambuf>
class TextStreambuf : public Streambuf {
 public:
  explicit TextStreambuf(Text* text) : text_(text) {}

 private:
  int overflow(int character) override {
    if (character >= 0) text_->Append(1, static_cast<char>(character));
    return 0;
  }
  std::streamsize xsputn(const char* text, std::streamsize size) override {
    text_->Append({text, static_cast<size_t>(size)});
    return size;
  }

  Text* text_;
};

template <typename T, typename Stream = std::basic_ostream<char>,
          typename Streambuf = std::basic_streambuf<char>>
void AppendStreamed(const T& value, Text* text) {
  static_assert(
      requires { sizeof(Stream); },
      "sluice: #include <ostream> before values with operator<< become attributes");
  TextStreambuf<Streambuf> buffer(text);
  Stream stream(&buffer);
  stream << value;
}

}  // namespace sluice::internal
