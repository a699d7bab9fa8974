#include "proto/kvp/removal_note.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <string_view>

#include "proto/kvp/slot.h"

namespace sluice::kvp {
namespace {

// More are a note of everything.
constexpr size_t kMostKeys = 1024;

std::string NotePath(const std::string& pool_path) {
  const size_t slash = pool_path.rfind('/');
  const size_t name = slash == std::string::npos ? 0 : slash + 1;
  const size_t dots = std::min(pool_path.find_first_not_of('.', name), pool_path.size());
  return pool_path.substr(0, name) + ".sluice_" + pool_path.substr(dots) + "_removed";
}

UniqueFd OpenNote(const std::string& path, int flags) {
  return UniqueFd(::open(path.c_str(), flags | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600));
}

void AppendField(std::string_view key, std::string* fields) {
  fields->append(key.substr(0, kKeyBytes))
      .append(kKeyBytes - std::min(key.size(), kKeyBytes), '\0');
}

Removals ReadNote(int fd) {
  Removals removals;
  std::array<char, kKeyBytes> field;
  for (off_t at = 0; at < ssize_t{kMostKeys * kKeyBytes}; at += kKeyBytes) {
    if (::pread(fd, field.data(), field.size(), at) != ssize_t{kKeyBytes}) break;
    const size_t size = ::strnlen(field.data(), field.size());
    if (size == 0) removals.everything = true;
    if (size > 0) removals.keys.emplace_back(field.data(), size);
  }
  return removals;
}

// errno says why not.
bool WriteAt(int fd, const std::string& fields, size_t offset) {
  const ssize_t written = ::pwrite(fd, fields.data(), fields.size(), static_cast<off_t>(offset));
  if (written >= 0 && written < static_cast<ssize_t>(fields.size())) errno = ENOSPC;
  return written == static_cast<ssize_t>(fields.size());
}

}  // namespace

Removals RemovalsOf(const PoolEdit& edit) {
  switch (edit.kind) {
    case PoolEdit::Kind::kAppend:
      break;
    case PoolEdit::Kind::kUpsert:
      return {.keys = {edit.records.front().key}};
    case PoolEdit::Kind::kRemove:
      return {.keys = edit.keys};
    case PoolEdit::Kind::kLoad:
    case PoolEdit::Kind::kClear:
      return {.everything = true};
  }
  return {};
}

RemovalNote::RemovalNote(const std::string& pool_path)
    : fd_(OpenNote(NotePath(pool_path), O_RDWR | O_CREAT)) {
  Reserve();
}

Removals RemovalNote::Read() const { return ReadNote(fd_.get()); }

void RemovalNote::Clear() {
  // One that stays is read again, and forgets what is forgotten already.
  [[maybe_unused]] const int result = ::ftruncate(fd_.get(), 0);
  Reserve();
}

void RemovalNote::Reserve() {
  struct stat status {};
  if (::fstat(fd_.get(), &status) != 0 || status.st_blocks > 0) return;
  // Where it cannot be, a note on a full disk is an error.
  [[maybe_unused]] const int result = ::fallocate(fd_.get(), FALLOC_FL_KEEP_SIZE, 0, kKeyBytes);
}

PoolError NoteRemovals(const std::string& pool_path, const PoolEdit& edit) {
  const Removals removals = RemovalsOf(edit);
  if (removals.empty()) return {};
  const std::string path = NotePath(pool_path);
  const UniqueFd fd = OpenNote(path, O_RDWR);
  if (!fd) return errno == ENOENT ? PoolError{} : PoolErrno("open " + path);
  const Removals noted = ReadNote(fd.get());
  if (noted.everything) return {};
  std::string fields;
  for (const std::string& key : removals.keys) {
    if (std::find(noted.keys.begin(), noted.keys.end(), key) == noted.keys.end()) {
      AppendField(key, &fields);
    }
  }
  const size_t end = noted.keys.size() * kKeyBytes;
  const bool fits = end + fields.size() <= kMostKeys * kKeyBytes;
  if (!removals.everything && fits && WriteAt(fd.get(), fields, end)) return {};
  const bool done =
      WriteAt(fd.get(), std::string(kKeyBytes, '\0'), 0) && ::ftruncate(fd.get(), kKeyBytes) == 0;
  return done ? PoolError{} : PoolErrno("write " + path);
}

}  // namespace sluice::kvp
