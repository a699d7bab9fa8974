#include "agent/control/streamed_answer.h"

#include <pthread.h>

#include <utility>

#include "agent/base/background_thread.h"

namespace sluice::control {
namespace {

// What may wait in the call for the peer to read it.
constexpr size_t kUnsentBytes = 1024 * 1024;

}  // namespace

// Between the producer's thread and the loop's.
class StreamedAnswers::Stream final : public AnswerStream,
                                      public std::enable_shared_from_this<Stream> {
 public:
  Stream(net::EventLoop* loop, net::GrpcServer* server, net::CallId call)
      : loop_(loop), server_(server), call_(call) {}

  bool Send(std::string message) override {
    {
      MutexLock lock(&mutex_);
      while (!writable_ && !cancelled_) changed_.Wait(&mutex_);
      if (cancelled_) return false;
      writable_ = false;
    }
    loop_->Post([self = shared_from_this(), message = std::move(message)] {
      net::Call* const call = self->server_->FindCall(self->call_);
      if (call == nullptr) return self->Cancel();
      call->Send(message);
      if (call->unsent_bytes() < kUnsentBytes) self->SetWritable();
    });
    return true;
  }

  bool IsOver() override {
    MutexLock lock(&mutex_);
    return over_;
  }

  void WhenOver(std::function<void()> wake) override {
    MutexLock lock(&mutex_);
    wake_ = std::move(wake);
    if (over_) wake_();
  }

  void SetWritable() {
    MutexLock lock(&mutex_);
    writable_ = true;
    changed_.NotifyAll();
  }

  void Cancel() {
    MutexLock lock(&mutex_);
    cancelled_ = true;
    changed_.NotifyAll();
    TellOver();
  }

  void EndWaiting() {
    MutexLock lock(&mutex_);
    TellOver();
  }

 private:
  void TellOver() REQUIRES(mutex_) {
    over_ = true;
    if (wake_) wake_();
  }

  net::EventLoop* const loop_;
  net::GrpcServer* const server_;
  const net::CallId call_;

  Mutex mutex_;
  CondVar changed_;
  bool writable_ GUARDED_BY(mutex_) = true;
  bool cancelled_ GUARDED_BY(mutex_) = false;
  bool over_ GUARDED_BY(mutex_) = false;
  std::function<void()> wake_ GUARDED_BY(mutex_);
};

class StreamedAnswers::Handler final : public net::CallHandler {
 public:
  Handler(StreamedAnswers* answers, net::GrpcServer* server, net::Call* call,
          ProducerFactory factory)
      : answers_(answers), server_(server), call_(call), factory_(std::move(factory)) {}

  void OnMessage(std::string_view message) override {
    if (stream_ != nullptr) return call_->Finish(absl::InvalidArgumentError("a second request"));
    auto producer = factory_(*call_, message);
    if (!producer.ok()) return call_->Finish(producer.status());
    const absl::Status status = answers_->Start(server_, *call_, *std::move(producer), &stream_);
    if (!status.ok()) call_->Finish(status);
  }

  void OnHalfClose() override {
    if (stream_ == nullptr) call_->Finish(absl::InvalidArgumentError("no request"));
  }

  void OnCancel() override {
    if (stream_ != nullptr) stream_->Cancel();
  }

  void OnWritable() override {
    if (stream_ != nullptr) stream_->SetWritable();
  }

 private:
  StreamedAnswers* const answers_;
  net::GrpcServer* const server_;
  net::Call* const call_;
  const ProducerFactory factory_;
  std::shared_ptr<Stream> stream_;
};

StreamedAnswers::~StreamedAnswers() {
  for (auto& [key, running] : running_) running.stream->Cancel();
  for (auto& [key, running] : running_) running.thread.join();
}

void StreamedAnswers::EndWaiting() {
  for (auto& [key, running] : running_) running.stream->EndWaiting();
}

net::CallFactory StreamedAnswers::Serve(net::GrpcServer* server, ProducerFactory factory) {
  return [this, server, factory = std::move(factory)](net::Call& call) {
    return std::make_unique<Handler>(this, server, &call, factory);
  };
}

bool StreamedAnswers::HasRoom(uid_t uid) const {
  const auto of = [this](uid_t user) {
    const auto found = by_uid_.find(user);
    return found == by_uid_.end() ? 0 : found->second;
  };
  if (of(uid) >= limits_.per_uid) return false;
  return uid == 0 || static_cast<int>(running_.size()) - of(0) < limits_.in_all;
}

absl::Status StreamedAnswers::Start(net::GrpcServer* server, net::Call& call, Producer producer,
                                    std::shared_ptr<Stream>* started) {
  const uid_t uid = call.connection().uid();
  if (!HasRoom(uid)) {
    counters_->Add("query.refused", "too_many", uid);
    return absl::ResourceExhaustedError("too many queries at once; end one, or try again");
  }
  ++by_uid_[uid];
  auto stream = std::make_shared<Stream>(loop_, server, call.id());
  auto run = [this, stream, server, uid, id = call.id(), producer = std::move(producer)] {
    BecomeBackgroundThread("answer");
    const absl::Status status = producer(*stream);
    loop_->Post([this, server, uid, id, status] {
      if (net::Call* const open = server->FindCall(id)) open->Finish(status);
      Finished({server, id}, uid);
    });
  };
  *started = stream;
  running_[{server, call.id()}] = {std::move(stream), std::thread(std::move(run))};
  return absl::OkStatus();
}

void StreamedAnswers::Finished(const Key& key, uid_t uid) {
  const auto running = running_.find(key);
  running->second.thread.join();
  running_.erase(running);
  if (--by_uid_[uid] == 0) by_uid_.erase(uid);
}

}  // namespace sluice::control
