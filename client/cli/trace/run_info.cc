#include "client/cli/trace/run_info.h"

#include <algorithm>
#include <charconv>
#include <initializer_list>
#include <nlohmann/json.hpp>
#include <string_view>
#include <utility>

#include "client/cli/trace/timing.h"

namespace sluice::cli {
namespace {

using nlohmann::json;
using otlp::v1::AnyValue;

using Names = std::initializer_list<std::string_view>;

// The first of several names that the span has; a name that comes twice counts as it came last.
const AnyValue* Find(const TraceSpan& span, Names names) {
  for (const std::string_view name : names) {
    const auto& attributes = span.span.attributes();
    const auto found = std::find_if(attributes.rbegin(), attributes.rend(),
                                    [&](const auto& attribute) { return attribute.key() == name; });
    if (found != attributes.rend()) return &found->value();
  }
  return nullptr;
}

std::string TextOf(const TraceSpan& span, Names names) {
  const AnyValue* const value = Find(span, names);
  return value == nullptr ? "" : value->string_value();
}

// Numbers come as such and, of clients that cannot write large ones, as text.
std::optional<double> NumberOf(const AnyValue* value) {
  if (value == nullptr) return std::nullopt;
  if (value->has_int_value()) return static_cast<double>(value->int_value());
  if (value->has_double_value()) return value->double_value();
  const std::string& text = value->string_value();
  double number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size() || text.empty()) return std::nullopt;
  return number;
}

json ObjectOf(const TraceSpan& span, std::string_view name) {
  const AnyValue* const value = Find(span, {name});
  json object = value == nullptr ? json() : json::parse(value->string_value(), nullptr, false);
  return object.is_object() ? object : json::object();
}

double Member(const json& object, std::string_view name) {
  const auto found = object.find(name);
  return found != object.end() && found->is_number() ? found->get<double>() : 0;
}

uint64_t Tokens(double number) {
  return number < 0 || number > 1e15 ? 0 : static_cast<uint64_t>(number);
}

double CostOf(const TraceSpan& span) {
  if (const auto cost = NumberOf(Find(span, {"cost"}))) return *cost;
  const json object = ObjectOf(span, "cost");
  return object.contains("cost") ? Member(object, "cost") : Member(object, "total_cost");
}

std::optional<uint64_t> FirstTokenOf(const TraceSpan& span) {
  double nanoseconds = -1;
  if (const auto micros = NumberOf(Find(span, {"ttft"}))) nanoseconds = *micros * 1e3;
  const auto seconds = NumberOf(
      Find(span, {"gen_ai.response.time_to_first_chunk", "gen_ai.server.time_to_first_token"}));
  if (seconds) nanoseconds = *seconds * 1e9;
  if (nanoseconds < 0 || nanoseconds > 1e18) return std::nullopt;
  return static_cast<uint64_t>(nanoseconds);
}

RunCall CallOf(const TraceSpan& span) {
  RunCall call;
  call.model = TextOf(span, {"gen_ai.response.model", "gen_ai.request.model",
                             "inference_model_name", "model_name"});
  call.provider = TextOf(span, {"gen_ai.provider.name", "gen_ai.system", "provider_name"});
  call.duration = span.Duration();
  call.first_token = FirstTokenOf(span);
  const json usage = ObjectOf(span, "usage");
  call.input_tokens = Tokens(
      NumberOf(Find(span, {"gen_ai.usage.input_tokens"})).value_or(Member(usage, "input_tokens")));
  call.output_tokens = Tokens(NumberOf(Find(span, {"gen_ai.usage.output_tokens"}))
                                  .value_or(Member(usage, "output_tokens")));
  call.cost = CostOf(span);
  call.input = TextOf(span, {"gen_ai.input.messages", "input", "request"});
  call.output = TextOf(span, {"gen_ai.output.messages", "output", "response"});
  return call;
}

bool IsCall(const TraceSpan& span) {
  return Find(span, {"gen_ai.request.model", "gen_ai.response.model", "inference_model_name",
                     "model_name", "usage", "cost", "gen_ai.usage.input_tokens"}) != nullptr;
}

bool WentWrong(const TraceSpan& span) {
  return span.span.status().code() == otlp::v1::Status::STATUS_CODE_ERROR ||
         span.state == TraceSpan::State::kAborted || Find(span, {"error"}) != nullptr;
}

// One trace's part of the run.
class Part {
 public:
  Part(const Trace& trace, size_t index, const std::string& run_id)
      : trace_(trace), index_(index), parents_(ParentsOf(trace)) {
    FindMembers(run_id);
  }

