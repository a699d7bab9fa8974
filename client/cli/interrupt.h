// Waiting that a signal ends, for verbs that go on until they are told to stop.
#pragma once

#include <csignal>

#include "client/rpc/status.h"

namespace sluice::cli {

// While it lives, SIGINT and SIGTERM end waits instead of the process, and are taken at no other
// time. At most one at a time.
class Interrupt {
 public:
  Interrupt();
  ~Interrupt();
  Interrupt(const Interrupt&) = delete;
  Interrupt& operator=(const Interrupt&) = delete;

  // Waits until `deadline`, or until `fd` (-1: none) has one of poll(2)'s `events`. Returns at once
  // when is_raised.
  void Wait(int fd, short events, rpc::Deadline deadline);

  // A signal came, or nobody reads stdout any more.
  bool is_raised() const;

 private:
  sigset_t before_;
  struct sigaction int_before_;
  struct sigaction term_before_;
  bool stdout_closed_ = false;
};

}  // namespace sluice::cli
