#include "agent/net/http/flood_guard.h"

#include <nghttp2/nghttp2.h>

#include <algorithm>

namespace sluice::net {
namespace {

// CONTINUATION frames of one header block. Requests are far below one frame.
constexpr int kMaxContinuations = 4;

const char* NameFlood(uint8_t type) {
  switch (type) {
    case NGHTTP2_PING:
      return "flood_ping";
    case NGHTTP2_SETTINGS:
      return "flood_settings";
    case NGHTTP2_WINDOW_UPDATE:
      return "flood_window_update";
    case NGHTTP2_PRIORITY:
      return "flood_priority";
    default:
      return "flood_unknown";
  }
}

}  // namespace

bool TokenBucket::Take(uint64_t now) {
  const uint64_t elapsed_ms = (now - refilled_) / 1'000'000;
  const uint64_t earned = std::min<uint64_t>(elapsed_ms, 3'600'000) * per_second_ / 1000;
  if (earned > 0) {
    Give(static_cast<uint32_t>(std::min<uint64_t>(earned, burst_)));
    refilled_ = now;
  }
  if (tokens_ == 0) return false;
  --tokens_;
  return true;
}

void TokenBucket::Give(uint32_t tokens) { tokens_ = std::min(burst_, tokens_ + tokens); }

const char* FloodGuard::OnFrame(uint8_t type, uint64_t now) {
  switch (type) {
    case NGHTTP2_DATA:
      return nullptr;
    case NGHTTP2_HEADERS:
      continuations_ = 0;
      return nullptr;
    case NGHTTP2_CONTINUATION:
      return ++continuations_ > kMaxContinuations ? "flood_continuation" : nullptr;
    case NGHTTP2_RST_STREAM:
      return resets_.Take(now) ? nullptr : "flood_reset";
    default:
      return idle_.Take(now) ? nullptr : NameFlood(type);
  }
}

const char* FloodGuard::OnEmptyData(uint64_t now) {
  return idle_.Take(now) ? nullptr : "flood_empty_data";
}

const char* FloodGuard::OnForcedReset(uint64_t now) {
  return resets_.Take(now) ? nullptr : "flood_reset";
}

}  // namespace sluice::net
