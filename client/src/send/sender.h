// Carries records from the ring to the agent: one background thread, started by the first record.
//
// It connects, sends what the ring holds in batches, frees what is acknowledged, and sleeps when
// there has been nothing to do for a while. When the connection breaks it waits (50 ms doubling to
// 1 s, or as long as the agent asks), connects anew, and sends again what was not acknowledged.
// Neither a handshake nor an acknowledgement is waited for without end.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <mutex>

#include "client/src/recorder.h"
#include "client/src/send/connection.h"
#include "client/src/send/mailbox.h"
#include "client/src/send/outbox.h"
#include "client/src/settings.h"
#include "proto/trace/ids.h"

namespace sluice {

class Sender {
 public:
  struct Parts {
    const Settings* settings;
    Ring* ring;
    Recorder* recorder;
    Mailbox* mailbox;
  };
  explicit Sender(const Parts& parts);

  // Starts the thread: detached, for as long as the process lives, with all signals blocked. False:
  // the system has no thread to give.
  bool StartThread();

  // Callers; thread-safe.

  // What there was at one moment: records emitted, and those that were lost before.
  struct Amount {
    uint64_t emitted = 0;
    uint64_t lost = 0;
  };
  Amount amount() const { return {outbox_.emitted(), recorder_->drops().lost()}; }
  // Whether so many records are acknowledged, and so many losses told.
  bool IsSettled(const Amount& amount) const {
    return acked() >= amount.emitted && told_.load() >= amount.lost;
  }

  enum class Patience { kUntilDeadline, kWhileThereIsAnAgent };
  // Waits until it is settled. False: time ran out, or, if so asked, an attempt made since found
  // nobody listening.
  bool WaitSettled(const Amount& amount, rpc::Deadline deadline, Patience patience);

  // Do not wait any longer before the next attempt to connect.
  void Hurry() { hurries_.fetch_add(1); }

  uint64_t emitted() const { return outbox_.emitted(); }
  uint64_t sent() const { return outbox_.sent(); }
  uint64_t acked() const { return outbox_.acked(); }
  uint64_t dropped_by_agent() const { return dropped_by_agent_.load(); }
  uint64_t connects() const { return connects_.load(); }
  bool is_connected() const { return is_connected_.load(); }

  // Around fork. Between, the thread is where it holds no lock, its own or the allocator's. The
  // child has no such thread, and a copy of the socket.
  void Pause() { work_.lock(); }
  void Resume() { work_.unlock(); }
  void CloseSocket() {
    if (connection_) connection_->CloseSocket();
  }

 private:
  using Time = rpc::Deadline;

  static void* ThreadMain(void* sender);
  [[noreturn]] void Run();
  bool NeedsAgent();
  rpc::Status Serve();
  rpc::Status Connect();
  rpc::Status AwaitWelcome();
  void Wait(Time deadline);
  void Sleep(Mailbox::State state, Time deadline);
  rpc::Status Pump();
  rpc::Status Exchange();
  bool IsSendDue() const;
  bool SendBatch();
  void NoteTold();
  void OnMessage(const ServerMessage& message);
  void OnAcknowledged(uint64_t sequence);
  void Disconnect();

  void PublishDueSpans();
  bool PublishSpansOlderThanInterval();
  void SleepUntilNeeded();
  void WaitBeforeReconnect(const rpc::Status& status);
  bool TakeHurry();
  void TellProgress();

  const Settings& settings_;
  Recorder* const recorder_;
  Mailbox* const mailbox_;
  ClientId client_id_;

  // Held by the thread but while it waits.
  std::mutex work_;

  // The thread's own. Members, since a child after fork keeps them and never frees them.
  Outbox outbox_;
  std::unique_ptr<Connection> connection_;
  bool is_welcome_ = false;
  Time last_progress_;  // of acknowledgements
  Time last_activity_;
  Time next_publish_;
  Time next_send_;  // where neither much waits nor somebody for it
  Time next_tell_;  // of losses alone
  std::chrono::milliseconds backoff_;
  uint32_t hurries_taken_ = 0;
  // Losses in the last batch of this connection, on its way or gone.
  uint64_t telling_ = 0;

  std::atomic<uint32_t> hurries_{0};
  std::atomic<uint32_t> progress_{0};  // futex: rises when a waiter should look again
  std::atomic<uint32_t> waiters_{0};
  std::atomic<uint32_t> found_nobody_{0};  // attempts that found nobody listening
  std::atomic<uint64_t> told_{0};          // losses that an agent was sent
  std::atomic<uint64_t> dropped_by_agent_{0};
  std::atomic<uint64_t> connects_{0};
  std::atomic<bool> is_connected_{false};
};

}  // namespace sluice
