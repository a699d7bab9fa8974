#include "client/cli/emit/carrier.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstring>
#include <fstream>
#include <iterator>
#include <thread>

#include "proto/base/unique_fd.h"

namespace sluice::cli {
namespace {

constexpr std::chrono::milliseconds kCarrierPause{5};
constexpr std::string_view kExport = "export ";

}  // namespace

std::string FormatCarrier(const TraceContext& context, bool exports) {
  return "# trace id: " + context.trace_id.ToHex() + "\n#  span id: " + context.span_id.ToHex() +
         '\n' + std::string(exports ? kExport : "") + std::string(kTraceparentEnv) + '=' +
         FormatTraceparent(context) + '\n';
}

std::optional<TraceContext> ParseCarrier(std::string_view text) {
  const std::string assignment = std::string(kTraceparentEnv) + '=';
  while (!text.empty()) {
    std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(text.size(), line.size() + 1));
    if (line.starts_with(kExport)) line.remove_prefix(kExport.size());
    if (line.starts_with(assignment)) return ParseTraceContext(line.substr(assignment.size()));
  }
  return std::nullopt;
}

std::optional<TraceContext> ReadCarrier(const std::string& path) {
  std::ifstream file(path);
  const std::string text(std::istreambuf_iterator<char>(file), {});
  return ParseCarrier(text);
}

std::optional<TraceContext> AwaitCarrier(const std::string& path, rpc::Deadline deadline) {
  while (true) {
    const auto context = ReadCarrier(path);
    if (context || rpc::Deadline::clock::now() >= deadline) return context;
    std::this_thread::sleep_for(kCarrierPause);
  }
}

Failure WriteCarrier(const std::string& path, const std::string& text) {
  const UniqueFd file(open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
  // In one piece: who reads it meanwhile sees all of it or nothing.
  const bool is_written = file.get() >= 0 && write(file.get(), text.data(), text.size()) ==
                                                 static_cast<ssize_t>(text.size());
  if (is_written) return {kExitOk, ""};
  return {kExitIo, "cannot write '" + path + "': " + std::strerror(errno)};
}

}  // namespace sluice::cli
