// Which protocol a peer speaks, by the first bytes that it sends.
#pragma once

#include <string_view>

namespace sluice::net {

enum class Protocol {
  kUndecided,  // more bytes are needed; at most kDecidingBytes in all
  kHttp2,      // begins as HTTP/2's preface does
  kHttp1,      // begins as a method does
  kTls,        // a TLS handshake
  kUnknown,
};

inline constexpr size_t kDecidingBytes = 3;

Protocol DetectProtocol(std::string_view first_bytes);

}  // namespace sluice::net
