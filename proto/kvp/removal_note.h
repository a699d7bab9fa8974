// What root removed from a pool without asking the agent that keeps it, so that the agent does not
// take it for lost and write it again. std only: the agent and the tool link it.
//
// A file beside the pool, `.sluice_kvp_pool_N_removed`, which the agent makes: where there is none,
// nobody has to be told. It holds fields of kKeyBytes: a key and zeros, or zeros alone, which means
// every record. Whoever uses it holds the pool's locks. It is written before the pool, so that it
// may name what then was not removed: the agent looks whether it still stands.
#pragma once

#include <string>
#include <vector>

#include "proto/base/unique_fd.h"
#include "proto/kvp/edit.h"
#include "proto/kvp/result.h"

namespace sluice::kvp {

struct Removals {
  bool everything = false;
  std::vector<std::string> keys;

  bool empty() const { return !everything && keys.empty(); }
};

// What `edit` takes from whoever wrote it: removed, or root's own from now on.
Removals RemovalsOf(const PoolEdit& edit);

// The agent's side.
class RemovalNote {
 public:
  // Makes the note where there is none. Where that fails, as without a directory, it is empty.
  explicit RemovalNote(const std::string& pool_path);

  Removals Read() const;
  // What was read is remembered elsewhere.
  void Clear();

 private:
  // So that a disk that fills up later takes a note of everything.
  void Reserve();

  UniqueFd fd_;
};

// The tool's side: adds what `edit` is about to remove, where there is a note. What does not fit
// becomes a note of everything.
PoolError NoteRemovals(const std::string& pool_path, const PoolEdit& edit);

}  // namespace sluice::kvp
