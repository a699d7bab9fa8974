#include "client/cli/agent/emit.h"

#include <CLI/App.hpp>
#include <ctime>
#include <memory>
#include <optional>
#include <thread>

#include "client/rpc/channel.h"
#include "proto/record/field_numbers.h"
#include "proto/record/names.h"
#include "proto/record/view.h"
#include "proto/wire/reader.h"

namespace sluice::cli {
namespace {

using std::chrono::steady_clock;

// After a broken connection, which a new one mends.
constexpr std::chrono::milliseconds kReconnectPause{5};
// After a refusal for which the agent names no time.
constexpr std::chrono::milliseconds kRefusedPause{50};

uint64_t ReadClock(clockid_t clock) {
  timespec now{};
  clock_gettime(clock, &now);
  return static_cast<uint64_t>(now.tv_sec) * 1'000'000'000 + static_cast<uint64_t>(now.tv_nsec);
}

// The first reason that an EmitResponse gives for a record that was not taken; empty: none.
std::string_view FirstDropReason(std::string_view response) {
  for (const std::string_view drop : FieldRange(response, emit_response_field::kDrops)) {
    for (const std::string_view reason : FieldRange(drop, drop_field::kReason)) return reason;
    return "dropped";
  }
  return {};
}

rpc::Status TryEmit(const std::string& socket, std::string_view request, rpc::Deadline deadline) {
  std::unique_ptr<rpc::Channel> channel;
  rpc::Status status = rpc::Channel::Open(socket, deadline, &channel);
  if (!status.ok()) return status;
  std::string response;
  status = channel->Unary(method::kEmit, request, deadline, &response);
  const std::string_view reason = status.ok() ? FirstDropReason(response) : std::string_view();
  if (reason.empty()) return status;
  return {.outcome = rpc::Outcome::kStatus,
          .code = rpc::GrpcCode::kInvalidArgument,
          .message = std::string(reason)};
}

// nullopt: another try would end the same.
std::optional<std::chrono::milliseconds> PauseBeforeRetry(const rpc::Status& status) {
  if (status.outcome == rpc::Outcome::kBroken) return kReconnectPause;
  const bool may_change =
      status.outcome == rpc::Outcome::kStatus && (status.code == rpc::GrpcCode::kUnavailable ||
                                                  status.code == rpc::GrpcCode::kResourceExhausted);
  if (!may_change) return std::nullopt;
  return status.pushback.value_or(kRefusedPause);
}

}  // namespace

rpc::Status Emit(const std::string& socket, std::string_view request, rpc::Deadline deadline) {
  for (;;) {
    rpc::Status status = TryEmit(socket, request, deadline);
    const auto pause = PauseBeforeRetry(status);
    if (!pause || steady_clock::now() + *pause >= deadline) return status;
    std::this_thread::sleep_for(*pause);
  }
}

Failure CallFailure(const rpc::Status& status, const std::string& socket) {
  const std::string agent = "the agent at " + socket;
  switch (status.outcome) {
    case rpc::Outcome::kOk:
      return {kExitOk, ""};
    case rpc::Outcome::kNoAgent:
      return {kExitNoAgent, "no agent: " + status.message +
                                "; start sluiced, or name its socket by --socket or SLUICE_SOCKET"};
    case rpc::Outcome::kNoPermission:
      return {kExitRefused, status.message + "; try as root"};
    case rpc::Outcome::kTimeout:
      return {kExitNoAgent, agent + " did not answer in time: " + status.message};
    case rpc::Outcome::kBroken:
      return {kExitNoAgent, "lost " + agent + ": " + status.message};
    case rpc::Outcome::kStatus:
      break;
  }
  return {kExitRefused, agent + " refused: " + status.message};
}

uint64_t UnixNow() { return ReadClock(CLOCK_REALTIME); }
uint64_t BoottimeNow() { return ReadClock(CLOCK_BOOTTIME); }

void AddEmitFlags(CLI::App& app, EmitFlags* flags) {
  app.add_option("--name", flags->name, "Its name")->type_name("NAME");
  app.add_option("--target", flags->target, "Module or component that speaks; filters match it")
      ->type_name("TARGET")
      ->capture_default_str();
  app.add_option("--level", flags->level, "error, warn, info, debug or trace")
      ->type_name("LEVEL")
      ->capture_default_str()
      ->check([](const std::string& text) {
        return ParseLevel(text) ? std::string()
                                : "'" + text +
                                      "' is no level; write error, warn, info, debug or "
                                      "trace";
      });
  app.add_option("--attr", flags->attributes,
                 "An attribute; typed as K:int=5, K:double=0.5, K:bool=true. Repeatable")
      ->type_name("K=V")
      ->allow_extra_args(false);
}

}  // namespace sluice::cli
