// OTLP/HTTP's answers, in the encoding of the request.
#pragma once

#include <chrono>
#include <optional>
#include <string_view>

#include "absl/status/status.h"
#include "agent/ingest/otlp/receiver.h"
#include "agent/net/http/http_service.h"
#include "proto/otlp/schema.h"

namespace sluice::ingest::otlp {

enum class Encoding { kProtobuf, kJson };

// Of a `content-type`, whatever follows a `;` in it; nullopt: another.
std::optional<Encoding> EncodingOf(std::string_view content_type);

// What the Export call of a signal takes and gives.
const sluice::otlp::Message& RequestOf(Signal signal);
const sluice::otlp::Message& ResponseOf(Signal signal);

net::HttpResponse AnswerOf(Signal signal, Encoding encoding, const Reply& reply);

// A google.rpc.Status; as plain text to whom it is not known in which encoding to say it.
// `retry_delay` 0: to send the same again is of no use.
net::HttpResponse ErrorAnswer(std::string_view http_status, std::optional<Encoding> encoding,
                              const absl::Status& status,
                              std::chrono::milliseconds retry_delay = {});

}  // namespace sluice::ingest::otlp
