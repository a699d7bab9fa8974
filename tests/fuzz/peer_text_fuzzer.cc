// The texts that a peer has a say in: its command name in /proc/PID/stat, its cgroup's path, its
// timeout, and what of its request comes back in a message.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <optional>
#include <string>
#include <string_view>

#include "agent/identity/peer.h"
#include "agent/identity/proc_file.h"
#include "agent/net/grpc/text.h"
#include "proto/wire/utf8.h"

namespace sluice::net {
namespace {

void Require(bool holds) {
  if (!holds) std::abort();
}

void FuzzCommandName(std::string_view name) {
  const std::string line =
      "7 (" + std::string(name) + ") S 1 1 1 0 -1 0 0 0 0 0 0 0 0 0 0 0 0 0 4242 0 0\n";
  const std::optional<ProcessStat> stat = ParseProcessStat(line);
  Require(stat.has_value() && stat->start_time_ticks == 4242);
  Require(IsValidUtf8(stat->comm) && (!IsValidUtf8(name) || stat->comm == name));
}

void FuzzUnit(std::string_view path) {
  ParsePod(path);
  const std::string unit = ParseUnit(path);
  Require(unit.find('/') == std::string::npos && unit.find('\n') == std::string::npos);
  if (path.find('\n') != std::string_view::npos) return;
  const std::string below = "0::/system.slice/a.service/" + std::string(path);
  Require(ParseUnit(below) == "a.service");
  Require(ParsePod(below).empty());
}

void FuzzPercent(std::string_view text) {
  for (const char c : PercentEncode(text)) Require(c >= ' ' && c <= '~');
}

}  // namespace
}  // namespace sluice::net

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(bytes), size);
  sluice::net::ParseProcessStat(text);
  sluice::net::ParseGrpcTimeout(text);
  sluice::net::FuzzCommandName(text);
  sluice::net::FuzzUnit(text);
  sluice::net::FuzzPercent(text);
  return 0;
}
