// What is kept of a request's header fields.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace sluice::net {

using HeaderFields = std::vector<std::pair<std::string, std::string>>;

struct RequestHead {
  static constexpr size_t kMaxUserAgentBytes = 256;

  bool is_http1 = false;  // came over HTTP/1.1
  std::string method;
  std::string path;
  std::string content_type;
  std::string content_encoding;
  std::string accept_encoding;
  std::string user_agent;  // its first kMaxUserAgentBytes
  // Of the body, where it is stated and is a number.
  std::optional<uint64_t> content_length;
  // Fields that a kind of call asked for by name (HttpCallFactory::extra_fields), as they came.
  HeaderFields extra;
  // Name, value and 32 a field, as HTTP/2's SETTINGS_MAX_HEADER_LIST_SIZE counts. Above
  // kMaxHeaderListBytes the rest of the fields is missing here.
  size_t bytes = 0;

  static constexpr size_t kMaxHeaderListBytes = 16 * 1024;
  bool is_too_large() const { return bytes > kMaxHeaderListBytes; }

  // Of the answer where no kind of call takes it, and only gRPC is served.
  std::string_view StatusOfUnserved() const;
  // The first value of an extra field; empty: it did not come.
  std::string_view Extra(std::string_view name) const;

  // Counts a field that is not kept.
  void Count(std::string_view name, std::string_view value) {
    bytes += name.size() + value.size() + 32;
  }
  // Takes a field in. Names are in lower case; `:method` and `:path` are HTTP/2's. One that comes
  // twice: the last is kept. Of others than those above only the ones in `wanted`.
  void Add(std::string_view name, std::string_view value, std::span<const std::string_view> wanted);
  // Forgets everything but the memory.
  void Clear();
};

}  // namespace sluice::net
