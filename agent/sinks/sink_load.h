// What the gate asks of a sink: how far it is, and what a user's records cost it.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>

namespace sluice::sinks {

// What a record costs a sink is told in units: one a record, and one for each 128 bytes.
inline uint64_t UnitsOf(uint64_t records, uint64_t bytes) { return records + bytes / 128; }

// Thread-safe.
class SinkLoad {
 public:
  virtual ~SinkLoad() = default;
  virtual const std::string& name() const = 0;
  // Every entry up to here is read.
  virtual uint64_t passed() const = 0;
  // It writes: it neither fails, nor waits for its destination, nor has been in one call for long.
  virtual bool is_working() const = 0;
  // As measured of late; of a user not seen of late, of all users.
  virtual uint64_t NanosPerUnit(uid_t uid) const = 0;
};

}  // namespace sluice::sinks
