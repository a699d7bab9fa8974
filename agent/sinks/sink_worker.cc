// Problem: A sink may be slow, fail or hang for as long as it likes, and the agent may be killed at
// any point. All of its records must reach the destination nevertheless, flushes must be answered,
// and a stop must end in time.
//
// States: Run restores the open spans, opens the sink, then repeats: read, commit, run jobs, sync.
// Open and Commit are repeated until they succeed (Persist); between attempts jobs still run. After
// BeginStop each attempt that begins is the last of its kind. So a sink that works drains; one that
// waits or fails is woken, tries once more and ends, with its cursor before what it could not write
// (gave_up_); one that is in a call keeps the thread until the call returns. stop_workers.h decides
// how long that is waited for.
//
// Invariants:
// * cursor_ moves only after Commit took all that was delivered up to it. A kill before that
//   repeats records; the other order would lose them.
// * The reader's durable cursor moves only after Sync succeeded. The journal removes what is before
//   it, so a power cut would take records for which there is no second copy.
// * mutex_ is free during calls of the sink, of jobs and of `done`. Otherwise a sink that hangs
//   would block status() and the loop with it.
// * Flushes are answered by SyncIfDue alone, with the result of the sync. So OK means synced.

#include "agent/sinks/sink_worker.h"

#include <poll.h>
#include <sys/eventfd.h>

#include <algorithm>
#include <iterator>
#include <utility>

#include "absl/strings/str_cat.h"
#include "agent/base/background_thread.h"
#include "agent/base/log.h"
#include "agent/base/retry_after.h"

