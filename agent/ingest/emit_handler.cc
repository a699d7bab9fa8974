#include "agent/ingest/emit_handler.h"

#include <utility>

#include "agent/base/status_macros.h"
#include "agent/ingest/connect_handler.h"
#include "proto/record/field_numbers.h"
#include "proto/wire/reader.h"

namespace sluice::ingest {

absl::StatusOr<IngestService::EmitHandler::Fields> IngestService::EmitHandler::Read(
    std::string_view request) {
  Fields fields;
  WireReader reader(request);
  int read = 0;
  for (WireField field; reader.Next(&field);) {
    if (++read > kMessageFields) {
      return absl::InvalidArgumentError("the EmitRequest has too many fields");
    }
    switch (field.tag) {
      case WireTag(emit_request_field::kBatch, WireType::kBytes):
        fields.batch = field.bytes;
        break;
      case WireTag(emit_request_field::kResource, WireType::kBytes):
        fields.resource = field.bytes;
        break;
      case WireTag(emit_request_field::kClientId, WireType::kBytes):
        fields.client_id = field.bytes;
        break;
      case WireTag(emit_request_field::kOwner, WireType::kBytes):
        fields.owner = field.bytes;
        break;
    }
  }
  if (!reader.ok()) return absl::InvalidArgumentError("not an encoded sluice.v1.EmitRequest");
  return fields;
}

void IngestService::EmitHandler::OnMessage(std::string_view message) {
  if (std::exchange(asked_, true)) {
    return call_->Finish(absl::InvalidArgumentError("more than one request message"));
  }
  const auto fields = Read(message);
  if (!fields.ok()) return call_->Finish(fields.status());
  auto sender = MakeSender(*fields);
  if (!sender.ok()) return call_->Finish(sender.status());
  sender_ = *std::move(sender);
  pending_.emplace(service_->options_.admission, &sender_, journal::Urgency::kNow);
  Work(fields->batch);
}

void IngestService::EmitHandler::OnContinue(std::string_view message) {
  Work(Read(message)->batch);
}

void IngestService::EmitHandler::OnHalfClose() {
  if (!asked_) call_->Finish(absl::InvalidArgumentError("no request message"));
}

absl::StatusOr<Sender> IngestService::EmitHandler::MakeSender(const Fields& fields) {
  const net::Connection& connection = call_->connection();
  ASSIGN_OR_RETURN(claim_, service_->ClaimOwner(connection.uid(), fields.owner));
  Sender sender{service_->OriginOf(connection, fields.resource, claim_.owner), std::nullopt,
                connection.is_host_root(), claim_.fault};
  if (fields.client_id.empty()) return sender;
  sender.client_id = ClientId::FromBytes(fields.client_id);
  if (!sender.client_id.has_value()) {
    return absl::InvalidArgumentError("client_id is not 16 bytes");
  }
  return sender;
}

void IngestService::EmitHandler::Work(std::string_view batch) {
  const auto admitted = service_->Take(call_->connection(), sender_, batch, &*pending_);
  if (!admitted.has_value()) return call_->ContinueLater();
  pending_.reset();
  if (!admitted->ok()) {
    return call_->Finish(admitted->status(), PushbackMs(admitted->status()));
  }
  Answer(**admitted);
}

void IngestService::EmitHandler::Answer(const Admitted& admitted) {
  const IngestService::Options& options = service_->options_;
  if (admitted.opened_spans) {
    options.owners->Track(call_->connection().uid(), claim_.owner, claim_.pidfd.get());
  }
  if (!admitted.client_losses.empty() && sender_.client_id.has_value()) {
    service_->losses_.End(call_->connection().uid(), *sender_.client_id,
                          options.loop->clock().UnixNano());
  }
  call_->MarkTaken();
  v1::EmitResponse response;
  response.set_durability(ToProto(options.journal->durability()));
  response.set_accepted(admitted.accepted);
  for (const auto& [reason, count] : admitted.drops) {
    v1::Drop* drop = response.add_drops();
    drop->set_reason(reason);
    drop->set_count(count);
  }
  service_->WaitFor({admitted.journal_sequence, call_->id(), response.SerializeAsString()});
}

}  // namespace sluice::ingest
