#include "agent/journal/spare_segment.h"

#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "agent/journal/segment_file.h"

namespace sluice::journal {
namespace {

constexpr uint64_t kFreshNanos = 60'000'000'000;

}  // namespace

SpareSegment::SpareSegment(std::shared_ptr<SharedState> shared, const Clock* clock)
    : shared_(std::move(shared)), clock_(clock) {}

SpareSegment::~SpareSegment() { Drop(); }

bool SpareSegment::IsFresh(uint64_t written_unix_nano) const {
  return clock_->UnixNano() < written_unix_nano + kFreshNanos;
}

bool SpareSegment::Keep(SharedState::SegmentPtr segment, uint64_t bytes,
                        uint64_t written_unix_nano) {
  if (segment_ != nullptr || !IsFresh(written_unix_nano)) return false;
  const std::string directory = segment->path.substr(0, segment->path.rfind('/'));
  // By which it is removed at the next start, if it is left over.
  path_ = absl::StrCat(directory, "/spare", kAsideSuffix);
  if (shared_->fs.Rename(segment->path, path_) != 0) return false;
  name_change_ = ++shared_->name_changes;
  segment_ = std::move(segment);
  bytes_ = bytes;
  written_unix_nano_ = written_unix_nano;
  return true;
}

std::string SpareSegment::Take() {
  if (segment_ == nullptr) return {};
  if (!IsFresh(written_unix_nano_)) {
    Drop();
    return {};
  }
  if (shared_->durable_name_changes < name_change_) return {};
  // Where this was the last to hold it, what others did with it is over.
  const std::weak_ptr<Segment> segment = std::exchange(segment_, nullptr);
  segment_ = segment.lock();
  if (segment_ != nullptr) return {};
  bytes_ = 0;
  return path_;
}

void SpareSegment::Drop() {
  if (segment_ == nullptr) return;
  segment_ = nullptr;
  bytes_ = 0;
  shared_->fs.Unlink(path_);
}

}  // namespace sluice::journal
