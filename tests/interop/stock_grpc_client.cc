// stock_grpc_client emit|connect SOCKET NAME: one span with an event in it, by stock gRPC C++.
// Prints its pid once both are acknowledged.
#include <grpcpp/grpcpp.h>
#include <unistd.h>

#include <chrono>
#include <iostream>
#include <memory>
#include <random>
#include <string>

#include "sluice/v1/ingest.grpc.pb.h"

namespace {

using sluice::v1::Batch;
using sluice::v1::Ingest;

std::string RandomBytes(size_t size) {
  std::random_device random;
  std::string bytes(size, '\0');
  for (char& byte : bytes) byte = static_cast<char>(random());
  return bytes;
}

uint64_t UnixNanos() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return std::chrono::duration_cast<std::chrono::nanoseconds>(now).count();
}

Batch SpanWithEvent(const std::string& name) {
  const std::string trace_id = RandomBytes(16);
  const std::string span_id = RandomBytes(8);
  Batch batch;
  auto* event_record = batch.add_records();
  event_record->set_target("cpp");
  auto* event = event_record->mutable_event();
  event->set_trace_id(trace_id);
  event->set_span_id(span_id);
  event->set_time_unix_nano(UnixNanos());
  event->mutable_body()->set_string_value("hello from " + name);

  auto* span_record = batch.add_records();
  span_record->set_kind(sluice::v1::RECORD_KIND_SPAN);
  span_record->set_target("cpp");
  auto* span = span_record->mutable_span();
  span->set_trace_id(trace_id);
  span->set_span_id(span_id);
  span->set_name(name);
  span->set_start_time_unix_nano(UnixNanos() - 1000);
  span->set_end_time_unix_nano(UnixNanos());
  return batch;
}

grpc::Status Emit(Ingest::Stub& ingest, const Batch& batch, grpc::ClientContext& context) {
  sluice::v1::EmitRequest request;
  *request.mutable_batch() = batch;
  sluice::v1::EmitResponse response;
  const grpc::Status status = ingest.Emit(&context, request, &response);
  if (status.ok() && response.accepted() != static_cast<uint64_t>(batch.records_size())) {
    return grpc::Status(grpc::StatusCode::DATA_LOSS, response.ShortDebugString());
  }
  return status;
}

grpc::Status Connect(Ingest::Stub& ingest, Batch batch, grpc::ClientContext& context) {
  const auto stream = ingest.Connect(&context);
  sluice::v1::ClientMessage message;
  message.mutable_hello()->set_protocol_version(1);
  message.mutable_hello()->set_client_id(RandomBytes(16));
  stream->Write(message);
  batch.set_first_sequence(1);
  *message.mutable_batch() = batch;
  stream->Write(message);
  stream->WritesDone();
  uint64_t acknowledged = 0;
  sluice::v1::ServerMessage answer;
  while (stream->Read(&answer)) {
    if (answer.has_ack()) acknowledged = answer.ack().sequence();
  }
  const grpc::Status status = stream->Finish();
  if (status.ok() && acknowledged != static_cast<uint64_t>(batch.records_size())) {
    return grpc::Status(grpc::StatusCode::DATA_LOSS,
                        "acknowledged " + std::to_string(acknowledged));
  }
  return status;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 4) {
    std::cerr << "Usage: stock_grpc_client emit|connect SOCKET NAME\n";
    return 2;
  }
  const auto ingest = Ingest::NewStub(
      grpc::CreateChannel("unix:" + std::string(argv[2]), grpc::InsecureChannelCredentials()));
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(10));
  const Batch batch = SpanWithEvent(argv[3]);
  const grpc::Status status = std::string(argv[1]) == "emit" ? Emit(*ingest, batch, context)
                                                             : Connect(*ingest, batch, context);
  if (!status.ok()) {
    std::cerr << "code " << status.error_code() << ": " << status.error_message() << "\n";
    return 1;
  }
  std::cout << getpid() << "\n";
}
