// Says on a terminal that an answer is waited for, once that takes over a second.
#pragma once

#include <condition_variable>
#include <mutex>
#include <string>
#include <thread>

namespace sluice::cli {

// While it lives, where stderr is a terminal; what it wrote is gone afterwards.
class Progress {
 public:
  // `whom`: `the agent at /run/sluice/sluice.sock`.
  explicit Progress(std::string whom);
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

 private:
  void Run();

  const std::string whom_;
  std::mutex mutex_;
  std::condition_variable over_;
  bool is_over_ = false;
  std::thread thread_;
};

}  // namespace sluice::cli
