// What every C++ header of sluice asks of its compiler.
#pragma once

// An #error would let the compiler go on to hundreds of errors in what follows. A file that cannot
// be found ends the compile with this one sentence.
#if __cplusplus < 202002L
#include "sluice's C++ headers need C++20: compile with -std=c++20 or later (the C interface, sluice.h, is for older standards)"
#endif

// What the library promises not to throw it catches, where there are exceptions at all.
#ifdef __cpp_exceptions
#define SLUICE_INTERNAL_TRY try
#define SLUICE_INTERNAL_CATCH_ALL catch (...)
#else
#define SLUICE_INTERNAL_TRY if constexpr (true)
#define SLUICE_INTERNAL_CATCH_ALL else
#endif
