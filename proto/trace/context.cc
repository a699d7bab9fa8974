#include "proto/trace/context.h"

#include <algorithm>
#include <vector>

#include "proto/trace/header_text.h"

namespace sluice {
namespace {

constexpr size_t kTraceparentSize = 55;
constexpr size_t kTracestateMembers = 32;
constexpr size_t kTracestateText = 256;        // of a key, of a value
constexpr size_t kTracestateLongMember = 128;  // what truncation drops first

bool IsLowerOrDigit(char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); }

bool IsTracestateKey(std::string_view key) {
  return !key.empty() && key.size() <= kTracestateText && IsLowerOrDigit(key.front()) &&
         std::all_of(key.begin(), key.end(), [](char c) {
           return IsLowerOrDigit(c) || c == '_' || c == '-' || c == '*' || c == '/' || c == '@';
         });
}

bool IsTracestateValue(std::string_view value) {
  return !value.empty() && value.size() <= kTracestateText && value.back() != ' ' &&
         std::all_of(value.begin(), value.end(),
                     [](char c) { return c >= ' ' && c <= '~' && c != ',' && c != '='; });
}

std::string_view KeyOf(std::string_view member) { return member.substr(0, member.find('=')); }

bool IsTracestateMember(std::string_view member) {
  const std::string_view key = KeyOf(member);
  return key.size() < member.size() && IsTracestateKey(key) &&
         IsTracestateValue(member.substr(key.size() + 1));
}

// The members without blanks around them, empty ones left out.
std::vector<std::string_view> SplitMembers(std::string_view list) {
  std::vector<std::string_view> members;
  while (!list.empty()) {
    const std::string_view member = TakeMember(&list, ',');
    if (!member.empty()) members.push_back(member);
  }
  return members;
}

std::string JoinMembers(const std::vector<std::string_view>& members) {
  std::string list;
  for (const std::string_view member : members) {
    if (!list.empty()) list += ',';
    list += member;
  }
  return list;
}

bool HasKeyTwice(const std::vector<std::string_view>& members) {
  std::vector<std::string_view> keys;
  for (const std::string_view member : members) keys.push_back(KeyOf(member));
  std::sort(keys.begin(), keys.end());
  return std::adjacent_find(keys.begin(), keys.end()) != keys.end();
}

// Of a joined list.
size_t JoinedSize(const std::vector<std::string_view>& members) {
  size_t size = members.empty() ? 0 : members.size() - 1;
  for (const std::string_view member : members) size += member.size();
  return size;
}

}  // namespace

std::optional<TraceContext> ParseTraceContext(std::string_view traceparent,
                                              std::string_view tracestate) {
  if (traceparent.size() < kTraceparentSize) return std::nullopt;
  if (traceparent[2] != '-' || traceparent[35] != '-' || traceparent[52] != '-') {
    return std::nullopt;
  }
  // Ids read their digits in either case, this header has them in lower case alone.
  const auto is_upper = [](char c) { return c >= 'A' && c <= 'F'; };
  if (std::any_of(traceparent.begin(), traceparent.begin() + kTraceparentSize, is_upper)) {
    return std::nullopt;
  }
  const auto version = Id<1>::FromHex(traceparent.substr(0, 2));
  const auto trace_id = TraceId::FromHex(traceparent.substr(3, 32));
  const auto span_id = SpanId::FromHex(traceparent.substr(36, 16));
  const auto flags = Id<1>::FromHex(traceparent.substr(53, 2));
  if (!version || !trace_id || !span_id || !flags) return std::nullopt;
  if (version->bytes[0] == 0xff || trace_id->IsZero() || span_id->IsZero()) return std::nullopt;
  if (traceparent.size() > kTraceparentSize &&
      (version->IsZero() || traceparent[kTraceparentSize] != '-')) {
    return std::nullopt;
  }
  constexpr uint8_t kKnownFlags = kSampledFlag | kRandomTraceIdFlag;
  return TraceContext{*trace_id, *span_id, static_cast<uint8_t>(flags->bytes[0] & kKnownFlags),
                      ParseTracestate(tracestate)};
}

std::string FormatTraceparent(const TraceContext& context) {
  const Id<1> flags{{context.flags}};
  return "00-" + context.trace_id.ToHex() + '-' + context.span_id.ToHex() + '-' + flags.ToHex();
}

std::string ParseTracestate(std::string_view list) {
  const std::vector<std::string_view> members = SplitMembers(list);
  const bool sound = members.size() <= kTracestateMembers &&
                     std::all_of(members.begin(), members.end(), IsTracestateMember) &&
                     !HasKeyTwice(members);
  return sound ? JoinMembers(members) : std::string();
}

std::string TruncateTracestate(std::string_view list, size_t limit) {
  std::vector<std::string_view> members = SplitMembers(list);
  if (JoinedSize(members) > limit) {
    std::erase_if(members, [](std::string_view m) { return m.size() > kTracestateLongMember; });
  }
  while (JoinedSize(members) > limit) members.pop_back();
  return JoinMembers(members);
}

}  // namespace sluice
