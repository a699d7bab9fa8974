// What can be recorded of an AI agent's work, at any time before its span ends. See ai.hpp.
#pragma once

#include <stdio.h>

#include <string_view>

#include "sluice/ai_names.h"
#include "sluice/span.h"

namespace sluice::ai {

// Tokens of one call of a model. Input holds the cached ones as well.
struct Usage {
  int64_t input_tokens = 0, output_tokens = 0;
  int64_t cached_tokens = 0, cache_creation_tokens = 0, reasoning_tokens = 0;
  int64_t input_audio_tokens = 0, output_audio_tokens = 0;
  int64_t accepted_prediction_tokens = 0, rejected_prediction_tokens = 0;
  bool is_cache_used = false;
};

namespace internal {

// Sets it under the names in use. Content is left out, or cut, as Options say.
template <typename Value>
void Set(SpanRef span, Key key, const Value& value) noexcept {
  const Name& name = kNames[static_cast<size_t>(key)];
  const bool has_gen_ai = name.gen_ai != nullptr && Uses(Names::kGenAi);
  if (Uses(Names::kVllora) || !has_gen_ai) span.SetAttribute(name.vllora, value);
  if (has_gen_ai) span.SetAttribute(name.gen_ai, value);
}

// Of a code point none is cut in two.
inline std::string_view Cut(std::string_view text, size_t limit) noexcept {
  if (text.size() <= limit) return text;
  while (limit > 0 && (static_cast<unsigned char>(text[limit]) & 0xc0) == 0x80) --limit;
  return text.substr(0, limit);
}

inline void SetContent(SpanRef span, Key key, std::string_view text) noexcept {
  const size_t limit = InUse().content_bytes;
  if (limit == 0) return;
  Set(span, key, Cut(text, limit));
  if (text.size() <= limit) return;
  sluice::internal::Text size_key;
  size_key.Append(kNames[static_cast<size_t>(key)].vllora);
  size_key.Append(".size");
  span.SetAttribute(size_key.view(), text.size());
}

inline void SetUsageText(SpanRef span, const Usage& usage) noexcept {
  char json[640];
  snprintf(
      json, sizeof(json),
      "{\"input_tokens\":%jd,\"output_tokens\":%jd,\"total_tokens\":%jd,"
      "\"prompt_tokens_details\":{\"cached_tokens\":%jd,\"cache_creation_tokens\":%jd,"
      "\"audio_tokens\":%jd},\"completion_tokens_details\":{\"accepted_prediction_tokens\":%jd,"
      "\"audio_tokens\":%jd,\"reasoning_tokens\":%jd,\"rejected_prediction_tokens\":%jd},"
      "\"is_cache_used\":%s}",
      intmax_t{usage.input_tokens}, intmax_t{usage.output_tokens},
      intmax_t{usage.input_tokens + usage.output_tokens}, intmax_t{usage.cached_tokens},
      intmax_t{usage.cache_creation_tokens}, intmax_t{usage.input_audio_tokens},
      intmax_t{usage.accepted_prediction_tokens}, intmax_t{usage.output_audio_tokens},
      intmax_t{usage.reasoning_tokens}, intmax_t{usage.rejected_prediction_tokens},
      usage.is_cache_used ? "true" : "false");
  span.SetAttribute("usage", Json{json});
}

}  // namespace internal

// `Self` is a span, or who names one. Texts marked (content) are left out unless Options take them.
template <typename Self>
class Setters {
 public:
  void SetInput(std::string_view text) noexcept { Content(Key::kInput, text); }        // (content)
  void SetOutput(std::string_view text) noexcept { Content(Key::kOutput, text); }      // (content)
  void SetRequest(std::string_view json) noexcept { Content(Key::kRequest, json); }    // (content)
  void SetResponse(std::string_view json) noexcept { Content(Key::kResponse, json); }  // (content)
  void SetErrorPayload(std::string_view text) noexcept {                               // (content)
    Content(Key::kErrorPayload, text);
  }
  // Tokens: vLLora's `usage`; and on a Model, where they are counted once, gen_ai.usage.*.
  void SetUsage(const Usage& usage) noexcept {
    if (internal::Uses(Names::kVllora)) internal::SetUsageText(ref(), usage);
    if (!Self::kCountsTokens || !internal::Uses(Names::kGenAi)) return;
    ref().SetAttributes({{"gen_ai.usage.input_tokens", usage.input_tokens},
                         {"gen_ai.usage.output_tokens", usage.output_tokens},
                         {"gen_ai.usage.cache_read.input_tokens", usage.cached_tokens},
                         {"gen_ai.usage.cache_creation.input_tokens", usage.cache_creation_tokens},
                         {"gen_ai.usage.reasoning.output_tokens", usage.reasoning_tokens}});
  }
  void SetUsage(Json json) noexcept { internal::Set(ref(), Key::kUsage, json); }
  void SetRawUsage(Json json) noexcept { internal::Set(ref(), Key::kRawUsage, json); }
  void SetCost(double cost) noexcept { internal::Set(ref(), Key::kCost, cost); }
  void SetCost(Json json) noexcept { internal::Set(ref(), Key::kCost, json); }
  // Time to the first token: `ttft`, in microseconds, or seconds in the conventions.
  void SetTtft(uint64_t microseconds) noexcept {
    if (internal::Uses(Names::kVllora)) ref().SetAttribute("ttft", microseconds);
    if (internal::Uses(Names::kGenAi)) {
      ref().SetAttribute("gen_ai.response.time_to_first_chunk",
                         static_cast<double>(microseconds) / 1e6);
    }
  }
  // The span fails by it.
  void SetError(std::string_view error) noexcept {
    internal::Set(ref(), Key::kError, error);
    ref().Fail(error);
  }
  void SetTags(Json json) noexcept { internal::Set(ref(), Key::kTags, json); }
  void SetRetriesLeft(int64_t count) noexcept { internal::Set(ref(), Key::kRetriesLeft, count); }
  void SetCache(std::string_view text) noexcept { internal::Set(ref(), Key::kCache, text); }
  void SetCacheState(std::string_view text) noexcept {
    internal::Set(ref(), Key::kCacheState, text);
  }
  void SetThreadId(std::string_view id) noexcept { internal::Set(ref(), Key::kThreadId, id); }
  void SetMessageId(std::string_view id) noexcept { internal::Set(ref(), Key::kMessageId, id); }
  void SetUser(std::string_view user) noexcept { internal::Set(ref(), Key::kUser, user); }
  void SetTitle(std::string_view title) noexcept { internal::Set(ref(), Key::kTitle, title); }
  void SetRouterName(std::string_view name) noexcept {
    internal::Set(ref(), Key::kRouterName, name);
  }
  void SetCredentialsIdentifier(std::string_view id) noexcept {
    internal::Set(ref(), Key::kCredentialsIdentifier, id);
  }

 protected:
  SpanRef ref() noexcept { return SpanRef(static_cast<Self*>(this)->handle()); }
  void Content(Key key, std::string_view text) noexcept { internal::SetContent(ref(), key, text); }
};

}  // namespace sluice::ai
