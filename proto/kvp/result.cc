#include "proto/kvp/result.h"

#include <cerrno>
#include <cstring>

namespace sluice::kvp {

PoolError PoolErrno(const std::string& doing) {
  const int code = errno;
  return {code, doing + ": " + std::strerror(code)};
}

}  // namespace sluice::kvp
