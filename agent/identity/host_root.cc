#include "agent/identity/host_root.h"

#include "absl/strings/str_cat.h"
#include "agent/identity/surroundings.h"

namespace sluice::net {

HostRootVerdict JudgeHostRoot(const Identity& peer) {
  if (peer.uid != 0) {
    return {"not_root", absl::PermissionDeniedError(
                            absl::StrCat("only root may write it, and this is uid ", peer.uid))};
  }
  if (const std::string sign = ContainerSign(peer); !sign.empty()) {
    return {"container",
            absl::PermissionDeniedError(absl::StrCat(
                "only root of the host may write it, and process ", peer.pid, " is ", sign))};
  }
  return {};
}

}  // namespace sluice::net
