#include "proto/base/standard_descriptors.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>

namespace sluice {
namespace {

bool IsClosed(int fd) { return ::fcntl(fd, F_GETFD) < 0 && errno == EBADF; }

// open(2) gives the lowest free number, which is that of the closed descriptor: those below it are
// open by now.
void Hold(int access) {
  if (::open("/dev/null", access | O_CLOEXEC) >= 0) return;
  // A root without /dev. This can be neither read nor written.
  [[maybe_unused]] const int held = ::open("/", O_PATH | O_CLOEXEC);
}

}  // namespace

void HoldStandardDescriptors() {
  if (IsClosed(STDIN_FILENO)) Hold(O_WRONLY);
  if (IsClosed(STDOUT_FILENO)) Hold(O_RDONLY);
  if (IsClosed(STDERR_FILENO)) Hold(O_RDWR);
}

}  // namespace sluice
