// One connection to the agent: gRPC over HTTP/2 over a Unix socket.
//
//   std::unique_ptr<Channel> channel;
//   Status status = Channel::Open("/run/sluice/sluice.sock", deadline, &channel);
//   if (status.ok()) status = channel->Unary(method::kEmit, request, deadline, &response);
//
// Owned by one thread. Nothing here throws, and no call raises SIGPIPE. A Channel whose Step failed
// is of no more use; open another.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "client/rpc/call.h"
#include "client/rpc/socket.h"
#include "client/rpc/status.h"

struct nghttp2_session;

namespace sluice::rpc {

class Channel {
 public:
  // Connects; the first bytes go out with the first call.
  static Status Open(const std::string& socket_path, Deadline deadline,
                     std::unique_ptr<Channel>* channel);
  // On a connected, non-blocking socket. Null: out of memory.
  static std::unique_ptr<Channel> Create(Socket socket);
  ~Channel();
  Channel(const Channel&) = delete;
  Channel& operator=(const Channel&) = delete;

  // One request, one answer, all within `deadline`, which the agent is told as well.
  Status Unary(std::string_view method, std::string_view request, Deadline deadline,
               std::string* response);

  // One request, any number of answers. `on_message` sees each as it comes and returns whether to
  // go on; stopped by it, the call counts as ok.
  using OnMessage = std::function<bool(std::string_view message)>;
  Status ServerStream(std::string_view method, std::string_view request, Deadline deadline,
                      const OnMessage& on_message);

  // Begins a call in which both sides send when they like; Step moves it. The Channel must outlive
  // it. A deadline other than max() is told to the agent; keeping it is the caller's.
  std::unique_ptr<Call> Start(std::string_view method, Deadline deadline, OnMessage on_message);

  // Writes what waits to be written, then waits until `deadline` for the peer (not at all where it
  // has passed) and takes in what it sent. Ok also when nothing came; an error ends the Channel.
  // Where that ends the last call, what only acknowledges it waits for the next one.
  Status Step(Deadline deadline);

  // Waits until Step has something to do, or `deadline`. Allocates nothing and takes no lock.
  void Wait(Deadline deadline) const;

  // For who waits for something else as well; -1 where it was closed.
  int fd() const { return socket_.fd(); }

  // Whether bytes wait for the peer to read.
  bool has_unsent() const { return !unsent_.empty(); }

  // Nothing but closes the descriptor, for a child after fork.
  void CloseSocket() { socket_.Close(); }

 private:
  friend class Call;
  friend struct SessionCallbacks;
  explicit Channel(Socket socket) : socket_(std::move(socket)) {}

  bool StartSession();
  Status RunToEnd(Call* call, Deadline deadline);
  Status Flush();
  Status Gather();
  bool GatherFrame(Call* call, std::string_view header, size_t size);
  Status SendUnsent();
  Status Receive();

  Socket socket_;
  nghttp2_session* session_ = nullptr;
  std::string gathered_;     // frames that go out together
  std::string_view unsent_;  // of gathered_
  int open_calls_ = 0;
};

}  // namespace sluice::rpc
