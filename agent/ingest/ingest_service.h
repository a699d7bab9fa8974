// The Ingest service: Connect, Emit and Flush, from messages to journal and back to
// acknowledgements.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "agent/ingest/admission.h"
#include "agent/ingest/loss_table.h"
#include "agent/ingest/owner_claim.h"
#include "agent/ingest/owner_tracker.h"
#include "agent/ingest/process_tracker.h"
#include "agent/net/grpc/grpc_server.h"
#include "proto/record/limits.h"
#include "sluice/v1/ingest.pb.h"

namespace sluice::ingest {

// Fields of a Hello or an EmitRequest, of which each open span and the batch are one. To read more
// than these would be work for nothing.
inline constexpr int kMessageFields = 2 * limits::kOpenSpansPerUid;

v1::Durability ToProto(journal::Durability durability);

// A Connect stream as it is now, copied for who describes it on another thread.
struct ClientCopy {
  Identity identity;
  // Null: its Hello has not come.
  std::shared_ptr<const live::Origin> origin;
  ClientId client_id;
  uint64_t connected_unix_nano = 0;
  uint64_t last_sequence = 0;
  uint64_t records = 0;
};

// Waits until sinks have passed what the caller has journalled; answers on the loop's thread.
using FlushFn = std::function<void(uid_t caller, const v1::FlushRequest&,
                                   std::function<void(v1::FlushResponse)>)>;

// Owned by the ingest thread. Everything pointed to outlives the service.
class IngestService {
 public:
  struct Options {
    net::EventLoop* loop = nullptr;
    journal::Journal* journal = nullptr;
    Admission* admission = nullptr;
    ProcessTracker* processes = nullptr;
    OwnerTracker* owners = nullptr;
    Counters* counters = nullptr;
    std::string boot_id;
    FlushFn flush;
  };

  explicit IngestService(Options options);
  ~IngestService();

  void AddRoutes(net::GrpcServer* server);

  // Which records anybody wants: told to every client, now and when it connects.
  void SetHint(v1::Hint hint);

  // Everything up to `journal_sequence` is durable: answers and acknowledges what waited for it.
  void OnSynced(uint64_t journal_sequence);

  // Ends every Connect stream, for the end of the agent; to be called once all is synced.
  void SendClientsAway();

  const LossTable& losses() const { return losses_; }

  // Where a walk over Connect streams stands, in the order of their uids.
  using ClientPlace = std::pair<uid_t, net::CallId>;
  // Up to `most` of those behind `*place`, which moves on: of one uid, or of all. Fewer: these were
  // the last.
  std::vector<ClientCopy> CopyClients(std::optional<uid_t> only_uid, size_t most,
                                      ClientPlace* place) const;

 private:
  class ConnectHandler;
  class EmitHandler;
  // A call that may not be answered before an entry is durable.
  struct Waiting {
    uint64_t journal_sequence = 0;
    net::CallId call = 0;
    // Of a unary call; empty for Connect, whose handler knows what to say.
    std::string answer;
  };

  void HandleFlush(net::Call& call, std::string_view request);
  // Of an encoded FlushRequest. INVALID_ARGUMENT, RESOURCE_EXHAUSTED: `done` is never called.
  absl::Status StartFlush(uid_t uid, std::string_view encoded,
                          std::function<void(v1::FlushResponse)> done);
  // Who is to own the spans of an Emit: nobody but the sender where `encoded` is absent.
  // INVALID_ARGUMENT as of JudgeOwner; what else is wrong is the claim's fault.
  absl::StatusOr<OwnerClaim> ClaimOwner(uid_t uid, std::optional<std::string_view> encoded);
  // Admits a slice of a batch and sees to it that its entry reaches the disk. nullopt: there is
  // more.
  std::optional<absl::StatusOr<Admitted>> Take(net::Connection& connection, const Sender& sender,
                                               std::string_view batch,
                                               Admission::PendingBatch* pending);
  void NoteLosses(const Sender& sender, const LossTotals& losses);
  void WaitFor(Waiting waiting);
  // What waits for a disk that refuses is told so, instead of being left to its deadline. Its entry
  // stays in the journal's memory; sent again under the same number it is stored once.
  void WatchForStall();
  void RefuseWaiting(const absl::Status& status);
  void Answer(const Waiting& waiting);
  void CommitAtTurnEnd();
  std::shared_ptr<const live::Origin> OriginOf(const net::Connection& connection,
                                               std::string_view resource,
                                               const SpanOwner& owner = {}) const;

  const Options options_;
  net::GrpcServer* server_ = nullptr;
  v1::Hint hint_;
  std::deque<Waiting> waiting_;  // by journal_sequence
  absl::flat_hash_map<net::CallId, ConnectHandler*> streams_;
  std::map<ClientPlace, const ConnectHandler*> streams_by_uid_;
  LossTable losses_;
  absl::flat_hash_map<uid_t, int> flushes_;  // under way
  bool commit_pending_ = false;
  bool watching_for_stall_ = false;
};

}  // namespace sluice::ingest
