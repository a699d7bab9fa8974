// One client's Connect stream: Hello, batches, flushes in; Welcome, acknowledgements out.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "agent/ingest/ingest_service.h"
#include "agent/ingest/pending_batch.h"
#include "sluice/v1/query.pb.h"

namespace sluice::ingest {

// For the `grpc-retry-pushback-ms` trailer.
std::optional<int64_t> PushbackMs(const absl::Status& status);

class IngestService::ConnectHandler final : public net::CallHandler {
 public:
  // Both outlive the handler.
  ConnectHandler(IngestService* service, net::Call* call);
  ~ConnectHandler() override;

  void OnMessage(std::string_view message) override;
  void OnContinue(std::string_view message) override;
  void OnHalfClose() override;

  // All this stream's entries up to `journal_sequence` are durable.
  void OnDurable(uint64_t journal_sequence);

  // Tells a client that was welcomed what is wanted now.
  void SendHint();

  // Ends the stream so that the client comes back to the next agent.
  void SendAway();

  ClientCopy Copy() const;

 private:
  // What is to be acknowledged once an entry is durable.
  struct Unacknowledged {
    uint64_t journal_sequence = 0;
    uint64_t client_sequence = 0;
  };

  void HandleHello(std::string_view encoded);
  void HandleBatch(std::string_view encoded);
  void WorkOnBatch(std::string_view encoded);
  void HandleFlush(std::string_view encoded);
  struct HelloFields;
  static std::optional<HelloFields> ReadHello(std::string_view encoded);
  absl::Status CheckHello(const HelloFields& hello) const;
  void SendWelcome();
  void SendAck();
  void Refuse(const absl::Status& status);
  void FinishWhenSettled();

  IngestService* const service_;
  net::Call* const call_;
  const ClientPlace place_;
  // Absent before Hello.
  std::optional<Sender> sender_;
  std::optional<Admission::PendingBatch> pending_;
  bool welcomed_ = false;
  bool half_closed_ = false;
  // The entry that the Welcome waits for.
  uint64_t welcome_after_ = 0;
  std::deque<Unacknowledged> unacknowledged_;
  std::map<std::string, uint64_t> drops_;
  uint64_t durable_client_sequence_ = 0;
  uint64_t records_ = 0;
  uint64_t connected_unix_nano_ = 0;
};

}  // namespace sluice::ingest
