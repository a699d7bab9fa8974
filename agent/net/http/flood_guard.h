// Notices a peer that keeps one connection busy with frames that carry nothing.
#pragma once

#include <cstddef>
#include <cstdint>

namespace sluice::net {

// A budget that refills with time.
class TokenBucket {
 public:
  TokenBucket(uint32_t burst, uint32_t per_second)
      : burst_(burst), per_second_(per_second), tokens_(burst) {}

  // False: there was none left. `now` in nanoseconds, never falling.
  bool Take(uint64_t now);
  void Give(uint32_t tokens);

 private:
  const uint32_t burst_;
  const uint32_t per_second_;
  uint32_t tokens_;
  uint64_t refilled_ = 0;
};

// Judges the frames of one connection, in their order.
class FloodGuard {
 public:
  // The word for the flood this frame completes (`flood_ping`), or null. Types as on the wire;
  // unknown ones count too.
  const char* OnFrame(uint8_t type, uint64_t now);
  // A DATA frame without a byte of content that does not end its stream.
  const char* OnEmptyData(uint64_t now);
  // We had to reset a stream, since there were too many or it broke the rules.
  const char* OnForcedReset(uint64_t now);
  // What we say justifies WINDOW_UPDATE and PING of the peer.
  void OnDataSent() { idle_.Give(2); }

 private:
  // Frames that neither carry content nor begin a request. gRPC's own clients stay below 50 a
  // second when nothing is sent to them.
  TokenBucket idle_{1000, 200};
  // Fewer than the rate nghttp2 itself objects to (33 a second after 1,000), so that the reason is
  // ours to tell.
  TokenBucket resets_{500, 30};
  int continuations_ = 0;
};

}  // namespace sluice::net
