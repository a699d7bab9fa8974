#include "client/rpc/status.h"

#include <cerrno>
#include <cstring>

namespace sluice::rpc {
namespace {

Outcome OutcomeOf(int error) {
  switch (error) {
    case ENOENT:
    case ENOTDIR:
    case ECONNREFUSED:
      return Outcome::kNoAgent;
    case EACCES:
    case EPERM:
      return Outcome::kNoPermission;
    case EAGAIN:
    case ETIMEDOUT:
      return Outcome::kBusy;
    default:
      return Outcome::kBroken;
  }
}

}  // namespace

Status ErrnoStatus(const std::string& what, int error) {
  const Outcome outcome = OutcomeOf(error);
  const char* const reason = outcome == Outcome::kBusy ? "timed out" : strerrordesc_np(error);
  return {.outcome = outcome, .message = what + ": " + (reason ? reason : "unknown error")};
}

}  // namespace sluice::rpc
