#include "agent/sinks/stop_workers.h"

#include <algorithm>

namespace sluice::sinks {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

// Of one call of a sink, once it is to stop.
constexpr milliseconds kCancelAfter{300};
constexpr milliseconds kLeaveAfter{2000};
// How often the calls are looked at.
constexpr milliseconds kTick{50};

}  // namespace

std::vector<SinkWorker*> StopWorkers(const std::vector<std::unique_ptr<SinkWorker>>& workers,
                                     steady_clock::time_point deadline) {
  std::vector<SinkWorker*> running;
  for (const auto& worker : workers) {
    worker->BeginStop();
    running.push_back(worker.get());
  }
  std::vector<SinkWorker*> left_behind;
  while (!running.empty()) {
    const steady_clock::time_point tick = std::min(steady_clock::now() + kTick, deadline);
    std::erase_if(running, [&](SinkWorker* worker) {
      if (worker->AwaitEnd(tick)) return true;
      const auto lasts = worker->CallLasts();
      if (lasts >= kLeaveAfter || steady_clock::now() >= deadline) {
        worker->Abandon();
        left_behind.push_back(worker);
        return true;
      }
      if (lasts >= kCancelAfter) worker->CancelCall();
      return false;
    });
  }
  return left_behind;
}

}  // namespace sluice::sinks
