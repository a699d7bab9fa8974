// A connection under TLS.
#pragma once

#include <openssl/ssl.h>

#include <memory>
#include <string>

#include "absl/strings/string_view.h"
#include "agent/sinks/otlp/net/byte_stream.h"
#include "agent/sinks/otlp/net/tls_files.h"
#include "agent/sinks/otlp/net/wait.h"

namespace sluice::otlp {

// SIGPIPE is ignored by whoever has one.
class TlsStream final : public ByteStream {
 public:
  // Speaks TLS on a connected, non-blocking socket and offers the protocol `alpn`. `files` outlives
  // the stream. Null: `*error` says why, for people.
  static std::unique_ptr<TlsStream> Open(UniqueFd socket, const Destination& destination,
                                         absl::string_view alpn, TlsFiles* files, Deadline deadline,
                                         const Cancellation& cancellation, std::string* error);
  ~TlsStream() override;

  IoResult Read(char* to, size_t capacity) override;
  // After kWouldBlock the next call is given the same bytes again.
  IoResult Write(std::span<const iovec> pieces) override;
  int fd() const override { return socket_.get(); }
  bool has_buffered() const override { return SSL_pending(ssl_.get()) > 0; }

 private:
  struct Deleter {
    void operator()(SSL* ssl) const { SSL_free(ssl); }
    void operator()(SSL_CTX* context) const { SSL_CTX_free(context); }
  };

  TlsStream(UniqueFd socket, const TlsFiles* files) : socket_(std::move(socket)), files_(files) {}
  bool Prepare(const Destination& destination, absl::string_view alpn, TlsFiles* files,
               std::string* error);
  bool ShakeHands(Deadline deadline, const Cancellation& cancellation, std::string* error);
  IoResult Result(int returned);

  UniqueFd socket_;
  const TlsFiles* const files_;
  std::unique_ptr<SSL, Deleter> ssl_;
  std::string record_;  // what the next record is made from
  bool has_failed_ = false;
};

}  // namespace sluice::otlp
