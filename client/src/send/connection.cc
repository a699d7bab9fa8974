#include "client/src/send/connection.h"

#include "proto/record/names.h"

namespace sluice {

rpc::Status Connection::Open(const std::string& socket_path, std::string_view hello,
                             OnMessage on_message, std::unique_ptr<Connection>* connection) {
  std::unique_ptr<rpc::Channel> channel;
  const rpc::Status status = rpc::Channel::Open(socket_path, rpc::Deadline::min(), &channel);
  if (!status.ok()) return status;
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
