// The server's side of one gRPC call, as services see it.
//
// Life of a call: a request for a known path arrives; its CallFactory makes a CallHandler; then
//   OnMessage*  [OnHalfClose]  Finish, or
//   OnMessage*  [OnHalfClose]  OnCancel
// where OnContinue follows on an OnMessage as long as the handler asks for it,
// and the handler is destroyed at the end of that turn of the loop, then the call. Between, the
// service may keep the Call's id and answer in any turn, e.g. once a sync came through:
//   if (Call* call = server.FindCall(id)) call->Finish(absl::OkStatus());
// Everything happens on the loop's thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "agent/net/connection.h"
#include "agent/net/http/content_coding.h"
#include "agent/net/owned_bytes.h"
#include "proto/record/limits.h"

namespace sluice::net {

using CallId = uint64_t;

class Call {
 public:
  virtual ~Call() = default;

  // Never used again by the same server.
  virtual CallId id() const = 0;
  virtual Connection& connection() = 0;
  // `/package.Service/Method`.
  virtual std::string_view path() const = 0;

  // CLOCK_BOOTTIME nanoseconds after which the caller does not wait any more; 0: not stated.
  virtual uint64_t deadline() const = 0;

  // From within OnMessage: what its message is still compressed with, as Route says of large ones.
  virtual ContentCoding message_coding() const = 0;

  // From within OnMessage: its message, to be kept. What is large is not copied, and is not charged
  // to the call any more.
  virtual OwnedBytes TakeMessage(std::string_view message) = 0;

  // Queues one message; copied. Written at the end of the turn, as far as the peer reads. Ignored
  // after Finish or OnCancel.
  virtual void Send(std::string_view message) = 0;

  // Ends the call after what was sent. Nothing more is delivered. `retry_after_ms` becomes the
  // `grpc-retry-pushback-ms` trailer. Ignored after Finish or OnCancel.
  virtual void Finish(const absl::Status& status, std::optional<int64_t> retry_after_ms = {}) = 0;
  virtual bool finished() const = 0;

  // What was asked for is done, or will be: a deadline that passes from here on makes the answer
  // late, and is no refusal.
  virtual void MarkTaken() = 0;

  // From within OnMessage or OnContinue: the message takes more work than one may do at once.
  // OnContinue is called in a later turn, when others have had theirs. Until then nothing else of
  // the uid's that is read here goes on.
  virtual void ContinueLater() = 0;

  // Bytes queued by Send that the peer's flow control or socket has not let out yet. A service with
  // much to say keeps this below kMaxUnsentBytes by waiting for OnWritable: a Send that exceeds it
  // ends the call with RESOURCE_EXHAUSTED.
  virtual size_t unsent_bytes() const = 0;
  static constexpr size_t kMaxUnsentBytes = 8 * 1024 * 1024;
};

class CallHandler {
 public:
  virtual ~CallHandler() = default;

  // One whole message, without its gRPC prefix; valid only during the call.
  virtual void OnMessage(std::string_view message) = 0;
  // The same message, after Call::ContinueLater. It may lie elsewhere than before, at most once.
  virtual void OnContinue(std::string_view) {}
  // The peer will send no more messages.
  virtual void OnHalfClose() = 0;
  // The peer gave up, its deadline passed, it exceeded a limit, or the connection ended; nothing
  // can be sent any more.
  virtual void OnCancel() {}
  // All that was sent left for the peer.
  virtual void OnWritable() {}
};

// Makes the handler of a new call. May Finish the call and return null, to refuse it.
using CallFactory = std::function<std::unique_ptr<CallHandler>(Call& call)>;

// What serves one path.
struct Route {
  CallFactory factory;
  // A request message above it ends the call with RESOURCE_EXHAUSTED, unread.
  size_t max_message_bytes = limits::kBatchBytes;
  // Whether messages may come compressed with gzip; the limit is of either size.
  bool takes_gzip = false;
  // Of those, one that may have more bytes than this once decompressed is handed on as it came.
  size_t max_decompressed_bytes = SIZE_MAX;
};

}  // namespace sluice::net
