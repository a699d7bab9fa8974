// pool_writer POOL SHADOW FIRST LAST [--without flock|ofd]: writes the records FIRST to LAST into a
// pool that others write too, then replaces one record over and over until stdin ends.
//
// Prints the number of each acknowledged record, and at the end `own N given_up N`. Every write,
// pwrite and ftruncate is checked before it is made: one that would change a byte of a foreign
// record ends the program with exit code 3. --without leaves a lock out.
#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/strings/str_cat.h"
#include "agent/sinks/kvp/pool_keeper.h"
#include "proto/contract/kvp_record.h"

namespace sluice::kvp {
namespace {

constexpr char kOwnPrefix[] = "sluice|";
constexpr int kForeignHarmed = 3;
constexpr int kMostTogether = 5;

class WatchedSyscalls : public PoolSyscalls {
 public:
  explicit WatchedSyscalls(std::string_view without) : without_(without) {}

  int Flock(int fd, int operation) override {
    return without_ == "flock" ? 0 : PoolSyscalls::Flock(fd, operation);
  }
  int OfdSetLock(int fd, short type) override {
    return without_ == "ofd" ? 0 : PoolSyscalls::OfdSetLock(fd, type);
  }
  ssize_t Write(int fd, const void* bytes, size_t count) override {
    // O_APPEND changes no byte that is there.
    if ((::fcntl(fd, F_GETFL) & O_APPEND) == 0) Harmed("write without O_APPEND", 0);
    return PoolSyscalls::Write(fd, bytes, count);
  }
  ssize_t PwriteWithin(int fd, const void* bytes, size_t count, off_t offset) override {
    RequireOwn("pwrite", fd, offset, offset + static_cast<off_t>(count));
    return PoolSyscalls::PwriteWithin(fd, bytes, count, offset);
  }
  int Ftruncate(int fd, off_t size) override {
    struct stat status {};
    if (::fstat(fd, &status) == 0) RequireOwn("ftruncate", fd, size, status.st_size);
    return PoolSyscalls::Ftruncate(fd, size);
  }

 private:
  // Each whole record from `begin` to `end` is ours. A torn one at the end is nobody's, nor is one
  // of zeros: cutting a file that was truncated in the same moment makes them.
  void RequireOwn(const char* call, int fd, off_t begin, off_t end) {
    static const std::string kZeros(kRecordBytes, '\0');
    std::string record(kRecordBytes, '\0');
    const off_t step = static_cast<off_t>(kRecordBytes);
    for (; begin + step <= end; begin += step) {
      if (::pread(fd, record.data(), record.size(), begin) != step) continue;  // beyond the end now
      if (!record.starts_with(kOwnPrefix) && record != kZeros) Harmed(call, begin);
    }
  }

  [[noreturn]] void Harmed(const char* call, off_t offset) {
    std::fprintf(stderr, "pool_writer: %s at %lld hits a foreign record\n", call,
                 static_cast<long long>(offset));
    ::_exit(kForeignHarmed);
  }

  const std::string without_;
};

PoolEntry Numbered(int number) {
  PoolEntry entry;
  AppendRecords(absl::StrCat(kOwnPrefix, number),
                absl::StrCat("Time: 2025-11-13T17:52:10.123Z | Event: number=", number, " ",
                             std::string(static_cast<size_t>(number % 7) * 300, 'o'), "|end"),
                Profile::kSafe, &entry.records);
  return entry;
}

// A failed call is repeated: others may hold a lock for longer than one wait.
template <typename Call>
void Insist(Call call) {
  for (absl::Status status = call(); !status.ok(); status = call()) {
    std::fprintf(stderr, "pool_writer: %s\n", std::string(status.message()).c_str());
  }
}

bool StdinEnded() {
  pollfd input{.fd = STDIN_FILENO, .events = POLLIN, .revents = 0};
  char byte = 0;
  return ::poll(&input, 1, 2) > 0 && ::read(STDIN_FILENO, &byte, 1) <= 0;
}

int WriteAll(PoolKeeper& keeper, int first, int last) {
  for (int begin = first; begin <= last;) {
    const int end = std::min(begin + 1 + begin % kMostTogether, last + 1);
    std::vector<PoolEntry> entries;
    for (int number = begin; number < end; ++number) entries.push_back(Numbered(number));
    Insist([&] { return keeper.Append(entries); });
    for (; begin < end; ++begin) std::printf("%d\n", begin);
    std::fflush(stdout);
    if (StdinEnded()) break;
  }
  for (int round = 0; !StdinEnded(); ++round) {
    Insist([&] {
      return keeper.Upsert(absl::StrCat(kOwnPrefix, "round"),
                           absl::StrCat("Time: | round=", round, "|end"));
    });
  }
  Insist([&] { return keeper.Reconcile(); });
  std::printf("own %llu given_up %llu\n", static_cast<unsigned long long>(keeper.usage().own),
              static_cast<unsigned long long>(keeper.usage().given_up.total()));
  return 0;
}

int Main(const std::vector<std::string>& arguments) {
  if (arguments.size() != 4 && arguments.size() != 6) {
    std::fputs("Usage: pool_writer POOL SHADOW FIRST LAST [--without flock|ofd]\n", stderr);
    return 2;
  }
  WatchedSyscalls syscalls(arguments.size() == 6 ? arguments[5] : "");
  PoolFile pool({.path = arguments[0], .syscalls = &syscalls});
  absl::StatusOr<std::unique_ptr<PoolKeeper>> keeper =
      PoolKeeper::Open(&pool, {.shadow_path = arguments[1], .boot_id = "this boot"});
  if (!keeper.ok()) {
    std::fprintf(stderr, "pool_writer: %s\n", std::string(keeper.status().message()).c_str());
    return 1;
  }
  return WriteAll(**keeper, std::atoi(arguments[2].c_str()), std::atoi(arguments[3].c_str()));
}

}  // namespace
}  // namespace sluice::kvp

int main(int argc, char** argv) {
  return sluice::kvp::Main(std::vector<std::string>(argv + 1, argv + argc));
}
