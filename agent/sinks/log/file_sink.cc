#include "agent/sinks/log/file_sink.h"

#include <fcntl.h>

#include <utility>

#include "absl/strings/str_cat.h"
#include "agent/base/file_system.h"
#include "agent/base/log.h"
#include "agent/base/status_macros.h"

namespace sluice::log_sink {
namespace {

// Of the file that says who holds how much; what is longer is not ours.
constexpr size_t kMaxSharesBytes = 16 * 1024 * 1024;

// Bytes of the first `count` lines.
size_t LengthOfLines(const std::string& text, size_t count) {
  size_t length = 0;
  for (; count > 0; --count) length = text.find('\n', length) + 1;
  return length;
}

absl::StatusOr<std::string> ReadWhole(const std::string& path) {
  FileSystem& fs = FileSystem::System();
  ASSIGN_OR_RETURN(const UniqueFd fd, OpenFile(fs, path, O_RDONLY | O_NOFOLLOW));
  const int64_t size = fs.FileSize(fd.get());
  if (size < 0 || static_cast<uint64_t>(size) > kMaxSharesBytes) {
    return absl::FailedPreconditionError("too long");
  }
  std::string text(static_cast<size_t>(size), '\0');
  ASSIGN_OR_RETURN(const size_t got, ReadAt(fs, fd.get(), text.data(), text.size(), 0));
  text.resize(got);
  return text;
}

// As a whole or not at all. Not synced: it is for this boot.
absl::Status Replace(const std::string& path, std::string_view text) {
  FileSystem& fs = FileSystem::System();
  const std::string next = absl::StrCat(path, ".new");
  ASSIGN_OR_RETURN(const UniqueFd fd,
                   OpenFile(fs, next, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW));
  RETURN_IF_ERROR(WriteAll(fs, fd.get(), text, 0));
  if (fs.Rename(next, path) != 0) return ErrnoStatus(absl::StrCat("rename ", next));
  return absl::OkStatus();
}

}  // namespace

FileSink::FileSink(Options options)
    : options_(std::move(options)),
      clock_(*options_.file.clock),
      format_(options_.lines),
      lines_(options_.lines, options_.name, options_.counters),
      shares_(options_.file.max_size, options_.file.rotate_keep) {}

absl::Status FileSink::Open() {
  ASSIGN_OR_RETURN(file_, sinks::LogFile::Open(options_.file));
  if (!file_->loose_mode_warning().empty()) {
    LogWarning(file_->loose_mode_warning());
    options_.counters->Add("file.loose_mode");
  }
  RestoreShares();
  return absl::OkStatus();
}

void FileSink::Add(const stream::Delivery& delivery) {
  const uid_t uid = delivery.user();
  if (!shares_.MayWrite(uid)) return Cut(delivery);
  const size_t before = pending_.size();
  if (shares_.Add(uid, lines_.Append(delivery, &pending_))) return;
  pending_.resize(before);
  Cut(delivery);
}

void FileSink::Cut(const stream::Delivery& delivery) {
  const uid_t uid = delivery.user();
  cut_.Add(uid);
  if (!shares_.TellsOf(uid)) return;
  const std::string text = absl::StrCat(
      "lines of uid ", uid, " are left out from here on, as long as it holds its share ",
      "of the log; `sluice status` counts them (log.cut)");
  RecordView record;
  record.kind = RecordKind::kEvent;
  record.level = Level::kWarn;
  record.target = "sluiced";
  record.event.time_unix_nano = delivery.received_unix_nano;
  record.event.message.type = ValueView::Type::kString;
  record.event.message.text = text;
  format_.AppendEvent({.record = &record, .context = {}, .sender = nullptr, .service = {}},
                      &pending_);
}

absl::Status FileSink::Commit() {
  lines_.Count();
  cut_.MoveTo(options_.counters, "log.cut", options_.name);
  shares_.Age(clock_.BootNano());
  if (pending_.empty()) return absl::OkStatus();
  const absl::Status status = Write();
  if (std::exchange(replacements_, file_->replacements()) != file_->replacements()) {
    shares_.FileReplaced();
  }
  if (status.ok()) shares_.Written(file_->rotations());
  shares_are_new_ = true;
  return status;
}

absl::Status FileSink::Write() {
  const sinks::LogFile::WriteResult result = file_->Write(pending_);
  if (result.status.ok()) {
    pending_.clear();
  } else {
    pending_.erase(0, LengthOfLines(pending_, result.lines));
    options_.counters->Add("file.write_failed");
  }
  return result.status;
}

absl::Status FileSink::Sync() {
  StoreShares();
  return file_->Sync();
}

void FileSink::RestoreShares() {
  if (options_.shares_path.empty()) return;
  const absl::StatusOr<std::string> stored = ReadWhole(options_.shares_path);
  if (stored.ok()) shares_.Restore(*stored, clock_.BootNano());
}

void FileSink::StoreShares() {
  if (options_.shares_path.empty() || !std::exchange(shares_are_new_, false)) return;
  const absl::Status status = Replace(options_.shares_path, shares_.Encode());
  if (!status.ok() && !std::exchange(complained_, true)) {
    LogWarning(absl::StrCat("sink ", options_.name, ": ", status.message(),
                            "; the next agent will not know who filled the log"));
  }
}

void FileSink::Reopen() {
  if (file_ == nullptr) return;
  if (const absl::Status status = file_->Reopen(); !status.ok()) {
    LogWarning(absl::StrCat("keeping the old log file: ", status.message()));
  }
}

}  // namespace sluice::log_sink
