// One Emit call: a batch in, an answer once it is durable.
#pragma once

#include <optional>
#include <string_view>

#include "agent/ingest/ingest_service.h"
#include "agent/ingest/pending_batch.h"

namespace sluice::ingest {

class IngestService::EmitHandler final : public net::CallHandler {
 public:
  // Both outlive the handler.
  EmitHandler(IngestService* service, net::Call* call) : service_(service), call_(call) {}

  void OnMessage(std::string_view message) override;
  void OnContinue(std::string_view message) override;
  void OnHalfClose() override;

 private:
  // The fields of sluice.v1.EmitRequest, still encoded.
  struct Fields {
    std::string_view batch;
    std::string_view resource;
    std::string_view client_id;
    std::optional<std::string_view> owner;
  };
  static absl::StatusOr<Fields> Read(std::string_view request);

  absl::StatusOr<Sender> MakeSender(const Fields& fields);
  void Work(std::string_view batch);
  void Answer(const Admitted& admitted);

  IngestService* const service_;
  net::Call* const call_;
  bool asked_ = false;
  OwnerClaim claim_;
  Sender sender_;
  std::optional<Admission::PendingBatch> pending_;
};

}  // namespace sluice::ingest
