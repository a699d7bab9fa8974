// Answers one server-streaming call from a thread of its own, for what reads files or computes for
// long: the loop never waits for the disk, nor for a peer that reads slowly.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "agent/base/mutex.h"
#include "agent/net/grpc/grpc_server.h"
#include "agent/self/counters.h"

namespace sluice::control {

// Where a producer puts its messages. Thread-safe.
class AnswerStream {
 public:
  virtual ~AnswerStream() = default;
  // Waits while the peer is behind. False: nobody listens any more, stop.
  virtual bool Send(std::string message) = 0;
  // It is to end because nobody listens any more or the agent stops.
  virtual bool IsOver() = 0;
  // For a producer that waits for more than the peer: calls `wake`, on another thread, when it is
  // over; at once where it is already.
  virtual void WhenOver(std::function<void()> wake) = 0;
};

// Runs to its end on a thread; its status ends the call.
using Producer = std::function<absl::Status(AnswerStream&)>;
// Of an encoded request; INVALID_ARGUMENT and the like refuse the call. Called on the loop's
// thread.
using ProducerFactory =
    std::function<absl::StatusOr<Producer>(net::Call& call, std::string_view request)>;

// Owned by the loop's thread.
class StreamedAnswers {
 public:
  // At once, of one uid and of all but root, who always finds room for its own. More are refused
  // with RESOURCE_EXHAUSTED and counted (`query.refused`, reason `too_many`, uid).
  struct Limits {
    int per_uid = 2;
    int in_all = 8;
  };

  // Both outlive it.
  StreamedAnswers(net::EventLoop* loop, Counters* counters, Limits limits)
      : loop_(loop), counters_(counters), limits_(limits) {}
  // Cancels what is under way and waits for its threads.
  ~StreamedAnswers();

  // Has those that wait for more than their peer come to their end.
  void EndWaiting();

  // A handler for calls of `server` with one request.
  net::CallFactory Serve(net::GrpcServer* server, ProducerFactory factory);

 private:
  class Stream;
  class Handler;
  // Two servers may give two calls the same id.
  using Key = std::pair<const net::GrpcServer*, net::CallId>;

  bool HasRoom(uid_t uid) const;
  absl::Status Start(net::GrpcServer* server, net::Call& call, Producer producer,
                     std::shared_ptr<Stream>* started);
  void Finished(const Key& key, uid_t uid);

  net::EventLoop* const loop_;
  Counters* const counters_;
  const Limits limits_;
  struct Running {
    std::shared_ptr<Stream> stream;
    std::thread thread;
  };
  std::map<Key, Running> running_;
  std::map<uid_t, int> by_uid_;
};

}  // namespace sluice::control
