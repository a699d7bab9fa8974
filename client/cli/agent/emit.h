// One-shot emits: what `event` and `run` tell the agent.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "client/cli/exit_code.h"
#include "client/rpc/status.h"

namespace CLI {
class App;
}

namespace sluice::rpc {
class Channel;
}

namespace sluice::cli {

// A one-shot emit takes no longer than this in all, whatever the agent does.
inline constexpr std::chrono::milliseconds kEmitTimeout{250};

// One Emit call, made again while the connection breaks, or the agent is out of something, and the
// deadline lets; the request's client id makes that harmless. Ok: every record is journalled.
// kTimeout: there was no answer, and what was sent may take effect all the same. The first try is
// made over `connection`, where there is one.
rpc::Status Emit(const std::string& socket, std::string_view request, rpc::Deadline deadline,
                 rpc::Channel* connection = nullptr);

// Likewise, once, and it ends as kTimeout when `cancel_fd` can be read. It does not wait for a
// connection.
rpc::Status EmitOnce(const std::string& socket, std::string_view request, rpc::Deadline deadline,
                     int cancel_fd);
// How long to wait before another try; nullopt: it would end the same.
std::optional<std::chrono::milliseconds> PauseBeforeRetry(const rpc::Status& status);

// One Emit call whose answer nobody waits for. Ok: the request is with the socket, where the agent
// finds it whenever it comes to read. `connection` as above.
rpc::Status HandOver(const std::string& socket, std::string_view request, rpc::Deadline deadline,
                     rpc::Channel* connection = nullptr);

// The failure of a call to the agent at `socket`.
Failure CallFailure(const rpc::Status& status, const std::string& socket);

// The moment now, in nanoseconds since the Unix epoch.
uint64_t UnixNow();
// CLOCK_BOOTTIME, which no one sets: for durations.
uint64_t BoottimeNow();

// What --name, --target, --level and --attr of an emitting verb say.
struct EmitFlags {
  std::string name;
  std::string target;
  std::string level = "info";
  std::vector<std::string> attributes;
};
void AddEmitFlags(CLI::App& app, EmitFlags* flags);
// --attr alone.
void AddAttrFlag(CLI::App& app, std::vector<std::string>* attributes);

}  // namespace sluice::cli
