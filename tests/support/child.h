// A child process of a test, which decides how and when it ends.
#pragma once

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <utility>

#include "agent/identity/proc_file.h"
#include "agent/identity/process_watch.h"
#include "gtest/gtest.h"
#include "proto/base/unique_fd.h"

namespace sluice {

// A process that ends when told to.
class Child {
 public:
  explicit Child(int exit_code) {
    int fds[2];
    EXPECT_EQ(::pipe(fds), 0);
    pid_ = ::fork();
    if (pid_ == 0) {
      ::close(fds[1]);
      char byte;
      ::_exit(::read(fds[0], &byte, 1) == 0 ? exit_code : 99);
    }
    ::close(fds[0]);
    trigger_.reset(fds[1]);
    key_ = {pid_, net::ReadProcessStat(pid_)->start_time_ticks};
  }
  ~Child() {
    if (pid_ > 0) {
      Kill(SIGKILL);
      Reap();
    }
  }

  // Also once it is reaped.
  const net::ProcessKey& key() const { return key_; }
  void Exit() { trigger_.reset(); }
  void Kill(int signal) { ::kill(pid_, signal); }
  void AwaitExit() {
    siginfo_t ignored;
    EXPECT_EQ(::waitid(P_PID, static_cast<id_t>(pid_), &ignored, WEXITED | WNOWAIT), 0);
  }
  void Reap() { EXPECT_EQ(::waitpid(std::exchange(pid_, -1), nullptr, 0) > 0, true); }

 private:
  pid_t pid_;  // -1: reaped
  net::ProcessKey key_;
  UniqueFd trigger_;
};

}  // namespace sluice
