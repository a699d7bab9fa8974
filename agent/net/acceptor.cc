#include "agent/net/acceptor.h"

#include <utility>

#include "agent/base/status_macros.h"

namespace sluice::net {

absl::StatusOr<std::unique_ptr<Acceptor>> Acceptor::Start(Counters* counters, UniqueFd listening,
                                                          Listener::OnAccept on_accept) {
  ASSIGN_OR_RETURN(auto loop, EventLoop::Create());
  std::unique_ptr<Acceptor> acceptor(new Acceptor(std::move(loop)));
  ASSIGN_OR_RETURN(acceptor->listener_,
                   Listener::Create(acceptor->loop_.get(), counters, std::move(listening),
                                    std::move(on_accept)));
  acceptor->thread_ = std::thread([loop = acceptor->loop_.get()] { loop->Run(); });
  return acceptor;
}

Acceptor::~Acceptor() {
  loop_->Stop();
  if (thread_.joinable()) thread_.join();
}

}  // namespace sluice::net