  void AddTo(RunInfo* run) const;

 private:
  void FindMembers(const std::string& run_id);
  // Whether something below the span, within the run, is so, too.
  bool HasBelow(size_t span, bool (*is_so)(const TraceSpan&)) const;
  void AddTimes(const TraceSpan& span, RunInfo* run) const;

  const Trace& trace_;
  const size_t index_;
  const std::vector<std::optional<size_t>> parents_;
  std::vector<bool> is_member_;
};

// Parents come before their children in the order of the tree.
void Part::FindMembers(const std::string& run_id) {
  is_member_.resize(trace_.spans.size());
  std::vector<TraceItem> order = trace_.roots;
  for (size_t next = 0; next < order.size(); ++next) {
    const TraceItem item = order[next];
    if (item.kind != TraceItem::Kind::kSpan) continue;
    const auto parent = parents_[item.index];
    const std::string own = TextOf(trace_.spans[item.index], {"vllora.run_id", "run_id"});
    is_member_[item.index] = own.empty() ? parent && is_member_[*parent] : own == run_id;
    const auto& children = trace_.children[item.index];
    order.insert(order.end(), children.begin(), children.end());
  }
}

bool Part::HasBelow(size_t span, bool (*is_so)(const TraceSpan&)) const {
  std::vector<size_t> stack = {span};
  while (!stack.empty()) {
    const size_t at = stack.back();
    stack.pop_back();
    for (const TraceItem& item : trace_.children[at]) {
      if (item.kind != TraceItem::Kind::kSpan) continue;
      if (is_member_[item.index] && is_so(trace_.spans[item.index])) return true;
      stack.push_back(item.index);
    }
  }
  return false;
}

void Part::AddTimes(const TraceSpan& span, RunInfo* run) const {
  ++run->spans;
  run->is_open |= span.state == TraceSpan::State::kOpen;
  const uint64_t begin = span.span.start_time_unix_nano();
  if (begin != 0 && (run->begin_unix_nano == 0 || begin < run->begin_unix_nano)) {
    run->begin_unix_nano = begin;
    run->root = span.span.name();
  }
  run->end_unix_nano = std::max(run->end_unix_nano, span.span.end_time_unix_nano());
}

void Part::AddTo(RunInfo* run) const {
  for (size_t i = 0; i < trace_.spans.size(); ++i) {
    if (!is_member_[i]) continue;
    const TraceSpan& span = trace_.spans[i];
    AddTimes(span, run);
    const bool failed = WentWrong(span);
    const auto count = [&](Names names, std::map<std::string, RunInfo::Uses>* uses) {
      const std::string name = TextOf(span, names);
      if (name.empty()) return;
      ++(*uses)[name].count;
      (*uses)[name].failed += failed;
    };
    count({"gen_ai.tool.name", "vllora.tool_name", "tool.name"}, &run->tools);
    if (!IsCall(span)) count({"gen_ai.agent.name", "vllora.agent_name"}, &run->agents);
    if (failed && !HasBelow(i, WentWrong)) {
      const std::string& message = span.span.status().message();
      run->failures.push_back(
          {span.span.name(), message.empty() ? TextOf(span, {"error"}) : message});
    }
    if (!IsCall(span) || HasBelow(i, IsCall)) continue;
    RunCall call = CallOf(span);
    call.trace = index_;
    call.span = i;
    call.failed = failed;
    run->calls.push_back(std::move(call));
  }
}

}  // namespace

RunInfo DescribeRun(const std::vector<Trace>& traces, const std::string& run_id) {
  RunInfo run;
  for (size_t i = 0; i < traces.size(); ++i) Part(traces[i], i, run_id).AddTo(&run);
  std::ranges::stable_sort(run.calls, {}, [&](const RunCall& call) {
    return traces[call.trace].spans[call.span].span.start_time_unix_nano();
  });
  return run;
}

}  // namespace sluice::cli
