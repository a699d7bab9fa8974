// Whatever a peer sends, the front end survives, and once the peer is gone it holds nothing of it.
// Input: one byte that says in which pieces the rest arrives (0: all at once), then the bytes a
// client sends, its preface included.
#include <sys/socket.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <string_view>
#include <utility>

#include "agent/net/grpc/grpc_server.h"
#include "agent/net/grpc/unary.h"
#include "tests/support/h2_client.h"

namespace sluice::net {
namespace {

void Require(bool holds) {
  if (!holds) std::abort();
}

class FrozenClock final : public Clock {
 public:
  uint64_t UnixNano() const override { return 1; }
  uint64_t BootNano() const override { return now; }
  uint64_t now = 1;
};

// Answers each message, and ends once two answers are out.
class Moody final : public CallHandler {
 public:
  explicit Moody(Call* call) : call_(call) {}
  void OnMessage(std::string_view message) override {
    call_->Send(message);
    ++messages_;
  }
  void OnHalfClose() override { call_->Finish(absl::OkStatus()); }
  void OnWritable() override {
    if (messages_ > 1) call_->Finish(absl::AbortedError("enough"));
  }

 private:
  Call* const call_;
  int messages_ = 0;
};

class Fuzz {
 public:
  Fuzz() : server_({.loop = loop_.get(), .counters = &counters_, .budget = &budget_}) {
    server_.AddRoute("/t.T/Echo", {.factory = Unary([](Call& call, std::string_view request) {
                                     call.Send(request);
                                     call.Finish(absl::OkStatus());
                                   })});
    server_.AddRoute("/t.T/Moody",
                     {.factory = [](Call& call) { return std::make_unique<Moody>(&call); },
                      .max_message_bytes = 100'000});
  }

  void Run(std::string_view bytes, size_t piece) {
    auto [near, far] = testing::SocketPair();
    server_.AddConnection(std::move(far));
    while (!bytes.empty()) {
      const std::string_view part = bytes.substr(0, piece);
      bytes.remove_prefix(part.size());
      if (::send(near.get(), part.data(), part.size(), MSG_NOSIGNAL | MSG_DONTWAIT) < 0) break;
      loop_->RunOnce(0);
    }
    loop_->RunOnce(0);
    near.reset();
    for (int turn = 0; turn < 1000 && server_.connection_count() > 0; ++turn) loop_->RunOnce(0);
    Require(server_.connection_count() == 0);
    Require(budget_.used() == 0);
  }

 private:
  FrozenClock clock_;
  std::unique_ptr<EventLoop> loop_ = *EventLoop::Create(clock_);
  Counters counters_;
  ByteBudget budget_{{}};
  GrpcServer server_;
};

}  // namespace
}  // namespace sluice::net

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size) {
  if (size == 0) return 0;
  static sluice::net::Fuzz* const fuzz = new sluice::net::Fuzz;
  const std::string_view input(reinterpret_cast<const char*>(bytes) + 1, size - 1);
  fuzz->Run(input, bytes[0] == 0 ? std::max<size_t>(size, 1) : bytes[0]);
  return 0;
}
