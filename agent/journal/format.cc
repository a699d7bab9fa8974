#include "agent/journal/format.h"

#include <sys/random.h>

#include <algorithm>
#include <cstring>

#include "absl/strings/numbers.h"
#include "absl/strings/str_format.h"
#include "agent/base/crc32c.h"

namespace sluice::journal {
namespace {

constexpr std::string_view kMagic("SLUICEJ\n", 8);
constexpr std::string_view kSuffix = ".seg";
constexpr size_t kNameDigits = 20;
// The first version's header said 0 of its length.
constexpr uint32_t kFirstHeaderBytes = 176;
// Of the whole header without magic and crc: version and length.
constexpr size_t kVersionAt = 8;
constexpr size_t kHeaderBytesAt = 12;

template <typename T>
void PutNumber(T value, std::string* out) {
  out->append(reinterpret_cast<const char*>(&value), sizeof(value));
}

void PutText(std::string_view text, std::string* out) {
  text = text.substr(0, kIdTextBytes - 1);
  out->append(text).append(kIdTextBytes - text.size(), '\0');
}

// Takes fields one after another off the front of encoded bytes that are long enough.
class FieldTaker {
 public:
  explicit FieldTaker(const char* bytes) : bytes_(bytes) {}

  template <typename T>
  T Number() {
    T value;
    std::memcpy(&value, bytes_, sizeof(value));
    bytes_ += sizeof(value);
    return value;
  }
  std::string_view Bytes(size_t size) {
    const std::string_view taken(bytes_, size);
    bytes_ += size;
    return taken;
  }
  std::string Text() {
    const std::string_view field = Bytes(kIdTextBytes);
    return std::string(field.substr(0, field.find('\0')));
  }

