#include "agent/ingest/ingest_service.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "agent/base/retry_after.h"
#include "agent/base/status_macros.h"
#include "agent/ingest/connect_handler.h"
#include "agent/ingest/emit_handler.h"
#include "agent/ingest/pending_batch.h"
#include "agent/live/resource_text.h"
#include "agent/net/grpc/request.h"
#include "agent/net/grpc/unary.h"
#include "proto/record/check.h"
#include "proto/record/limits.h"
#include "proto/record/names.h"
#include "proto/record/repair.h"
#include "proto/wire/utf8.h"

namespace sluice::ingest {

std::optional<int64_t> PushbackMs(const absl::Status& status) {
  const auto delay = RetryAfter(status);
  if (!delay.has_value()) return std::nullopt;
  return static_cast<int64_t>(delay->count());
}

namespace {

// How long an entry may wait for its sync before the disk is asked for its health.
constexpr uint64_t kStallNanos = 500'000'000;
constexpr int64_t kStalledRetryMs = 500;

// Of a service's name, in `sluice status`.
constexpr size_t kShownNameBytes = 256;

}  // namespace

v1::Durability ToProto(journal::Durability durability) {
  return durability == journal::Durability::kMemory ? v1::DURABILITY_MEMORY : v1::DURABILITY_SYNCED;
}

IngestService::IngestService(Options options) : options_(std::move(options)) {}
IngestService::~IngestService() = default;

void IngestService::AddRoutes(net::GrpcServer* server) {
  server_ = server;
  server->AddRoute(method::kConnect, {[this](net::Call& call) {
                     return std::make_unique<ConnectHandler>(this, &call);
                   }});
  server->AddRoute(method::kEmit, {[this](net::Call& call) {
                     return std::make_unique<EmitHandler>(this, &call);
                   }});
  server->AddRoute(method::kFlush, {net::Unary([this](net::Call& call, std::string_view request) {
                                      HandleFlush(call, request);
                                    }),
                                    limits::kFlushRequestBytes});
}

std::shared_ptr<const live::Origin> IngestService::OriginOf(const net::Connection& connection,
                                                            std::string_view resource,
                                                            const SpanOwner& owner) const {
  auto origin = std::make_shared<live::Origin>();
  origin->identity = connection.identity();
  origin->owner = owner;
  bool changed = false;
  origin->resource =
      options_.admission->RedactResource(RepairResource(resource, &changed), connection.uid());
  if (changed) options_.counters->Add("admission.repaired", "resource", connection.uid());
  return origin;
}

std::optional<absl::StatusOr<Admitted>> IngestService::Take(net::Connection& connection,
                                                            const Sender& sender,
                                                            std::string_view batch,
                                                            Admission::PendingBatch* pending) {
  auto admitted = pending->Work(batch);
  // Also what the journal says of itself to make room.
  CommitAtTurnEnd();
  if (!admitted.has_value() || !admitted->ok()) return admitted;
  if ((*admitted)->opened_spans && !sender.origin->owner.is_set()) {
    options_.processes->Track(ProcessOf(connection.identity()), connection.pidfd());
  }
  if (!(*admitted)->client_losses.empty()) NoteLosses(sender, (*admitted)->client_losses);
  return admitted;
}

void IngestService::NoteLosses(const Sender& sender, const LossTotals& losses) {
  if (!sender.client_id.has_value()) return;
  const std::string_view name = live::FindResourceText(sender.origin->resource, "service.name");
  losses_.Tell(*sender.client_id,
               {.identity = sender.origin->identity,
                .service_name = std::string(name.substr(0, Utf8Boundary(name, kShownNameBytes))),
                .losses = losses,
                .told_unix_nano = options_.loop->clock().UnixNano()});
}

void IngestService::CommitAtTurnEnd() {
  if (std::exchange(commit_pending_, true)) return;
  options_.loop->RunAtTurnEnd([this] {
    commit_pending_ = false;
    options_.journal->CommitTurn();
  });
}

void IngestService::WaitFor(Waiting waiting) {
  if (waiting.journal_sequence > options_.journal->synced_sequence()) {
    waiting_.push_back(std::move(waiting));
    WatchForStall();
    return;
  }
  Answer(waiting);
}

void IngestService::WatchForStall() {
  if (std::exchange(watching_for_stall_, true)) return;
  options_.loop->AddTimer(options_.loop->clock().BootNano() + kStallNanos, [this] {
    watching_for_stall_ = false;
    if (waiting_.empty()) return;
    const std::string error = options_.journal->GetUsage().error;
    if (!error.empty()) {
      RefuseWaiting(absl::UnavailableError(absl::StrCat("the journal cannot be written: ", error)));
    } else {
      WatchForStall();
    }
  });
}

void IngestService::RefuseWaiting(const absl::Status& status) {
  for (const Waiting& waiting : std::exchange(waiting_, {})) {
    net::Call* const call = server_->FindCall(waiting.call);
    if (call != nullptr) call->Finish(status, kStalledRetryMs);
  }
}

void IngestService::Answer(const Waiting& waiting) {
  const auto stream = streams_.find(waiting.call);
  if (stream != streams_.end()) {
    stream->second->OnDurable(waiting.journal_sequence);
    return;
  }
  net::Call* const call = server_->FindCall(waiting.call);
  if (call == nullptr) return;
  call->Send(waiting.answer);
  call->Finish(absl::OkStatus());
}

void IngestService::OnSynced(uint64_t journal_sequence) {
  while (!waiting_.empty() && waiting_.front().journal_sequence <= journal_sequence) {
    const Waiting waiting = std::move(waiting_.front());
    waiting_.pop_front();
    Answer(waiting);
  }
}

absl::StatusOr<OwnerClaim> IngestService::ClaimOwner(uid_t uid,
                                                     std::optional<std::string_view> encoded) {
  if (!encoded.has_value()) return OwnerClaim{};
  ASSIGN_OR_RETURN(OwnerClaim claim, JudgeOwner(*encoded, uid, options_.loop->clock().BootNano()));
  if (claim.fault.ok() && !options_.owners->HasRoom(uid, claim.owner)) {
    claim = {.fault = absl::ResourceExhaustedError("owner: too many processes of this user's own "
                                                   "open spans")};
  }
  if (!claim.fault.ok()) {
    const bool too_many = absl::IsResourceExhausted(claim.fault);
    options_.counters->Add("owner.refused", too_many ? "too_many" : "not_an_owner", uid);
  }
  return claim;
}

void IngestService::HandleFlush(net::Call& call, std::string_view request) {
  const auto answer = [this, id = call.id()](const v1::FlushResponse& response) {
    net::Call* const waiting = server_->FindCall(id);
    if (waiting == nullptr) return;
    waiting->Send(response.SerializeAsString());
    waiting->Finish(absl::OkStatus());
  };
  const absl::Status started = StartFlush(call.connection().uid(), request, answer);
  if (!started.ok()) call.Finish(started);
}

absl::Status IngestService::StartFlush(uid_t uid, std::string_view encoded,
                                       std::function<void(v1::FlushResponse)> done) {
  if (encoded.size() > limits::kFlushRequestBytes) {
    return absl::InvalidArgumentError("the flush request is too large");
  }
  v1::FlushRequest request;
  RETURN_IF_ERROR(net::ParseRequest(encoded, &request));
  if (request.sinks_size() > limits::kFlushSinks) {
    return absl::InvalidArgumentError("a flush names too many sinks");
  }
  const int most = uid == 0 ? limits::kFlushesOfRoot : limits::kFlushesPerUid;
  int& under_way = flushes_[uid];
  if (under_way >= most) {
    options_.counters->Add("flush.refused", "too_many", uid);
    return absl::ResourceExhaustedError("too many flushes of this user are under way");
  }
  ++under_way;
  options_.flush(uid, request,
                 [this, uid, done = std::move(done)](const v1::FlushResponse& response) {
                   if (--flushes_[uid] == 0) flushes_.erase(uid);
                   done(response);
                 });
  return absl::OkStatus();
}

void IngestService::SetHint(v1::Hint hint) {
  hint_ = std::move(hint);
  for (const auto& [id, handler] : streams_) handler->SendHint();
}

void IngestService::SendClientsAway() {
  for (const auto& [id, handler] : streams_) handler->SendAway();
}

std::vector<ClientCopy> IngestService::CopyClients(std::optional<uid_t> only_uid, size_t most,
                                                   ClientPlace* place) const {
  std::vector<ClientCopy> copies;
  if (only_uid.has_value() && place->first < *only_uid) *place = {*only_uid, 0};
  auto next = streams_by_uid_.upper_bound(*place);
  for (; next != streams_by_uid_.end() && copies.size() < most; ++next) {
    if (only_uid.has_value() && next->first.first != *only_uid) break;
    *place = next->first;
    copies.push_back(next->second->Copy());
  }
  return copies;
}

}  // namespace sluice::ingest
