#include "client/cli/emit/one_shot.h"

#include <CLI/App.hpp>
#include <algorithm>
#include <cstdlib>

#include "client/cli/verb.h"
#include "proto/record/names.h"

namespace sluice::cli {
namespace {

// Of a request that was sent, at least in part, and not answered.
bool IsUncertain(const rpc::Status& status) {
  return status.outcome == rpc::Outcome::kTimeout || status.outcome == rpc::Outcome::kBroken;
}

// Short where nobody insists: a script without an agent prints it for each of its emits.
std::string NotSent(const rpc::Status& status, const std::string& socket, bool is_required) {
  if (status.outcome != rpc::Outcome::kNoAgent || is_required) {
    return CallFailure(status, socket).message;
  }
  return "no agent at " + socket + "; start sluiced, or set SLUICE_QUIET=1";
}

}  // namespace

std::shared_ptr<rpc::Channel> ConnectEarly(const GlobalOptions& options,
                                           const std::vector<std::string>& arguments) {
  const auto names_agent = [](const std::string& word) { return word.starts_with("--socket"); };
  if (std::ranges::any_of(arguments, names_agent)) return nullptr;
  std::unique_ptr<rpc::Channel> connection;
  rpc::Channel::Open(ResolveSockets(options).ingest, rpc::Deadline::min(), &connection);
  return connection;
}

void AddOneShotFlags(CLI::App& app, OneShotFlags* flags) {
  CLI::Option* const require =
      app.add_flag("--require", flags->require,
                   "Exit with 4 or 5 if the agent does not take it, instead of 0 and a note");
  app.add_flag("--no-wait", flags->no_wait, "Send it and do not wait for the agent's answer")
      ->excludes(require);
}

bool IsQuiet(const OneShotFlags& flags) {
  const char* const quiet = std::getenv("SLUICE_QUIET");
  return !flags.require && quiet != nullptr && *quiet != '\0';
}

rpc::Deadline OneShotDeadline(const GlobalOptions& options, rpc::Deadline begin) {
  return begin + options.timeout.value_or(kEmitTimeout);
}

rpc::Status SendOneShot(const GlobalOptions& options, const OneShotFlags& flags,
                        std::string_view request, rpc::Deadline deadline) {
  const std::string socket = ResolveSockets(options).ingest;
  return flags.no_wait ? HandOver(socket, request, deadline, flags.connection.get())
                       : Emit(socket, request, deadline, flags.connection.get());
}

int TellOneShot(const GlobalOptions& options, const OneShotFlags& flags, const rpc::Status& status,
                std::string_view what) {
  const bool is_unwanted =
      status.outcome == rpc::Outcome::kStatus && status.message == kUnwantedLevel;
  if (status.ok() || (is_unwanted && !flags.require)) return kExitOk;
  if (IsQuiet(flags)) return kExitOk;
  const std::string socket = ResolveSockets(options).ingest;
  const std::string why = NotSent(status, socket, flags.require);
  Note(IsUncertain(status) ? why + "; the " + std::string(what) + " may still arrive"
                           : std::string(what) + " not sent: " + why);
  return flags.require ? CallFailure(status, socket).code : kExitOk;
}

}  // namespace sluice::cli
