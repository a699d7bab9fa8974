// Drives a journal in tests: entries that carry a word each, what was acknowledged, what is read.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "agent/base/mutex.h"
#include "agent/journal/journal.h"

namespace sluice::journal {

inline constexpr uid_t kAlice = 1000;
inline constexpr uid_t kBob = 1001;

// Every wait of a test ends by then.
inline std::chrono::steady_clock::time_point TestDeadline() {
  return std::chrono::steady_clock::now() + std::chrono::seconds(30);
}
inline std::chrono::steady_clock::time_point Now() { return std::chrono::steady_clock::now(); }

// An encoded JournalBatch of uid with one record per word.
std::string BatchOf(uid_t uid, const std::vector<std::string>& words);
// The first word of a batch made by BatchOf.
std::string WordOf(const BatchView& batch);

// Words by sequence.
using Words = std::map<uint64_t, std::string>;

// Remembers what it is shown.
class RecordingVisitor : public RecoveryVisitor {
 public:
  void OnCheckpoint(std::string_view checkpoint) override { checkpoint_ = checkpoint; }
  void OnEntry(const Entry& entry) override { words_[entry.sequence] = WordOf(entry.batch); }

  const std::string& checkpoint() const { return checkpoint_; }
  const Words& words() const { return words_; }

 private:
  std::string checkpoint_;
  Words words_;
};

// One run of an agent on a journal. Appends "w1", "w2" ... unless told otherwise; its checkpoint is
// the encoded Checkpoint whose only counter is named after the start of the last word. Of every
// second entry it lends the journal a part, and expects it back when the entry is durable, and not
// before.
class JournalRun {
 public:
  // With short delays, so that healing does not take long.
  static Options TestOptions(FileSystem* fs, const std::string& directory);

  explicit JournalRun(Options options);
  ~JournalRun();

  bool is_open() const { return journal_ != nullptr; }
  const absl::Status& status() const { return status_; }
  Journal& journal() { return *journal_; }
  const RecordingVisitor& recovered() const { return recovered_; }
  const Counters& counters() const { return counters_; }

  // Returns the sequence, 0 when refused; the reason is in last_refusal().
  uint64_t Append(const std::string& word, Urgency urgency = Urgency::kGrouped, uid_t uid = 1000);
  // Append and CommitTurn.
  uint64_t Write(const std::string& word, Urgency urgency = Urgency::kGrouped, uid_t uid = 1000);
  const absl::Status& last_refusal() const { return last_refusal_; }

  // Makes the state of each checkpoint from now on so much larger.
  void PadState(size_t bytes) { padding_bytes_ = bytes; }

  // Everything that was appended, and the part of it known to be durable.
  const Words& appended() const { return appended_; }
  Words Acknowledged() const;
  // Waits until everything up to `sequence` is durable; false when it takes too long.
  bool WaitForSync(uint64_t sequence);
  // The same for what Journal::SaveCursorsNow returned.
  bool WaitForCursorSave(uint64_t save);

 private:
  std::string EncodedState() const;
  void OnSynced(uint64_t sequence);

  Counters counters_;
  RecordingVisitor recovered_;
  absl::Status status_;
  absl::Status last_refusal_;
  Words appended_;
  size_t padding_bytes_ = 0;
  mutable Mutex mutex_;
  CondVar changed_;
  uint64_t synced_ GUARDED_BY(mutex_) = 0;
  // By sequence.
  std::map<uint64_t, std::weak_ptr<const std::string>> lent_ GUARDED_BY(mutex_);
  bool lends_ = false;  // of the next one
  std::unique_ptr<Journal> journal_;
};

// All that `reader` gives without waiting.
Words ReadAll(Reader* reader);
// All that is left in the journal, through a reader that only looks.
Words ReadAll(Journal* journal);

}  // namespace sluice::journal
