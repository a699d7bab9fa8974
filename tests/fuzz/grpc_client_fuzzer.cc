// Two calls on one connection to a peer that says anything. They end, and what they hold is
// bounded. Input: the size of the pieces that the peer's bytes come in, in one byte, then the
// bytes.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <string>

#include "agent/sinks/otlp/net/grpc_connection.h"

namespace sluice::otlp {
namespace {

// Takes every byte, and closes after its last one.
class Peer final : public ByteStream {
 public:
  Peer(absl::string_view bytes, size_t piece) : bytes_(bytes), piece_(piece) {}

  IoResult Read(char* to, size_t capacity) override {
    const size_t size = std::min({capacity, piece_, bytes_.size()});
    if (size == 0) return {.kind = IoResult::Kind::kClosed};
    std::memcpy(to, bytes_.data(), size);
    bytes_.remove_prefix(size);
    return {.bytes = size};
  }
  IoResult Write(std::span<const iovec> pieces) override {
    size_t size = 0;
    for (const iovec& piece : pieces) size += piece.iov_len;
    return {.bytes = size};
  }
  int fd() const override { return -1; }
  bool has_buffered() const override { return true; }

 private:
  absl::string_view bytes_;
  const size_t piece_;
};

void Check(const GrpcReply& reply) {
  const bool is_bounded = reply.grpc.response.size() <= kMaxResponseBytes &&
                          reply.http.body.size() <= kMaxResponseBytes &&
                          reply.grpc.message.size() <= 64 * 1024;
  if (!is_bounded || reply.kind == GrpcReply::Kind::kTimeout) std::abort();
}

void Run(absl::string_view bytes, size_t piece) {
  const Cancellation cancellation;
  const auto connection = GrpcConnection::Create(std::make_unique<Peer>(bytes, piece));
  const std::string request(100'000, 'r');
  const absl::string_view pieces[] = {absl::string_view(request).substr(0, 7),
                                      absl::string_view(request).substr(7)};
  const GrpcRequest call = {.authority = "localhost",
                            .scheme = "http",
                            .path = "/a/b",
                            .user_agent = "fuzzer",
                            .message = pieces};
  for (int i = 0; i < 2; ++i) {
    Check(connection->Call(call, Deadline::max(), cancellation));
    if (!connection->usable()) return;
  }
}

}  // namespace
}  // namespace sluice::otlp

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* input, size_t size) {
  if (size < 2) return 0;
  const absl::string_view bytes(reinterpret_cast<const char*>(input) + 1, size - 1);
  sluice::otlp::Run(bytes, std::max<size_t>(input[0], 1));
  return 0;
}
