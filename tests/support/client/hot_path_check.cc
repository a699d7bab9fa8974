// Emits spans and events and ends with 0 if the calling thread allocated nothing and entered the
// kernel no more often than it woke the sender. Counts both exactly: malloc is replaced, and a
// seccomp filter traps every system call of this thread.
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstdio>

#include "sluice/sluice.hpp"

namespace {

thread_local bool is_counting = false;
volatile uint64_t allocations = 0;
volatile uint64_t system_calls = 0;

void CountAllocation() {
  if (is_counting) allocations = allocations + 1;
}

void OnSystemCall(int, siginfo_t*, void* context) {
  system_calls = system_calls + 1;
  static_cast<ucontext_t*>(context)->uc_mcontext.gregs[REG_RAX] = -ENOSYS;
}

// For this thread alone; what it needs to report is let through.
bool TrapSystemCalls() {
  struct sigaction action = {};
  action.sa_sigaction = OnSystemCall;
  action.sa_flags = SA_SIGINFO;
  sigaction(SIGSYS, &action, nullptr);
  sock_filter program[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_exit_group, 2, 0),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_rt_sigreturn, 1, 0),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRAP),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  const sock_fprog filter = {.len = sizeof(program) / sizeof(program[0]), .filter = program};
  return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
         prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) == 0;
}

void Emit(int i) {
  sluice::Span span("work", {{"user", "azureuser"}, {"i", i}, {"ok", true}, {"load", 0.5}},
                    {.target = "app::work"});
  span.SetAttribute("late", i);
  if (i % 4 == 0) span.AddEvent("happened", {{"detail", sluice::Bare{"text"}}});
}

}  // namespace

extern "C" {
void* __libc_malloc(size_t size);
void* __libc_calloc(size_t count, size_t size);
void* __libc_realloc(void* old, size_t size);
void* __libc_memalign(size_t alignment, size_t size);

void* malloc(size_t size) {
  CountAllocation();
  return __libc_malloc(size);
}
void* calloc(size_t count, size_t size) {
  CountAllocation();
  return __libc_calloc(count, size);
}
void* realloc(void* old, size_t size) {
  CountAllocation();
  return __libc_realloc(old, size);
}
void* memalign(size_t alignment, size_t size) {
  CountAllocation();
  return __libc_memalign(alignment, size);
}
void* aligned_alloc(size_t alignment, size_t size) { return memalign(alignment, size); }
int posix_memalign(void** memory, size_t alignment, size_t size) {
  *memory = memalign(alignment, size);
  return *memory == nullptr ? ENOMEM : 0;
}
}

int main() {
  constexpr int kSpans = 20'000;
  // Room for all of them, where the sender gets no processor.
  sluice::Init({.ring_bytes = 16 * 1024 * 1024});
  Emit(0);  // the first use on a thread may do both
  sluice::Flush(10'000);
  const uint64_t wakes = sluice::ReadStats().wakes;
  if (!TrapSystemCalls()) return 3;
  is_counting = true;
  for (int i = 0; i < kSpans; ++i) Emit(i);
  is_counting = false;
  const sluice_stats stats = sluice::ReadStats();
  const uint64_t allowed = stats.wakes - wakes;
  // The ring holds them all: what is counted is the way of a record, not of a drop.
  const bool is_clean = stats.dropped_ring_full == 0 && allocations == 0 &&
                        system_calls <= allowed && allowed < kSpans / 100;
  _exit(is_clean ? 0 : 1);
}
