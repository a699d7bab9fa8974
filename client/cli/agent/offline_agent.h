// An agent for the time of one command, `sluiced --offline`: it answers about a journal on disk as
// a running agent answers about its own, over a socket that only this process has. It writes
// nothing, and ends when the channel is closed or this process is gone.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "client/cli/exit_code.h"
#include "client/cli/options.h"
#include "client/rpc/channel.h"

namespace sluice::cli {

struct OfflineAgent {
  std::unique_ptr<rpc::Channel> channel;
  // For messages.
  std::string name;
};

// About the journal that --root or --journal names; without one, about filters alone. It has read
// the journal when this returns. kExitIo: there is no `sluiced`, or it cannot read the journal.
Result<OfflineAgent> StartOfflineAgent(const GlobalOptions& options, rpc::Deadline deadline);

}  // namespace sluice::cli
