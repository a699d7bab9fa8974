#include "proto/base/tar.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstring>

namespace sluice {
namespace {

constexpr size_t kBlock = 512;

// POSIX.1-1988's header, and what ustar adds.
struct Header {
  std::array<char, 100> name;
  std::array<char, 8> mode, uid, gid;
  std::array<char, 12> size, time;
  std::array<char, 8> checksum;
  char type;
  std::array<char, 100> link;
  std::array<char, 8> magic;  // and version
  std::array<char, 32> user, group;
  std::array<char, 8> major, minor;
  std::array<char, 155> prefix;
  std::array<char, 12> padding;
};
static_assert(sizeof(Header) == kBlock);

constexpr std::string_view kMagic{"ustar\00000", 8};

template <size_t kSize>
std::string_view Text(const std::array<char, kSize>& field) {
  return {field.data(), strnlen(field.data(), kSize)};
}

// nullopt: not octal digits between blanks.
template <size_t kSize>
std::optional<uint64_t> Octal(const std::array<char, kSize>& field) {
  std::string_view digits = Text(field);
  while (digits.starts_with(' ')) digits.remove_prefix(1);
  while (digits.ends_with(' ')) digits.remove_suffix(1);
  uint64_t number = 0;
  for (const char c : digits) {
    if (c < '0' || c > '7') return std::nullopt;
    number = number * 8 + static_cast<uint64_t>(c - '0');
  }
  return number;
}

template <size_t kSize>
void SetOctal(uint64_t number, std::array<char, kSize>* field) {
  std::snprintf(field->data(), kSize, "%0*llo", static_cast<int>(kSize - 1),
                static_cast<unsigned long long>(number));
}

// Of all bytes, those of the checksum itself being blanks.
uint64_t ChecksumOf(Header header) {
  header.checksum.fill(' ');
  std::array<unsigned char, kBlock> bytes;
  std::memcpy(bytes.data(), &header, kBlock);
  uint64_t sum = 0;
  for (const unsigned char byte : bytes) sum += byte;
  return sum;
}

size_t Padded(uint64_t size) { return (size + kBlock - 1) / kBlock * kBlock; }

std::string NameOf(const Header& header) {
  std::string name(Text(header.prefix));
  const bool is_ustar = Text(header.magic).starts_with("ustar");
  if (!is_ustar) name.clear();
  if (!name.empty()) name += '/';
  name += Text(header.name);
  return name.starts_with("./") ? name.substr(2) : name;
}

}  // namespace

std::optional<std::vector<TarMember>> ReadTar(std::string_view archive) {
  std::vector<TarMember> members;
  while (archive.size() >= kBlock) {
    Header header;
    std::memcpy(&header, archive.data(), kBlock);
    archive.remove_prefix(kBlock);
    if (header.name[0] == '\0') return members;
    const auto size = Octal(header.size);
    if (Octal(header.checksum) != ChecksumOf(header) || !size) return std::nullopt;
    if (*size > archive.size()) return std::nullopt;
    if (header.type == '0' || header.type == '\0') {
      members.push_back({NameOf(header), archive.substr(0, *size)});
    }
    archive.remove_prefix(std::min(Padded(*size), archive.size()));
  }
  return std::nullopt;
}

void TarWriter::Add(std::string_view name, std::string_view content, uint64_t unix_seconds) {
  Header header{};
  std::memcpy(header.name.data(), name.data(), std::min(name.size(), header.name.size()));
  SetOctal(0600, &header.mode);
  SetOctal(0, &header.uid);
  SetOctal(0, &header.gid);
  SetOctal(content.size(), &header.size);
  SetOctal(unix_seconds, &header.time);
  header.type = '0';
  std::memcpy(header.magic.data(), kMagic.data(), kMagic.size());
  SetOctal(ChecksumOf(header), &header.checksum);
  archive_.append(reinterpret_cast<const char*>(&header), kBlock).append(content);
  archive_.resize(Padded(archive_.size()));
}

std::string TarWriter::Finish() && {
  archive_.resize(archive_.size() + 2 * kBlock);
  return std::move(archive_);
}

}  // namespace sluice
