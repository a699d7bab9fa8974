// One Connect stream: Hello and Welcome, then batches out and acknowledgements in.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "client/rpc/channel.h"
#include "client/src/send/outbox.h"
#include "client/src/send/server_message.h"

namespace sluice {

// Owned by one thread.
class Connection {
 public:
  using OnMessage = std::function<void(const ServerMessage& message)>;

  // Connects, without waiting, and says `hello`, an encoded ClientMessage. Whatever comes back goes
  // to `on_message`.
  static rpc::Status Open(const std::string& socket_path, std::string_view hello,
                          OnMessage on_message, std::unique_ptr<Connection>* connection);

  // Sends and receives what can be without waiting; how the stream ended, where it did.
  rpc::Status Step();
  // Until Step has something to do, or `deadline`. Touches nothing that fork must find whole.
  void Wait(rpc::Deadline deadline) const { channel_->Wait(deadline); }

  // Whether all that was sent has left for the agent.
  bool is_clear() const { return call_->sent_all() && !channel_->has_unsent(); }
  void Send(const Outbox::Plan& plan, Outbox* outbox);

  void CloseSocket() { channel_->CloseSocket(); }

 private:
  Connection(std::unique_ptr<rpc::Channel> channel, OnMessage on_message)
      : channel_(std::move(channel)), on_message_(std::move(on_message)) {}

  void Start(std::string_view hello);
  bool Receive(std::string_view encoded);

  std::unique_ptr<rpc::Channel> channel_;
  OnMessage on_message_;
  bool is_malformed_ = false;
  std::unique_ptr<rpc::Call> call_;  // last: it needs the channel to be cancelled
};

}  // namespace sluice
