// Reads protobuf's wire format field by field. Takes the part of it that every protobuf library
// reads: tags and lengths of at most 5 bytes, varints of at most 64 bits.
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>
#include <string_view>

#include "proto/wire/format.h"

namespace sluice {

struct WireField {
  uint32_t tag = 0;
  uint64_t scalar = 0;     // kVarint, kFixed32, kFixed64
  std::string_view bytes;  // kBytes: the content. kGroup: the fields inside and the end tag

  uint32_t number() const { return tag >> 3; }
  WireType type() const { return static_cast<WireType>(tag & 7); }
  double as_double() const { return std::bit_cast<double>(scalar); }
};

struct Varint {
  const char* end = nullptr;  // the byte after it; null: cut off, or too long
  uint64_t value = 0;
};
Varint ReadLongVarint(const char* begin, const char* end, int max_bytes);
// The varint of at most `max_bytes` bytes at `begin`.
inline Varint ReadVarint(const char* begin, const char* end, int max_bytes = 10) {
  if (begin != end && static_cast<signed char>(*begin) >= 0) [[likely]] {
    return {begin + 1, static_cast<unsigned char>(*begin)};
  }
  return ReadLongVarint(begin, end, max_bytes);
}

// Where the group that began before `begin` ends, after its end tag; null: malformed, or groups
// nest deeper than 16.
const char* SkipGroup(const char* begin, const char* end, uint32_t number, int depth = 1);

// A cursor over the fields of one encoded message:
//
//   WireReader reader(encoded);
//   for (WireField field; reader.Next(&field);) ...
//   if (!reader.ok()) return malformed;
//
// Nested messages are read by a reader of their own. Groups are stepped over whole. Inlined
// wherever it stands, so that a walk keeps cursor and field in registers; for that, nothing here is
// given its own address.
class WireReader {
 public:
  explicit WireReader(std::string_view message)
      : position_(message.data()), end_(message.data() + message.size()) {}

  // Reads the next field; false at the end and at the first malformed byte.
  [[gnu::always_inline]] bool Next(WireField* field) {
    return position_ != end_ && (ReadField(field) || Fail());
  }

  // Whether all bytes up to here were well formed.
  bool ok() const { return ok_; }
  // The first byte not yet read, so that a field can be copied whole.
  const char* position() const { return position_; }

 private:
  // Nothing is read after an error.
  bool Fail() {
    position_ = end_;
    ok_ = false;
    return false;
  }

  [[gnu::always_inline]] bool ReadField(WireField* field);
  [[gnu::always_inline]] bool ReadScalar(WireField* field);
  [[gnu::always_inline]] bool ReadBytes(WireField* field);
  [[gnu::always_inline]] bool ReadGroup(WireField* field);
  template <typename T>
  [[gnu::always_inline]] bool ReadFixed(WireField* field);

  const char* position_;
  const char* end_;
  bool ok_ = true;
};

inline bool WireReader::ReadField(WireField* field) {
  const Varint tag = ReadVarint(position_, end_, 5);
  if (tag.end == nullptr || tag.value > UINT32_MAX || tag.value < WireTag(1, WireType::kVarint)) {
    return false;
  }
  position_ = tag.end;
  field->tag = static_cast<uint32_t>(tag.value);
  // Nearly all fields are of two types; branches that are foretold cost less than a jump table.
  if (field->type() == WireType::kBytes) return ReadBytes(field);
  if (field->type() == WireType::kVarint) return ReadScalar(field);
  switch (field->type()) {
    case WireType::kFixed64:
      return ReadFixed<uint64_t>(field);
    case WireType::kFixed32:
      return ReadFixed<uint32_t>(field);
    case WireType::kGroup:
      return ReadGroup(field);
    default:
      return false;
  }
}

inline bool WireReader::ReadScalar(WireField* field) {
  const Varint varint = ReadVarint(position_, end_);
  if (varint.end == nullptr) return false;
  position_ = varint.end;
  field->scalar = varint.value;
  return true;
}

inline bool WireReader::ReadBytes(WireField* field) {
  const Varint size = ReadVarint(position_, end_, 5);
  if (size.end == nullptr || size.value > static_cast<size_t>(end_ - size.end)) return false;
  field->bytes = {size.end, static_cast<size_t>(size.value)};
  position_ = size.end + size.value;
  return true;
}

inline bool WireReader::ReadGroup(WireField* field) {
  const char* const after = SkipGroup(position_, end_, field->number());
  if (after == nullptr) return false;
  field->bytes = {position_, static_cast<size_t>(after - position_)};
  position_ = after;
  return true;
}

template <typename T>
inline bool WireReader::ReadFixed(WireField* field) {
  if (static_cast<size_t>(end_ - position_) < sizeof(T)) return false;
  T value;
  std::memcpy(&value, position_, sizeof(T));
  field->scalar = value;
  position_ += sizeof(T);
  return true;
}

}  // namespace sluice
