#include "agent/ingest/connect_handler.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "proto/record/field_numbers.h"
#include "proto/record/limits.h"
#include "proto/record/names.h"
#include "proto/wire/reader.h"

namespace sluice::ingest {
namespace {

// How soon an agent that is stopping may be back.
constexpr int64_t kRestartMs = 50;

}  // namespace

// The fields of sluice.v1.Hello, still encoded: as a message they may take many times their size.
struct IngestService::ConnectHandler::HelloFields {
  uint64_t protocol_version = 0;
  std::string_view client_id;
  std::string_view resource;
  std::string_view boot_id;
  bool has_open_spans = false;
};

std::optional<IngestService::ConnectHandler::HelloFields> IngestService::ConnectHandler::ReadHello(
    std::string_view encoded) {
  HelloFields fields;
  WireReader reader(encoded);
  int read = 0;
  for (WireField field; reader.Next(&field);) {
    if (++read > kMessageFields) return std::nullopt;
    switch (field.tag) {
      case WireTag(hello_field::kProtocolVersion, WireType::kVarint):
        fields.protocol_version = field.scalar;
        break;
      case WireTag(hello_field::kClientId, WireType::kBytes):
        fields.client_id = field.bytes;
        break;
      case WireTag(hello_field::kResource, WireType::kBytes):
        fields.resource = field.bytes;
        break;
      case WireTag(hello_field::kBootId, WireType::kBytes):
        fields.boot_id = field.bytes;
        break;
      case WireTag(hello_field::kOpenSpans, WireType::kBytes):
        fields.has_open_spans = true;
        break;
    }
  }
  if (!reader.ok()) return std::nullopt;
  return fields;
}

IngestService::ConnectHandler::ConnectHandler(IngestService* service, net::Call* call)
    : service_(service),
      call_(call),
      place_(call->connection().uid(), call->id()),
      connected_unix_nano_(service->options_.loop->clock().UnixNano()) {
  service_->streams_[call->id()] = this;
  service_->streams_by_uid_[place_] = this;
}

IngestService::ConnectHandler::~ConnectHandler() {
  service_->streams_.erase(call_->id());
  service_->streams_by_uid_.erase(place_);
  if (!sender_.has_value()) return;
  const Identity& identity = sender_->origin->identity;
  const Clock& clock = service_->options_.loop->clock();
  service_->options_.processes->OnStreamClose(ProcessOf(identity));
  service_->options_.admission->clients().Disconnect(identity.uid, *sender_->client_id,
                                                     clock.BootNano());
  service_->losses_.End(identity.uid, *sender_->client_id, clock.UnixNano());
}

void IngestService::ConnectHandler::OnMessage(std::string_view message) {
  // sluice.v1.ClientMessage holds one field.
  WireReader reader(message);
  WireField field;
  if (!reader.Next(&field)) return Refuse(absl::InvalidArgumentError("empty ClientMessage"));
  switch (field.tag) {
    case WireTag(client_message_field::kHello, WireType::kBytes):
      return HandleHello(field.bytes);
    case WireTag(client_message_field::kBatch, WireType::kBytes):
      return HandleBatch(field.bytes);
    case WireTag(client_message_field::kFlush, WireType::kBytes):
      return HandleFlush(field.bytes);
    default:
      return Refuse(absl::InvalidArgumentError("ClientMessage of an unknown kind"));
  }
}

// Of a batch: nothing else takes more than one turn.
void IngestService::ConnectHandler::OnContinue(std::string_view message) {
  WireReader reader(message);
  WireField field;
  if (reader.Next(&field)) WorkOnBatch(field.bytes);
}

void IngestService::ConnectHandler::Refuse(const absl::Status& status) {
  call_->Finish(status, PushbackMs(status));
}

absl::Status IngestService::ConnectHandler::CheckHello(const HelloFields& hello) const {
  if (sender_.has_value()) return absl::InvalidArgumentError("a second Hello");
  if (hello.protocol_version != limits::kProtocolVersion) {
    return absl::FailedPreconditionError(absl::StrCat("protocol version ", hello.protocol_version,
                                                      " is not known; this agent speaks ",
                                                      limits::kProtocolVersion));
  }
  if (hello.client_id.size() != ClientId::kBytes) {
    return absl::InvalidArgumentError("client_id is not 16 bytes");
  }
  if (!hello.boot_id.empty() && hello.boot_id != service_->options_.boot_id) {
    return absl::FailedPreconditionError("boot_id is not this machine's");
  }
  return absl::OkStatus();
}

void IngestService::ConnectHandler::HandleHello(std::string_view encoded) {
  const auto hello = ReadHello(encoded);
  if (!hello.has_value()) {
    return Refuse(
        absl::InvalidArgumentError("not an encoded sluice.v1.Hello, or one with too many fields"));
  }
  if (const absl::Status status = CheckHello(*hello); !status.ok()) return Refuse(status);

  const IngestService::Options& options = service_->options_;
  net::Connection& connection = call_->connection();
  const ClientId client_id = *ClientId::FromBytes(hello->client_id);
  const auto* client = options.admission->clients().Connect(connection.uid(), client_id,
                                                            options.loop->clock().BootNano());
  if (client == nullptr) {
    return Refuse(absl::ResourceExhaustedError("too many clients of this user are connected"));
  }
  sender_ =
      Sender{service_->OriginOf(connection, hello->resource), client_id, connection.is_host_root()};
  options.processes->OnStreamOpen(ProcessOf(connection.identity()));
  if (hello->has_open_spans) {
    options.processes->Track(ProcessOf(connection.identity()), connection.pidfd());
  }
  // The client forgets what the Welcome names, so that has to be durable first.
  welcome_after_ = client->journal_sequence;
  durable_client_sequence_ = client->last_sequence;
  service_->WaitFor({welcome_after_, call_->id(), {}});
}

void IngestService::ConnectHandler::HandleBatch(std::string_view encoded) {
  if (!sender_.has_value()) return Refuse(absl::FailedPreconditionError("Batch before Hello"));
  pending_.emplace(service_->options_.admission, &*sender_, journal::Urgency::kGrouped);
  WorkOnBatch(encoded);
}

void IngestService::ConnectHandler::WorkOnBatch(std::string_view encoded) {
  const auto done = service_->Take(call_->connection(), *sender_, encoded, &*pending_);
  if (!done.has_value()) return call_->ContinueLater();
  pending_.reset();
  if (!done->ok()) return Refuse(done->status());
  const Admitted& admitted = **done;
  records_ += admitted.accepted;
  for (const auto& [reason, count] : admitted.drops) drops_[reason] += count;
  unacknowledged_.push_back({admitted.journal_sequence, admitted.last_sequence});
  service_->WaitFor({admitted.journal_sequence, call_->id(), {}});
}

void IngestService::ConnectHandler::HandleFlush(std::string_view encoded) {
  const auto answer = [service = service_, id = call_->id()](v1::FlushResponse response) {
    net::Call* const call = service->server_->FindCall(id);
    if (call == nullptr) return;
    v1::ServerMessage message;
    *message.mutable_flush() = std::move(response);
    call->Send(message.SerializeAsString());
  };
  const absl::Status started = service_->StartFlush(call_->connection().uid(), encoded, answer);
  if (!started.ok()) Refuse(started);
}

void IngestService::ConnectHandler::OnDurable(uint64_t journal_sequence) {
  if (!welcomed_ && journal_sequence >= welcome_after_) SendWelcome();
  bool settled = false;
  while (!unacknowledged_.empty() && unacknowledged_.front().journal_sequence <= journal_sequence) {
    durable_client_sequence_ = unacknowledged_.front().client_sequence;
    unacknowledged_.pop_front();
    settled = true;
  }
  if (settled) SendAck();
  FinishWhenSettled();
}

void IngestService::ConnectHandler::SendAway() {
  call_->Finish(absl::UnavailableError("the agent is stopping"), kRestartMs);
}

void IngestService::ConnectHandler::FinishWhenSettled() {
  if (half_closed_ && unacknowledged_.empty()) call_->Finish(absl::OkStatus());
}

void IngestService::ConnectHandler::SendWelcome() {
  welcomed_ = true;
  v1::ServerMessage message;
  v1::Welcome* welcome = message.mutable_welcome();
  welcome->set_protocol_version(limits::kProtocolVersion);
  welcome->set_last_sequence(durable_client_sequence_);
  welcome->mutable_limits()->set_record_bytes(limits::kRecordBytes);
  welcome->mutable_limits()->set_batch_bytes(limits::kBatchBytes);
  welcome->mutable_limits()->set_attributes(limits::kAttributes);
  welcome->mutable_limits()->set_open_spans(limits::kOpenSpansPerUid);
  *welcome->mutable_hint() = service_->hint_;
  welcome->set_agent_version(std::string(kVersion));
  call_->Send(message.SerializeAsString());
}

void IngestService::ConnectHandler::SendHint() {
  if (!welcomed_) return;
  v1::ServerMessage message;
  *message.mutable_hint() = service_->hint_;
  call_->Send(message.SerializeAsString());
}

void IngestService::ConnectHandler::SendAck() {
  v1::ServerMessage message;
  v1::Ack* ack = message.mutable_ack();
  ack->set_sequence(durable_client_sequence_);
  ack->set_durability(ToProto(service_->options_.journal->durability()));
  for (const auto& [reason, count] : drops_) {
    v1::Drop* drop = ack->add_drops();
    drop->set_reason(reason);
    drop->set_count(count);
  }
  drops_.clear();
  call_->Send(message.SerializeAsString());
}

void IngestService::ConnectHandler::OnHalfClose() {
  half_closed_ = true;
  FinishWhenSettled();
}

ClientCopy IngestService::ConnectHandler::Copy() const {
  ClientCopy copy;
  copy.identity = call_->connection().identity();
  copy.connected_unix_nano = connected_unix_nano_;
  copy.last_sequence = durable_client_sequence_;
  copy.records = records_;
  if (!sender_.has_value()) return copy;
  copy.client_id = *sender_->client_id;
  copy.origin = sender_->origin;
  return copy;
}

}  // namespace sluice::ingest
