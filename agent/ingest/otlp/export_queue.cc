// Problem: A request may be 64 MiB and the thread serves others too. The journal may refuse at any
// entry of it. Most SDKs drop what is refused, so that waiting is better than refusing, but only as
// long as the sender waits as well.
//
// States: A job is worked on (in users_, by Work) until its last entry is appended. Where the
// journal or a gate does not take an entry, its user is held and all of them are tried again when
// something became durable, or after a while. Then it waits for its last entry to be durable (in
// waiting_). It ends by an answer: taken, or busy when its time is over, in any state.
//
// Invariants:
// * Nothing is appended before all of the envelope was checked, and there is room for all of it.
// * A job whose sender left goes on if it has appended something, and is remembered: its sender
// will
//   send it again.
// * The bytes of a job stay until it ends: its walk points into them, and they are what is
// remembered.
// * The journal writes entries from where they stand in a request, and so may hold a request longer
//   than its job, which can end before a sync. They are charged to the user until that sync.

#include "agent/ingest/otlp/export_queue.h"

#include <algorithm>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "agent/base/retry_after.h"
#include "agent/base/status_macros.h"
#include "agent/ingest/otlp/envelope_check.h"
#include "agent/ingest/otlp/request_walk.h"
#include "proto/record/limits.h"

namespace sluice::ingest::otlp {
namespace {

constexpr uint64_t kHeldLookNanos = 50'000'000;
constexpr uint64_t kSecond = 1'000'000'000;
// Between two syncs that are asked for.
constexpr uint64_t kSyncNanos = 2'000'000;
constexpr std::chrono::milliseconds kShortestDelay{50};
constexpr std::chrono::milliseconds kLongestDelay{2000};
constexpr size_t kMostTold = 1024;
// What the entries of a request take beside its bytes, about.
constexpr uint64_t kEntryOverhead = 1024;

constexpr const char* kSignals[] = {"traces", "logs", "metrics"};

// A second before the deadline, or halfway where that is sooner than that.
uint64_t GiveUpAt(uint64_t now, uint64_t deadline) {
  const uint64_t longest = now + ExportQueue::kLongestHoldNanos;
  if (deadline == 0) return longest;
  const uint64_t left = deadline > now ? deadline - now : 0;
  return std::min(longest, now + (left > 2 * kSecond ? left - kSecond : left / 2));
}

}  // namespace

struct ExportQueue::Job {
  Job(Ticket ticket, const net::Connection& connection, Request received, Done done)
      : ticket(ticket),
        uid(connection.uid()),
        connection(connection.id()),
        held(std::make_shared<const Request>(std::move(received))),
        request(*held),
        done(std::move(done)),
        envelope(request.encoded) {}

  // What the journal may keep of it.
  journal::Lender Lend() const { return {held, request.encoded}; }

