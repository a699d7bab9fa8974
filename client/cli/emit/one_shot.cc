#include "client/cli/emit/one_shot.h"

#include <CLI/App.hpp>

#include "client/cli/verb.h"
#include "proto/record/names.h"

namespace sluice::cli {
namespace {

// Of a request that was sent, at least in part, and not answered.
bool IsUncertain(const rpc::Status& status) {
  return status.outcome == rpc::Outcome::kTimeout || status.outcome == rpc::Outcome::kBroken;
}

}  // namespace

void AddOneShotFlags(CLI::App& app, OneShotFlags* flags) {
  CLI::Option* const require =
      app.add_flag("--require", flags->require,
                   "Exit with 4 or 5 when the agent does not take it, not only with a note");
  app.add_flag("--no-wait", flags->no_wait,
               "Hand it to the socket and do not wait for the agent to have it")
      ->excludes(require);
}

rpc::Deadline OneShotDeadline(const GlobalOptions& options, rpc::Deadline begin) {
  return begin + options.timeout.value_or(kEmitTimeout);
}

rpc::Status SendOneShot(const GlobalOptions& options, const OneShotFlags& flags,
                        std::string_view request, rpc::Deadline deadline) {
  const std::string socket = ResolveSockets(options).ingest;
  return flags.no_wait ? HandOver(socket, request, deadline) : Emit(socket, request, deadline);
}

int TellOneShot(const GlobalOptions& options, const OneShotFlags& flags, const rpc::Status& status,
                std::string_view what) {
  const bool is_unwanted =
      status.outcome == rpc::Outcome::kStatus && status.message == kUnwantedLevel;
  if (status.ok() || (is_unwanted && !flags.require)) return kExitOk;
  Failure failure = CallFailure(status, ResolveSockets(options).ingest);
  failure.message = IsUncertain(status)
                        ? failure.message + "; the " + std::string(what) + " may still arrive"
                        : std::string(what) + " not sent: " + failure.message;
  const int code = Fail(failure);
  return flags.require ? code : kExitOk;
}

}  // namespace sluice::cli
