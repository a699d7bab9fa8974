// Whether a pool's content is left over from an earlier boot, and its removal. The host reads what
// it finds, so old diagnostics must go before the first record of a boot is written: our own write
// makes the file look fresh to everybody else's check.
//
// Times of files come from a clock that may have been wrong, so the boot id decides first.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "agent/sinks/kvp/pool_file.h"

namespace sluice::kvp {

struct BootFacts {
  // /proc/sys/kernel/random/boot_id, 36 characters.
  std::string boot_id;
  // btime of /proc/stat: the wall clock of the boot as the present wall clock has it.
  absl::Time boot_time;
  // When /dev or /run was made, by the wall clock of that moment; absent where the kernel does not
  // tell.
  // It differs from boot_time by what the clock was stepped since.
  std::optional<absl::Time> early_clock;
  // Since the boot; none of its files is younger than that by the early clock.
  absl::Duration uptime;
};

// Of this machine.
absl::StatusOr<BootFacts> ReadBootFacts();

// `stored_boot_id`: of the last boot in which ClearStalePool ran; empty when none is stored.
// - equal to this boot's: never stale, whatever the clocks say;
// - another: stale if last written before this boot;
// - none: stale if not written after it, as libazureinit-kvp decides.
// But what may be of this boot by the early clock is not stale: a clock put forward since, as at a
// first boot, cannot make its records look old. Times count in whole seconds, which is all that the
// kernel tells of the boot's.
bool IsStale(std::string_view stored_boot_id, const BootFacts& boot, absl::Time modified);

enum class StaleCheck {
  kNoPool,  // to be repeated: one that is mounted or restored later may be of an earlier boot
  kFresh,
  kCleared,
};

// Empties the pool under both locks if it is stale, then stores this boot's id in `boot_id_path`,
// which must survive reboots. Call before the first write of the agent; harmless when repeated. A
// pool that does not exist is not created.
absl::StatusOr<StaleCheck> ClearStalePool(PoolFile* pool, const std::string& boot_id_path,
                                          const BootFacts& boot);

}  // namespace sluice::kvp
