// The machine's calls, whose waits for a lock of the pool another thread can end.
#pragma once

#include <atomic>
#include <cstdint>

#include "proto/kvp/syscalls.h"

namespace sluice::kvp {

class CancellableSyscalls final : public PoolSyscalls {
 public:
  // From any thread. Every deadline has passed from here on: a lock is tried for once and no more.
  void Cancel() { cancelled_ = true; }

  uint64_t NowNano() override { return cancelled_ ? kEnd : PoolSyscalls::NowNano(); }

 private:
  // 146 years: behind any deadline, and a deadline after it does not wrap.
  static constexpr uint64_t kEnd = UINT64_MAX / 4;

  std::atomic<bool> cancelled_{false};
};

}  // namespace sluice::kvp
