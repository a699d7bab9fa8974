// Takes time off the loop's thread: what is compressed or JSON becomes an encoded request on a
// thread of its own.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <thread>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "agent/base/event_loop.h"
#include "agent/base/mutex.h"
#include "agent/ingest/otlp/receiver.h"
#include "agent/net/http/content_coding.h"
#include "agent/net/http/http_service.h"
#include "agent/net/serving_order.h"
#include "proto/otlp/schema.h"

namespace sluice::ingest::otlp {

// What may be decompressed at once on the loop's thread, in bytes that come of it; half a
// millisecond.
inline constexpr size_t kDecodedAtOnceBytes = 512 * 1024;

// Told to who finds no memory.
inline constexpr std::chrono::milliseconds kMemoryDelay{1000};

// What is answered where it failed with `status`.
Reply ReplyToFailedConversion(const absl::Status& status);

// Converts one body at a time; of the users who wait, the one who has had least of it is next. The
// thread begins with the first body. All of it belongs to the loop's thread.
class BodyConverter {
 public:
  // The request, charged to its user; or INVALID_ARGUMENT, RESOURCE_EXHAUSTED where it is larger
  // than is ever taken, UNAVAILABLE where there was no memory for it in time.
  using Done = std::function<void(absl::StatusOr<net::HeldBody>)>;

  struct Body {
    uid_t uid = 0;
    net::HeldBody held;
    net::ContentCoding coding = net::ContentCoding::kIdentity;
    const sluice::otlp::Message* json = nullptr;  // what the JSON is of; null: it is protobuf
    size_t max_bytes = 0;                         // once it is decompressed
  };

  // Whether it is done in a moment: then ConvertNow may do it.
  static bool IsQuick(const Body& body);

  // How long a body waits for memory.
  static constexpr uint64_t kLongestWaitNanos = 3'000'000'000;

  // Both outlive it.
  BodyConverter(net::EventLoop* loop, net::ByteBudget* budget);
  ~BodyConverter();

  using Ticket = uint64_t;  // never 0
  // `done` is called in a later turn.
  Ticket Convert(Body body, Done done);
  // `done` is not called any more.
  void Cancel(Ticket ticket);

  // At once, on the caller's thread, within what `body` may take of its user's share.
  static absl::StatusOr<net::HeldBody> ConvertNow(Body body, net::ByteBudget* budget);

 private:
  struct Job;

  void Queue(Job* job);
  void StartNext();
  Job* TakeNext();
  bool CanEverCharge(const Body& body) const;
  bool ChargeFor(Job* job);
  void Start(Job* job);
  void OnConverted();
  void RunThread();
  void LookLater();
  void End(Job* job, absl::StatusOr<net::HeldBody> result);

  net::EventLoop* const loop_;
  net::ByteBudget* const budget_;
  net::ServingOrder order_;
  absl::flat_hash_map<Ticket, std::unique_ptr<Job>> jobs_;
  Ticket last_ticket_ = 0;
  Job* running_ = nullptr;
  size_t waiting_ = 0;
  net::EventLoop::TimerId look_timer_ = 0;
  std::thread thread_;
  // Ends with this, for what the thread has posted.
  const std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);

  Mutex mutex_;
  CondVar changed_;
  Job* handed_ GUARDED_BY(mutex_) = nullptr;  // to the thread
  bool stop_ GUARDED_BY(mutex_) = false;
};

}  // namespace sluice::ingest::otlp
