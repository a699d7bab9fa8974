#include "proto/otlp/json_writer.h"

#include <algorithm>
#include <bit>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <iterator>
#include <vector>

#include "proto/wire/reader.h"
#include "proto/wire/utf8.h"

namespace sluice::otlp {
namespace {

// As deep as protobuf's own parsers go.
constexpr int kMaxDepth = 100;

template <typename Number>
void AppendNumber(Number number, std::string* out) {
  char digits[32];
  const auto end = std::to_chars(std::begin(digits), std::end(digits), number).ptr;
  out->append(digits, end);
}

template <typename Number>
void AppendQuotedNumber(Number number, std::string* out) {
  out->push_back('"');
  AppendNumber(number, out);
  out->push_back('"');
}

void AppendDouble(double number, std::string* out) {
  if (std::isnan(number)) {
    out->append("\"NaN\"");
  } else if (std::isinf(number)) {
    out->append(number > 0 ? "\"Infinity\"" : "\"-Infinity\"");
  } else {
    AppendNumber(number, out);
  }
}

constexpr char kHexDigits[] = "0123456789abcdef";

void AppendEscape(unsigned char c, std::string* out) {
  out->push_back('\\');
  switch (c) {
    case '"':
    case '\\':
      return out->push_back(static_cast<char>(c));
    case '\n':
      return out->push_back('n');
    case '\r':
      return out->push_back('r');
    case '\t':
      return out->push_back('t');
  }
  out->append("u00");
  out->push_back(kHexDigits[c >> 4]);
  out->push_back(kHexDigits[c & 15]);
}

void AppendString(std::string_view text, std::string* out) {
  std::string valid;
  if (!IsValidUtf8(text)) {
    AppendValidUtf8(text, &valid);
    text = valid;
  }
  out->push_back('"');
  size_t plain = 0;
  for (size_t i = 0; i < text.size(); ++i) {
    const auto c = static_cast<unsigned char>(text[i]);
    if (c >= 0x20 && c != '"' && c != '\\') continue;
    out->append(text.substr(plain, i - plain));
    AppendEscape(c, out);
    plain = i + 1;
  }
  out->append(text.substr(plain));
  out->push_back('"');
}

void AppendHex(std::string_view bytes, std::string* out) {
  out->push_back('"');
  for (const char byte : bytes) {
    const auto c = static_cast<unsigned char>(byte);
    out->push_back(kHexDigits[c >> 4]);
    out->push_back(kHexDigits[c & 15]);
  }
  out->push_back('"');
}

void AppendBase64(std::string_view bytes, std::string* out) {
  static constexpr char kDigits[] =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  out->push_back('"');
  for (size_t i = 0; i < bytes.size(); i += 3) {
    const size_t count = std::min<size_t>(3, bytes.size() - i);
    uint32_t group = 0;
    for (size_t j = 0; j < 3; ++j) {
      group = group << 8 | (j < count ? static_cast<unsigned char>(bytes[i + j]) : 0);
    }
    for (size_t j = 0; j < 4; ++j) {
      out->push_back(j <= count ? kDigits[group >> (18 - 6 * j) & 63] : '=');
    }
  }
  out->push_back('"');
}

int32_t FromZigzag(uint64_t value) {
  const auto low = static_cast<uint32_t>(value);
  return static_cast<int32_t>(low >> 1 ^ (0 - (low & 1)));
}

void AppendScalar(FieldType type, const WireField& value, std::string* out) {
  switch (type) {
    case FieldType::kString:
      return AppendString(value.bytes, out);
    case FieldType::kBytes:
      return AppendBase64(value.bytes, out);
    case FieldType::kId:
      return AppendHex(value.bytes, out);
    case FieldType::kBool:
      out->append(value.scalar != 0 ? "true" : "false");
      return;
    case FieldType::kEnum:
    case FieldType::kInt32:
      return AppendNumber(static_cast<int32_t>(value.scalar), out);
    case FieldType::kUint32:
    case FieldType::kFixed32:
      return AppendNumber(static_cast<uint32_t>(value.scalar), out);
    case FieldType::kSint32:
      return AppendNumber(FromZigzag(value.scalar), out);
    case FieldType::kInt64:
    case FieldType::kSfixed64:
      return AppendQuotedNumber(static_cast<int64_t>(value.scalar), out);
    case FieldType::kUint64:
    case FieldType::kFixed64:
      return AppendQuotedNumber(value.scalar, out);
    case FieldType::kDouble:
      return AppendDouble(value.as_double(), out);
    case FieldType::kMessage:
      return;
  }
}

// Calls `take` for each value of a packed field.
template <typename Take>
void ForEachPacked(FieldType type, std::string_view packed, Take take) {
  const char* at = packed.data();
  const char* const end = at + packed.size();
  WireField value;
  while (at != end) {
    if (WireTypeOf(type) == WireType::kVarint) {
      const Varint varint = ReadVarint(at, end);
      if (varint.end == nullptr) return;
      value.scalar = varint.value;
      at = varint.end;
    } else {
      const size_t size = WireTypeOf(type) == WireType::kFixed32 ? 4 : 8;
      if (static_cast<size_t>(end - at) < size) return;
      value.scalar = 0;
      std::memcpy(&value.scalar, at, size);
      at += size;
    }
    take(value);
  }
}

class JsonWriter {
 public:
  explicit JsonWriter(std::string* out) : out_(out) {}

