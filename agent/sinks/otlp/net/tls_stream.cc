#include "agent/sinks/otlp/net/tls_stream.h"

#include <openssl/err.h>
#include <poll.h>

#include <algorithm>
#include <cerrno>
#include <system_error>

#include "absl/strings/match.h"

namespace sluice::otlp {
namespace {

// A record holds no more.
constexpr size_t kRecordBytes = 16 * 1024;

bool IsName(const std::string& host) {
  return host.find_first_not_of("0123456789.") != std::string::npos &&
         host.find(':') == std::string::npos;
}

}  // namespace

std::unique_ptr<TlsStream> TlsStream::Open(UniqueFd socket, const Destination& destination,
                                           absl::string_view alpn, TlsFiles* files,
                                           Deadline deadline, const Cancellation& cancellation,
                                           std::string* error) {
  const auto begin = std::chrono::steady_clock::now();
  std::unique_ptr<TlsStream> stream(new TlsStream(std::move(socket), files));
  const bool is_open = stream->Prepare(destination, alpn, files, error) &&
                       stream->ShakeHands(deadline, cancellation, error);
  if (destination.on_step) {
    const auto took = std::chrono::steady_clock::now() - begin;
    destination.on_step({"tls", std::chrono::duration_cast<std::chrono::microseconds>(took),
                         is_open ? DescribeTls(stream->ssl_.get()) : *error});
  }
  return is_open ? std::move(stream) : nullptr;
}

TlsStream::~TlsStream() {
  if (ssl_ && !has_failed_) SSL_shutdown(ssl_.get());
  ERR_clear_error();
}

bool TlsStream::Prepare(const Destination& destination, absl::string_view alpn, TlsFiles* files,
                        std::string* error) {
  // Counted by the connection that is made from it.
  const std::unique_ptr<SSL_CTX, Deleter> context(SSL_CTX_new(TLS_client_method()));
  if (!context || !files->Configure(context.get())) {
    *error = context ? files->error() : TakeTlsReason();
    return false;
  }
  SSL_CTX_set_mode(context.get(),
                   SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  const std::string protocols = static_cast<char>(alpn.size()) + std::string(alpn);
  SSL_CTX_set_alpn_protos(context.get(), reinterpret_cast<const unsigned char*>(protocols.data()),
                          static_cast<unsigned>(protocols.size()));
  ssl_.reset(SSL_new(context.get()));
  if (!ssl_ || SSL_set_fd(ssl_.get(), socket_.get()) != 1) {
    *error = TakeTlsReason();
    return false;
  }
  const std::string& host = destination.endpoint.host;
  if (IsName(host)) SSL_set_tlsext_host_name(ssl_.get(), host.c_str());
  return true;
}

bool TlsStream::ShakeHands(Deadline deadline, const Cancellation& cancellation,
                           std::string* error) {
  while (true) {
    ERR_clear_error();
    const int returned = SSL_connect(ssl_.get());
    if (returned == 1) return true;
    const IoResult result = Result(returned);
    if (result.kind == IoResult::Kind::kClosed) {
      *error = "the server closed the connection during the TLS handshake";
      return false;
    }
    if (result.kind == IoResult::Kind::kFailed) {
      *error = result.error;
      return false;
    }
    switch (WaitFor(fd(), result.wait_events, deadline, cancellation)) {
      case WaitResult::kReady:
        continue;
      case WaitResult::kTimeout:
        has_failed_ = true;
        *error = "the server did not finish the TLS handshake in time";
        return false;
      case WaitResult::kCancelled:
        has_failed_ = true;
        *error = "cancelled";
        return false;
    }
  }
}

IoResult TlsStream::Result(int returned) {
  const int error = errno;
  switch (SSL_get_error(ssl_.get(), returned)) {
    case SSL_ERROR_WANT_READ:
      return {.kind = IoResult::Kind::kWouldBlock, .wait_events = POLLIN};
    case SSL_ERROR_WANT_WRITE:
      return {.kind = IoResult::Kind::kWouldBlock, .wait_events = POLLOUT};
    case SSL_ERROR_ZERO_RETURN:
      return {.kind = IoResult::Kind::kClosed};
    default:
      break;
  }
  has_failed_ = true;
  const std::string reason = TakeTlsReason();
  // What a peer that closes without TLS's own goodbye looks like.
  if (absl::StrContains(reason, "unexpected eof") || (reason.empty() && error == 0)) {
    return {.kind = IoResult::Kind::kClosed};
  }
  return {
      .kind = IoResult::Kind::kFailed,
      .error = reason.empty() ? std::generic_category().message(error) : files_->Explain(reason)};
}

IoResult TlsStream::Read(char* to, size_t capacity) {
  ERR_clear_error();
  errno = 0;
  const int size = SSL_read(ssl_.get(), to, static_cast<int>(std::min<size_t>(capacity, 1 << 20)));
  return size > 0 ? IoResult{.bytes = static_cast<size_t>(size)} : Result(size);
}

IoResult TlsStream::Write(std::span<const iovec> pieces) {
  for (const iovec& piece : record_.empty() ? pieces : std::span<const iovec>()) {
    const size_t room = kRecordBytes - record_.size();
    record_.append(static_cast<const char*>(piece.iov_base), std::min(room, piece.iov_len));
    if (record_.size() == kRecordBytes) break;
  }
  ERR_clear_error();
  errno = 0;
  const int size = SSL_write(ssl_.get(), record_.data(), static_cast<int>(record_.size()));
  if (size <= 0) return Result(size);
  // What a partial write left is among the bytes that the caller gives again.
  record_.clear();
  return {.bytes = static_cast<size_t>(size)};
}

}  // namespace sluice::otlp
