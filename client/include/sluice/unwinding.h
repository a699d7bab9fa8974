// How many exceptions are unwinding the calling thread. Every span asks twice: this costs two
// loads, and std::uncaught_exceptions() five calls.
#pragma once

#include <cxxabi.h>

#include "sluice/cxx20.h"

namespace sluice::internal {

// The beginning of __cxa_eh_globals, as the C++ ABI lays it down.
struct ExceptionGlobals {
  void* caught;
  unsigned uncaught;
};

// The calling thread's; null until it is first asked for. Hidden: each library has its own, and can
// be unloaded.
[[gnu::visibility(
    "hidden")]] inline constinit thread_local const ExceptionGlobals* exception_globals = nullptr;

inline unsigned UncaughtExceptions() noexcept {
  if (exception_globals == nullptr) [[unlikely]] {
    exception_globals = reinterpret_cast<const ExceptionGlobals*>(abi::__cxa_get_globals());
  }
  return exception_globals->uncaught;
}

}  // namespace sluice::internal
