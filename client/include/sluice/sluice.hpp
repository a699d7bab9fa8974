// All of sluice for C++20. Header-only on top of the C interface in sluice.h.
#pragma once

#include "sluice/cxx20.h"  // IWYU pragma: export
#if __cplusplus >= 202002L
#include "sluice/attribute.h"  // IWYU pragma: export
#include "sluice/context.h"    // IWYU pragma: export
#include "sluice/event.h"      // IWYU pragma: export
#include "sluice/init.h"       // IWYU pragma: export
#include "sluice/macros.h"     // IWYU pragma: export
#include "sluice/span.h"       // IWYU pragma: export
#endif
