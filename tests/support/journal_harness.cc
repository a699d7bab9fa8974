#include "tests/support/journal_harness.h"

#include <utility>

#include "agent/journal/field_numbers.h"
#include "gtest/gtest.h"
#include "proto/record/field_numbers.h"
#include "proto/wire/writer.h"

namespace sluice::journal {

std::string BatchOf(uid_t uid, const std::vector<std::string>& words) {
  BatchHead head;
  head.pid = 42;
  head.uid = uid;
  head.sent_records = static_cast<uint32_t>(words.size());
  std::string encoded;
  AppendBatchHead(head, &encoded);
  StringWireWriter writer{StringSink(&encoded)};
  for (const std::string& word : words) writer.Bytes(journal_batch_field::kRecords, word);
  return encoded;
}

std::string WordOf(const BatchView& batch) {
  RecordCursor records = batch.records();
  return records.Next() ? std::string(records.encoded()) : std::string();
}

Options JournalRun::TestOptions(FileSystem* fs, const std::string& directory) {
  Options options;
  options.directory = directory;
  options.file_system = fs;
  options.group_delay = std::chrono::milliseconds(2);
  options.retry_delay = std::chrono::milliseconds(2);
  options.least_lent_bytes = 1;
  options.boot_id = "boot-1";
  options.vm_id = "vm-1";
  options.machine_id = "machine-1";
  return options;
}

JournalRun::JournalRun(Options options) {
  options.counters = &counters_;
  absl::StatusOr<std::unique_ptr<Journal>> opened = Journal::Open(std::move(options), &recovered_);
  status_ = opened.status();
  if (!opened.ok()) return;
  journal_ = *std::move(opened);
  journal_->Start([this] { return EncodedState(); },
                  [this](uint64_t sequence) { OnSynced(sequence); });
}

void JournalRun::OnSynced(uint64_t sequence) {
  MutexLock lock(&mutex_);
  synced_ = sequence;
  for (const auto& [of, lent] : lent_) {
    EXPECT_EQ(lent.expired(), of <= sequence) << of << " is lent, synced is " << sequence;
  }
  lent_.erase(lent_.begin(), lent_.upper_bound(sequence));
  changed_.NotifyAll();
}

JournalRun::~JournalRun() { journal_ = nullptr; }

std::string JournalRun::EncodedState() const {
  std::string encoded;
  StringWireWriter writer{StringSink(&encoded)};
  const auto counter = writer.Begin(checkpoint_field::kCounters);
  writer.Bytes(counter_field::kName,
               appended_.empty() ? std::string() : appended_.rbegin()->second.substr(0, 8));
  writer.End(counter);
  constexpr uint32_t kUnknownField = 100;
  if (padding_bytes_ > 0) writer.Bytes(kUnknownField, std::string(padding_bytes_, 'x'));
  return encoded;
}

uint64_t JournalRun::Append(const std::string& word, Urgency urgency, uid_t uid) {
  auto payload = std::make_shared<const std::string>(BatchOf(uid, {word}));
  const std::string head = payload->substr(0, payload->size() / 2);
  const std::string_view rest = std::string_view(*payload).substr(head.size());
  lends_ = !lends_;
  const absl::StatusOr<uint64_t> sequence =
      journal_->Append(uid, {head, rest}, urgency, lends_ ? payload : nullptr);
  last_refusal_ = sequence.status();
  if (!sequence.ok()) return 0;
  if (lends_) {
    const std::weak_ptr<const std::string> lent = std::exchange(payload, nullptr);
    MutexLock lock(&mutex_);
    lent_[*sequence] = lent;
  }
  appended_[*sequence] = word;
  return *sequence;
}

uint64_t JournalRun::Write(const std::string& word, Urgency urgency, uid_t uid) {
  const uint64_t sequence = Append(word, urgency, uid);
  journal_->CommitTurn();
  return sequence;
}

Words JournalRun::Acknowledged() const {
  MutexLock lock(&mutex_);
  return Words(appended_.begin(), appended_.upper_bound(synced_));
}

bool JournalRun::WaitForSync(uint64_t sequence) {
  const auto deadline = TestDeadline();
  MutexLock lock(&mutex_);
  if (sequence == 0) return false;  // it was refused
  while (synced_ < sequence) {
    if (!changed_.WaitUntil(&mutex_, deadline)) return synced_ >= sequence;
  }
  return true;
}

bool JournalRun::WaitForCursorSave(uint64_t save) {
  const auto deadline = TestDeadline();
  MutexLock lock(&mutex_);
  while (journal_->synced_cursor_save() < save) {
    if (!changed_.WaitUntil(&mutex_, deadline)) return journal_->synced_cursor_save() >= save;
  }
  return save != 0;
}

Words ReadAll(Reader* reader) {
  Words words;
  while (const std::optional<Entry> entry = reader->Next(Now())) {
    words[entry->sequence] += WordOf(entry->batch);
  }
  return words;
}

Words ReadAll(Journal* journal) {
  const std::unique_ptr<Reader> reader = journal->OpenReader("");
  reader->Restore(0);
  return ReadAll(reader.get());
}

}  // namespace sluice::journal
