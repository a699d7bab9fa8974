#include "agent/sinks/kvp/pool_file.h"

#include <utility>

namespace sluice::kvp {
namespace {

template <typename T>
absl::StatusOr<T> ToStatusOr(PoolResult<T> result) {
  if (!result.ok()) return ToStatus(result.error());
  return std::move(*result);
}

PoolStore::Options ToStoreOptions(const PoolFile::Options& options) {
  return {.path = options.path,
          .create = options.create,
          .create_mode = options.create_mode,
          .lock_timeout = absl::ToChronoNanoseconds(options.lock_timeout),
          .syscalls = options.syscalls};
}

}  // namespace

absl::Status ToStatus(const PoolError& error) {
  return {absl::ErrnoToStatusCode(error.code), error.message};
}

PoolFile::PoolFile(const Options& options) : store_(ToStoreOptions(options)) {}

absl::StatusOr<PoolFile::Session> PoolFile::Lock() {
  PoolResult<PoolStore::Session> session = store_.Lock();
  if (!session.ok()) return ToStatus(session.error());
  return Session(this, std::move(*session));
}

absl::Status PoolFile::Sync() { return ToStatus(store_.Sync()); }

absl::StatusOr<std::string> PoolFile::ReadAll() const { return ToStatusOr(store_.ReadAll()); }

PoolFile::Session::Session(PoolFile* file, PoolStore::Session session)
    : file_(file), session_(std::move(session)) {}

PoolFile::Session::Session(Session&& other) noexcept
    : file_(std::exchange(other.file_, nullptr)), session_(std::move(other.session_)) {}

PoolFile::Session::~Session() {
  if (file_ == nullptr) return;
  const uint64_t locked = session_->locked_nano();
  session_.reset();
  file_->hold_times_.Add(file_->store_.options().syscalls->NowNano() - locked);
}

absl::StatusOr<std::string> PoolFile::Session::Read(uint64_t offset, uint64_t count) const {
  return ToStatusOr(session_->Read(offset, count));
}

absl::Status PoolFile::Session::Append(std::string_view records) {
  return ToStatus(session_->Append(records));
}

absl::Status PoolFile::Session::Overwrite(uint64_t offset, std::string_view records) {
  return ToStatus(session_->Overwrite(offset, records));
}

absl::Status PoolFile::Session::Truncate(uint64_t size) {
  return ToStatus(session_->Truncate(size));
}

absl::Status PoolFile::Session::Replace(std::string_view before, std::string_view after) {
  return ToStatus(session_->Replace(before, after));
}

}  // namespace sluice::kvp
