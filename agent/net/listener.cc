#include "agent/net/listener.h"

#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <cerrno>
#include <utility>

#include "agent/base/status_macros.h"

namespace sluice::net {
namespace {

// Accepted per turn. Others' requests are served between two such bursts.
constexpr int kAcceptsPerTurn = 4;
constexpr uint64_t kRestNanos = 100'000'000;

UniqueFd OpenReserve() { return UniqueFd(::open("/dev/null", O_RDONLY | O_CLOEXEC)); }

UniqueFd Accept(int listening) {
  return UniqueFd(::accept4(listening, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
}

}  // namespace

absl::StatusOr<std::unique_ptr<Listener>> Listener::Create(EventLoop* loop, Counters* counters,
                                                           UniqueFd listening, OnAccept on_accept) {
  const int fd = listening.get();
  std::unique_ptr<Listener> listener(
      new Listener(loop, counters, std::move(listening), std::move(on_accept)));
  RETURN_IF_ERROR(loop->WatchFd(fd, EPOLLIN, listener.get()));
  return listener;
}

Listener::Listener(EventLoop* loop, Counters* counters, UniqueFd listening, OnAccept on_accept)
    : loop_(loop),
      counters_(counters),
      listening_(std::move(listening)),
      on_accept_(std::move(on_accept)),
      reserve_(OpenReserve()) {}

Listener::~Listener() {
  loop_->CancelTimer(rest_timer_);
  loop_->UnwatchFd(listening_.get());
}

void Listener::OnFdReady(uint32_t) {
  for (int i = 0; i < kAcceptsPerTurn; ++i) {
    if (!AcceptOne()) return;
  }
}

// Returns false when there is none left, or none can be taken now.
bool Listener::AcceptOne() {
  if (UniqueFd socket = Accept(listening_.get()); socket) {
    on_accept_(std::move(socket));
    return true;
  }
  switch (errno) {
    case EAGAIN:
      return false;
    case ECONNABORTED:
    case EINTR:
      return true;
    default:
      return ShedOne();
  }
}

bool Listener::ShedOne() {
  if (!reserve_) {
    Rest();
    return false;
  }
  reserve_.reset();
  UniqueFd refused = Accept(listening_.get());
  const bool none_waits = !refused && errno == EAGAIN;
  const bool shed = static_cast<bool>(refused);
  refused.reset();
  reserve_ = OpenReserve();
  if (shed) counters_->Add("net.refused", "descriptors");
  if (!shed && !none_waits) Rest();
  return shed;
}

void Listener::Rest() {
  if (!loop_->ChangeEvents(listening_.get(), 0).ok()) return;
  rest_timer_ = loop_->AddTimer(loop_->now() + kRestNanos, [this] {
    rest_timer_ = 0;
    if (!reserve_) reserve_ = OpenReserve();
    if (!loop_->ChangeEvents(listening_.get(), EPOLLIN).ok()) Rest();
  });
}

}  // namespace sluice::net
