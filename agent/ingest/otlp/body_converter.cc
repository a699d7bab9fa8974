// Problem: A large JSON body takes a tenth of a second and a hundred megabytes. On the loop's
// thread it would hold up everybody; several at once would exceed the agent's memory.
//
// States: A job waits in order_ until no other runs and the memory for it could be charged, then it
// is handed to the thread (running_), and ends on the loop's thread. Cancelled while it runs, it is
// forgotten once it is back.
//
// Invariants:
// * A job belongs to the loop's thread, but for its input and result between Start and OnConverted.
// * What the DOM takes is charged as work (ByteBudget::ChargeWork), since one job runs at a time: a
//   user's own share need not have room for it.
// * A job that finds no memory stands back for those of other users, and is looked at again.

#include "agent/ingest/otlp/body_converter.h"

#include <pthread.h>

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "agent/ingest/otlp/json_reader.h"

namespace sluice::ingest::otlp {
namespace {

using net::ServingOrder;

// What waits for memory is looked at so often.
constexpr uint64_t kMemoryLookNanos = 20'000'000;
constexpr ServingOrder::Lane kLane = ServingOrder::kRead;

absl::Status NoMemory() {
  return absl::UnavailableError("there is no memory for the request at the moment");
}

// What says itself that it is too large is refused before memory is taken for it.
size_t DecodedBoundOf(const BodyConverter::Body& body) {
  const size_t bound = net::DecodedBound(body.coding, body.held.bytes);
  if (body.coding == net::ContentCoding::kGzip && bound > body.max_bytes) return 0;
  return std::min(bound, body.max_bytes);
}

// Thread-safe.
absl::StatusOr<std::string> ConvertBytes(net::ContentCoding coding,
                                         const sluice::otlp::Message* json, std::string bytes,
                                         size_t max_bytes) {
  if (coding != net::ContentCoding::kIdentity) {
    absl::StatusOr<std::string> decoded = net::DecodeContent(coding, bytes, max_bytes);
    if (!decoded.ok()) return decoded.status();
    bytes = *std::move(decoded);
  }
  if (bytes.size() > max_bytes) return absl::ResourceExhaustedError("the body is too large");
  if (json == nullptr) return bytes;
  return JsonToWire(*json, std::move(bytes));
}

}  // namespace

Reply ReplyToFailedConversion(const absl::Status& status) {
  Reply reply{.message = std::string(status.message())};
  if (absl::IsInvalidArgument(status)) {
    reply.kind = Reply::Kind::kInvalid;
  } else if (absl::IsResourceExhausted(status)) {
    reply.kind = Reply::Kind::kTooLarge;
  } else {
    reply.kind = Reply::Kind::kBusy;
    reply.retry_delay = kMemoryDelay;
  }
  return reply;
}

struct BodyConverter::Job final : ServingOrder::Client {
  Ticket ticket = 0;
  Body body;
  Done done;
  ServingOrder::User* user = nullptr;
  uint64_t give_up_at = 0;
  size_t work_charged = 0;
  net::Charge decoded_charge;
  std::optional<absl::StatusOr<std::string>> result;
  uint64_t took_nanos = 0;
  bool is_cancelled = false;
};

BodyConverter::BodyConverter(net::EventLoop* loop, net::ByteBudget* budget)
    : loop_(loop), budget_(budget) {}

BodyConverter::~BodyConverter() {
  loop_->CancelTimer(look_timer_);
  {
    MutexLock lock(&mutex_);
    stop_ = true;
    changed_.NotifyOne();
  }
  if (thread_.joinable()) thread_.join();
  for (const auto& [ticket, job] : jobs_) {
    if (job->work_charged > 0) budget_->ReleaseWork(job->body.uid, job->work_charged);
  }
}

absl::StatusOr<net::HeldBody> BodyConverter::ConvertNow(Body body, net::ByteBudget* budget) {
  net::Charge charge(budget, body.uid);
  if (!charge.Resize(DecodedBoundOf(body))) return NoMemory();
  absl::StatusOr<std::string> converted =
      ConvertBytes(body.coding, body.json, std::move(body.held.bytes), body.max_bytes);
  if (!converted.ok()) return converted.status();
  if (!charge.Resize(converted->size())) return NoMemory();
  return net::HeldBody{*std::move(converted), std::move(charge)};
}

bool BodyConverter::IsQuick(const Body& body) {
  return body.json == nullptr && DecodedBoundOf(body) <= kDecodedAtOnceBytes;
}

BodyConverter::Ticket BodyConverter::Convert(Body body, Done done) {
  auto job = std::make_unique<Job>();
  job->ticket = ++last_ticket_;
  job->user = order_.Join(body.uid);
  job->give_up_at = loop_->now() + kLongestWaitNanos;
  job->body = std::move(body);
  job->done = std::move(done);
  Queue(job.get());
  jobs_.emplace(last_ticket_, std::move(job));
  loop_->RunAtTurnEnd([this, alive = std::weak_ptr<bool>(alive_)] {
    if (!alive.expired()) StartNext();
  });
  return last_ticket_;
}

void BodyConverter::Cancel(Ticket ticket) {
  const auto entry = jobs_.find(ticket);
  if (entry == jobs_.end()) return;
  Job* const job = entry->second.get();
  job->is_cancelled = true;
  if (job == running_) return;
  order_.Remove(kLane, job->user, job);
  --waiting_;
  End(job, NoMemory());
}

void BodyConverter::Queue(Job* job) {
  order_.Add(kLane, job->user, job);
  ++waiting_;
}

void BodyConverter::StartNext() {
  if (running_ != nullptr) return;
  if (Job* const job = TakeNext()) return Start(job);
  if (waiting_ > 0) LookLater();
}

// The first for which there is memory; those before it wait on.
BodyConverter::Job* BodyConverter::TakeNext() {
  std::vector<Job*> passed_over;
  Job* found = nullptr;
  while (found == nullptr) {
    auto* const job = static_cast<Job*>(order_.Next(kLane));
    if (job == nullptr) break;
    --waiting_;
    if (ChargeFor(job)) {
      found = job;
    } else if (!CanEverCharge(job->body)) {
      End(job, absl::ResourceExhaustedError(
                   "decompressed, or as JSON, the body takes more memory than a user may have"));
    } else if (loop_->now() >= job->give_up_at) {
      End(job, NoMemory());
    } else {
      passed_over.push_back(job);
    }
  }
  for (auto job = passed_over.rbegin(); job != passed_over.rend(); ++job) {
    order_.AddFirst(kLane, (*job)->user, *job);
    ++waiting_;
  }
  return found;
}

bool BodyConverter::CanEverCharge(const Body& body) const {
  const size_t bound = DecodedBoundOf(body);
  return body.json == nullptr ? budget_->CanEverCharge(body.uid, bound)
                              : budget_->CanEverChargeWork(body.uid, bound * kJsonMemoryFactor);
}

bool BodyConverter::ChargeFor(Job* job) {
  const size_t bound = DecodedBoundOf(job->body);
  if (job->body.json == nullptr) {
    job->decoded_charge = net::Charge(budget_, job->body.uid);
    return job->decoded_charge.Resize(bound);
  }
  if (!budget_->ChargeWork(job->body.uid, bound * kJsonMemoryFactor)) return false;
  job->work_charged = bound * kJsonMemoryFactor;
  return true;
}

void BodyConverter::Start(Job* job) {
  running_ = job;
  if (!thread_.joinable()) thread_ = std::thread([this] { RunThread(); });
  MutexLock lock(&mutex_);
  handed_ = job;
  changed_.NotifyOne();
}

void BodyConverter::RunThread() {
  ::pthread_setname_np(::pthread_self(), "otlp-convert");
  for (;;) {
    Job* job = nullptr;
    {
      MutexLock lock(&mutex_);
      while (handed_ == nullptr && !stop_) changed_.Wait(&mutex_);
      if (stop_) return;
      job = std::exchange(handed_, nullptr);
    }
    const uint64_t begin = loop_->clock().BootNano();
    Body& body = job->body;
    job->result = ConvertBytes(body.coding, body.json, std::move(body.held.bytes), body.max_bytes);
    job->took_nanos = loop_->clock().BootNano() - begin;
    loop_->Post([this, alive = std::weak_ptr<bool>(alive_)] {
      if (!alive.expired()) OnConverted();
    });
  }
}

void BodyConverter::OnConverted() {
  Job* const job = std::exchange(running_, nullptr);
  order_.Spend(job->user, job->took_nanos);
  if (job->work_charged > 0)
    budget_->ReleaseWork(job->body.uid, std::exchange(job->work_charged, 0));
  if (!job->result->ok()) {
    End(job, job->result->status());
  } else {
    // What came is not held any more; what became of it is.
    job->body.held.charge.Release();
    net::Charge charge = std::move(job->decoded_charge);
    if (job->body.json != nullptr) charge = net::Charge(budget_, job->body.uid);
    if (charge.Resize((*job->result)->size())) {
      End(job, net::HeldBody{*std::move(*job->result), std::move(charge)});
    } else {
      End(job, NoMemory());
    }
  }
  StartNext();
}

void BodyConverter::LookLater() {
  if (look_timer_ != 0) return;
  look_timer_ = loop_->AddTimer(loop_->now() + kMemoryLookNanos, [this] {
    look_timer_ = 0;
    StartNext();
  });
}

void BodyConverter::End(Job* job, absl::StatusOr<net::HeldBody> result) {
  const auto entry = jobs_.find(job->ticket);
  const std::unique_ptr<Job> ended = std::move(entry->second);
  jobs_.erase(entry);
  order_.Leave(ended->user);
  if (!ended->is_cancelled) ended->done(std::move(result));
}

}  // namespace sluice::ingest::otlp
