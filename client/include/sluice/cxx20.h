// What every C++ header of sluice asks of its compiler.
#pragma once

#if __cplusplus < 202002L
#error "sluice's C++ headers need C++20: compile with -std=c++20 or later, or use sluice/sluice.h"
#endif

// What the library promises not to throw it catches, where there are exceptions at all.
#ifdef __cpp_exceptions
#define SLUICE_INTERNAL_TRY try
#define SLUICE_INTERNAL_CATCH_ALL catch (...)
#else
#define SLUICE_INTERNAL_TRY if constexpr (true)
#define SLUICE_INTERNAL_CATCH_ALL else
#endif
