// Where records go: one folder below this one for each kind of destination.
#pragma once

#include <cstddef>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "agent/stream/delivery.h"
#include "proto/record/view.h"

namespace sluice::sinks {

// Writes to one destination. A SinkWorker drives it: all calls come from one thread, so an
// implementation needs no locks. It may block; no other sink notices.
class Sink {
 public:
  virtual ~Sink() = default;

  // `kvp`, `file`, `stderr`, `otlp`.
  virtual absl::string_view name() const = 0;
  // For status: the path or address written to.
  virtual std::string destination() const = 0;

  // Makes the destination ready. Called before the first Add, and again until it succeeds.
  virtual absl::Status Open() = 0;

  // Whether an event of a sender that may report is for this sink whatever its filter says.
  virtual bool TakesUnfiltered(const RecordView& /*event*/) const { return false; }

  // Takes in what it needs of one delivery, in journal order. Does no I/O.
  virtual void Add(const Delivery& delivery) = 0;

  // Writes everything added since the last success. After an error the worker calls again, with no
  // Add between, until it succeeds; what was already written must not be written twice.
  virtual absl::Status Commit() = 0;

  // For poll(2), asked after an Open or Commit that failed: readable when another attempt is worth
  // while, e.g. because a missing directory appeared. -1: the sink cannot tell.
  virtual int retry_fd() const { return -1; }

  // Makes everything committed survive a power cut.
  virtual absl::Status Sync() = 0;

  // Called about once a second while there is nothing to write, and whenever entries bring nothing.
  // True: it did, or tried, something that Sync() is to complete.
  virtual bool Tend() { return false; }

  // SIGHUP: reopen by path. Called between Commits.
  virtual void Reopen() {}

  // Bytes taken in and not yet committed; the worker commits when they grow large, within an entry
  // too.
  virtual size_t pending_bytes() const = 0;
};

}  // namespace sluice::sinks
