// Problem: A sink may be slow, fail or hang for as long as it likes, and the agent may be killed at
// any point. All of its records must reach the destination nevertheless, flushes must be answered,
// and a stop must end in time.
//
// States: Run restores the open spans, opens the sink, then repeats: read, commit, run jobs, sync.
// While it reads, each 64 records Attend runs jobs, answers flushes that are due and lets root's
// entries go first where they are waited for (root_ahead.h). Open and Commit are repeated until
// they succeed (Persist); between attempts jobs still run. After BeginStop each attempt that begins
// is the last of its kind. So a sink that works drains; one that waits or fails is woken, tries
// once more and ends, with its cursor before what it could not write (gave_up_); one that is in a
// call keeps the thread until the call returns. stop_workers.h decides how long that is waited for.
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

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "agent/base/retry_after.h"
#include "agent/base/scheduling.h"

namespace sluice::sinks {
namespace {

using std::chrono::duration_cast;
using std::chrono::milliseconds;
using std::chrono::nanoseconds;

// Entries read before what they brought is written, if it is anything: the cursor moves on, and the
// sink is idle for a moment, also while its filter lets nothing through.
constexpr size_t kBatchEntries = 1024;
constexpr size_t kBatchRecords = 16 * 1024;
// What the queue may read once root waits: as a rule it gets there, and nothing has to go first.
constexpr uint64_t kRootWaitsRecords = 1024;
constexpr uint64_t kRootWaitsNanos = 20'000'000;
// Flushes that come while a batch is read share a sync; root's do not wait for others.
constexpr uint64_t kFlushInterval = 20'000'000;
// What is held of an entry before it is written out: a small record may be a long line.
constexpr size_t kMaxPendingBytes = 1024 * 1024;
// How long and how much may stay unsynced when nobody asks: the journal has to keep it.
constexpr uint64_t kSyncInterval = 1'000'000'000;
constexpr size_t kSyncBytes = 16 * 1024 * 1024;
// While stopping, what is journalled is there at once. A read may also be empty because the worker
// was woken.
constexpr uint64_t kStoppingWait = 10'000'000;
constexpr int kEmptyReads = 3;
constexpr milliseconds kFirstBackoff{50};
constexpr milliseconds kLongestBackoff{2000};
// For a sink that tells when to try again, in case that it misses something.
constexpr milliseconds kToldBackoff{30'000};

}  // namespace

SinkWorker::SinkWorker(std::unique_ptr<Sink> sink, Options options)
    : options_(std::move(options)),
      sink_(std::move(sink)),
      policy_(sink_->policy()),
      reader_(options_.journal->OpenReader(options_.name)),
      stream_(
          options_.filter, [this](const stream::Delivery& delivery) { Add(delivery); },
          sink_->unfiltered(),
          sink_->takes_scopes() ? stream::WholeScopeFn([this](const stream::WholeScope& scope) {
            return !MakeRoom(scope.origin->identity.uid) || sink_->TakeScope(scope);
          })
                                : nullptr),
      ahead_(options_.journal, options_.name),
      meter_(options_.clock),
      backoff_(kFirstBackoff),
      health_(options_.name, options_.clock) {}

SinkWorker::~SinkWorker() {
  if (!thread_.joinable()) return;
  if (AwaitEnd({})) {
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
  stream_.Restore(reader_->Restore(cursor, sink_->rebuilds()));
  cursor_ = passed_ = read_sequence_ = cursor;
  ahead_.Restore(cursor);
  // A killed predecessor may have left unsynced what it had written.
  unsynced_ = cursor > 0 || ahead_.written() > 0;
  sync_due_ = Now() + kSyncInterval;
  if (!Persist([](Sink& sink) { return sink.Open(); })) return;
  while (!Drained()) {
    ReadBatch();
    if (!CommitBatch()) return;
    RunJobs();
    ServeRoot();
    if (gave_up_ || !SyncIfDue()) return;
  }
}

std::chrono::steady_clock::time_point SinkWorker::WaitUntil(uint64_t due) const {
  if (due == 0) return {};
  const uint64_t now = Now();
  return std::chrono::steady_clock::now() + nanoseconds(due > now ? due - now : 0);
}

template <typename Function>
auto SinkWorker::CallSink(Function function) {
  health_.BeginCall();
  auto result = function(*sink_);
  health_.EndCall();
  return result;
}

void SinkWorker::RunInCall(const Job& job) {
  CallSink([&](Sink& sink) { return job(sink), 0; });
}

template <typename Attempt>
bool SinkWorker::Persist(Attempt attempt) {
  for (;;) {
    const bool is_last = IsStopping();
    const absl::Status status = CallSink(attempt);
    if (status.ok()) {
      health_.TellSuccess();
      backoff_ = kFirstBackoff;
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
  health_.TellFailure(error, is_last);
  if (is_last || IsAbandoned()) return false;
  options_.counters->Add("sink.retries", name());
  const auto not_before = RetryAfter(error);
  const int retry_fd = sink_->retry_fd();
  const milliseconds pause = not_before.value_or(retry_fd < 0 ? backoff_ : kToldBackoff);
  backoff_ = std::min(backoff_ * 2, kLongestBackoff);
  const uint64_t due = failed + static_cast<uint64_t>(nanoseconds(pause).count());
  health_.SetNextAttempt(due);
  for (uint64_t now = Now(); now < due && !IsStopping(); now = Now()) {
    if (sleeper_.Sleep(nanoseconds(due - now), retry_fd)) break;
    RunJobs();
  }
  // A destination that named a time is not asked before it.
  return !IsAbandoned() && !(IsStopping() && not_before.has_value());
}

void SinkWorker::Add(const stream::Delivery& delivery) {
  if (MakeRoom(delivery.user())) sink_->Add(delivery);
}

bool SinkWorker::MakeRoom(uid_t uid) {
  // The cursor stays before this entry, so the next start delivers it again.
  if (gave_up_) return false;
  if (sink_->pending_bytes() < std::max(kMaxPendingBytes, policy_.commit_bytes)) return true;
  if (!Write()) return false;
  meter_.Enter(uid, sink_->pending_bytes());
  return true;
}

void SinkWorker::ReadBatch() {
  // The first entry may be waited for, as long as nothing else is due.
  uint64_t due = unsynced_ ? sync_due_ : Now() + kSyncInterval;
  const bool is_stopping = IsStopping();
  if (is_stopping) due = Now() + kStoppingWait;
  if (FlushIsDue()) due = 0;
  const size_t most = std::max(kBatchEntries, policy_.commit_records);
  const uint64_t last_record = pace_.read() + std::max(kBatchRecords, policy_.commit_records);
  if (is_stopping) ++empty_reads_;
  for (size_t entries = 0; entries < most && pace_.read() < last_record && !gave_up_; ++entries) {
    if (due != 0) meter_.Pause(sink_->pending_bytes());
    auto entry = reader_->Next(WaitUntil(due));
    if (!entry.has_value()) break;
    empty_reads_ = 0;
    TakeSettings();
    ReadEntry(&*entry);
    read_sequence_ = entry->sequence;
    unsynced_entry_bytes_ += entry->batch.encoded.size();
    passed_.store(read_sequence_, std::memory_order_relaxed);
    ahead_.CloseBehind(read_sequence_);
    if (pace_.EndEntry(entry->batch.encoded.size())) Attend();
    if (IsFull()) break;
    due = WaitForMoreUntil();
  }
  meter_.Pause(sink_->pending_bytes());
  TakeSettings();
  filtered_.store(stream_.filtered() + ahead_.filtered(), std::memory_order_relaxed);
}

void SinkWorker::ReadEntry(journal::Entry* entry) {
  if (oldest_unix_nano_ == 0 && !entry->replayed) {
    oldest_unix_nano_ = entry->batch.received_unix_nano;
  }
  if (entry->begins_segment) sink_->ReleaseHeld(entry->replayed);
  const bool was_taken = ahead_.Took(*entry);
  stream_.DeliverReplayed(sink_->rebuilds() && !was_taken);
  entry->replayed |= was_taken;
  in_roots_entry_ = entry->uid == 0;
  pace_.BeginEntry();
  stream_.Begin(*entry);
  for (bool has_more = true; has_more && !gave_up_;) {
    if (!meter_.IsIn(entry->uid)) meter_.Enter(entry->uid, sink_->pending_bytes());
    const size_t count = stream_.ReadSome(pace_.step_left());
    has_more = count == pace_.step_left();
    if (pace_.Count(count)) Attend();
  }
  in_roots_entry_ = false;
  meter_.Count(entry->uid, UnitsOf(pace_.read_of_entry(), entry->batch.encoded.size()));
}

bool SinkWorker::IsFull() const {
  return sink_->pending_bytes() >= policy_.commit_bytes ||
         (policy_.commit_records > 0 && sink_->pending_records() >= policy_.commit_records);
}

uint64_t SinkWorker::WaitForMoreUntil() {
  if (policy_.longest_wait.count() == 0 || sink_->pending_bytes() == 0) return 0;
  if (policy_.enough_records > 0 && sink_->pending_records() >= policy_.enough_records) return 0;
  if (flushes_.size() > 0) return 0;
  if (oldest_pending_ == 0) oldest_pending_ = Now();
  return oldest_pending_ + static_cast<uint64_t>(nanoseconds(policy_.longest_wait).count());
}

bool SinkWorker::HasUnwritten() const {
  return Delivered() != written_.load(std::memory_order_relaxed) || sink_->pending_bytes() > 0;
}

bool SinkWorker::CommitBatch() {
  if (gave_up_) return false;
  if (HasUnwritten()) {
    if (!Write()) return false;
  } else if (CallSink([](Sink& sink) { return sink.OnIdle(); })) {
    AwaitSync();
  }
  meter_.Publish();
  if (read_sequence_ == cursor_.load(std::memory_order_relaxed)) return true;
  cursor_.store(read_sequence_);
  oldest_unix_nano_ = 0;
  reader_->MarkWritten(read_sequence_);
  AwaitSync();
  return true;
}

bool SinkWorker::Write() {
  oldest_pending_ = 0;
  meter_.Pause(sink_->pending_bytes());
  uint64_t nanos = 0;
  const bool is_written = Persist([&](Sink& sink) {
    const uint64_t begin = Now();
    absl::Status status = sink.Commit();
    nanos = Now() - begin;
    return status;
  });
  if (!is_written) return false;
  meter_.OnCommit(nanos);
  written_.store(Delivered(), std::memory_order_relaxed);
  return true;
}

void SinkWorker::AwaitSync() {
  if (!std::exchange(unsynced_, true)) sync_due_ = Now() + kSyncInterval;
}

FlushQueue::Place SinkWorker::place() const {
  return {.all = cursor_, .roots = std::max(cursor_.load(), ahead_.written())};
}

void SinkWorker::Attend() {
  if (!has_duty_.load(std::memory_order_relaxed)) return;
  meter_.Pause(sink_->pending_bytes());
  has_duty_ = false;
  RunJobs();
  ServeRoot();
  if (gave_up_ || !FlushIsDue()) return;
  if (flushes_.IsRootsDue(place()) || Now() >= last_sync_ + kFlushInterval) {
    SyncIfDue();
  } else {
    has_duty_ = true;
  }
}

void SinkWorker::ServeRoot() {
  const uint64_t wanted = flushes_.RootsWanted(place());
  if (wanted == 0) {
    root_first_at_ = 0;
    return;
  }
  has_duty_ = true;
  if (root_first_at_ == 0) {
    root_first_at_ = pace_.read() + kRootWaitsRecords;
    root_first_from_ = Now() + kRootWaitsNanos;
  }
  const bool is_patient = pace_.read() < root_first_at_ && Now() < root_first_from_;
  if (wanted <= read_sequence_) {
    CommitBatch();
  } else if (!is_patient && !in_roots_entry_) {
    TakeAhead(wanted);
  }
}

void SinkWorker::TakeAhead(uint64_t sequence) {
  ahead_.Open(stream_, read_sequence_);
  while (ahead_.scanned() < sequence && ahead_.Next()) {
    while (ahead_.ReadSome(ReadingPace::kStepRecords) && !gave_up_) RunJobs();
    if (gave_up_ || (IsFull() && !Write())) return;
    RunJobs();
  }
  sink_->ReleaseHeld(false);
  if (HasUnwritten() && !Write()) return;
  ahead_.MarkWritten();
  AwaitSync();
}

bool SinkWorker::SyncIfDue() {
  const bool is_large = unsynced_entry_bytes_ >= kSyncBytes;
  const bool is_due = unsynced_ && (is_large || Now() >= sync_due_ || HasReadAll());
  if (!is_due && !FlushIsDue()) return true;
  const bool is_last = IsStopping();
  const absl::Status status =
      unsynced_ ? CallSink([](Sink& sink) { return sink.Sync(); }) : absl::OkStatus();
  unsynced_entry_bytes_ = 0;
  if (status.ok()) {
    last_sync_ = Now();
    if (std::exchange(unsynced_, false)) {
      // With something held, the segment of the last entry must stay in the journal.
      reader_->Commit(cursor_.load() - (sink_->holds() && cursor_ > 0 ? 1 : 0));
      reader_->MarkWritten(cursor_.load());
      ahead_.Commit();
      health_.Set("ok", "");
    }
  } else {
    options_.counters->Add("sink.sync_failed", name());
    health_.Set("failing", status.message());
    sync_due_ = Now() + (IsStopping() ? 0 : kSyncInterval);
    gave_up_ = is_last;
    if (is_last) health_.TellFailure(status, is_last);
  }
  flushes_.Answer(place(), status);
  return !gave_up_;
}

void SinkWorker::TakeSettings() {
  std::shared_ptr<const filter::Filter> filter;
  bool reopen;
  {
    MutexLock lock(&mutex_);
    filter = std::exchange(new_filter_, nullptr);
    reopen = std::exchange(reopen_, false);
  }
  if (filter != nullptr) {
    ahead_.SetFilter(filter);
    stream_.SetFilter(std::move(filter));
  }
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

uint64_t SinkWorker::Flush(uint64_t sequence, FlushQueue::Done done, Whose whose) {
  const uint64_t id = flushes_.Add(sequence, whose == Whose::kRoots, std::move(done));
  Wake();
  return id;
}

void SinkWorker::PutRootFirst(uint64_t sequence) {
  flushes_.AddForNobody(sequence);
  Wake();
}

void SinkWorker::Wake() {
  has_duty_ = true;
  sleeper_.Wake();
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
  MutexLock lock(&mutex_);
  return health_.CallLasts(stopping_since_);
}

void SinkWorker::Abandon() {
  {
    MutexLock lock(&mutex_);
    abandoned_ = true;
  }
  Wake();
}

SinkWorker::Status SinkWorker::status() const {
  SinkHealth::State state = health_.state();
  return {.name = name(),
          .destination = sink_->destination(),
          .state = std::move(state.name),
          .cursor = cursor_,
          .written_records = written_,
          .filtered_records = filtered_,
          .last_error = std::move(state.error),
          .oldest_unix_nano = oldest_unix_nano_,
          .next_attempt_unix_nano = state.next_attempt_unix_nano,
          .exports = sink_->export_status()};
}

}  // namespace sluice::sinks
