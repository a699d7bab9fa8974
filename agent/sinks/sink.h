// Where records go: one folder below this one for each kind of destination.
#pragma once

#include <any>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "agent/sinks/export_status.h"
#include "agent/stream/delivery.h"

namespace sluice::sinks {

// How much a sink wants to write at once, and how long it would wait for that.
struct SinkPolicy {
  // What is pending is committed, without reading on, once it is so many bytes or records. The
  // worker commits within an entry only when it holds 1 MiB, or `commit_bytes` if they are more.
  // That also bounds what a crash repeats, and how long the pool's lock is held. 0 records: not
  // counted.
  size_t commit_bytes = 256 * 1024;
  size_t commit_records = 0;
  // While the journal has nothing more, the worker waits for more until the oldest pending record
  // has waited so long, unless `enough_records` are pending or a flush or stop is asked for.
  // 0: commits at once.
  std::chrono::milliseconds longest_wait{0};
  size_t enough_records = 0;
};

// Writes to one destination. A SinkWorker drives it: all calls but Cancel and destination come from
// one thread, so an implementation needs no locks. It may block; no other sink notices.
class Sink {
 public:
  virtual ~Sink() = default;
  // For status, from any thread: the path or address written to.
  virtual std::string destination() const = 0;
  // For status, from any thread; nullopt: it exports nothing.
  virtual std::optional<ExportStatus> export_status() const { return std::nullopt; }
  // Asked once, before all else.
  virtual SinkPolicy policy() const { return {}; }

  // Makes the destination ready. Called before the first Add, and again until it succeeds.
  // NOT_FOUND, here and of Commit: it is not there yet. An error may say when to try again
  // (WithRetryAfter): the worker does not before that, else it tries after 50 ms to 2 s.
  virtual absl::Status Open() = 0;

  // Which events are for this sink whatever its filter says; null: none. A kind whose sink names
  // some has SinkKind::unfiltered too.
  virtual stream::UnfilteredFn unfiltered() const { return nullptr; }

  // Takes in what it needs of one delivery, in journal order. Does no I/O.
  virtual void Add(const stream::Delivery& delivery) = 0;

  // Whether TakeScope is to be asked. Asked once.
  virtual bool takes_scopes() const { return false; }
  // Takes in what came by OTLP in one piece, as Add does; false: as records, please.
  virtual bool TakeScope(const stream::WholeScope& /*scope*/) { return false; }

  // Whether the sink keeps back something of entries that it is done with, and so is to be given
  // these entries again after a start: their events and closed spans come marked as replayed, from
  // the beginning of the segment on that the last entry is in. Asked once.
  virtual bool rebuilds() const { return false; }
  // Whether it does so now.
  virtual bool holds() const { return false; }
  // The entries added from here on are of another segment, or their place is not known: what is
  // held must be pending now, for it does not come again. `replayed`: it was then.
  virtual void ReleaseHeld(bool /*replayed*/) {}

  // Writes everything added since the last success. After an error the worker calls again, with no
  // Add between, until it succeeds; what was already written must not be written twice.
  virtual absl::Status Commit() = 0;

  // For poll(2), asked after an Open or Commit that failed: readable when another attempt is worth
  // while, e.g. because a missing directory appeared, though a time was named. -1: the sink cannot
  // tell.
  virtual int retry_fd() const { return -1; }

  // Makes everything committed survive a power cut.
  virtual absl::Status Sync() = 0;

  // Called about once a second while there is nothing to write, and whenever entries bring nothing.
  // True: it did, or tried, something that Sync() is to complete.
  virtual bool OnIdle() { return false; }

  // A reload changed those of the kind's own keys that reload; called between two attempts, with
  // the kind's settings.
  virtual void TakeSettings(const std::any& /*settings*/) {}

  // SIGHUP: reopen by path. Called between Commits.
  virtual void Reopen() {}

  // From another thread, at stop, once a call takes long: that call and all later ones fail where
  // they would wait for the destination. A call that was going to succeed may still do so.
  virtual void Cancel() {}

  // Taken in and not yet committed. Records are counted by sinks whose policy counts them.
  virtual size_t pending_bytes() const = 0;
  virtual size_t pending_records() const { return 0; }
};

}  // namespace sluice::sinks
