// Recorder and sender, as a Process has them, for tests of the client.
#pragma once

#include <chrono>
#include <string>
#include <string_view>
#include <vector>

#include "client/src/send/sender.h"
#include "client/src/thread_state.h"

namespace sluice::testing {

// All of a Process but that there may be many. Never destroyed, as its thread never ends.
class SendingClient {
 public:
  explicit SendingClient(const std::string& socket_path, size_t ring_bytes = 256 * 1024,
                         uint32_t capacity = 10'000,
                         std::chrono::milliseconds interval = std::chrono::milliseconds(20))
      : settings_{.socket_path = socket_path, .ring_bytes = ring_bytes, .send_interval = interval},
        ring_(Ring::Create(ring_bytes)),
        pool_(SpanPool::Create(capacity, 1)),
        recorder_(ring_, pool_, {}),
        sender_({&settings_, ring_, &recorder_, &mailbox_}) {
    thread_state.magazine.count = 0;
    thread_state.current = {};
    static auto* const all = new std::vector<SendingClient*>;
    all->push_back(this);
  }

  uint64_t Start(std::string_view name, const sluice_span_options& options = {}) {
    const uint64_t span =
        recorder_.StartSpan(name, options, {options.attributes, options.attribute_count});
    Notify();
    return span;
  }
  void End(uint64_t span) {
    recorder_.EndSpan(span);
    Notify();
  }
  void Event(std::string_view message) {
    recorder_.EmitEvent(message, {});
    Notify();
  }
  void Notify() {
    if (mailbox_.Notify()) sender_.StartThread();
  }
  bool Flush(std::chrono::milliseconds timeout = std::chrono::milliseconds(20'000)) {
    sender_.Hurry();
    if (mailbox_.NotifyUrgent()) sender_.StartThread();
    return sender_.WaitSettled(sender_.amount(), std::chrono::steady_clock::now() + timeout,
                               Sender::Patience::kUntilDeadline);
  }

  Recorder& recorder() { return recorder_; }
  Sender& sender() { return sender_; }

 private:
  const Settings settings_;
  Ring* const ring_;
  SpanPool* const pool_;
  Mailbox mailbox_;
  Recorder recorder_;
  Sender sender_;
};

}  // namespace sluice::testing