  void Write(const Message& message, std::string_view encoded, int depth = 1);

 private:
  struct Found {
    const Field* field;
    WireField value;
  };

  void Collect(const Message& message, std::string_view encoded);
  void DropOthersOfOneof(size_t first, const Field* field);
  void WriteField(size_t first, size_t last, int depth);
  void WriteRepeated(size_t first, size_t last, int depth);
  void WriteSingular(size_t first, size_t last, int depth);

  std::string* const out_;
  // Of the messages being written, the innermost last: one vector for all of them.
  std::vector<Found> found_;
};

void JsonWriter::Write(const Message& message, std::string_view encoded, int depth) {
  out_->push_back('{');
  const size_t first = found_.size();
  if (depth <= kMaxDepth) Collect(message, encoded);
  const size_t end = found_.size();
  for (size_t begin = first; begin < end;) {
    size_t last = begin;
    while (last < end && found_[last].field == found_[begin].field) ++last;
    if (begin != first) out_->push_back(',');
    WriteField(begin, last, depth);
    begin = last;
  }
  found_.resize(first);
  out_->push_back('}');
}

// Of a span that came in parts, the same field comes in several places.
void JsonWriter::Collect(const Message& message, std::string_view encoded) {
  const auto by_number = [](const Found& a, const Found& b) {
    return a.field->number < b.field->number;
  };
  const size_t first = found_.size();
  WireReader reader(encoded);
  for (WireField value; reader.Next(&value);) {
    const Field* const field = message.Find(value.number());
    if (field == nullptr) continue;
    const bool is_packed = field->is_repeated && value.type() == WireType::kBytes;
    if (value.type() != WireTypeOf(field->type) && !is_packed) continue;
    if (field->is_in_oneof) DropOthersOfOneof(first, field);
    found_.push_back({field, value});
  }
  const auto begin = found_.begin() + static_cast<ptrdiff_t>(first);
  if (!std::is_sorted(begin, found_.end(), by_number)) {
    std::stable_sort(begin, found_.end(), by_number);
  }
}

void JsonWriter::DropOthersOfOneof(size_t first, const Field* field) {
  const auto begin = found_.begin() + static_cast<ptrdiff_t>(first);
  found_.erase(std::remove_if(begin, found_.end(),
                              [&](const Found& found) {
                                return found.field->is_in_oneof && found.field != field;
                              }),
               found_.end());
}

void JsonWriter::WriteField(size_t first, size_t last, int depth) {
  const Field& field = *found_[first].field;
  out_->push_back('"');
  out_->append(field.json_name);
  out_->append("\":");
  if (field.is_repeated) {
    WriteRepeated(first, last, depth);
  } else {
    WriteSingular(first, last, depth);
  }
}

void JsonWriter::WriteRepeated(size_t first, size_t last, int depth) {
  const Field& field = *found_[first].field;
  out_->push_back('[');
  const size_t begin = out_->size();
  const auto write = [&](const WireField& value) {
    if (out_->size() != begin) out_->push_back(',');
    if (field.type == FieldType::kMessage) {
      Write(*field.message, value.bytes, depth + 1);
    } else {
      AppendScalar(field.type, value, out_);
    }
  };
  for (size_t i = first; i < last; ++i) {
    // Writing moves what found_ holds.
    const WireField value = found_[i].value;
    if (value.type() == WireTypeOf(field.type)) {
      write(value);
    } else {
      ForEachPacked(field.type, value.bytes, write);
    }
  }
  out_->push_back(']');
}

void JsonWriter::WriteSingular(size_t first, size_t last, int depth) {
  const Field& field = *found_[first].field;
  if (field.type != FieldType::kMessage) {
    return AppendScalar(field.type, found_[last - 1].value, out_);
  }
  if (last == first + 1) return Write(*field.message, found_[first].value.bytes, depth + 1);
  std::string merged;
  for (size_t i = first; i < last; ++i) merged.append(found_[i].value.bytes);
  Write(*field.message, merged, depth + 1);
}

}  // namespace

void AppendJson(const Message& message, std::string_view encoded, std::string* out) {
  JsonWriter(out).Write(message, encoded);
}

}  // namespace sluice::otlp
