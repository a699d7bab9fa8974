#include "agent/sinks/log/set_shares.h"

#include <algorithm>
#include <cmath>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace sluice::log_sink {
namespace {

constexpr uid_t kRoot = 0;
constexpr double kNanosPerDay = 86'400e9;
// What is aged at once.
constexpr uint64_t kAgingStep = 60'000'000'000;
// Of those whose lines are cut: so many, and one for so many bytes of a file.
constexpr size_t kMostTold = 64;
constexpr uint64_t kBytesPerTold = 16 * 1024;
// Of a size that is as good as none, and which can be multiplied.
constexpr uint64_t kLargestFile = uint64_t{1} << 50;
// In front of the time; changes with the format.
constexpr absl::string_view kVersion = "1";

}  // namespace

uint64_t SetLimit(uint64_t max_size, uint32_t rotate_keep) {
  return std::min(max_size, kLargestFile) / 4 * 3 * std::max<uint32_t>(rotate_keep, 1);
}

SetShares::SetShares(uint64_t max_size, uint32_t rotate_keep)
    : files_kept_(size_t{rotate_keep} + 1),
      most_told_(std::min<uint64_t>(kMostTold, max_size / kBytesPerTold)),
      of_users_(SetLimit(max_size, rotate_keep)) {}

bool SetShares::MayWrite(uid_t uid) {
  if (of_users_.limit() == 0 || uid == kRoot) return true;
  if (uid != run_uid_) {
    EndRun();
    run_uid_ = uid;
    const auto held = held_.find(uid);
    run_held_ = held == held_.end() ? 0 : held->second;
  }
  return !run_is_cut_ && of_users_.HasRoom(run_held_, 1);
}

bool SetShares::Add(uid_t uid, size_t bytes) {
  if (!MayWrite(uid)) return false;
  if (of_users_.limit() == 0 || uid == kRoot) return true;
  if (!of_users_.HasRoom(run_held_, bytes)) {
    // Else each line of a flood would be made to see that it does not fit.
    run_is_cut_ = of_users_.IsBeyondSmallPart(run_held_);
    return false;
  }
  of_users_.Change(run_held_, run_held_ + bytes);
  run_held_ += bytes;
  run_bytes_ += bytes;
  return true;
}

void SetShares::EndRun() {
  if (run_bytes_ > 0) {
    held_[run_uid_] = run_held_;
    unwritten_[run_uid_] += run_bytes_;
  }
  run_bytes_ = 0;
  run_is_cut_ = false;
  run_uid_ = kRoot;
}

void SetShares::Written(uint64_t rotations) {
  EndRun();
  const uint64_t more = std::min<uint64_t>(rotations - rotations_, files_kept_);
  rotations_ = rotations;
  for (uint64_t i = 0; i < more; ++i) files_.emplace_front();
  for (const auto& [uid, bytes] : unwritten_) files_.front()[uid] += bytes;
  unwritten_.clear();
  if (more == 0) return;
  told_.clear();
  if (files_.size() > files_kept_) files_.resize(files_kept_);
  Recount();
}

void SetShares::FileReplaced() {
  EndRun();
  files_.front().clear();
  Recount();
}

void SetShares::Recount() {
  held_ = unwritten_;
  for (const Holdings& file : files_) {
    for (const auto& [uid, bytes] : file) held_[uid] += bytes;
  }
  of_users_ = SharedLimit(of_users_.limit());
  for (const auto& [uid, bytes] : held_) of_users_.Change(0, bytes);
}

void SetShares::Age(uint64_t boot_nano) {
  if (aged_boot_nano_ == 0) aged_boot_nano_ = boot_nano;
  if (boot_nano < aged_boot_nano_ + kAgingStep) return;
  const double left = std::exp2(-static_cast<double>(boot_nano - aged_boot_nano_) / kNanosPerDay);
  aged_boot_nano_ = boot_nano;
  EndRun();
  for (Holdings& file : files_) {
    for (auto& [uid, bytes] : file) {
      bytes = static_cast<uint64_t>(static_cast<double>(bytes) * left);
    }
    file.EraseIf([](const auto& holding) { return holding.second == 0; });
  }
  Recount();
}

bool SetShares::TellsOf(uid_t uid) {
  if (told_.contains(uid) || told_.size() >= most_told_) return false;
  told_.insert(uid);
  return true;
}

std::string SetShares::Encode() const {
  std::string encoded = absl::StrCat(kVersion, " ", aged_boot_nano_, "\n");
  for (size_t file = 0; file < files_.size(); ++file) {
    for (const auto& [uid, bytes] : files_[file]) {
      absl::StrAppend(&encoded, file, " ", uid, " ", bytes, "\n");
    }
  }
  return encoded;
}

bool SetShares::Restore(absl::string_view encoded, uint64_t boot_nano) {
  const std::vector<absl::string_view> lines = absl::StrSplit(encoded, '\n', absl::SkipEmpty());
  if (lines.empty()) return false;
  const std::vector<absl::string_view> head = absl::StrSplit(lines[0], ' ');
  uint64_t aged = 0;
  if (head.size() != 2 || head[0] != kVersion || !absl::SimpleAtoi(head[1], &aged)) return false;
  if (aged > boot_nano) return false;
  std::deque<Holdings> files(1);
  for (size_t i = 1; i < lines.size(); ++i) {
    const std::vector<absl::string_view> words = absl::StrSplit(lines[i], ' ');
    size_t file = 0;
    uid_t uid = kRoot;
    uint64_t bytes = 0;
    if (words.size() != 3 || !absl::SimpleAtoi(words[0], &file) ||
        !absl::SimpleAtoi(words[1], &uid) || !absl::SimpleAtoi(words[2], &bytes)) {
      return false;
    }
    if (file >= files_kept_) continue;
    if (files.size() <= file) files.resize(file + 1);
    files[file][uid] = bytes;
  }
  files_ = std::move(files);
  aged_boot_nano_ = aged;
  Recount();
  return true;
}

}  // namespace sluice::log_sink