 private:
  const char* bytes_;
};

void EncodeFrameHeader(const FrameHeader& header, char* to) {
  std::memcpy(to, &header.crc, 4);
  std::memcpy(to + kPayloadBytesAt, &header.payload_bytes, 4);
  std::memcpy(to + 8, &header.sequence, 8);
  std::memcpy(to + 16, &header.uid, 4);
  std::memcpy(to + kGenerationAt, &header.generation, 4);
  std::memcpy(to + 24, &header.type, 1);
  std::memcpy(to + 25, &header.flags, 1);
  std::memcpy(to + 26, &header.unsynced_before, 2);
}

}  // namespace

std::string EncodeSegmentHeader(const SegmentHeader& header) {
  std::string out(kMagic);
  PutNumber(kFormatVersion, &out);
  PutNumber(static_cast<uint32_t>(kSegmentHeaderBytes), &out);
  out.append(header.epoch.raw());
  PutText(header.boot_id, &out);
  PutText(header.vm_id, &out);
  PutText(header.machine_id, &out);
  PutNumber(header.created_unix_nano, &out);
  PutNumber(header.first_sequence, &out);
  PutNumber(header.generation, &out);
  PutNumber(header.kind, &out);
  PutNumber(Crc32c(out), &out);
  return out;
}

std::optional<SegmentHeader> DecodeSegmentHeader(std::string_view bytes) {
  if (bytes.size() < kSegmentHeaderBytes) return std::nullopt;
  constexpr size_t kCovered = kSegmentHeaderBytes - sizeof(uint32_t);
  if (FieldTaker(bytes.data() + kCovered).Number<uint32_t>() != Crc32c(bytes.substr(0, kCovered))) {
    return std::nullopt;
  }
  FieldTaker take(bytes.data());
  if (take.Bytes(kMagic.size()) != kMagic) return std::nullopt;
  if (take.Number<uint32_t>() != kFormatVersion) return std::nullopt;
  take.Number<uint32_t>();
  SegmentHeader header;
  header.epoch = *Epoch::FromBytes(take.Bytes(sizeof(header.epoch.bytes)));
  header.boot_id = take.Text();
  header.vm_id = take.Text();
  header.machine_id = take.Text();
  header.created_unix_nano = take.Number<uint64_t>();
  header.first_sequence = take.Number<uint64_t>();
  header.generation = take.Number<uint32_t>();
  header.kind = take.Number<uint32_t>();
  return header;
}

uint32_t ForeignVersion(std::string_view bytes) {
  if (bytes.size() < kFirstHeaderBytes || !bytes.starts_with(kMagic)) return 0;
  const auto version = FieldTaker(bytes.data() + kVersionAt).Number<uint32_t>();
  size_t size = FieldTaker(bytes.data() + kHeaderBytesAt).Number<uint32_t>();
  if (size == 0) size = kFirstHeaderBytes;
  if (version == kFormatVersion || size < kFirstHeaderBytes || size > bytes.size()) return 0;
  const size_t covered = size - sizeof(uint32_t);
  const auto crc = FieldTaker(bytes.data() + covered).Number<uint32_t>();
  return crc == Crc32c(bytes.substr(0, covered)) ? version : 0;
}

FrameHeader DecodeFrameHeader(const char* bytes) {
  FieldTaker take(bytes);
  FrameHeader header;
  header.crc = take.Number<uint32_t>();
  header.payload_bytes = take.Number<uint32_t>();
  header.sequence = take.Number<uint64_t>();
  header.uid = take.Number<uint32_t>();
  header.generation = take.Number<uint32_t>();
  header.type = static_cast<EntryType>(take.Number<uint8_t>());
  header.flags = take.Number<uint8_t>();
  header.unsynced_before = take.Number<uint16_t>();
  return header;
}

bool IsPlausible(const FrameHeader& header) {
  if (header.sequence == 0) return false;
  if (header.unsynced_before != kManyUnsynced && header.unsynced_before >= header.sequence) {
    return false;
  }
  switch (header.type) {
    case EntryType::kBatch:
      return header.payload_bytes <= kMaxBatchPayloadBytes;
    case EntryType::kCheckpoint:
      return header.payload_bytes <= kMaxCheckpointPayloadBytes;
  }
  return false;
}

uint32_t FrameSeed(const Epoch& epoch) { return Crc32c(epoch.raw()); }

uint32_t FrameCrc(uint32_t seed, std::string_view frame) {
  return Crc32c(frame.substr(sizeof(uint32_t)), seed);
}

void AppendFrame(FrameHeader header, absl::Span<const std::string_view> payload, uint32_t seed,
                 std::string* out) {
  header.payload_bytes = 0;
  for (const std::string_view part : payload) {
    header.payload_bytes += static_cast<uint32_t>(part.size());
  }
  const size_t start = out->size();
  char bytes[kFrameHeaderBytes];
  EncodeFrameHeader(header, bytes);
  out->append(bytes, sizeof(bytes));
  for (const std::string_view part : payload) out->append(part);
  const uint32_t crc = FrameCrc(seed, std::string_view(*out).substr(start));
  std::memcpy(out->data() + start, &crc, sizeof(crc));
}

uint32_t MakeGeneration() {
  uint32_t generation = 0;
  // Of so few bytes it is never short once the system has booted; before, zero is as good.
  (void)::getrandom(&generation, sizeof(generation), GRND_NONBLOCK);
  return generation;
}

void Restamp(uint32_t generation, uint32_t seed, std::string* frames) {
  for (size_t at = 0; at < frames->size();) {
    const size_t size = DecodeFrameHeader(frames->data() + at).frame_bytes();
    std::memcpy(frames->data() + at + kGenerationAt, &generation, sizeof(generation));
    const uint32_t crc = FrameCrc(seed, std::string_view(*frames).substr(at, size));
    std::memcpy(frames->data() + at, &crc, sizeof(crc));
    at += size;
  }
}

std::string SegmentName(uint64_t first_sequence) {
  return absl::StrFormat("%020u.seg", first_sequence);
}

std::optional<uint64_t> ParseSegmentName(std::string_view name) {
  if (name.size() != kNameDigits + kSuffix.size() || !name.ends_with(kSuffix)) {
    return std::nullopt;
  }
  uint64_t first_sequence;
  if (!absl::SimpleAtoi(std::string(name.substr(0, kNameDigits)), &first_sequence))
    return std::nullopt;
  if (SegmentName(first_sequence) != name) return std::nullopt;
  return first_sequence;
}

}  // namespace sluice::journal
