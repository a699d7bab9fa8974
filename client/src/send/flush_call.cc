#include "client/src/send/flush_call.h"

#include <algorithm>
#include <memory>
#include <new>
#include <string_view>

#include "client/rpc/channel.h"
#include "client/src/record_encoder.h"
#include "proto/record/field_numbers.h"
#include "proto/record/names.h"
#include "proto/wire/reader.h"

namespace sluice {
namespace {

using std::chrono::milliseconds;

// The agent answers at the time it is given; the answer has a way to go.
constexpr milliseconds kAnswerTime{500};
constexpr milliseconds kLongestTime{60'000};

std::string EncodeRequest(const SinksFlush& flush, milliseconds time) {
  std::string request;
  StringWireWriter writer{StringSink(&request)};
  for (const sluice_text& sink : flush.sinks) {
    writer.Bytes(flush_request_field::kSinks, View(sink));
  }
  // 0 would stand for the agent's default.
  writer.Varint(flush_request_field::kTimeoutMs,
                static_cast<uint64_t>(std::clamp(time, milliseconds(1), kLongestTime).count()));
  return request;
}

struct SinkAnswer {
  std::string_view sink;
  std::string_view error;
  bool is_done = false;
};

SinkAnswer ReadAnswer(std::string_view encoded) {
  SinkAnswer answer;
  WireReader reader(encoded);
  for (WireField field; reader.Next(&field);) {
    if (field.tag == WireTag(sink_flush_field::kSink, WireType::kBytes)) answer.sink = field.bytes;
    if (field.tag == WireTag(sink_flush_field::kDone, WireType::kVarint)) {
      answer.is_done = field.scalar != 0;
    }
    if (field.tag == WireTag(sink_flush_field::kError, WireType::kBytes)) {
      answer.error = field.bytes;
    }
  }
  return answer;
}

// Whether all have passed everything.
bool TellLaggards(std::string_view response, const SinksFlush& flush) {
  bool is_done = true;
  for (const std::string_view encoded : FieldRange(response, flush_response_field::kSinks)) {
    const SinkAnswer answer = ReadAnswer(encoded);
    if (answer.is_done) continue;
    is_done = false;
    if (flush.told == nullptr) continue;
    flush.told(flush.user, {answer.sink.data(), answer.sink.size()},
               {answer.error.data(), answer.error.size()});
  }
  return is_done;
}

}  // namespace

int CallFlush(const std::string& socket_path, const SinksFlush& flush,
              rpc::Deadline deadline) noexcept try {
  std::unique_ptr<rpc::Channel> channel;
  if (!rpc::Channel::Open(socket_path, deadline, &channel).ok()) return -1;
  const auto time =
      std::chrono::duration_cast<milliseconds>(deadline - std::chrono::steady_clock::now());
  std::string response;
  const rpc::Status status =
      channel->Unary(method::kFlush, EncodeRequest(flush, time), deadline + kAnswerTime, &response);
  if (!status.ok()) return -1;
  return TellLaggards(response, flush) ? 0 : 1;
} catch (const std::bad_alloc&) {
  return -1;
}

}  // namespace sluice
