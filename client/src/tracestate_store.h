// The tracestate texts this process has seen, so that a context stays a plain value: it holds a
// number. Texts are never given back; a process sees few, and beyond 1,024 they are left out, as
// W3C allows.
#pragma once

#include <cstdint>
#include <string_view>

namespace sluice {

// 0 for an empty text, and where there is no room. Thread-safe; allocates for a new text.
uint32_t InternTracestate(std::string_view text);
// Thread-safe.
std::string_view KnownTracestate(uint32_t number);
// Empty for 0, as of most spans. Likewise.
inline std::string_view TracestateText(uint32_t number) {
  return number == 0 ? std::string_view() : KnownTracestate(number);
}

// Around fork, so that the child finds the store whole.
void LockTracestates();
void UnlockTracestates();

}  // namespace sluice
