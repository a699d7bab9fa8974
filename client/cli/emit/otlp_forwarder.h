// A port of the loopback for exporters that cannot reach a Unix socket: what they send goes to the
// agent's socket, over connections of this process, so that the agent sees its user. Only who is
// that user by the kernel's word is served.
#pragma once

#include <atomic>
#include <cstdint>
#include <string>
#include <thread>
#include <vector>

#include "client/cli/emit/byte_relay.h"
#include "client/rpc/status.h"
#include "proto/base/unique_fd.h"

namespace sluice::cli {

class OtlpForwarder {
 public:
  // `socket`: the path of the agent's.
  explicit OtlpForwarder(std::string socket);
  // Waits for what Stop lets go on; without Stop, ends at once.
  ~OtlpForwarder();
  OtlpForwarder(const OtlpForwarder&) = delete;
  OtlpForwarder& operator=(const OtlpForwarder&) = delete;

  // Takes a port that the kernel chooses. Connections wait until Start. 0 or errno.
  int Listen();
  // `http://127.0.0.1:PORT`, after Listen.
  std::string endpoint() const;

  // Serves on a thread of its own. False: the system grants no thread.
  bool Start();
  // Takes no more connections, and returns. What has been sent before still goes to the agent,
  // until all connections have ended or `deadline` has come.
  void Stop(rpc::Deadline deadline);

 private:
  void Run();
  // Waits until something can be done, and does it. False: it was stopped, and that is over.
  bool Serve();
  void MoveAll(const std::vector<pollfd>& ready);
  void AcceptAll();
  void Accept(UniqueFd client);
  void Refuse(const std::string& why);

  const std::string socket_;
  UniqueFd listener_;
  uint16_t port_ = 0;
  UniqueFd stop_event_;  // readable once deadline_ is set
  std::thread thread_;
  std::atomic<rpc::Deadline> deadline_ = rpc::Deadline::max();

  // Of the thread alone.
  std::vector<ByteRelay> relays_;
  size_t max_relays_;
  bool stopping_ = false;
  bool has_refused_ = false;
};

}  // namespace sluice::cli
