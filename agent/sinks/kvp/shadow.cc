#include "agent/sinks/kvp/shadow.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "agent/base/status_macros.h"
#include "proto/base/unique_fd.h"

namespace sluice::kvp {
namespace {

constexpr char kMagic[8] = {'s', 'l', 'k', 'v', 'p', 's', 'h', '1'};
constexpr size_t kBootIdBytes = 40;

// Each store before it is in the page cache when `value` is.
void Publish(uint64_t& field, uint64_t value) {
  std::atomic_ref<uint64_t>(field).store(value, std::memory_order_release);
}

}  // namespace

struct Shadow::Header {
  char magic[sizeof kMagic];
  char boot_id[kBootIdBytes];
  uint64_t last_sequence;
  GivenUp given_up;
  uint64_t forgotten_count;
  std::array<uint64_t, kForgottenKeys> forgotten;
};

uint64_t KeyHash(std::string_view key) {
  uint64_t hash = 0xcbf29ce484222325;
  for (const char c : key) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3;
  return hash;
}

absl::StatusOr<Shadow> Shadow::Open(const std::string& path, std::string_view boot_id) {
  constexpr size_t kFileBytes = sizeof(Header) + kCells * sizeof(ShadowCell);
  const UniqueFd fd(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!fd) return ErrnoStatus(absl::StrCat("open ", path));
  if (const int error = ::posix_fallocate(fd.get(), 0, kFileBytes); error != 0) {
    return absl::ErrnoToStatus(error, absl::StrCat("take space for ", path));
  }
  void* const memory = ::mmap(nullptr, kFileBytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd.get(), 0);
  if (memory == MAP_FAILED) return ErrnoStatus(absl::StrCat("map ", path));
  Shadow shadow(memory);
  char wanted[kBootIdBytes] = {};
  boot_id.copy(wanted, kBootIdBytes - 1);
  Header& header = shadow.header();
  if (std::memcmp(header.magic, kMagic, sizeof kMagic) != 0 ||
      std::memcmp(header.boot_id, wanted, kBootIdBytes) != 0) {
    std::memset(memory, 0, kFileBytes);
    std::memcpy(header.boot_id, wanted, kBootIdBytes);
    std::memcpy(header.magic, kMagic, sizeof kMagic);
  }
  return shadow;
}

Shadow::Shadow(Shadow&& other) noexcept : memory_(std::exchange(other.memory_, nullptr)) {}

Shadow::~Shadow() {
  if (memory_ != nullptr) ::munmap(memory_, sizeof(Header) + kCells * sizeof(ShadowCell));
}

Shadow::Header& Shadow::header() const { return *static_cast<Header*>(memory_); }

std::span<ShadowCell, Shadow::kCells> Shadow::cells() const {
  return std::span<ShadowCell, kCells>(
      reinterpret_cast<ShadowCell*>(static_cast<char*>(memory_) + sizeof(Header)), kCells);
}

void Shadow::Put(size_t index, const ShadowCell& cell) {
  ShadowCell& target = cells()[index];
  ShadowCell content = cell;
  content.sequence = 0;
  target = content;
  Publish(target.sequence, cell.sequence);
}

void Shadow::Free(size_t index) { Publish(cells()[index].sequence, 0); }

void Shadow::BeginOverwrite(size_t index, uint64_t offset, const ShadowCell& replaced) {
  ShadowCell& cell = cells()[index];
  cell.offset = offset;
  cell.replaced_sequence = replaced.sequence;
  cell.replaced_chunk = replaced.chunk;
  // One that was on its way there itself has most likely not arrived.
  cell.replaced_key_hash = replaced.overwriting != 0 && replaced.replaced_key_hash != 0
                               ? replaced.replaced_key_hash
                               : KeyHash(replaced.text().key);
  Publish(cell.overwriting, 1);
}

void Shadow::EndOverwrite(size_t index) {
  cells()[index].stood = 1;
  CancelOverwrite(index);
}

void Shadow::CancelOverwrite(size_t index) { Publish(cells()[index].overwriting, 0); }

uint64_t Shadow::NextSequence() {
  Publish(header().last_sequence, header().last_sequence + 1);
  return header().last_sequence;
}

void Shadow::Forget(std::string_view key) {
  if (IsForgotten(key)) return;
  Header& h = header();
  h.forgotten[h.forgotten_count % kForgottenKeys] = KeyHash(key);
  Publish(h.forgotten_count, h.forgotten_count + 1);
}

bool Shadow::IsForgotten(std::string_view key) const {
  const Header& h = header();
  const auto end = h.forgotten.begin() + std::min<size_t>(h.forgotten_count, kForgottenKeys);
  return std::find(h.forgotten.begin(), end, KeyHash(key)) != end;
}

GivenUp& Shadow::given_up() { return header().given_up; }
const GivenUp& Shadow::given_up() const { return header().given_up; }

}  // namespace sluice::kvp
