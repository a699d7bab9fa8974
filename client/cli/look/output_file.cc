#include "client/cli/look/output_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <string_view>

#include "client/cli/exit_code.h"
#include "proto/base/unique_fd.h"

namespace sluice::cli {
namespace {

// What a journal holds may be nobody else's business.
constexpr mode_t kMode = 0600;

constexpr size_t kBufferBytes = 64 * 1024;

// 0 or an errno.
int WriteAll(int fd, std::string_view text) {
  while (!text.empty()) {
    const ssize_t written = ::write(fd, text.data(), text.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return errno;
    text.remove_prefix(static_cast<size_t>(written));
  }
  return 0;
}

int WriteAll(int fd, const Rendering& render) {
  int error = 0;
  std::string buffer;
  const auto write_buffer = [&] {
    if (error == 0) error = WriteAll(fd, buffer);
    buffer.clear();
  };
  render([&](std::string_view text) {
    buffer += text;
    if (buffer.size() >= kBufferBytes) write_buffer();
  });
  write_buffer();
  return error;
}

}  // namespace

int WriteOutput(const std::string& path, const Rendering& render) {
  if (path.empty() || path == "-") return PrintBy(render);
  const std::string aside = path + ".part";
  UniqueFd file(
      ::open(aside.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, kMode));
  int error = file ? WriteAll(file.get(), render) : errno;
  if (error == 0 && ::rename(aside.c_str(), path.c_str()) != 0) error = errno;
  if (error == 0) return kExitOk;
  if (file) ::unlink(aside.c_str());
  return Fail({kExitIo, "write " + path + ": " + std::strerror(error)});
}

}  // namespace sluice::cli
