#include "agent/net/http/request_head.h"

#include <algorithm>
#include <charconv>

namespace sluice::net {
namespace {

std::optional<uint64_t> ParseLength(std::string_view text) {
  uint64_t length = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), length);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return length;
}

}  // namespace

std::string_view RequestHead::Extra(std::string_view name) const {
  for (const auto& [each, value] : extra) {
    if (each == name) return value;
  }
  return {};
}

// By length first: hardly two names have the same, and most fields are none of these.
void RequestHead::Add(std::string_view name, std::string_view value,
                      std::span<const std::string_view> wanted) {
  Count(name, value);
  if (is_too_large()) return;
  std::string* field = nullptr;
  switch (name.size()) {
    case 5:
      if (name == ":path") field = &path;
      break;
    case 7:
      if (name == ":method") field = &method;
      break;
    case 10:
      if (name == "user-agent") {
        field = &user_agent;
        value = value.substr(0, kMaxUserAgentBytes);
      }
      break;
    case 12:
      if (name == "content-type") field = &content_type;
      break;
    case 14:
      if (name == "content-length") content_length = ParseLength(value);
      break;
    case 15:
      if (name == "accept-encoding") field = &accept_encoding;
      break;
    case 16:
      if (name == "content-encoding") field = &content_encoding;
      break;
  }
  if (field != nullptr) {
    field->assign(value);
  } else if (std::ranges::find(wanted, name) != wanted.end()) {
    extra.emplace_back(name, value);
  }
}

std::string_view RequestHead::StatusOfUnserved() const {
  if (method != "POST") return "405";
  return is_http1 && content_type.starts_with("application/grpc") ? "426" : "415";
}

void RequestHead::Clear() {
  for (std::string* const field :
       {&method, &path, &content_type, &content_encoding, &accept_encoding, &user_agent}) {
    field->clear();
  }
  is_http1 = false;
  content_length.reset();
  extra.clear();
  bytes = 0;
}

}  // namespace sluice::net
