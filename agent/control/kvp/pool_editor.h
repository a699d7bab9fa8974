// Control.EditPool: root's changes of the pool, carried out by the thread that owns it; where the
// sink is switched off nobody does, and a thread of the change's own writes the file.
#pragma once

#include <functional>
#include <string>

#include "absl/status/statusor.h"
#include "agent/base/event_loop.h"
#include "agent/control/streamed_answer.h"
#include "agent/identity/identity.h"
#include "agent/self/counters.h"
#include "agent/sinks/sink_worker.h"
#include "sluice/v1/pool.pb.h"

namespace sluice::control {

// Owned by the loop's thread. What is pointed to outlives it.
class PoolEditor {
 public:
  struct Options {
    net::EventLoop* loop = nullptr;
    Counters* counters = nullptr;
    // Of the KVP sink; null: it is off.
    sinks::SinkWorker* kvp = nullptr;
    // The pool file.
    std::string path;
  };
  using Done = std::function<void(const absl::StatusOr<v1::EditPoolResponse>&)>;

  explicit PoolEditor(const Options& options)
      : options_(options), file_edits_(options.loop, options.counters, &cost_, kFileEdits) {}

  bool has_sink() const { return options_.kvp != nullptr; }

  // With a sink. Calls `done` once, at once or in a turn after this one. UNAVAILABLE: the file
  // cannot be written.
  void Edit(const Identity& caller, const v1::EditPoolRequest& request, Done done);

  // The same without a sink, for file_edits().
  absl::StatusOr<Producer> EditFile(const Identity& caller,
                                    const v1::EditPoolRequest& request) const;
  StreamedAnswers& file_edits() { return file_edits_; }

 private:
  // Of root alone. Each has a thread while it lasts, and holds its request and the pool.
  static constexpr StreamedAnswers::Limits kFileEdits{{.of_root = 16}};

  const Options options_;
  QuestionCost cost_;
  StreamedAnswers file_edits_;
};

}  // namespace sluice::control
