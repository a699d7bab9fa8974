// Requests that are in the journal though their senders could not be told: sent again, they are
// answered and not stored twice.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "agent/ingest/otlp/receiver.h"

namespace sluice::ingest::otlp {

// By user, so that nobody can have another's request taken for known. Requests are compared by a
// hash of 128 bits, which is made only while there is something to compare with.
class LostAnswers {
 public:
  static constexpr size_t kPerUid = 64;
  static constexpr uint64_t kKeptNanos = 60'000'000'000;

  struct Answer {
    uint64_t journal_sequence = 0;  // to be synced first
    Reply reply;
  };

  void Remember(uid_t uid, const Request& request, Answer answer, uint64_t now);
  // nullopt: it is not known.
  std::optional<Answer> Find(uid_t uid, const Request& request, uint64_t now);

 private:
  using Hash = std::pair<uint64_t, uint64_t>;
  struct Lost {
    Hash hash;
    uint64_t forgotten_at = 0;
    Answer answer;
  };

  static Hash HashOf(const Request& request);
  void Expire(uint64_t now);

  absl::flat_hash_map<uid_t, std::deque<Lost>> by_uid_;  // of each, the oldest first
};

}  // namespace sluice::ingest::otlp
