// For tests of what admission takes, and of what it still knows after a restart.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "agent/ingest/admission.h"
#include "agent/ingest/recovery.h"
#include "gtest/gtest.h"
#include "tests/support/records.h"
#include "tests/support/temp_directory.h"

namespace sluice::ingest {

// Admission over a real journal.
class AdmissionTest : public ::testing::Test {
 protected:
  AdmissionTest() { Open(); }

  void Open() {
    journal::Options options;
    options.directory = directory_.path() + "/journal";
    options.boot_id = boot_id_;
    options.counters = &counters_;
    state_ = std::make_unique<AdmissionState>();
    Recovery recovery(state_.get(), boot_id_);
    auto journal = journal::Journal::Open(options, &recovery);
    ASSERT_TRUE(journal.ok()) << journal.status();
    rebooted_ = recovery.rebooted();
    journal_ = *std::move(journal);
    journal_->Start([this] { return EncodeCheckpoint(*state_, boot_id_); }, [](uint64_t) {});
    admission_ =
        std::make_unique<Admission>(state_.get(), journal_.get(), &Clock::System(), &counters_);
  }

  void Restart() {
    journal_->CommitTurn();
    admission_.reset();
    journal_.reset();
    Open();
  }

  static Sender SenderOf(uid_t uid, uint8_t client = 0) {
    auto origin = std::make_shared<live::Origin>();
    origin->identity.uid = uid;
    origin->identity.pid = 1000 + static_cast<pid_t>(uid);
    Sender sender{std::move(origin), std::nullopt};
    if (client != 0) sender.client_id = testing::MakeId<ClientId>(client);
    return sender;
  }

  Admitted Admit(const Sender& sender, uint64_t first, const std::vector<v1::Record>& records) {
    const auto admitted =
        admission_->Admit(sender, testing::EncodeBatch(first, records), journal::Urgency::kGrouped);
    EXPECT_TRUE(admitted.ok()) << admitted.status();
    journal_->CommitTurn();
    return admitted.value_or(Admitted{});
  }

  // Names and messages of all records in the journal, in order.
  std::vector<std::string> Journalled() {
    std::vector<std::string> seen;
    const auto reader = journal_->OpenReader("");
    reader->Restore(0);
    while (const auto entry = reader->Next(std::chrono::steady_clock::now())) {
      for (journal::RecordCursor records = entry->batch.records(); records.Next();) {
        const auto record = records.Read();
        if (!record.has_value()) continue;
        seen.emplace_back(record->kind == RecordKind::kEvent ? record->event.message.text
                                                             : record->span.name);
      }
    }
    return seen;
  }

  testing::TempDirectory directory_;
  std::string boot_id_ = "boot-1";
  Counters counters_;
  std::unique_ptr<AdmissionState> state_;
  std::unique_ptr<journal::Journal> journal_;
  std::unique_ptr<Admission> admission_;
  bool rebooted_ = false;
};

}  // namespace sluice::ingest
