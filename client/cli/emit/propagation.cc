#include "client/cli/emit/propagation.h"

#include <algorithm>
#include <string_view>

#include "client/cli/emit/environment_entry.h"
#include "client/cli/emit/record_encoder.h"
#include "client/cli/verb.h"
#include "client/src/random.h"
#include "proto/record/names.h"
#include "proto/trace/baggage.h"
#include "proto/trace/resource_attributes.h"
#include "proto/trace/uuid.h"

namespace sluice::cli {
namespace {

template <typename IdType>
IdType RandomId() {
  IdType id;
  while (id.IsZero()) FillRandom(id.bytes.data(), static_cast<int>(id.bytes.size()));
  return id;
}

std::string_view Value(const Environment& environment, std::string_view name) {
  const char* const value = environment(std::string(name).c_str());
  return value == nullptr ? std::string_view() : std::string_view(value);
}

// Whether a variable of ours goes to the child unchanged.
bool IsPassedOn(std::string_view entry) {
  const std::string_view name = NameOf(entry);
  if (name == kBaggageEnv) return !ParseBaggage(ValueOf(entry)).empty();
  return name != kTraceparentEnv && name != kTracestateEnv;
}

}  // namespace

std::optional<TraceContext> IncomingContext(const Environment& environment) {
  return ParseTraceContext(Value(environment, kTraceparentEnv), Value(environment, kTracestateEnv));
}

std::vector<std::string> ChildEnvironment(char* const* inherited, const TraceContext& context) {
  std::vector<std::string> environment;
  for (; *inherited != nullptr; ++inherited) {
    if (IsPassedOn(*inherited)) environment.emplace_back(*inherited);
  }
  environment.push_back(Assign(kTraceparentEnv, FormatTraceparent(context)));
  if (!context.tracestate.empty()) {
    environment.push_back(Assign(kTracestateEnv, context.tracestate));
  }
  return environment;
}

std::vector<Attribute> BaggageAttributes(const Environment& environment) {
  std::vector<Attribute> attributes;
  for (BaggageMember& member : SelectBaggage(ParseBaggage(Value(environment, kBaggageEnv)),
                                             Value(environment, kBaggageKeysEnv))) {
    attributes.push_back({std::move(member.key), std::move(member.value)});
  }
  return attributes;
}

TraceContext NewSpanContext(const std::optional<TraceContext>& incoming) {
  if (!incoming) {
    return {.trace_id = NewTraceId(),
            .span_id = NewSpanId(),
            .flags = kSampledFlag | kRandomTraceIdFlag};
  }
  TraceContext context = *incoming;
  context.span_id = NewSpanId();
  return context;
}

TraceId NewTraceId() {
  TraceId id = RandomId<TraceId>();
  ShapeAsUuid4(&id);
  return id;
}
SpanId NewSpanId() { return RandomId<SpanId>(); }
ClientId NewClientId() { return RandomId<ClientId>(); }

std::string ResourceFromEnvironment(const Environment& environment) {
  ResourceAttributes told = ParseResourceAttributes(Value(environment, kResourceAttributesEnv));
  if (!told.error.empty()) {
    Note(std::string(kResourceAttributesEnv) + " is not taken: " + told.error);
  }
  std::vector<Attribute> attributes;
  const std::string_view service = Value(environment, "OTEL_SERVICE_NAME");
  if (!service.empty()) attributes.push_back({"service.name", std::string(service)});
  for (auto& [key, value] : told.pairs) {
    const bool is_told_already = key == "service.name" && !service.empty();
    if (is_told_already || IsReservedKey(key)) continue;
    attributes.push_back({std::move(key), std::move(value)});
  }
  return EncodeResource(attributes);
}

}  // namespace sluice::cli
