// What AI agents' spans and attributes are called: one table. vLLora's names, and those of
// OpenTelemetry's GenAI conventions, version 1.41.1, which are still moving.
#pragma once

#include <stddef.h>
#include <stdlib.h>

#include <string_view>

#include "sluice/cxx20.h"

namespace sluice::ai {

// Which of them a process uses; with kBoth each value that has two names has both.
enum class Names { kVllora, kGenAi, kBoth };

// One attribute each. See the table for what they are called.
enum class Key {
  kAgentName,
  kTaskName,
  kToolName,
  kThreadId,
  kMessageId,
  kInput,
  kOutput,
  kRequest,
  kResponse,
  kToolArguments,
  kToolResult,
  kErrorPayload,
  kModel,
  kModelName,
  kInferenceModelName,
  kCredentialsIdentifier,
  kTags,
  kUsage,
  kRawUsage,
  kCost,
  kRetriesLeft,
  kError,
  kCache,
  kCacheState,
  kRouterName,
  kUser,
  kTitle,
  kCount
};

namespace internal {

struct Name {
  const char* vllora;
  const char* gen_ai;       // null: the convention has none, and vLLora's stays
  bool is_content = false;  // what people and models said: see Options::content
};

inline constexpr Name kNames[] = {
    {"vllora.agent_name", "gen_ai.agent.name"},
    {"vllora.task_name", nullptr},
    {"vllora.tool_name", "gen_ai.tool.name"},
    {"thread_id", "gen_ai.conversation.id"},
    {"message_id", nullptr},
    {"input", "gen_ai.input.messages", true},
    {"output", "gen_ai.output.messages", true},
    {"request", nullptr, true},
    {"response", nullptr, true},
    {"input", "gen_ai.tool.call.arguments", true},
    {"output", "gen_ai.tool.call.result", true},
    {"error_payload", nullptr, true},
    {"model", nullptr},
    {"model_name", nullptr},
    {"inference_model_name", "gen_ai.request.model"},
    {"credentials_identifier", nullptr},
    {"tags", nullptr},
    {"usage", nullptr},
    {"raw_usage", nullptr},
    {"cost", nullptr},
    {"retries_left", nullptr},
    {"error", nullptr},
    {"cache", nullptr},
    {"cache_state", nullptr},
    {"router_name", nullptr},
    {"user", nullptr},
    {"title", nullptr},
};
static_assert(sizeof(kNames) / sizeof(kNames[0]) == static_cast<size_t>(Key::kCount));

// A provider's name in the conventions, where it has another there.
constexpr std::string_view GenAiProvider(std::string_view provider) {
  if (provider == "gemini") return "gcp.gemini";
  if (provider == "bedrock") return "aws.bedrock";
  if (provider == "azure") return "azure.ai.openai";
  return provider;
}

}  // namespace internal

// Of the process. Unless Configure says otherwise SLUICE_AI_NAMES (`vllora`, `gen_ai` or `both`)
// and SLUICE_AI_CONTENT (how many bytes of each text, `0` for none) do.
struct Options {
  Names names = Names::kVllora;
  // How many bytes are kept of each text that people, models and tools wrote: prompts, answers,
  // arguments. 0: none of it leaves the process. What was longer says so in `KEY.size`.
  size_t content_bytes = 0;
};

// From here on; thread-safe.
void Configure(const Options& options) noexcept;

namespace internal {

// As Configure left them, or the first use; read and written atomically.
inline constinit int names_in_use = -1;
inline constinit size_t content_bytes_in_use = 0;

inline Options OptionsOfEnvironment() noexcept {
  Options options;
  const char* const names = getenv("SLUICE_AI_NAMES");
  if (names != nullptr && std::string_view(names) == "gen_ai") options.names = Names::kGenAi;
  if (names != nullptr && std::string_view(names) == "both") options.names = Names::kBoth;
  const char* const content = getenv("SLUICE_AI_CONTENT");
  if (content != nullptr) options.content_bytes = strtoul(content, nullptr, 10);
  return options;
}

inline Options InUse() noexcept {
  const int names = __atomic_load_n(&names_in_use, __ATOMIC_ACQUIRE);
  if (names < 0) {
    Configure(OptionsOfEnvironment());
    return InUse();
  }
  return {static_cast<Names>(names), __atomic_load_n(&content_bytes_in_use, __ATOMIC_RELAXED)};
}

inline bool Uses(Names names) noexcept {
  const Names used = InUse().names;
  return used == names || used == Names::kBoth;
}

}  // namespace internal

inline void Configure(const Options& options) noexcept {
  __atomic_store_n(&internal::content_bytes_in_use, options.content_bytes, __ATOMIC_RELAXED);
  __atomic_store_n(&internal::names_in_use, static_cast<int>(options.names), __ATOMIC_RELEASE);
}

}  // namespace sluice::ai
