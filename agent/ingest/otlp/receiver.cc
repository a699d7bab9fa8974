#include "agent/ingest/otlp/receiver.h"

#include "proto/record/otlp_field_numbers.h"
#include "proto/wire/writer.h"

namespace sluice::ingest::otlp {

std::string EncodeResponse(const Reply& reply) {
  std::string response;
  if (reply.rejected == 0 && reply.message.empty()) return response;
  StringWireWriter writer{StringSink(&response)};
  const auto mark = writer.Begin(export_response_field::kPartialSuccess);
  if (reply.rejected > 0) writer.Varint(partial_success_field::kRejectedSpans, reply.rejected);
  writer.Bytes(partial_success_field::kErrorMessage, reply.message);
  writer.End(mark);
  return response;
}

}  // namespace sluice::ingest::otlp
