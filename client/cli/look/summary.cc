#include "client/cli/look/summary.h"

#include "client/cli/look/trace_choice.h"
#include "client/cli/render/blame.h"
#include "client/cli/render/json_writer.h"
#include "client/cli/render/value.h"
#include "client/cli/render/why.h"
#include "client/cli/trace/critical_path.h"
#include "client/cli/trace/why.h"
#include "client/cli/verb.h"

namespace sluice::cli {
namespace {

// `The last trace, provision, failed after 12.3 s; longest it waited for resize_root, 8.10 s.`
std::string Sentence(const Trace& trace, const TraceWhy& why, uint64_t now) {
  std::string out = "The last trace";
  if (const TraceSpan* const root = trace.FirstRoot()) out += ", " + SpanName(*root) + ",";
  const auto whole = IntervalOf(trace, now);
  const std::string length = whole ? FormatDuration(whole->length()) : "";
  if (!why.open.empty()) {
    out += " has not ended" + (whole ? " for " + length : "");
  } else {
    out += why.failures.empty() ? " went well" : " failed";
    if (whole) out += (why.failures.empty() ? " in " : " after ") + length;
  }
  if (!why.failures.empty() && why.failures.front().item.kind == TraceItem::Kind::kSpan) {
    const TraceSpan& span = trace.spans[why.failures.front().item.index];
    out += ": " + SpanName(span) + ": " + FailureText(span);
  }
  const std::vector<CriticalStep> path = CriticalPath(trace, now);
  if (path.empty()) return out + ".";
  const CriticalStep& slowest = SlowestStep(path);
  return out + "; longest on its critical path: " + StepName(trace, slowest) + ", " +
         FormatDuration(slowest.time.length()) + ".";
}

}  // namespace

int Summarize(GlobalOptions options) {
  const TraceChoice last{.last = true};
  const Result<Trace> trace = FetchTrace(options, last);
  if (!trace.ok()) {
    const int code = Fail(trace.failure());
    Note("'sluice --help' lists the verbs");
    return code;
  }
  const TraceWhy why = ExplainTrace(*trace);
  const uint64_t now = trace->seen_unix_nano;
  if (options.json) {
    JsonWriter json;
    WriteWhy(*trace, why, &json);
    return Print(json.Finish());
  }
  const std::string verb = why.empty() ? "sluice tree " : "sluice why ";
  const TextStyle style = TextStyle::OfStdout();
  return Print(Fold(Sentence(*trace, why, now), 0, style) + "\n" +
               Fold("Next: " + verb + ToHex(trace->trace_id).substr(0, 8) +
                        ", or sluice traces; sluice --help lists the verbs.",
                    0, style) +
               "\n");
}

}  // namespace sluice::cli
