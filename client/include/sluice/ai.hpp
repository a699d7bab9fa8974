// Spans of AI agents: a run, in it agents, their tasks, the threads (conversations) of these, calls
// of models and tools. docs/ai-agents.md shows them at work.
//
//   sluice::ai::Run run;
//   sluice::ai::Agent agent("research_assistant");
//   sluice::ai::Tool tool("search_web");
//   tool.SetArguments(R"({"query": "Paris"})");
//
// They are spans like any other, between which those of the application may lie. What they and
// their attributes are called says ai_names.h.
#pragma once

#include <optional>
#include <string_view>

#include "sluice/ai_setters.h"

namespace sluice::ai {

// Where a span belongs.
struct Place {
  std::optional<Context> parent = {};  // default: the calling thread's
  bool is_detached = false;            // no thread's current span: for coroutines, see Span
};

// The calling thread's current span, for what is only known below it.
class Current : public SpanRef, public Setters<Current> {
 public:
  static constexpr bool kCountsTokens = false;

  Current() noexcept : SpanRef(SpanRef::Current()) {}
};

namespace internal {

struct Kind {
  std::string_view name;  // vLLora's
  std::string_view target;
  std::string_view gen_ai;  // operation, and how the name begins there; empty: as vLLora's
  SpanKind kind = SpanKind::kInternal;
};

// `subject` is what the conventions name it by.
Span StartSpan(const Kind& kind, std::string_view subject, const Place& place) noexcept;

}  // namespace internal

// What all of them have in common. `kCountsTokens`: tokens are said once, by who called the model.
template <bool counts_tokens>
class BasicSpan : public Span, public Setters<BasicSpan<counts_tokens>> {
 public:
  static constexpr bool kCountsTokens = counts_tokens;

 protected:
  BasicSpan(const internal::Kind& kind, std::string_view subject, const Place& place) noexcept
      : Span(internal::StartSpan(kind, subject, place)) {}

  template <typename Value>
  void Set(Key key, const Value& value) noexcept {
    internal::Set(*this, key, value);
  }
  void SetTagsIfAny(Json tags) noexcept {
    if (!tags.text.empty()) this->SetTags(tags);
  }
};
using AiSpan = BasicSpan<false>;

// Everything that one request to an application sets off.
class Run : public AiSpan {
 public:
  explicit Run(Json tags = {}, const Place& place = {}) noexcept
      : AiSpan({"run", "vllora::user_tracing::run", {}}, {}, place) {
    SetTagsIfAny(tags);
  }
};

class Agent : public AiSpan {
 public:
  explicit Agent(std::string_view name, const Place& place = {}) noexcept
      : AiSpan({"agent", "vllora::user_tracing::agent", "invoke_agent"}, name, place) {
    Set(Key::kAgentName, name);
  }
};

class Task : public AiSpan {
 public:
  explicit Task(std::string_view name, const Place& place = {}) noexcept
      : AiSpan({"task", "vllora::user_tracing::task", {}}, {}, place) {
    Set(Key::kTaskName, name);
  }
};

// A turn of a conversation: vLLora's `api_invoke`, also called thread.
class Thread : public AiSpan {
 public:
  explicit Thread(Json tags = {}, const Place& place = {}) noexcept
      : AiSpan({"api_invoke", "vllora::user_tracing::api_invoke", {}}, {}, place) {
    SetTagsIfAny(tags);
  }
};
using ApiInvoke = Thread;

struct ModelCallOptions {
  std::string_view input = {};  // (content)
  Json model = {};              // its definition
  std::string_view provider_name = {}, model_name = {};
  std::string_view inference_model_name = {};  // as the provider knows it
  std::string_view credentials_identifier = {};
  Json tags = {};
};

// A call of a model as the application asks for it: retries and choice of provider are within.
class ModelCall : public AiSpan {
 public:
  explicit ModelCall(const ModelCallOptions& options, const Place& place = {}) noexcept;
};
using ModelInvoke = ModelCall;

struct ModelOptions {
  std::string_view target = "vllora::user_tracing::models";
  std::string_view request_model = {};  // as the provider knows it
  Json tags = {};
  int64_t retries_left = 0;
};

// One request to a provider: `openai`, `anthropic`, `gemini`, `bedrock`.
class Model : public BasicSpan<true> {
 public:
  explicit Model(std::string_view provider, const ModelOptions& options = {},
                 const Place& place = {}) noexcept;
};

class Tool : public AiSpan {
 public:
  explicit Tool(std::string_view name, Json tags = {}, const Place& place = {}) noexcept
      : AiSpan({"tool", "vllora::user_tracing::tool", "execute_tool"}, name, place) {
    Set(Key::kToolName, name);
    SetTagsIfAny(tags);
  }
  void SetArguments(std::string_view text) noexcept { Content(Key::kToolArguments, text); }
  void SetResult(std::string_view text) noexcept { Content(Key::kToolResult, text); }
};

inline Span internal::StartSpan(const Kind& kind, std::string_view subject,
                                const Place& place) noexcept {
  const bool has_gen_ai = !kind.gen_ai.empty() && Uses(Names::kGenAi);
  sluice::internal::Text gen_ai_name;
  if (has_gen_ai && !Uses(Names::kVllora)) {
    gen_ai_name.Append(kind.gen_ai);
    if (!subject.empty()) gen_ai_name.Append(" ");
    gen_ai_name.Append(subject);
  }
  const std::string_view name = gen_ai_name.view().empty() ? kind.name : gen_ai_name.view();
  const SpanOptions options = {.target = kind.target,
                               .kind = has_gen_ai ? kind.kind : SpanKind::kInternal,
                               .parent = place.parent};
  const Attribute operation("gen_ai.operation.name", kind.gen_ai);
  const Attributes attributes(&operation, has_gen_ai ? 1 : 0);
  return place.is_detached ? Span::Detached(name, attributes, options)
                           : Span(name, attributes, options);
}

inline ModelCall::ModelCall(const ModelCallOptions& options, const Place& place) noexcept
    : AiSpan({"model_call", "vllora::user_tracing::models", "chat"}, options.inference_model_name,
             place) {
  if (!options.input.empty()) SetInput(options.input);
  Set(Key::kModel, options.model);
  if (internal::Uses(Names::kVllora)) SetAttribute("provider_name", options.provider_name);
  if (internal::Uses(Names::kGenAi)) {
    SetAttribute("gen_ai.provider.name", internal::GenAiProvider(options.provider_name));
  }
  Set(Key::kModelName, options.model_name);
  Set(Key::kInferenceModelName, options.inference_model_name);
  SetCredentialsIdentifier(options.credentials_identifier);
  SetTagsIfAny(options.tags);
}

inline Model::Model(std::string_view provider, const ModelOptions& options,
                    const Place& place) noexcept
    : BasicSpan({provider, options.target, "chat", SpanKind::kClient}, options.request_model,
                place) {
  SetTagsIfAny(options.tags);
  SetRetriesLeft(options.retries_left);
  if (!internal::Uses(Names::kGenAi)) return;
  SetAttribute("gen_ai.provider.name", internal::GenAiProvider(provider));
  if (!options.request_model.empty()) {
    SetAttribute("gen_ai.request.model", options.request_model);
  }
}

}  // namespace sluice::ai
