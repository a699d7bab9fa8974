#include "agent/ingest/otlp/json_reader.h"

#include <simdjson.h>

#include <charconv>
#include <cmath>
#include <cstdint>
#include <limits>
#include <optional>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "proto/wire/writer.h"

namespace sluice::ingest::otlp {
namespace {

using simdjson::dom::element;
using simdjson::dom::element_type;
using sluice::otlp::Field;
using sluice::otlp::FieldType;
using sluice::otlp::Message;

// libprotobuf goes no deeper, and refuses what does.
constexpr int kMaxDepth = 100;

// Numbers that a FieldType can hold; both ends are.
struct Range {
  int64_t least = 0;
  uint64_t most = 0;
};

Range RangeOf(FieldType type) {
  switch (type) {
    case FieldType::kEnum:
    case FieldType::kInt32:
    case FieldType::kSint32:
      return {std::numeric_limits<int32_t>::min(), std::numeric_limits<int32_t>::max()};
    case FieldType::kUint32:
    case FieldType::kFixed32:
      return {0, std::numeric_limits<uint32_t>::max()};
    case FieldType::kInt64:
    case FieldType::kSfixed64:
      return {std::numeric_limits<int64_t>::min(), std::numeric_limits<int64_t>::max()};
    default:
      return {0, std::numeric_limits<uint64_t>::max()};
  }
}

// A whole number as two's complement.
struct Integer {
  uint64_t bits = 0;
  bool is_negative = false;
};

bool IsWithin(Integer number, Range range) {
  if (!number.is_negative) return number.bits <= range.most;
  return static_cast<int64_t>(number.bits) >= range.least;
}

template <typename T>
std::optional<T> Parse(std::string_view text) {
  T value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::optional<Integer> FromDouble(double value) {
  if (value != std::trunc(value)) return std::nullopt;
  // The bounds are powers of two, which a double holds exactly.
  if (value >= 0 && value < 0x1p64) return Integer{static_cast<uint64_t>(value), false};
  if (value < 0 && value >= -0x1p63) {
    return Integer{static_cast<uint64_t>(static_cast<int64_t>(value)), true};
  }
  return std::nullopt;
}

std::optional<Integer> FromText(std::string_view text) {
  if (const auto value = Parse<uint64_t>(text)) return Integer{*value, false};
  if (const auto value = Parse<int64_t>(text)) {
    return Integer{static_cast<uint64_t>(*value), *value < 0};
  }
  if (const auto value = Parse<double>(text)) return FromDouble(*value);
  return std::nullopt;
}

std::optional<Integer> ToInteger(const element& value) {
  switch (value.type()) {
    case element_type::INT64: {
      const int64_t number = value.get_int64().value_unsafe();
      return Integer{static_cast<uint64_t>(number), number < 0};
    }
    case element_type::UINT64:
      return Integer{value.get_uint64().value_unsafe(), false};
    case element_type::DOUBLE:
      return FromDouble(value.get_double().value_unsafe());
    case element_type::STRING:
      return FromText(value.get_string().value_unsafe());
    default:
      return std::nullopt;
  }
}

std::optional<double> ToDouble(const element& value) {
  if (value.is_number()) return value.get_double().value_unsafe();
  if (!value.is_string()) return std::nullopt;
  const std::string_view text = value.get_string().value_unsafe();
  if (text == "NaN") return std::numeric_limits<double>::quiet_NaN();
  if (text == "Infinity") return std::numeric_limits<double>::infinity();
  if (text == "-Infinity") return -std::numeric_limits<double>::infinity();
  return Parse<double>(text);
}

int HexDigit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

bool AppendHex(std::string_view text, std::string* out) {
  if (text.size() % 2 != 0) return false;
  for (size_t i = 0; i < text.size(); i += 2) {
    const int high = HexDigit(text[i]);
    const int low = HexDigit(text[i + 1]);
    if (high < 0 || low < 0) return false;
    out->push_back(static_cast<char>(high << 4 | low));
  }
  return true;
}

bool FromBase64(std::string_view text, std::string* out) {
  const absl::string_view encoded(text.data(), text.size());
  return absl::Base64Unescape(encoded, out) || absl::WebSafeBase64Unescape(encoded, out);
}

uint64_t ZigZag(int64_t value) {
  return static_cast<uint64_t>(value) << 1 ^ static_cast<uint64_t>(value >> 63);
}

// Writes what it reads. Where it cannot, error() says what is wrong with which field.
class Converter {
 public:
  explicit Converter(std::string* out) : writer_(StringSink(out)) {}

  bool ReadMessage(const Message& message, const element& value, int depth) {
    simdjson::dom::object object;
    if (value.get(object) != simdjson::SUCCESS) return Fail("not an object");
    if (depth > kMaxDepth) return Fail("nested too deep");
    for (const auto& [name, content] : object) {
      const Field* const field = message.Find(name);
      if (field == nullptr || content.is_null()) continue;
      if (!ReadField(*field, content, depth)) return Within(field->json_name);
    }
    return true;
  }

  // Of the first field that is wrong: `resourceSpans[0].resource: not an object`.
  std::string error() const {
    if (path_.empty()) return absl::StrCat("the body is ", error_);
    return absl::StrCat(path_.substr(1), ": ", error_);
  }

 private:
  bool ReadField(const Field& field, const element& value, int depth) {
    if (!field.is_repeated) return ReadValue(field, value, depth);
    simdjson::dom::array array;
    if (value.get(array) != simdjson::SUCCESS) return Fail("not an array");
    if (WireTypeOf(field.type) != WireType::kBytes) return ReadPacked(field, array);
    size_t index = 0;
    for (const element& each : array) {
      if (!ReadValue(field, each, depth)) return WithinElement(index);
      ++index;
    }
    return true;
  }

  bool ReadValue(const Field& field, const element& value, int depth) {
    switch (field.type) {
      case FieldType::kMessage: {
        const auto mark = writer_.Begin(field.number);
        // Where an element of an array is null, nothing of it is known but that it is there.
        if (!value.is_null() && !ReadMessage(*field.message, value, depth + 1)) return false;
        writer_.End(mark);
        return true;
      }
      case FieldType::kString:
      case FieldType::kBytes:
      case FieldType::kId:
        return ReadBytes(field, value);
      default:
        return ReadNumber(field, value, field.number);
    }
  }

  bool ReadBytes(const Field& field, const element& value) {
    std::string_view text;
    if (value.get(text) != simdjson::SUCCESS) return Fail("not a string");
    if (field.type == FieldType::kString) {
      writer_.Bytes(field.number, text);
      return true;
    }
    scratch_.clear();
    if (field.type == FieldType::kId) {
      if (!AppendHex(text, &scratch_)) return Fail("not hex digits");
      // Writers have "" for a parent that there is none of.
      if (scratch_.empty()) return true;
    } else if (!FromBase64(text, &scratch_)) {
      return Fail("not base64");
    }
    writer_.Bytes(field.number, scratch_);
    return true;
  }

  bool ReadPacked(const Field& field, const simdjson::dom::array& array) {
    const auto mark = writer_.Begin(field.number);
    size_t index = 0;
    for (const element& each : array) {
      if (!ReadNumber(field, each, 0)) return WithinElement(index);
      ++index;
    }
    writer_.End(mark);
    return true;
  }

  // `number` 0: packed, without a tag.
  bool ReadNumber(const Field& field, const element& value, uint32_t number) {
    if (field.type == FieldType::kBool) {
      bool flag = false;
      if (value.get(flag) != simdjson::SUCCESS) return Fail("not true or false");
      return WriteBits(field, flag ? 1 : 0, number);
    }
    if (field.type == FieldType::kDouble) {
      const std::optional<double> real = ToDouble(value);
      if (!real) return Fail("not a number");
      return WriteBits(field, std::bit_cast<uint64_t>(*real), number);
    }
    std::optional<Integer> whole = ToInteger(value);
    if (!whole && field.type == FieldType::kEnum) whole = ByName(field, value);
    if (!whole || !IsWithin(*whole, RangeOf(field.type))) {
      return Fail("not a whole number of its range");
    }
    return WriteBits(field, whole->bits, number);
  }

  static std::optional<Integer> ByName(const Field& field, const element& value) {
    std::string_view name;
    if (value.get(name) != simdjson::SUCCESS) return std::nullopt;
    for (const auto& each : field.enum_values) {
      if (each.name == name) return Integer{static_cast<uint64_t>(each.number), false};
    }
    return std::nullopt;
  }

  bool WriteBits(const Field& field, uint64_t bits, uint32_t number) {
    if (field.type == FieldType::kSint32) bits = ZigZag(static_cast<int64_t>(bits));
    switch (WireTypeOf(field.type)) {
      case WireType::kFixed32:
        number != 0 ? writer_.Fixed32(number, static_cast<uint32_t>(bits))
                    : WriteRaw(static_cast<uint32_t>(bits));
        return true;
      case WireType::kFixed64:
        number != 0 ? writer_.Fixed64(number, bits) : WriteRaw(bits);
        return true;
      default:
        break;
    }
    if (number != 0) {
      writer_.Varint(number, bits);
    } else {
      char bytes[17];  // more than there can be, as the compiler does not know that
      writer_.Raw({bytes, static_cast<size_t>(PutVarint(bytes, bits) - bytes)});
    }
    return true;
  }

  template <typename T>
  void WriteRaw(T value) {
    char bytes[sizeof(T)];
    std::memcpy(bytes, &value, sizeof(T));
    writer_.Raw({bytes, sizeof(T)});
  }

  bool Fail(std::string_view what) {
    error_ = what;
    return false;
  }
  // Says where it failed, from the inside out.
  bool Within(std::string_view field) {
    path_.insert(0, field).insert(0, ".");
    return false;
  }
  bool WithinElement(size_t index) {
    path_.insert(0, absl::StrCat("[", index, "]"));
    return false;
  }

  StringWireWriter writer_;
  std::string scratch_;
  std::string error_;
  std::string path_;
};

}  // namespace

absl::StatusOr<std::string> JsonToWire(const Message& message, std::string json) {
  simdjson::dom::parser parser;
  // It reads a little beyond the end.
  json.reserve(json.size() + simdjson::SIMDJSON_PADDING);
  element root;
  const simdjson::error_code error = parser.parse(json.data(), json.size(), false).get(root);
  if (error != simdjson::SUCCESS) {
    return absl::InvalidArgumentError(
        absl::StrCat("the body is not JSON: ", simdjson::error_message(error)));
  }
  std::string encoded;
  encoded.reserve(json.size() / 2);
  Converter converter(&encoded);
  if (!converter.ReadMessage(message, root, 1)) {
    return absl::InvalidArgumentError(converter.error());
  }
  return encoded;
}

}  // namespace sluice::ingest::otlp
