// One-shot emits as the verbs make them: a note where the agent does not take what they send, and
// no failure unless the caller insists.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "client/cli/agent/emit.h"
#include "client/cli/options.h"
#include "client/rpc/channel.h"

namespace sluice::cli {

struct OneShotFlags {
  bool require = false;  // a failure is the exit code
  bool no_wait = false;  // hand it to the socket, and do not wait for the agent to have it
  std::shared_ptr<rpc::Channel> connection;  // by ConnectEarly
};

// A connection for what the verb is going to send, made before its words are read: the agent finds
// out meanwhile who its peer is, which takes it as long. Null: nobody is there, or `arguments` may
// name another agent than `options`.
std::shared_ptr<rpc::Channel> ConnectEarly(const GlobalOptions& options,
                                           const std::vector<std::string>& arguments);

void AddOneShotFlags(CLI::App& app, OneShotFlags* flags);

// Whether to note nothing: SLUICE_QUIET is set and not empty, and the caller does not insist.
bool IsQuiet(const OneShotFlags& flags);

// When a verb that began at `begin` has to be done: after --timeout, or kEmitTimeout.
rpc::Deadline OneShotDeadline(const GlobalOptions& options, rpc::Deadline begin);

rpc::Status SendOneShot(const GlobalOptions& options, const OneShotFlags& flags,
                        std::string_view request, rpc::Deadline deadline);

// Notes on stderr why the agent did not take `what` ("event"), and returns the exit code. What the
// filters leave out is nobody's mistake, and told to who insists alone.
int TellOneShot(const GlobalOptions& options, const OneShotFlags& flags, const rpc::Status& status,
                std::string_view what);

}  // namespace sluice::cli
