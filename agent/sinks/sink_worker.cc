#include "agent/sinks/sink_worker.h"

#include <poll.h>
#include <sys/eventfd.h>

#include <algorithm>
#include <iterator>
#include <utility>

#include "absl/strings/str_cat.h"
#include "agent/base/background_thread.h"
#include "agent/base/log.h"

namespace sluice::sinks {
namespace {

using std::chrono::milliseconds;

// What one Commit writes at most, but for a single larger entry. It bounds what a crash repeats and
// how long the pool's lock is held.
constexpr size_t kCommitBytes = 256 * 1024;
// Entries read before what they brought is written, if it is anything: the cursor moves on, and the
// sink is tended, also while its filter lets nothing through.
constexpr int kBatchEntries = 1024;
// What is held of an entry before it is written out: a small record may be a long line.
constexpr size_t kMaxPendingBytes = 1024 * 1024;
// How long written records may stay unsynced when nobody asks.
constexpr milliseconds kSyncInterval{1000};
constexpr milliseconds kFirstBackoff{50};
constexpr milliseconds kLongestBackoff{2000};
// For a sink that tells when to try again, in case that it misses something.
constexpr milliseconds kToldBackoff{30'000};
// Of one call of a sink. The pool's lock is waited for 2 s.
constexpr std::chrono::seconds kLongCall{3};

}  // namespace

SinkWorker::SinkWorker(std::unique_ptr<Sink> sink, std::shared_ptr<const filter::Filter> filter,
                       journal::Journal* journal, Counters* counters)
    : name_(sink->name()),
      journal_(journal),
      counters_(counters),
      reader_(journal->OpenReader(name_)),
      sink_(std::move(sink)),
      stream_(
          std::move(filter), [this](const Delivery& delivery) { Add(delivery); },
          [this](const RecordView& event) { return sink_->TakesUnfiltered(event); }),
      backoff_(kFirstBackoff),
      wake_fd_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {}

SinkWorker::~SinkWorker() {
  if (!thread_.joinable()) return;
  bool ended;
  {
    MutexLock lock(&mutex_);
    ended = ended_;
  }
  if (ended) {
    thread_.join();
  } else {
    thread_.detach();
  }
}

void SinkWorker::Start() {
  thread_ = std::thread([this] {
    BecomeBackgroundThread(absl::StrCat("sink-", name_));
    Run();
    MutexLock lock(&mutex_);
    ended_ = true;
    changed_.NotifyAll();
  });
}

void SinkWorker::Run() {
  const uint64_t cursor = reader_->stored_cursor();
  stream_.Restore(reader_->Restore(cursor));
  read_sequence_ = cursor;
  cursor_ = cursor;
  // A killed predecessor may have left unsynced what it had written.
  unsynced_ = cursor > 0;
  sync_due_ = Clock::now() + kSyncInterval;
  if (!OpenSink()) return;
  while (!Drained()) {
    ReadBatch();
    if (!CommitBatch()) return;
    RunOrders();
    SyncIfDue();
  }
}

template <typename Function>
auto SinkWorker::CallSink(Function function) {
  in_call_since_ = Clock::now();
  auto result = function(*sink_);
  in_call_since_ = Clock::time_point();
  return result;
}

bool SinkWorker::OpenSink() {
  for (;;) {
    const absl::Status status = CallSink([](Sink& sink) { return sink.Open(); });
    if (status.ok()) break;
    if (!BackOff(status, absl::IsNotFound(status) ? "waiting" : "failing")) return false;
    RunOrders();
  }
  SetState("ok", "");
  backoff_ = kFirstBackoff;
  return true;
}

void SinkWorker::Add(const Delivery& delivery) {
  // Taken in even where the worker is to end: what is left out would count as written.
  if (sink_->pending_bytes() >= kMaxPendingBytes) Write();
  sink_->Add(delivery);
}

void SinkWorker::ReadBatch() {
  // The first entry may be waited for, as long as nothing else is due; the rest must be there.
  auto deadline = unsynced_ ? sync_due_ : Clock::now() + kSyncInterval;
  if (FlushIsDue()) deadline = Clock::now();
  for (int entries = 0; entries < kBatchEntries; ++entries) {
    const auto entry = reader_->Next(deadline);
    if (!entry.has_value()) break;
    TakeSettings();
    stream_.Read(*entry);
    read_sequence_ = entry->sequence;
    if (sink_->pending_bytes() >= kCommitBytes) break;
    deadline = Clock::now();
  }
  TakeSettings();
  filtered_.store(stream_.filtered(), std::memory_order_relaxed);
}

bool SinkWorker::CommitBatch() {
  const bool is_new = stream_.delivered() != written_.load(std::memory_order_relaxed);
  if (is_new || sink_->pending_bytes() > 0) {
    if (!Write()) return false;
  } else if (CallSink([](Sink& sink) { return sink.Tend(); })) {
    AwaitSync();
  }
  if (read_sequence_ == cursor_.load(std::memory_order_relaxed)) return true;
  written_.store(stream_.delivered(), std::memory_order_relaxed);
  cursor_.store(read_sequence_);
  reader_->MarkWritten(read_sequence_);
  AwaitSync();
  return true;
}

void SinkWorker::AwaitSync() {
  if (!std::exchange(unsynced_, true)) sync_due_ = Clock::now() + kSyncInterval;
}

bool SinkWorker::Write() {
  for (;;) {
    const absl::Status status = CallSink([](Sink& sink) { return sink.Commit(); });
    if (status.ok()) break;
    if (!BackOff(status, absl::IsNotFound(status) ? "waiting" : "failing")) return false;
    RunOrders();
  }
  if (backoff_ != kFirstBackoff) {
    backoff_ = kFirstBackoff;
    LogInfo(absl::StrCat("sink ", name_, ": writing again"));
  }
  SetState("ok", "");
  return true;
}

bool SinkWorker::FlushIsDue() const {
  const uint64_t cursor = cursor_.load();
  MutexLock lock(&mutex_);
  return std::any_of(flushes_.begin(), flushes_.end(),
                     [&](const FlushRequest& request) { return request.sequence <= cursor; });
}

void SinkWorker::SyncIfDue() {
  const bool flush = FlushIsDue();
  if (!flush && !(unsynced_ && Clock::now() >= sync_due_)) return;
  const absl::Status status =
      unsynced_ ? CallSink([](Sink& sink) { return sink.Sync(); }) : absl::OkStatus();
  if (status.ok()) {
    if (std::exchange(unsynced_, false)) {
      reader_->Commit(cursor_.load());
      SetState("ok", "");
    }
  } else {
    counters_->Add("sink.sync_failed", name_);
    SetState("failing", status.message());
    sync_due_ = Clock::now() + kSyncInterval;
  }
  AnswerFlushes(status);
}

void SinkWorker::AnswerFlushes(const absl::Status& sync_status) {
  std::vector<FlushRequest> due;
  {
    MutexLock lock(&mutex_);
    const auto first_due = std::partition(
        flushes_.begin(), flushes_.end(),
        [&](const FlushRequest& request) { return request.sequence > cursor_.load(); });
    std::move(first_due, flushes_.end(), std::back_inserter(due));
    flushes_.erase(first_due, flushes_.end());
  }
  for (const FlushRequest& request : due) request.done(sync_status);
}

void SinkWorker::TakeSettings() {
  std::shared_ptr<const filter::Filter> filter;
  bool reopen;
  {
    MutexLock lock(&mutex_);
    filter = std::exchange(new_filter_, nullptr);
    reopen = std::exchange(reopen_, false);
  }
  if (filter != nullptr) stream_.SetFilter(std::move(filter));
  if (reopen) sink_->Reopen();
}

void SinkWorker::RunOrders() {
  std::vector<Order> orders;
  {
    MutexLock lock(&mutex_);
    orders.swap(orders_);
  }
  for (const Order& order : orders) order(*sink_);
}

bool SinkWorker::BackOff(const absl::Status& error, absl::string_view state) {
  SetState(state, error.message());
  if (backoff_ == kFirstBackoff) {
    LogWarning(absl::StrCat("sink ", name_, ": ", error.message(), "; trying again"));
  }
  counters_->Add("sink.retries", name_);
  const int retry_fd = sink_->retry_fd();
  const auto wait =
      retry_fd < 0 ? std::chrono::duration_cast<milliseconds>(backoff_) : kToldBackoff;
  backoff_ = std::min<Clock::duration>(backoff_ * 2, kLongestBackoff);
  pollfd waited_for[] = {{.fd = wake_fd_.get(), .events = POLLIN, .revents = 0},
                         {.fd = retry_fd, .events = POLLIN, .revents = 0}};
  ::poll(waited_for, std::size(waited_for), static_cast<int>(wait.count()));
  eventfd_t taken;
  ::eventfd_read(wake_fd_.get(), &taken);
  MutexLock lock(&mutex_);
  return !abandoned_;
}

bool SinkWorker::Drained() const {
  MutexLock lock(&mutex_);
  return abandoned_ || (stopping_ && cursor_.load() >= stop_at_ && flushes_.empty() &&
                        orders_.empty() && !unsynced_);
}

uint64_t SinkWorker::Flush(uint64_t sequence, std::function<void(absl::Status)> done) {
  uint64_t id;
  {
    MutexLock lock(&mutex_);
    id = ++last_flush_id_;
    flushes_.push_back({id, sequence, std::move(done)});
  }
  reader_->Wake();
  return id;
}

void SinkWorker::CancelFlush(uint64_t id) {
  MutexLock lock(&mutex_);
  std::erase_if(flushes_, [&](const FlushRequest& request) { return request.id == id; });
}

size_t SinkWorker::flushes_waiting() const {
  MutexLock lock(&mutex_);
  return flushes_.size();
}

void SinkWorker::Do(Order order) {
  {
    MutexLock lock(&mutex_);
    orders_.push_back(std::move(order));
  }
  ::eventfd_write(wake_fd_.get(), 1);
  reader_->Wake();
}

void SinkWorker::SetFilter(std::shared_ptr<const filter::Filter> filter) {
  {
    MutexLock lock(&mutex_);
    new_filter_ = std::move(filter);
  }
  reader_->Wake();
}

void SinkWorker::Reopen() {
  {
    MutexLock lock(&mutex_);
    reopen_ = true;
  }
  reader_->Wake();
}

void SinkWorker::BeginStop() {
  {
    MutexLock lock(&mutex_);
    stopping_ = true;
    stop_at_ = journal_->last_sequence();
  }
  Flush(0, [](const absl::Status&) {});
}

bool SinkWorker::Stop(Clock::time_point deadline) {
  BeginStop();
  MutexLock lock(&mutex_);
  while (!ended_ && changed_.WaitUntil(&mutex_, deadline)) {
  }
  if (!ended_) {
    abandoned_ = true;
    ::eventfd_write(wake_fd_.get(), 1);
  }
  return ended_;
}

void SinkWorker::SetState(absl::string_view state, absl::string_view error) {
  MutexLock lock(&mutex_);
  state_ = std::string(state);
  last_error_ = std::string(error);
}

SinkWorker::Status SinkWorker::status() const {
  Status status;
  status.name = name_;
  status.destination = sink_->destination();
  status.cursor = cursor_.load();
  status.written_records = written_.load();
  status.filtered_records = filtered_.load();
  const Clock::time_point since = in_call_since_;
  const Clock::duration in_call = Clock::now() - since;
  if (since != Clock::time_point() && in_call >= kLongCall) {
    status.state = "failing";
    status.last_error = absl::StrCat(
        "its current call takes ",
        std::chrono::duration_cast<std::chrono::seconds>(in_call).count(), " s so far");
    return status;
  }
  MutexLock lock(&mutex_);
  status.state = state_;
  status.last_error = last_error_;
  return status;
}

}  // namespace sluice::sinks
