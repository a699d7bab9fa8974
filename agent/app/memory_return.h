// Gives memory back to the kernel that the agent had need of and has not any more.
//
// The allocator returns by itself only what lies at the end of its heap. What many users held, open
// spans above all, lies everywhere between what is still in use, and every reader's thread has a
// heap of its own. malloc_trim returns all whole pages that are free, but it goes through all heaps
// and holds each one's lock meanwhile, some milliseconds for 100 MiB: nothing to do when a span
// ends. So it is done where there is much to gain, when things have calmed down, on a thread of its
// own.
#pragma once

#include <cstddef>
#include <thread>

namespace sluice::app {

// Owned by one thread.
class MemoryReturn {
 public:
  // Has the allocator keep for its next use what large requests and exports take again and again;
  // by itself it returns the end of each heap above 128 KiB, and every page is made anew.
  MemoryReturn();
  // Waits for its thread.
  ~MemoryReturn();

  // Returns memory where there is much to return; at once, the work is done on a thread.
  void Look();

  // Whether it pays, of bytes: `resident` in the process, `in_use` of the allocator, `after_last`:
  // resident after memory was returned last; 0: never.
  static bool IsWorthIt(size_t resident, size_t in_use, size_t after_last);

 private:
  void Return();

  std::thread thread_;
  // Of the thread; read when it has ended.
  size_t after_last_ = 0;
};

}  // namespace sluice::app
