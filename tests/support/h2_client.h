// A gRPC client for tests that never blocks: the test decides when bytes move, so that client and
// server may share a thread.
#pragma once

#include <nghttp2/nghttp2.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "proto/base/unique_fd.h"

namespace sluice::testing {

class H2Client {
 public:
  struct Call {
    std::string to_send;
    bool half_closed = false;
    std::string body;                           // received, not yet cut
    std::vector<std::string> messages;          // received
    std::map<std::string, std::string> fields;  // header fields and trailers received
    bool ended = false;

    std::string status() const;  // grpc-status, or empty
  };
  using Fields = std::vector<std::pair<std::string, std::string>>;

  // A connected socket.
  explicit H2Client(UniqueFd socket);
  ~H2Client();

  // Begins a call; `extra` header fields replace the usual ones of the same name.
  int32_t Open(std::string_view path, const Fields& extra = {});
  void Send(int32_t id, std::string_view message);
  void SendBytes(int32_t id, std::string_view bytes);
  void HalfClose(int32_t id);
  void Reset(int32_t id);

  // Open, Send and HalfClose.
  int32_t Ask(std::string_view path, std::string_view message);

  // Moves what can be moved now. Returns false once the server closed the connection.
  bool Pump();
  // Pumps, and calls `meanwhile`, until `done` or a generous deadline.
  bool PumpUntil(const std::function<bool()>& done, const std::function<void()>& meanwhile = {});

  const Call& call(int32_t id) { return calls_[id]; }
  bool connected() const { return connected_; }
  bool told_to_go() const { return told_to_go_; }
  // The server's words in GOAWAY.
  const std::string& goaway() const { return goaway_; }
  int fd() const { return socket_.get(); }

 private:
  friend struct ClientCallbacks;
  void PumpOut();
  void PumpIn();

  UniqueFd socket_;
  nghttp2_session* session_ = nullptr;
  std::map<int32_t, Call> calls_;
  std::string out_;
  std::string goaway_;
  bool connected_ = true;
  bool told_to_go_ = false;
};

// One end of a connected pair, and the other for the server; both do not block.
std::pair<UniqueFd, UniqueFd> SocketPair();
// Connects, blocking; the socket then does not block.
UniqueFd ConnectUnix(const std::string& path);

// HTTP/2 by hand.
inline constexpr std::string_view kPreface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
std::string Frame(uint8_t type, uint8_t flags, int32_t stream, std::string_view payload);
// A literal header field that touches no table.
std::string Field(std::string_view name, std::string_view value);
// The header block of a gRPC request.
std::string RequestBlock(std::string_view path);
std::string GrpcMessage(std::string_view message);

}  // namespace sluice::testing
