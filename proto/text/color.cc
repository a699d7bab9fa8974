#include "proto/text/color.h"

#include <unistd.h>

#include <cstdlib>
#include <string_view>

namespace sluice {
namespace {

// Empty where it is unset.
std::string_view Environment(const char* name) {
  const char* const value = ::secure_getenv(name);
  return value == nullptr ? std::string_view() : value;
}

}  // namespace

bool TakesColor(int fd) {
  if (!Environment("NO_COLOR").empty()) return false;
  const std::string_view terminal = Environment("TERM");
  return !terminal.empty() && terminal != "dumb" && ::isatty(fd) == 1;
}

}  // namespace sluice
