// Sends spans to an agent over one Connect stream as fast as it acknowledges them, with little work
// of its own: the batches are encoded beforehand and only their numbers change.
//
//   agent_load SOCKET SPANS_PER_BATCH EXTRA_BYTES_PER_SPAN BATCHES
//
// Prints one JSON line: spans sent and their encoded size.
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>

#include "client/rpc/channel.h"
#include "proto/record/field_numbers.h"
#include "proto/record/names.h"
#include "proto/wire/writer.h"
#include "sluice/v1/ingest.pb.h"

namespace {

using sluice::StringSink;
using sluice::StringWireWriter;
using std::chrono::seconds;
using std::chrono::steady_clock;

// Unacknowledged batches under way; the client library's ring holds about as much.
constexpr uint64_t kMaxUnacknowledgedBytes = 3 << 20;

sluice::v1::Record MakeSpan(size_t extra_bytes) {
  sluice::v1::Record record;
  record.set_kind(sluice::v1::RECORD_KIND_SPAN);
  record.set_level(sluice::v1::LEVEL_INFO);
  record.set_target("bench::load");
  auto* span = record.mutable_span();
  span->set_trace_id(std::string(16, '\7'));
  span->set_span_id(std::string(8, '\3'));
  span->set_parent_span_id(std::string(8, '\5'));
  span->set_name("GET /index.html");
  span->set_start_time_unix_nano(1'700'000'000'000'000'000);
  span->set_end_time_unix_nano(1'700'000'000'004'000'000);
  for (const char* key : {"http.request.method", "url.path", "server.address", "user_agent.name"}) {
    auto* attribute = span->add_attributes();
    attribute->set_key(key);
    attribute->mutable_value()->set_string_value("a value of twenty");
  }
  span->mutable_attributes(0)->mutable_value()->mutable_string_value()->append(extra_bytes, 'x');
  return record;
}

// The records of a batch, encoded; the number goes in front of them each time.
std::string EncodeRecords(const sluice::v1::Record& record, int count) {
  sluice::v1::Batch batch;
  for (int i = 0; i < count; ++i) *batch.add_records() = record;
  return batch.SerializeAsString();
}

std::string EncodeHello() {
  sluice::v1::ClientMessage message;
  message.mutable_hello()->set_protocol_version(1);
  std::string id(16, '\0');
  const uint64_t now = steady_clock::now().time_since_epoch().count();
  id.replace(0, 8, reinterpret_cast<const char*>(&now), 8);
  message.mutable_hello()->set_client_id(id);
  return message.SerializeAsString();
}

// A ClientMessage with one Batch.
void AppendBatch(uint64_t first_sequence, const std::string& records, std::string* message) {
  std::string number;
  StringWireWriter{StringSink(&number)}.Varint(sluice::batch_field::kFirstSequence, first_sequence);
  StringWireWriter writer{StringSink(message)};
  writer.BytesHeader(sluice::client_message_field::kBatch, number.size() + records.size());
  writer.Raw(number);
  writer.Raw(records);
}

[[noreturn]] void Fail(const std::string& what) {
  std::fprintf(stderr, "agent_load: %s\n", what.c_str());
  std::exit(1);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 5) Fail("usage: agent_load SOCKET SPANS_PER_BATCH EXTRA_BYTES_PER_SPAN BATCHES");
  const int per_batch = std::atoi(argv[2]);
  const uint64_t batches = std::strtoull(argv[4], nullptr, 10);
  const sluice::v1::Record span = MakeSpan(std::strtoull(argv[3], nullptr, 10));
  const std::string records = EncodeRecords(span, per_batch);

  std::unique_ptr<sluice::rpc::Channel> channel;
  const auto deadline = steady_clock::now() + seconds(300);
  if (!sluice::rpc::Channel::Open(argv[1], deadline, &channel).ok()) Fail("cannot connect");
  uint64_t acknowledged = 0;
  const auto call = channel->Start(sluice::method::kConnect, steady_clock::time_point::max(),
                                   [&](std::string_view bytes) {
                                     sluice::v1::ServerMessage message;
                                     message.ParseFromArray(bytes.data(), bytes.size());
                                     if (message.has_ack()) acknowledged = message.ack().sequence();
                                     return true;
                                   });
  call->Send(EncodeHello());
  uint64_t sent_batches = 0;
  std::string message;
  while (acknowledged < batches * per_batch) {
    if (call->done()) Fail("the agent ended the stream: " + call->status().message);
    const auto may_send = [&] {
      const uint64_t open = sent_batches * per_batch - acknowledged;
      return sent_batches < batches && open * records.size() / per_batch < kMaxUnacknowledgedBytes;
    };
    while (may_send()) {
      message.clear();
      AppendBatch(sent_batches * per_batch + 1, records, &message);
      call->Send(message);
      ++sent_batches;
      if (!call->sent_all()) break;
    }
    const auto wait = may_send() ? steady_clock::now() : steady_clock::now() + seconds(10);
    if (!channel->Step(wait).ok()) Fail("the connection broke");
  }
  std::printf("{\"spans\": %llu, \"span_bytes\": %zu}\n",
              static_cast<unsigned long long>(batches * per_batch), span.ByteSizeLong());
  return 0;
}
