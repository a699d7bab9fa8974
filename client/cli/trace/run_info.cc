#include "client/cli/trace/run_info.h"

#include <algorithm>
#include <charconv>
#include <initializer_list>
#include <nlohmann/json.hpp>
#include <string_view>
#include <utility>

#include "proto/record/view.h"

namespace sluice::cli {
namespace {

using nlohmann::json;
using Names = std::initializer_list<std::string_view>;

// The first of several names that the span has; a name that comes twice counts as it came last.
std::optional<ValueView> Find(const TraceSpan& span, Names names) {
  for (const std::string_view name : names) {
    std::optional<ValueView> found;
    for (const std::string_view encoded : span.attributes()) {
      const AttributeView attribute = ReadAttribute(encoded);
      if (attribute.key == name) found = attribute.value;
    }
    if (found) return found;
  }
  return std::nullopt;
}

std::string_view TextOf(const std::optional<ValueView>& value) {
  return value && value->type == ValueView::Type::kString ? value->text : std::string_view();
}

std::string TextOf(const TraceSpan& span, Names names) {
  return std::string(TextOf(Find(span, names)));
}

// Numbers come as such and, of clients that cannot write large ones, as text.
std::optional<double> NumberOf(const std::optional<ValueView>& value) {
  if (value && value->type == ValueView::Type::kInt) return static_cast<double>(value->int_value);
  if (value && value->type == ValueView::Type::kDouble) return value->double_value;
  const std::string_view text = TextOf(value);
  double number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size() || text.empty()) return std::nullopt;
  return number;
}

json ObjectOf(const TraceSpan& span, std::string_view name) {
  json object = json::parse(TextOf(Find(span, {name})), nullptr, false);
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
                     "model_name", "usage", "cost", "gen_ai.usage.input_tokens"})
      .has_value();
}

bool WentWrong(const TraceSpan& span) {
  return span.IsError() || span.state == TraceSpan::State::kAborted ||
         Find(span, {"error"}).has_value();
}

// One trace's part of the run.
class Part {
 public:
  Part(const Trace& trace, size_t index, const std::string& run_id) : trace_(trace), index_(index) {
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
  std::vector<bool> is_member_;
};

// Parents come before their children in the order of the tree.
void Part::FindMembers(const std::string& run_id) {
  is_member_.resize(trace_.spans.size());
  std::vector<TraceItem> order(trace_.Roots().begin(), trace_.Roots().end());
  for (size_t next = 0; next < order.size(); ++next) {
    const TraceItem item = order[next];
    if (item.kind != TraceItem::Kind::kSpan) continue;
    const TraceSpan& span = trace_.spans[item.index];
    const std::string own = TextOf(span, {"vllora.run_id", "run_id"});
    is_member_[item.index] = own.empty() ? span.parent && is_member_[*span.parent] : own == run_id;
    const auto within = trace_.ItemsIn(span);
    order.insert(order.end(), within.begin(), within.end());
  }
}

bool Part::HasBelow(size_t span, bool (*is_so)(const TraceSpan&)) const {
  std::vector<size_t> stack = {span};
  while (!stack.empty()) {
    const size_t at = stack.back();
    stack.pop_back();
    for (const TraceItem& item : trace_.ItemsIn(trace_.spans[at])) {
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
  const uint64_t begin = span.start_unix_nano;
  if (begin != 0 && (run->begin_unix_nano == 0 || begin < run->begin_unix_nano)) {
    run->begin_unix_nano = begin;
    run->root = span.name;
  }
  run->end_unix_nano = std::max(run->end_unix_nano, span.end_unix_nano);
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
      const std::string message(span.status_message);
      run->failures.push_back(
          {std::string(span.name), message.empty() ? TextOf(span, {"error"}) : message});
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
    return traces[call.trace].spans[call.span].start_unix_nano;
  });
  return run;
}

}  // namespace sluice::cli
