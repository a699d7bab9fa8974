// The records of a trace as an agent answers them: whatever comes is put together and shown, all of
// it, once each.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "client/cli/render/blame.h"
#include "client/cli/render/otlp.h"
#include "client/cli/render/perfetto.h"
#include "client/cli/render/plot.h"
#include "client/cli/render/tree.h"
#include "client/cli/render/tree_json.h"
#include "client/cli/render/why.h"
#include "client/cli/trace/trace_builder.h"

namespace {

using namespace sluice;
using namespace sluice::cli;

Trace BuildTrace(std::string_view answer) {
  TraceBuilder builder;
  for (const std::string_view record :
       FieldRange(answer, v1::RecordsResponse::kRecordsFieldNumber)) {
    builder.Add(record);
  }
  return std::move(builder).Finish();
}

void CheckWalk(const Trace& trace) {
  size_t rows = 0;
  VisitRows(trace, {}, [&](const TreeRow&) { ++rows; });
  if (rows != trace.spans.size() + trace.events.size()) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const Trace trace = BuildTrace({reinterpret_cast<const char*>(data), size});
  CheckWalk(trace);
  const TextSink out = [](std::string_view) {};
  RenderTree(trace, {.limits = {.min_nano = 1, .join_from = 2}, .is_verbose = true}, {}, out);
  RenderTreeJson(trace, out);
  RenderWhy(trace, ExplainTrace(trace), 0, {});
  RenderBlame(trace, BlameOf(trace, true, 0), 10, {}, out);
  RenderOtlpJson(trace, out);
  RenderOtlpLines(trace, out);
  RenderPerfetto(trace, out);
  RenderPlot(trace, out);
  return 0;
}
