// gRPC as a client, one unary call at a time, on one connection.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "agent/sinks/otlp/net/answers.h"
#include "agent/sinks/otlp/net/byte_stream.h"
#include "agent/sinks/otlp/net/gathered_writer.h"
#include "agent/sinks/otlp/net/wait.h"

struct nghttp2_session;
struct nghttp2_session_callbacks;

namespace sluice::otlp {

// A call to be made. What it points to stays until Call returns.
struct GrpcRequest {
  absl::string_view authority;
  absl::string_view scheme;  // `http` or `https`
  absl::string_view path;
  absl::string_view user_agent;
  absl::Span<const std::pair<std::string, std::string>> headers;
  bool is_gzip = false;  // how the message was encoded
  absl::Span<const absl::string_view> message;
};

// What came of it.
struct GrpcReply {
  enum class Kind {
    kGrpc,       // `grpc` says what the peer answered
    kHttp,       // it answered by HTTP alone: `http`
    kTooLong,    // an answer of more than kMaxResponseBytes
    kNoAnswer,   // `trouble` says why; nothing of an answer came
    kCutOff,     // an answer began and did not end
    kTimeout,    //
    kCancelled,  //
  };
  Kind kind = Kind::kNoAnswer;
  GrpcOutcome grpc;
  HttpOutcome http;
  std::string trouble;
  // kNoAnswer: the peer said that it has not looked at the request.
  bool is_untouched = false;
};

// On one thread. Once usable() is false, no further call is to be made.
class GrpcConnection {
 public:
  // `stream` is connected. Null: out of memory.
  static std::unique_ptr<GrpcConnection> Create(std::unique_ptr<ByteStream> stream);
  ~GrpcConnection();
  GrpcConnection(const GrpcConnection&) = delete;
  GrpcConnection& operator=(const GrpcConnection&) = delete;

  GrpcReply Call(const GrpcRequest& request, Deadline deadline, const Cancellation& cancellation);

  // Takes in what came since the last call, such as the peer's goodbye.
  bool usable();

 private:
  friend struct GrpcCallbacks;
  struct Exchange;

  explicit GrpcConnection(std::unique_ptr<ByteStream> stream) : stream_(std::move(stream)) {}
  bool StartSession();
  bool Submit(const GrpcRequest& request, Deadline deadline, Exchange* exchange);
  void Move(Exchange* exchange, Deadline deadline, const Cancellation& cancellation);
  void Finish(Exchange* exchange, Deadline deadline, const Cancellation& cancellation);
  bool Produce();
  bool Receive();
  short Flush();
  void Break(std::string why);
  std::string ExplainFirstBytes() const;
  void Conclude(Exchange* exchange);

  std::unique_ptr<ByteStream> stream_;
  nghttp2_session* session_ = nullptr;
  GatheredWriter writer_;
  Exchange* exchange_ = nullptr;  // the call under way
  std::string first_bytes_;       // what the peer said first, to tell what it speaks
  std::string broken_;            // why the connection is of no more use; empty: it is
  bool has_goodbye_ = false;      // GOAWAY came
};

}  // namespace sluice::otlp
