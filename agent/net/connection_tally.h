// How many connections there are, in all and by uid, and who may have one more.
#pragma once

#include <sys/types.h>

#include <cstddef>

#include "agent/base/mutex.h"
#include "agent/base/user_of.h"
#include "agent/net/server_limits.h"

namespace sluice::net {

// Thread-safe: whoever accepts asks, whoever serves tells the end.
class ConnectionTally {
 public:
  explicit ConnectionTally(const ServerLimits& limits) : limits_(limits) {}

  // Null: counted, and Leave is due when it ends. Else the word for the limit that is reached.
  const char* Admit(uid_t uid) EXCLUDES(mutex_);
  void Leave(uid_t uid) EXCLUDES(mutex_);

 private:
  size_t FreeFor(uid_t uid) const REQUIRES(mutex_);
  size_t LimitOf(uid_t uid) const;

  const ServerLimits limits_;
  Mutex mutex_;
  size_t connections_ GUARDED_BY(mutex_) = 0;
  ByUser<size_t> by_uid_ GUARDED_BY(mutex_);
};

}  // namespace sluice::net