  const Ticket ticket;
  const uid_t uid;
  const uint64_t connection;
  const std::shared_ptr<const Request> held;
  const Request& request;
  Done done;  // null: nobody waits for the answer
  uint64_t give_up_at = 0;
  bool is_sound = false;
  bool has_room = false;
  EnvelopeCheck envelope;
  std::shared_ptr<const Redactor> redactor;  // in force when it came
  std::optional<RequestWalk> walk;
  absl::Status refusal;           // why it is held
  uint64_t journal_sequence = 0;  // of its last entry so far; 0: none
  Reply reply;                    // once it waits for that
  bool waits = false;
};

ExportQueue::ExportQueue(Options options) : options_(std::move(options)) {}

ExportQueue::~ExportQueue() {
  options_.loop->CancelTimer(look_timer_);
  options_.loop->CancelTimer(sync_timer_);
  for (const auto& [ticket, job] : jobs_) {
    options_.budget->Release(job->uid, job->request.encoded.size());
  }
  ReleaseLent(UINT64_MAX);
}

Receiver::Ticket ExportQueue::Receive(const net::Connection& connection, Request request,
                                      Done done) {
  const uid_t uid = connection.uid();
  const size_t size = request.encoded.size();
  if (size > options_.max_request_bytes) {
    done({.kind = Reply::Kind::kTooLarge,
          .message = absl::StrCat("a request may have ", options_.max_request_bytes, " bytes")});
    return kAnswered;
  }
  if (!options_.budget->Charge(uid, size)) {
    options_.counters->Add("otlp.busy", {}, uid);
    done({.kind = Reply::Kind::kBusy,
          .message = "too many bytes of this user are under way",
          .retry_delay = kLongestDelay / 2});
    return kAnswered;
  }
  if (Job* const same = FindAbandoned(uid, request)) {
    options_.counters->Add("otlp.duplicates", {}, uid);
    options_.budget->Release(uid, size);
    same->done = std::move(done);
    same->give_up_at = GiveUpAt(options_.loop->now(), request.deadline_boottime_nano);
    return same->ticket;
  }
  const Ticket ticket = ++last_ticket_;
  auto owned = std::make_unique<Job>(ticket, connection, std::move(request), std::move(done));
  Job& job = *owned;
  jobs_.emplace(ticket, std::move(owned));
  job.give_up_at = GiveUpAt(options_.loop->now(), job.request.deadline_boottime_nano);
  LookLater();
  if (AnswerKnown(job)) return jobs_.contains(ticket) ? ticket : kAnswered;
  const std::string_view no_metrics = WhyNoMetrics(job.request.signal);
  job.redactor = options_.admission->shared_redactor();
  job.walk.emplace(RequestWalk::Options{.signal = job.request.signal,
                                        .identity = connection.identity(),
                                        .sender_is_host_root = connection.is_host_root(),
                                        .rejects_all = no_metrics,
                                        .max_item_bytes = options_.max_item_bytes,
                                        .wanted = &options_.admission->wanted(),
                                        .redactor = job.redactor.get()},
                   job.request.encoded);
  OfUser& user = users_[uid];
  user.jobs.push_back(ticket);
  if (user.jobs.size() == 1) WorkFor(uid, user);
  return jobs_.contains(ticket) ? ticket : kAnswered;
}

ExportQueue::Job* ExportQueue::FindAbandoned(uid_t uid, const Request& request) {
  const auto user = users_.find(uid);
  if (user == users_.end()) return nullptr;
  for (const Ticket ticket : user->second.jobs) {
    Job* const job = jobs_.at(ticket).get();
    const bool is_same = job->done == nullptr && job->request.signal == request.signal &&
                         job->request.encoded == request.encoded;
    if (is_same) return job;
  }
  return nullptr;
}

std::string_view ExportQueue::WhyNoMetrics(Signal signal) const {
  if (signal != Signal::kMetrics) return {};
  if (!options_.has_metrics_reader()) return "no_metrics_destination";
  const journal::Usage usage = options_.journal->GetUsage();
  return usage.bytes * 2 > usage.max_bytes ? "journal_half_full" : std::string_view();
}

bool ExportQueue::AnswerKnown(Job& job) {
  auto known = lost_.Find(job.uid, job.request, options_.loop->now());
  if (!known.has_value()) return false;
  options_.counters->Add("otlp.duplicates", {}, job.uid);
  WaitForSync(job, known->journal_sequence, std::move(known->reply));
  return true;
}

void ExportQueue::Abandon(Ticket ticket) {
  const auto it = jobs_.find(ticket);
  if (it == jobs_.end()) return;
  Job& job = *it->second;
  job.done = nullptr;
  if (job.journal_sequence == 0) return Remove(job);
  if (!job.waits) return;
  lost_.Remember(job.uid, job.request, {job.journal_sequence, job.reply}, options_.loop->now());
  Remove(job);
}

void ExportQueue::ServeLater() {
  if (std::exchange(serves_later_, true)) return;
  options_.loop->RunAtTurnEnd([this] {
    serves_later_ = false;
    Serve();
    if (!turns_.empty()) ServeLater();
  });
}

void ExportQueue::Serve() {
  if (turns_.empty()) return;
  const uid_t uid = turns_.front();
  turns_.pop_front();
  const auto it = users_.find(uid);
  if (it == users_.end()) return;
  it->second.is_listed = false;
  if (!it->second.is_held) WorkFor(uid, it->second);
}

void ExportQueue::WorkFor(uid_t uid, OfUser& user) {
  if (!user.jobs.empty()) {
    Job& job = *jobs_.at(user.jobs.front());
    const Progress progress = Work(job);
    if (progress == Progress::kEnded) user.jobs.pop_front();
    user.is_held = progress == Progress::kHeld;
    // Only now, since an answer may bring the next request.
    if (progress == Progress::kEnded) EndWork(job);
  }
  const auto it = users_.find(uid);
  if (it == users_.end()) return;
  if (it->second.jobs.empty()) {
    users_.erase(it);
  } else if (!it->second.is_held) {
    List(uid, it->second);
  }
}

void ExportQueue::List(uid_t uid, OfUser& user) {
  if (std::exchange(user.is_listed, true)) return;
  turns_.push_back(uid);
  ServeLater();
}

ExportQueue::Progress ExportQueue::Work(Job& job) {
  Slice slice;
  if (!job.is_sound) {
    const absl::StatusOr<bool> checked = job.envelope.Work(&slice);
    if (!checked.ok()) {
      job.refusal = checked.status();
      return Progress::kEnded;
    }
    job.is_sound = *checked;
  }
  if (!job.is_sound) return Progress::kMore;
  while (true) {
    switch (job.walk->Work(&slice)) {
      case RequestWalk::Next::kPause:
        return Progress::kMore;
      case RequestWalk::Next::kEnd:
        return Progress::kEnded;
      case RequestWalk::Next::kEntry:
        job.refusal = Append(job);
        if (!job.refusal.ok()) return Progress::kHeld;
        job.walk->EntryTaken();
    }
  }
}

absl::Status ExportQueue::Append(Job& job) {
  RETURN_IF_ERROR(options_.admission->CheckBehind(job.uid));
  if (options_.gate->Holds(job.uid)) return absl::UnavailableError("the disk is too far behind");
  const size_t size = job.request.encoded.size();
  if (!job.has_room && size > RequestWalk::kEntryBytes) {
    const absl::Status room = options_.journal->MakeRoom(job.uid, size + kEntryOverhead);
    CommitAtTurnEnd();  // what the journal says of itself to make room
    RETURN_IF_ERROR(room);
  }
  Admission::ScopesEntry entry = job.walk->entry();
  entry.lender = job.Lend();
  const auto sequence = options_.admission->AppendScopes(entry, journal::Urgency::kGrouped);
  CommitAtTurnEnd();
  if (!sequence.ok()) return sequence.status();
  job.has_room = true;
  job.journal_sequence = *sequence;
  return absl::OkStatus();
}

void ExportQueue::EndWork(Job& job) {
  if (!job.is_sound) {
    options_.counters->Add("otlp.invalid", {}, job.uid);
    return Answer(job,
                  {.kind = Reply::Kind::kInvalid, .message = std::string(job.refusal.message())});
  }
  CountItems(job);
  Reply reply = ReplyOf(job);
  if (job.done == nullptr) {
    // Its sender left while it was half stored.
    lost_.Remember(job.uid, job.request, {job.journal_sequence, std::move(reply)},
                   options_.loop->now());
    return Remove(job);
  }
  WaitForSync(job, job.journal_sequence, std::move(reply));
}

Reply ExportQueue::ReplyOf(Job& job) {
  const Rejections& rejections = job.walk->rejections();
  const bool tells_of_metrics = rejections.by_reason().contains("no_metrics_destination");
  if (tells_of_metrics && !told_of_metrics_.insert(job.connection).second) return {};
  if (told_of_metrics_.size() > kMostTold) told_of_metrics_.erase(told_of_metrics_.begin());
  return {.rejected = rejections.total(), .message = rejections.Message()};
}

void ExportQueue::CountItems(const Job& job) {
  const RequestWalk& walk = *job.walk;
  for (const auto& [reason, count] : walk.rejections().by_reason()) {
    options_.counters->Add("admission.dropped", reason, job.uid, count);
  }
  for (const auto& [reason, count] : walk.unwanted()) {
    options_.counters->Add("admission.dropped", reason, job.uid, count);
  }
  for (const auto& [reason, count] : walk.repairs()) {
    options_.counters->Add("admission.repaired", reason, job.uid, count);
  }
  if (walk.redacted() > 0) {
    options_.counters->Add("ingest.redacted", {}, job.uid, walk.redacted());
  }
  for (const auto& [what, count] : walk.counts()) {
    options_.counters->Add(what.first, what.second, job.uid, count);
  }
}

void ExportQueue::WaitForSync(Job& job, uint64_t sequence, Reply reply) {
  if (sequence <= options_.journal->synced_sequence()) return Answer(job, reply);
  job.journal_sequence = sequence;
  job.reply = std::move(reply);
  job.waits = true;
  waiting_.emplace(sequence, job.ticket);
  RequestSync();
}

// At once where the last sync is a while ago; else what comes within 2 ms shares the next one.
void ExportQueue::RequestSync() {
  CommitAtTurnEnd();
  if (sync_timer_ != 0) return;
  const uint64_t due = last_sync_ + kSyncNanos;
  if (due <= options_.loop->now()) return;
  sync_timer_ = options_.loop->AddTimer(due, [this] {
    sync_timer_ = 0;
    options_.journal->SyncNow();
  });
}

void ExportQueue::CommitAtTurnEnd() {
  if (std::exchange(commit_pending_, true)) return;
  options_.loop->RunAtTurnEnd([this] {
    commit_pending_ = false;
    options_.journal->CommitTurn();
    const bool is_due = last_sync_ + kSyncNanos <= options_.loop->now();
    if (!waiting_.empty() && is_due) options_.journal->SyncNow();
  });
}

void ExportQueue::OnSynced(uint64_t sequence) {
  last_sync_ = options_.loop->now();
  ReleaseLent(sequence);
  while (!waiting_.empty() && waiting_.begin()->first <= sequence) {
    Job& job = *jobs_.at(waiting_.begin()->second);
    const Reply reply = std::move(job.reply);
    Answer(job, reply);
  }
  Retry();
}

void ExportQueue::Retry() {
  for (auto& [uid, user] : users_) {
    if (std::exchange(user.is_held, false)) List(uid, user);
  }
}

void ExportQueue::StopHolding() {
  is_stopping_ = true;
  Look();
}

void ExportQueue::LookLater() {
  if (look_timer_ != 0) return;
  look_timer_ = options_.loop->AddTimer(options_.loop->now() + kHeldLookNanos, [this] {
    look_timer_ = 0;
    Look();
    if (!jobs_.empty()) LookLater();
  });
}

void ExportQueue::Look() {
  std::vector<Ticket> late;
  for (const auto& [ticket, job] : jobs_) {
    // What is stored already may well be synced before the agent ends.
    const bool is_late = job->give_up_at <= options_.loop->now();
    if (is_late || (is_stopping_ && !job->waits)) late.push_back(ticket);
  }
  for (const Ticket ticket : late) {
    const auto it = jobs_.find(ticket);
    if (it != jobs_.end()) GiveUp(*it->second);
  }
  Retry();
}

// What is under way and not held goes on: it gets there.
void ExportQueue::GiveUp(Job& job) {
  if (job.waits) {
    lost_.Remember(job.uid, job.request, {job.journal_sequence, std::move(job.reply)},
                   options_.loop->now());
    return RefuseBusy(job, absl::UnavailableError("the journal cannot be written yet"));
  }
  const OfUser& user = users_.at(job.uid);
  if (!user.is_held) return;
  if (job.journal_sequence != 0) options_.counters->Add("otlp.partly_stored", {}, job.uid);
  RefuseBusy(job, job.refusal.ok() ? absl::UnavailableError("others of this user are before it")
                                   : job.refusal);
}

void ExportQueue::RefuseBusy(Job& job, const absl::Status& why) {
  options_.counters->Add("otlp.busy", {}, job.uid);
  Answer(job, {.kind = Reply::Kind::kBusy,
               .message = std::string(why.message()),
               .retry_delay = std::clamp(RetryAfter(why).value_or(kLongestDelay / 2),
                                         kShortestDelay, kLongestDelay)});
}

void ExportQueue::Answer(Job& job, const Reply& reply) {
  if (reply.kind == Reply::Kind::kTaken) {
    options_.counters->Add("otlp.requests", kSignals[static_cast<size_t>(job.request.signal)],
                           job.uid);
  }
  const Done done = std::move(job.done);
  Remove(job);
  if (done != nullptr) done(reply);
}

void ExportQueue::Release(const Job& job) {
  const Charged charged{job.uid, job.request.encoded.size()};
  if (job.held.use_count() > 1) {
    lent_.emplace(job.journal_sequence, charged);
  } else {
    options_.budget->Release(charged.uid, charged.bytes);
  }
}

void ExportQueue::ReleaseLent(uint64_t synced) {
  for (; !lent_.empty() && lent_.begin()->first <= synced; lent_.erase(lent_.begin())) {
    options_.budget->Release(lent_.begin()->second.uid, lent_.begin()->second.bytes);
  }
}

void ExportQueue::Remove(Job& job) {
  Release(job);
  if (job.waits) {
    auto [begin, end] = waiting_.equal_range(job.journal_sequence);
    while (begin != end && begin->second != job.ticket) ++begin;
    if (begin != end) waiting_.erase(begin);
  }
  const auto it = users_.find(job.uid);
  if (it != users_.end()) {
    OfUser& user = it->second;
    if (!user.jobs.empty() && user.jobs.front() == job.ticket) user.is_held = false;
    std::erase(user.jobs, job.ticket);
    if (user.jobs.empty()) {
      users_.erase(it);
    } else if (!user.is_held) {
      List(job.uid, user);
    }
  }
  jobs_.erase(job.ticket);
}

}  // namespace sluice::ingest::otlp
