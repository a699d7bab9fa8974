// All that this process keeps to emit records, made at the first use and never destroyed: a thread
// may emit while the process exits.
#pragma once

#include <sys/types.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>

#include "client/include/sluice/sluice.h"
#include "client/src/recorder.h"
#include "client/src/send/flush_call.h"
#include "client/src/send/mailbox.h"
#include "client/src/send/sender.h"
#include "client/src/settings.h"

namespace sluice {

class Process {
 public:
  // Null: no memory could be had.
  static Process* Get() {
    Process* const process = current_.load(std::memory_order_acquire);
    return process != nullptr ? process : Create(sluice_options{}, nullptr);
  }
  // Null where nothing was used yet.
  static Process* Existing() { return current_.load(std::memory_order_acquire); }
  // False: it exists already, or could not be made.
  static bool Init(const sluice_options& options);

  Recorder& recorder() { return recorder_; }
  const Recorder& recorder() const { return recorder_; }
  // After every call of the recorder that may have brought something.
  void Notify() {
    if (mailbox_.Notify()) [[unlikely]]
      StartSender();
  }

  // All records so far, the STARTs of open spans among them, are acknowledged within the time, and
  // what was lost is told.
  bool Flush(std::chrono::milliseconds timeout, Sender::Patience patience);
  // Likewise, and the sinks have written it; as sluice_flush_sinks says.
  int FlushSinks(const SinksFlush& flush);
  // As Flush, when the process ends. Returns at once where nothing waits.
  void HandOver();

  sluice_stats Stats() const;

 private:
  Process(Settings settings, Ring* ring, SpanPool* pool, std::unique_ptr<StderrLines> lines);

  static Process* Create(const sluice_options& options, bool* is_created);
  static Process* CreateLocked(const sluice_options& options);
  static Process* Make(const sluice_options& options);
  void StartSender();
  void Complain();

  // Around fork.
  static void BeforeFork();
  static void AfterFork();
  static void AfterForkInParent();
  static void AfterForkInChild();
  static void OnThreadExit(void*);
  static void RegisterOnce();

  static constinit std::atomic<Process*> current_;

  const pid_t pid_;
  const Settings settings_;
  Ring* const ring_;
  SpanPool* const pool_;
  const std::unique_ptr<StderrLines> lines_;  // null: nothing is printed
  const std::unique_ptr<Console> console_;    // likewise
  Mailbox mailbox_;
  Recorder recorder_;
  Sender sender_;
  // Of the process this one was forked from. Its sender may have been at work anywhere in it.
  [[maybe_unused]] Process* const inherited_;
  std::atomic<int64_t> next_start_attempt_{0};
};

}  // namespace sluice
