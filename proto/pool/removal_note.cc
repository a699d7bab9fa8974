#include "proto/pool/removal_note.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <string_view>

#include "proto/contract/kvp_record.h"

namespace sluice::kvp {
namespace {

constexpr size_t kMostKeys = 4096;  // as many as the agent remembers

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
    : fd_(OpenNote(NotePath(pool_path), O_RDWR | O_CREAT)) {}

Removals RemovalNote::Read() const {
  Removals removals;
  std::array<char, kKeyBytes> field;
  for (off_t at = 0; removals.keys.size() < kMostKeys; at += kKeyBytes) {
    if (::pread(fd_.get(), field.data(), field.size(), at) != ssize_t{kKeyBytes}) break;
    const size_t size = ::strnlen(field.data(), field.size());
    if (size == 0) removals.everything = true;
    if (size > 0) removals.keys.emplace_back(field.data(), size);
  }
  return removals;
}

void RemovalNote::Clear() {
  // One that stays is read again, and forgets what is forgotten already.
  [[maybe_unused]] const int result = ::ftruncate(fd_.get(), 0);
}

PoolError NoteRemovals(const std::string& pool_path, const PoolEdit& edit) {
  const Removals removals = RemovalsOf(edit);
  if (removals.empty()) return {};
  const std::string path = NotePath(pool_path);
  const UniqueFd fd = OpenNote(path, O_WRONLY);
  if (!fd) return errno == ENOENT ? PoolError{} : PoolErrno("open " + path);
  std::string fields;
  for (const std::string& key : removals.keys) AppendField(key, &fields);
  if (removals.everything) AppendField("", &fields);
  // Of what a killed writer left, a part of a field is written over.
  const off_t end = ::lseek(fd.get(), 0, SEEK_END) / ssize_t{kKeyBytes} * ssize_t{kKeyBytes};
  const ssize_t written = ::pwrite(fd.get(), fields.data(), fields.size(), end);
  if (written == static_cast<ssize_t>(fields.size())) return {};
  if (written >= 0) errno = ENOSPC;
  return PoolErrno("write " + path);
}

}  // namespace sluice::kvp
