// What the KVP sink offers root beside its work as a sink.
#pragma once

#include "absl/status/statusor.h"
#include "proto/kvp/edit.h"

namespace sluice::kvp {

// Of the thread that drives the sink.
class EditsPool {
 public:
  virtual ~EditsPool() = default;

  // PoolKeeper::Edit, synced. Opens what is not open yet.
  virtual absl::StatusOr<size_t> Edit(const PoolEdit& edit) = 0;
};

}  // namespace sluice::kvp
