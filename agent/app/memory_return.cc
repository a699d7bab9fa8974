#include "agent/app/memory_return.h"

#include <malloc.h>
#include <unistd.h>

#include <fstream>

#include "agent/base/scheduling.h"

namespace sluice::app {
namespace {

// Less is not worth the work.
constexpr size_t kWorthwhile = 16 * 1024 * 1024;
constexpr int kNice = 10;

// At the end of each heap. A request or a batch for an exporter is some MiB at most.
constexpr int kKeptBytes = 8 * 1024 * 1024;
// What is larger is no part of a heap.
constexpr int kMappedBytes = 4 * 1024 * 1024;

// Of the process, without what is mapped from files.
size_t ResidentBytes() {
  std::ifstream statm("/proc/self/statm");
  size_t size = 0, resident = 0, shared = 0;
  statm >> size >> resident >> shared;
  return (resident - shared) * static_cast<size_t>(::sysconf(_SC_PAGESIZE));
}

}  // namespace

MemoryReturn::MemoryReturn() {
  ::mallopt(M_TRIM_THRESHOLD, kKeptBytes);
  ::mallopt(M_MMAP_THRESHOLD, kMappedBytes);
}

MemoryReturn::~MemoryReturn() {
  if (thread_.joinable()) thread_.join();
}

bool MemoryReturn::IsWorthIt(size_t resident, size_t in_use, size_t after_last) {
  return resident > in_use + kWorthwhile && resident > after_last + kWorthwhile;
}

void MemoryReturn::Look() {
  if (thread_.joinable()) thread_.join();
  thread_ = std::thread([this] {
    BecomeBackgroundThread("memory", kNice);
    Return();
  });
}

void MemoryReturn::Return() {
  const struct mallinfo2 used = ::mallinfo2();
  if (!IsWorthIt(ResidentBytes(), used.uordblks + used.hblkhd, after_last_)) return;
  ::malloc_trim(0);
  after_last_ = ResidentBytes();
}

}  // namespace sluice::app
