#include "client/cli/look/output_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>

#include "client/cli/exit_code.h"
#include "client/cli/verb.h"
#include "proto/base/unique_fd.h"

namespace sluice::cli {
namespace {

// What a journal holds may be nobody else's business.
constexpr mode_t kMode = 0600;

bool WriteAll(int fd, std::string_view text) {
  while (!text.empty()) {
    const ssize_t written = ::write(fd, text.data(), text.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return false;
    text.remove_prefix(static_cast<size_t>(written));
  }
  return true;
}

}  // namespace

int WriteOutput(const std::string& path, std::string_view text) {
  if (path.empty() || path == "-") return Print(text);
  const std::string aside = path + ".part";
  UniqueFd file(
      ::open(aside.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, kMode));
  if (file && WriteAll(file.get(), text) && ::rename(aside.c_str(), path.c_str()) == 0) {
    return kExitOk;
  }
  const std::string why = std::strerror(errno);
  if (file) ::unlink(aside.c_str());
  return Fail({kExitIo, "write " + path + ": " + why});
}

}  // namespace sluice::cli
