#include "client/cli/agent/emit.h"

#include <poll.h>

#include <CLI/App.hpp>
#include <ctime>
#include <iterator>
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

using std::chrono::milliseconds;
using std::chrono::steady_clock;

// After a broken connection, which a new one mends.
constexpr milliseconds kReconnectPause{5};
// After a refusal for which the agent names no time.
constexpr milliseconds kRefusedPause{50};

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

// Until the channel has something to do, or `deadline`. False: `cancel_fd` (-1: none) can be read.
bool WaitUnlessCancelled(const rpc::Channel& channel, rpc::Deadline deadline, int cancel_fd) {
  const short events = channel.has_unsent() ? POLLIN | POLLOUT : POLLIN;
  pollfd watched[] = {{.fd = channel.fd(), .events = events, .revents = 0},
                      {.fd = cancel_fd, .events = POLLIN, .revents = 0}};
  poll(watched, std::size(watched), rpc::PollTimeout(deadline));
  return watched[1].revents == 0;
}

rpc::Status NoAnswer() { return {.outcome = rpc::Outcome::kTimeout, .message = "no answer"}; }

rpc::Status CallEmit(rpc::Channel* channel, std::string_view request, rpc::Deadline deadline,
                     int cancel_fd, std::string* response) {
  bool is_answered = false;
  const auto call = channel->Start(method::kEmit, deadline, [&](std::string_view message) {
    response->assign(message);
    return is_answered = true;
  });
  call->Send(request);
  call->CloseSend();
  while (true) {
    const rpc::Status status = channel->Step(rpc::Deadline::min());
    if (call->done() && call->status().ok() && !is_answered) {
      return {.outcome = rpc::Outcome::kBroken, .message = "no message in the answer"};
    }
    if (call->done()) return call->status();
    if (!status.ok()) return status;
    if (steady_clock::now() >= deadline) return NoAnswer();
    if (!WaitUnlessCancelled(*channel, deadline, cancel_fd)) return NoAnswer();
  }
}

// Of a call that was answered, with what the agent did not take as its failure.
rpc::Status TryEmit(rpc::Channel* channel, std::string_view request, rpc::Deadline deadline,
                    int cancel_fd) {
  std::string response;
  const rpc::Status status = CallEmit(channel, request, deadline, cancel_fd, &response);
  const std::string_view reason = status.ok() ? FirstDropReason(response) : std::string_view();
  if (reason.empty()) return status;
  return {.outcome = rpc::Outcome::kStatus,
          .code = rpc::GrpcCode::kInvalidArgument,
          .message = std::string(reason)};
}

// HandOver by a connection that there is.
rpc::Status HandOverBy(rpc::Channel* channel, std::string_view request, rpc::Deadline deadline) {
  // The agent is told of no deadline: it may read this long after.
  const auto call =
      channel->Start(method::kEmit, rpc::Deadline::max(), [](std::string_view) { return true; });
  call->Send(request);
  call->CloseSend();
  while (true) {
    const rpc::Status status = channel->Step(rpc::Deadline::min());
    if (call->done()) return call->status();
    if (!status.ok()) return status;
    if (call->sent_all() && !channel->has_unsent()) return {};
    if (steady_clock::now() >= deadline) return NoAnswer();
    channel->Wait(deadline);
  }
}

}  // namespace

rpc::Status EmitOnce(const std::string& socket, std::string_view request, rpc::Deadline deadline,
                     int cancel_fd) {
  std::unique_ptr<rpc::Channel> channel;
  const rpc::Status status = rpc::Channel::Open(socket, rpc::Deadline::min(), &channel);
  return status.ok() ? TryEmit(channel.get(), request, deadline, cancel_fd) : status;
}

std::optional<milliseconds> PauseBeforeRetry(const rpc::Status& status) {
  if (status.outcome == rpc::Outcome::kBroken) return kReconnectPause;
  const bool may_change =
      status.outcome == rpc::Outcome::kStatus && (status.code == rpc::GrpcCode::kUnavailable ||
                                                  status.code == rpc::GrpcCode::kResourceExhausted);
  if (!may_change) return std::nullopt;
  return status.pushback.value_or(kRefusedPause);
}

rpc::Status Emit(const std::string& socket, std::string_view request, rpc::Deadline deadline,
                 rpc::Channel* connection) {
  for (;; connection = nullptr) {
    std::unique_ptr<rpc::Channel> opened;
    rpc::Status status;
    if (connection == nullptr) {
      status = rpc::Channel::Open(socket, deadline, &opened);
      connection = opened.get();
    }
    if (status.ok()) status = TryEmit(connection, request, deadline, -1);
    const auto pause = PauseBeforeRetry(status);
    if (!pause || steady_clock::now() + *pause >= deadline) return status;
    std::this_thread::sleep_for(*pause);
  }
}

rpc::Status HandOver(const std::string& socket, std::string_view request, rpc::Deadline deadline,
                     rpc::Channel* connection) {
  if (connection != nullptr) {
    rpc::Status status = HandOverBy(connection, request, deadline);
    if (status.outcome != rpc::Outcome::kBroken) return status;
  }
  std::unique_ptr<rpc::Channel> opened;
  rpc::Status status = rpc::Channel::Open(socket, deadline, &opened);
  return status.ok() ? HandOverBy(opened.get(), request, deadline) : status;
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
      return {kExitNoAgent, agent + " did not answer in time"};
    case rpc::Outcome::kBusy:
      return {kExitNoAgent, agent + " is busy: " + status.message};
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
  app.add_option("-n,--name", flags->name, "Its name")->type_name("NAME");
  app.add_option("--target", flags->target, "Module or component that emits it; filters match it")
      ->type_name("TARGET")
      ->capture_default_str();
  app.add_option("--level", flags->level, "error, warn, info, debug or trace")
      ->type_name("LEVEL")
      ->capture_default_str()
      ->check([](const std::string& text) {
        return ParseLevel(text)
                   ? std::string()
                   : "unknown level '" + text + "'; use error, warn, info, debug or trace";
      });
  AddAttrFlag(app, &flags->attributes);
}

void AddAttrFlag(CLI::App& app, std::vector<std::string>* attributes) {
  app.add_option("--attr", *attributes,
                 "An attribute; typed as K:int=5, K:double=0.5, K:bool=true. Repeatable")
      ->type_name("K=V")
      ->allow_extra_args(false);
}

}  // namespace sluice::cli
