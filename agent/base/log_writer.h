// Takes the agent's own messages to a descriptor that may take none for ever.
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <thread>

#include "absl/strings/string_view.h"
#include "agent/base/journald.h"
#include "agent/base/log.h"
#include "agent/base/mutex.h"

namespace sluice {

// Thread-safe. Writes on a thread of its own, which takes no signals.
class LogWriter {
 public:
  using Clock = std::chrono::steady_clock;

  // What waits at most. What is over that is dropped.
  static constexpr size_t kMaxBytes = 256 * 1024;

  // `fd` is not owned. `journald`: where messages with an id go if `fd` is the journal's stream.
  explicit LogWriter(int fd, std::string journald = kJournaldSocket);
  // Waits until everything is written, however long that takes.
  ~LogWriter();

  // Never waits for the descriptor. `id`: one of message_ids.h, or empty.
  void Add(LogPriority priority, absl::string_view message, absl::string_view id = {})
      EXCLUDES(mutex_);

  // Waits until everything is written; false: `deadline` passed first.
  bool Flush(Clock::time_point deadline) EXCLUDES(mutex_);

  // Messages, so far. Where some were dropped a line says how many, once it can be written.
  uint64_t dropped() const EXCLUDES(mutex_);

 private:
  struct Message {
    LogPriority priority;
    std::string text;
    absl::string_view id;
    size_t bytes() const { return sizeof(Message) + text.size(); }
  };

  void Run();
  std::optional<Message> Next() EXCLUDES(mutex_);
  bool Idle() const REQUIRES(mutex_);
  void TellOfDropped() REQUIRES(mutex_);
  void Write(const Message& message) EXCLUDES(mutex_);

  const int fd_;
  const bool is_journal_;
  const std::string journald_;
  mutable Mutex mutex_;
  CondVar changed_;
  std::deque<Message> waiting_ GUARDED_BY(mutex_);
  size_t waiting_bytes_ GUARDED_BY(mutex_) = 0;
  // Dropped after the last one that waits.
  uint64_t untold_ GUARDED_BY(mutex_) = 0;
  uint64_t dropped_ GUARDED_BY(mutex_) = 0;
  bool writing_ GUARDED_BY(mutex_) = false;
  bool ending_ GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

}  // namespace sluice
