#include "client/src/send/connection.h"

#include <sys/socket.h>

#include "proto/record/names.h"

namespace sluice {
namespace {

// As much as the agent's window of a stream lets be under way; the kernel gives what
// net.core.wmem_max allows. With its default, a fifth of that, the agent has to have a processor
// for every 200 KiB.
constexpr int kSendBufferBytes = 1 << 20;

}  // namespace

rpc::Status Connection::Open(const std::string& socket_path, std::string_view hello,
                             OnMessage on_message, std::unique_ptr<Connection>* connection) {
  std::unique_ptr<rpc::Channel> channel;
  const rpc::Status status = rpc::Channel::Open(socket_path, rpc::Deadline::min(), &channel);
  if (!status.ok()) return status;
  setsockopt(channel->fd(), SOL_SOCKET, SO_SNDBUF, &kSendBufferBytes, sizeof(kSendBufferBytes));
  connection->reset(new Connection(std::move(channel), std::move(on_message)));
  (*connection)->Start(hello);
  return {};
}

void Connection::Start(std::string_view hello) {
  call_ = channel_->Start(method::kConnect, rpc::Deadline::max(),
                          [this](std::string_view message) { return Receive(message); });
  call_->Send(hello);
}

bool Connection::Receive(std::string_view encoded) {
  const auto message = DecodeServerMessage(encoded);
  is_malformed_ = !message;
  if (message) on_message_(*message);
  return !is_malformed_;
}

rpc::Status Connection::Step() {
  const rpc::Status status = channel_->Step(rpc::Deadline::min());
  if (is_malformed_) return {.outcome = rpc::Outcome::kBroken, .message = "malformed message"};
  if (!call_->done()) return status;
  if (!call_->status().ok()) return call_->status();
  return {.outcome = rpc::Outcome::kBroken, .message = "the agent ended the stream"};
}

void Connection::Send(const Outbox::Plan& plan, Outbox* outbox) {
  outbox->TakeBatch(plan, &call_->BeginSend(plan.message_size()));
  call_->Resume();
}

}  // namespace sluice
