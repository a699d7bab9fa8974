// A sink that keeps in memory what it gets, and fails or hangs as a test says.
#pragma once

#include <algorithm>
#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "agent/base/mutex.h"
#include "agent/sinks/sink.h"

namespace sluice::sinks {

using std::chrono::seconds;
using std::chrono::steady_clock;

// What the test and the worker's thread share of the sink.
struct SinkLog {
  Mutex mutex;
  CondVar changed;
  std::vector<std::string> written GUARDED_BY(mutex);
  size_t most_at_once GUARDED_BY(mutex) = 0;
  std::vector<size_t> commits GUARDED_BY(mutex);  // records of each that wrote any
  int commits_to_fail GUARDED_BY(mutex) = 0;
  int opens_to_fail GUARDED_BY(mutex) = 0;
  bool hang GUARDED_BY(mutex) = false;
  int syncs GUARDED_BY(mutex) = 0;
  int syncs_to_fail GUARDED_BY(mutex) = 0;
  int idles_to_need_sync GUARDED_BY(mutex) = 0;
  int attempts GUARDED_BY(mutex) = 0;  // Open, Commit and Sync
  bool cancelled GUARDED_BY(mutex) = false;
  int ignores_cancel GUARDED_BY(mutex) = 0;
  // A commit with this text writes all, and then fails as if the agent had been killed.
  std::string dies_after GUARDED_BY(mutex);
  // Set before the worker starts.
  std::function<void(const stream::Delivery&)> on_add;  // called on the worker's thread
  int retry_fd = -1;
  SinkPolicy policy;
  absl::Status failure = absl::UnavailableError("disk full");

  bool Wait(const std::function<bool()>& condition) {
    const auto deadline = steady_clock::now() + seconds(20);
    MutexLock lock(&mutex);
    while (!condition()) {
      if (!changed.WaitUntil(&mutex, deadline) && !condition()) return false;
    }
    return true;
  }
};

class RecordingSink final : public Sink {
 public:
  explicit RecordingSink(std::shared_ptr<SinkLog> log) : log_(std::move(log)) {}
  std::string destination() const override { return "memory"; }
  SinkPolicy policy() const override { return log_->policy; }

  absl::Status Open() override {
    MutexLock lock(&log_->mutex);
    ++log_->attempts;
    log_->changed.NotifyAll();
    if (log_->opens_to_fail > 0 && log_->opens_to_fail-- > 0) return absl::NotFoundError("no dir");
    return absl::OkStatus();
  }
  void Add(const stream::Delivery& delivery) override {
    if (log_->on_add) log_->on_add(delivery);
    if (delivery.kind == stream::Delivery::Kind::kEvent) {
      pending_.emplace_back(delivery.record->event.message.text);
      pending_bytes_ += pending_.back().size();
    }
  }
  absl::Status Commit() override {
    MutexLock lock(&log_->mutex);
    ++log_->attempts;
    log_->changed.NotifyAll();
    while (log_->hang) log_->changed.Wait(&log_->mutex);
    if (log_->commits_to_fail > 0) {
      --log_->commits_to_fail;
      return log_->failure;
    }
    log_->most_at_once = std::max(log_->most_at_once, pending_bytes());
    if (!pending_.empty()) log_->commits.push_back(pending_.size());
    const bool dies = !log_->dies_after.empty() && std::find(pending_.begin(), pending_.end(),
                                                             log_->dies_after) != pending_.end();
    for (std::string& text : pending_) log_->written.push_back(std::move(text));
    pending_.clear();
    pending_bytes_ = 0;
    if (dies) log_->commits_to_fail = 1'000'000;
    log_->changed.NotifyAll();
    return dies ? log_->failure : absl::OkStatus();
  }
  int retry_fd() const override { return log_->retry_fd; }
  absl::Status Sync() override {
    MutexLock lock(&log_->mutex);
    ++log_->attempts;
    ++log_->syncs;
    log_->changed.NotifyAll();
    if (log_->syncs_to_fail > 0 && log_->syncs_to_fail-- > 0) return absl::DataLossError("EIO");
    return absl::OkStatus();
  }
  bool OnIdle() override {
    MutexLock lock(&log_->mutex);
    return log_->idles_to_need_sync > 0 && log_->idles_to_need_sync-- > 0;
  }
  void Cancel() override {
    MutexLock lock(&log_->mutex);
    log_->cancelled = true;
    if (log_->ignores_cancel != 0) return;
    log_->hang = false;
    log_->commits_to_fail = 1'000'000;
    log_->changed.NotifyAll();
  }
  size_t pending_records() const override { return pending_.size(); }
  size_t pending_bytes() const override { return pending_bytes_; }

 private:
  const std::shared_ptr<SinkLog> log_;
  std::vector<std::string> pending_;
  size_t pending_bytes_ = 0;
};

}  // namespace sluice::sinks