namespace sluice::sinks {
namespace {

using std::chrono::duration_cast;
using std::chrono::milliseconds;
using std::chrono::nanoseconds;

// Entries read before what they brought is written, if it is anything: the cursor moves on, and the
// sink is idle for a moment, also while its filter lets nothing through.
constexpr size_t kBatchEntries = 1024;
// What is held of an entry before it is written out: a small record may be a long line.
constexpr size_t kMaxPendingBytes = 1024 * 1024;
// How long written records may stay unsynced when nobody asks.
constexpr uint64_t kSyncInterval = 1'000'000'000;
// While stopping, what is journalled is there at once. A read may also be empty because the worker
// was woken.
constexpr uint64_t kStoppingWait = 10'000'000;
constexpr int kEmptyReads = 3;
constexpr milliseconds kFirstBackoff{50};
constexpr milliseconds kLongestBackoff{2000};
// For a sink that tells when to try again, in case that it misses something.
constexpr milliseconds kToldBackoff{30'000};
// One sleep; what is due later is slept for again.
constexpr milliseconds kLongestSleep{3'600'000};
// Of one call of a sink. The pool's lock is waited for 2 s.
constexpr std::chrono::seconds kLongCall{3};

}  // namespace

SinkWorker::SinkWorker(std::unique_ptr<Sink> sink, Options options)
    : options_(std::move(options)),
      sink_(std::move(sink)),
      policy_(sink_->policy()),
      reader_(options_.journal->OpenReader(options_.name)),
      stream_(
          options_.filter, [this](const stream::Delivery& delivery) { Add(delivery); },
          sink_->unfiltered()),
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
    BecomeBackgroundThread(absl::StrCat("sink-", name()));
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
  sync_due_ = Now() + kSyncInterval;
  if (!OpenSink()) return;
  while (!Drained()) {
    ReadBatch();
    if (!CommitBatch()) return;
    RunJobs();
    if (!SyncIfDue()) return;
  }
}

std::chrono::steady_clock::time_point SinkWorker::WaitUntil(uint64_t due) const {
  if (due == 0) return {};
  const uint64_t now = Now();
  return std::chrono::steady_clock::now() + nanoseconds(due > now ? due - now : 0);
}

template <typename Function>
auto SinkWorker::CallSink(Function function) {
  in_call_since_ = std::max<uint64_t>(Now(), 1);
  auto result = function(*sink_);
  in_call_since_ = 0;
  return result;
}

void SinkWorker::RunInCall(const Job& job) {
  CallSink([&](Sink& sink) {
    job(sink);
    return 0;
  });
}

template <typename Attempt>
bool SinkWorker::Persist(Attempt attempt) {
  for (;;) {
    const bool is_last = IsStopping();
    const absl::Status status = CallSink(attempt);
    if (status.ok()) {
      TellSuccess();
      return true;
    }
    if (!AwaitRetry(status, is_last)) {
      gave_up_ = true;
      return false;
    }
  }
}

bool SinkWorker::AwaitRetry(const absl::Status& error, bool is_last) {
  const uint64_t failed = Now();
  TellFailure(error, is_last);
  if (is_last || IsAbandoned()) return false;
  options_.counters->Add("sink.retries", name());
  const auto not_before = RetryAfter(error);
  const int retry_fd = not_before.has_value() ? -1 : sink_->retry_fd();
  const milliseconds pause = not_before.value_or(retry_fd < 0 ? backoff_ : kToldBackoff);
  backoff_ = std::min(backoff_ * 2, kLongestBackoff);
  const uint64_t due = failed + static_cast<uint64_t>(nanoseconds(pause).count());
  while (Now() < due && !IsStopping()) {
    if (Sleep(due, retry_fd)) break;
    RunJobs();
  }
  // A destination that named a time is not asked before it.
  return !IsAbandoned() && !(IsStopping() && not_before.has_value());
}

void SinkWorker::TellFailure(const absl::Status& error, bool is_last) {
  SetState(absl::IsNotFound(error) ? "waiting" : "failing", error.message());
  if (is_last) {
    LogWarning(absl::StrCat("sink ", name(), ": ", error.message(),
                            "; stopping, what is left stays in the journal"));
  } else if (!std::exchange(is_failing_, true)) {
    LogWarning(absl::StrCat("sink ", name(), ": ", error.message(), "; trying again"));
  }
}

void SinkWorker::TellSuccess() {
  SetState("ok", "");
  backoff_ = kFirstBackoff;
  if (std::exchange(is_failing_, false)) LogInfo(absl::StrCat("sink ", name(), ": writing again"));
}

bool SinkWorker::Sleep(uint64_t due, int retry_fd) {
  const uint64_t now = Now();
  const nanoseconds left(due > now ? due - now : 0);
  const milliseconds wait = std::min(std::chrono::ceil<milliseconds>(left), kLongestSleep);
  pollfd waited_for[] = {{.fd = wake_fd_.get(), .events = POLLIN, .revents = 0},
                         {.fd = retry_fd, .events = POLLIN, .revents = 0}};
  ::poll(waited_for, std::size(waited_for), static_cast<int>(wait.count()));
  eventfd_t taken;
  ::eventfd_read(wake_fd_.get(), &taken);
  return waited_for[1].revents != 0;
}

bool SinkWorker::OpenSink() {
  return Persist([](Sink& sink) { return sink.Open(); });
}

void SinkWorker::Add(const stream::Delivery& delivery) {
  // The cursor stays before this entry, so the next start delivers it again.
  if (gave_up_) return;
  const size_t most = std::max(kMaxPendingBytes, policy_.commit_bytes);
  if (sink_->pending_bytes() >= most && !Write()) return;
  sink_->Add(delivery);
}

void SinkWorker::ReadBatch() {
  // The first entry may be waited for, as long as nothing else is due.
  uint64_t due = unsynced_ ? sync_due_ : Now() + kSyncInterval;
  const bool is_stopping = IsStopping();
  if (is_stopping) due = Now() + kStoppingWait;
  if (FlushIsDue()) due = 0;
  const size_t most = std::max(kBatchEntries, policy_.commit_records);
  if (is_stopping) ++empty_reads_;
  for (size_t entries = 0; entries < most && !gave_up_; ++entries) {
    const auto entry = reader_->Next(WaitUntil(due));
    if (!entry.has_value()) break;
    empty_reads_ = 0;
    TakeSettings();
    stream_.Read(*entry);
    read_sequence_ = entry->sequence;
    if (IsFull()) break;
    due = WaitForMoreUntil();
  }
  TakeSettings();
  filtered_.store(stream_.filtered(), std::memory_order_relaxed);
}

bool SinkWorker::IsFull() const {
  return sink_->pending_bytes() >= policy_.commit_bytes ||
         (policy_.commit_records > 0 && sink_->pending_records() >= policy_.commit_records);
}

uint64_t SinkWorker::WaitForMoreUntil() {
  if (policy_.longest_wait.count() == 0 || sink_->pending_bytes() == 0) return 0;
  if (policy_.enough_records > 0 && sink_->pending_records() >= policy_.enough_records) return 0;
  {
    MutexLock lock(&mutex_);
    if (!flushes_.empty()) return 0;
  }
  if (oldest_pending_ == 0) oldest_pending_ = Now();
  return oldest_pending_ + static_cast<uint64_t>(nanoseconds(policy_.longest_wait).count());
}

bool SinkWorker::CommitBatch() {
  const bool is_new = stream_.delivered() != written_.load(std::memory_order_relaxed);
  if (gave_up_) return false;
  if (is_new || sink_->pending_bytes() > 0) {
    if (!Write()) return false;
  } else if (CallSink([](Sink& sink) { return sink.OnIdle(); })) {
    AwaitSync();
  }
  if (read_sequence_ == cursor_.load(std::memory_order_relaxed)) return true;
  written_.store(stream_.delivered(), std::memory_order_relaxed);
  cursor_.store(read_sequence_);
  reader_->MarkWritten(read_sequence_);
  AwaitSync();
  return true;
}

bool SinkWorker::Write() {
  oldest_pending_ = 0;
  return Persist([](Sink& sink) { return sink.Commit(); });
}

void SinkWorker::AwaitSync() {
  if (!std::exchange(unsynced_, true)) sync_due_ = Now() + kSyncInterval;
}

bool SinkWorker::FlushIsDue() const {
  const uint64_t cursor = cursor_.load();
  MutexLock lock(&mutex_);
  return std::any_of(flushes_.begin(), flushes_.end(),
                     [&](const FlushRequest& request) { return request.sequence <= cursor; });
}

bool SinkWorker::SyncIfDue() {
  const bool is_due = unsynced_ && (Now() >= sync_due_ || HasReadAll());
  if (!is_due && !FlushIsDue()) return true;
  const bool is_last = IsStopping();
  const absl::Status status =
      unsynced_ ? CallSink([](Sink& sink) { return sink.Sync(); }) : absl::OkStatus();
  if (status.ok()) {
    if (std::exchange(unsynced_, false)) {
      reader_->Commit(cursor_.load());
      SetState("ok", "");
    }
  } else {
    options_.counters->Add("sink.sync_failed", name());
    SetState("failing", status.message());
    sync_due_ = Now() + (IsStopping() ? 0 : kSyncInterval);
    gave_up_ = is_last;
    if (is_last) TellFailure(status, is_last);
  }
  AnswerFlushes(status);
  return !gave_up_;
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
  if (reopen) RunInCall([](Sink& sink) { sink.Reopen(); });
}

void SinkWorker::RunJobs() {
  std::vector<Job> jobs;
  {
    MutexLock lock(&mutex_);
    jobs.swap(jobs_);
  }
  for (const Job& job : jobs) RunInCall(job);
}

// What is left to read may be damaged: then nothing more comes.
bool SinkWorker::HasReadAll() const {
  MutexLock lock(&mutex_);
  return stopping_ && (cursor_.load() >= stop_at_ || empty_reads_ >= kEmptyReads);
}

bool SinkWorker::Drained() const {
  if (IsAbandoned()) return true;
  if (!HasReadAll() || unsynced_ || FlushIsDue()) return false;
  MutexLock lock(&mutex_);
  return jobs_.empty();
}

bool SinkWorker::IsStopping() const {
  MutexLock lock(&mutex_);
  return stopping_;
}

bool SinkWorker::IsAbandoned() const {
  MutexLock lock(&mutex_);
  return abandoned_;
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

void SinkWorker::Wake() {
  ::eventfd_write(wake_fd_.get(), 1);
  reader_->Wake();
}

void SinkWorker::RunOnWorker(Job job) {
  {
    MutexLock lock(&mutex_);
    jobs_.push_back(std::move(job));
  }
  Wake();
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
    if (!std::exchange(stopping_, true)) stopping_since_ = Now();
    stop_at_ = options_.journal->last_sequence();
  }
  Flush(0, [](const absl::Status&) {});
  Wake();
}

bool SinkWorker::AwaitEnd(std::chrono::steady_clock::time_point deadline) {
  MutexLock lock(&mutex_);
  while (!ended_ && changed_.WaitUntil(&mutex_, deadline)) {
  }
  return ended_;
}

nanoseconds SinkWorker::CallLasts() const {
  uint64_t since = in_call_since_;
  if (since == 0) return {};
  {
    MutexLock lock(&mutex_);
    since = std::max(since, stopping_since_);
  }
  const uint64_t now = Now();
  return nanoseconds(now > since ? now - since : 0);
}

void SinkWorker::Abandon() {
  {
    MutexLock lock(&mutex_);
    abandoned_ = true;
  }
  Wake();
}

void SinkWorker::SetState(absl::string_view state, absl::string_view error) {
  MutexLock lock(&mutex_);
  state_ = std::string(state);
  last_error_ = std::string(error);
}

SinkWorker::Status SinkWorker::status() const {
  Status status;
  status.name = name();
  status.destination = sink_->destination();
  status.cursor = cursor_.load();
  status.written_records = written_.load();
  status.filtered_records = filtered_.load();
  if (const nanoseconds in_call = CallLasts(); in_call >= kLongCall) {
    status.state = "failing";
    status.last_error =
        absl::StrCat("its current call takes ",
                     duration_cast<std::chrono::seconds>(in_call).count(), " s so far");
    return status;
  }
  MutexLock lock(&mutex_);
  status.state = state_;
  status.last_error = last_error_;
  return status;
}

}  // namespace sluice::sinks
