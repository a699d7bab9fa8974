// Answers questions on threads of their own: what reads files, computes for long or describes much.
// The loop never waits for the disk nor for a peer that reads slowly, and does not even parse a
// question. It says whether there is room, and copies what it alone may look at, a piece at a time.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <thread>

#include "agent/control/answer_queue.h"
#include "agent/control/question_cost.h"
#include "agent/identity/identity.h"
#include "agent/net/grpc/grpc_server.h"
#include "agent/self/counters.h"

namespace sluice::control {

// Where an answer puts its messages. Belongs to the thread that answers.
class AnswerStream {
 public:
  virtual ~AnswerStream() = default;
  // Waits while the peer is behind. False: nobody listens any more, stop.
  virtual bool Send(std::string message) = 0;
  // It is to end because nobody listens any more or the agent stops. To be asked again and again by
  // what takes long: whoever took too much of the processor rests here.
  virtual bool IsOver() = 0;
  // For one that waits for more than the peer: calls `wake`, on another thread, when it is over; at
  // once where it is already.
  virtual void WhenOver(std::function<void()> wake) = 0;
  // Runs `work` on the loop's thread and waits for it. All others wait meanwhile, so that it copies
  // a small piece. False: it did not run and will not, for nobody listens any more; stop.
  virtual bool OnLoop(const std::function<void()>& work) = 0;
};

struct Question {
  // Encoded; not looked at yet.
  std::string request;
  Identity caller;
};

// Runs to its end on a thread; its status ends the call.
using Producer = std::function<absl::Status(AnswerStream&)>;
using Answerer = std::function<absl::Status(const Question&, AnswerStream&)>;

// Owned by the loop's thread. Questions that are not taken are refused with RESOURCE_EXHAUSTED and
// counted: `query.refused` (reason, uid): `too_many` at once, `cost` of what was asked before.
// `query.ended` (reason, uid): `unread` by its peer while others waited; `room` for those who had
// none, by one of several of a uid.
class StreamedAnswers {
 public:
  struct Limits : AnswerQueue::Limits {
    // Answers may go on for ever, so that who comes later needs some of them ended.
    bool endless = false;
  };

  // What is pointed to outlives it.
  StreamedAnswers(net::EventLoop* loop, Counters* counters, QuestionCost* cost,
                  const Limits& limits)
      : loop_(loop), counters_(counters), cost_(cost), limits_(limits), queue_(limits) {}
  // Cancels what is under way and waits for its threads. The servers have no calls any more.
  ~StreamedAnswers();

  // Has those that wait for more than their peer come to their end.
  void EndWaiting();

  // A handler for calls of `server` with one request.
  net::CallFactory Serve(net::GrpcServer* server, Answerer answerer);

 private:
  class Stream;
  class Handler;
  using Ticket = AnswerQueue::Ticket;

  struct Asked {
    net::GrpcServer* server = nullptr;
    net::CallId call = 0;
    uint64_t since = 0;
    Question question;  // until it is answered
    std::shared_ptr<const Answerer> answerer;
    std::shared_ptr<Stream> stream;  // null: it waits
    std::thread thread;
    uid_t uid = 0;
  };

  // 0: refused, and the call is finished.
  Ticket Ask(net::GrpcServer* server, net::Call& call, std::string_view request,
             std::shared_ptr<const Answerer> answerer);
  bool IsRefusedForCost(net::Call& call);
  void RefuseTooMany(net::Call& call);
  // Its call is over.
  void Cancel(Ticket ticket);
  void OnWritable(Ticket ticket);
  void StartNext();
  void Start(Ticket ticket, Asked* asked);
  void Finished(Ticket ticket, const absl::Status& status);
  void WatchWaiting();
  // Some have waited for a while.
  void MakeRoom();
  void RefuseLongestWaiting();
  bool EndUnread();
  void EndOne(Asked* asked, const char* reason, const char* text);

  net::EventLoop* const loop_;
  Counters* const counters_;
  QuestionCost* const cost_;
  const Limits limits_;
  AnswerQueue queue_;
  Ticket last_ticket_ = 0;
  std::map<Ticket, Asked> asked_;
  net::EventLoop::TimerId timer_ = 0;
  bool is_ending_ = false;
};

}  // namespace sluice::control
