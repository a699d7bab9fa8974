// The table of the tool's verbs.
#include <google/protobuf/stubs/logging.h>

#include <array>
#include <string>
#include <vector>

#include "client/cli/emit/env.h"
#include "client/cli/emit/event.h"
#include "client/cli/emit/run.h"
#include "client/cli/emit/shell_init.h"
#include "client/cli/emit/span.h"
#include "client/cli/kvp/report.h"
#include "client/cli/kvp/verbs.h"
#include "client/cli/look/blame.h"
#include "client/cli/look/collect.h"
#include "client/cli/look/config.h"
#include "client/cli/look/critical.h"
#include "client/cli/look/export.h"
#include "client/cli/look/filter.h"
#include "client/cli/look/flush.h"
#include "client/cli/look/otlp.h"
#include "client/cli/look/plot.h"
#include "client/cli/look/status.h"
#include "client/cli/look/summary.h"
#include "client/cli/look/tail.h"
#include "client/cli/look/traces.h"
#include "client/cli/look/tree.h"
#include "client/cli/look/why.h"
#include "client/cli/verb.h"
#include "proto/base/standard_descriptors.h"
#include "proto/record/names.h"

namespace {

using namespace sluice::cli;  // NOLINT: this file is the table and nothing else

constexpr std::array kVerbs = {
    Verb{"run", "Run a command inside a span", RunVerb},
    Verb{"exec", "The same as run, under otel-cli's name", RunVerb},
    Verb{"span", "Emit a span, or start and end one from a shell", SpanVerb},
    Verb{"event", "Emit one event, or each line of stdin as one", EventVerb},
    Verb{"shell-init", "Print functions for a script that makes spans", ShellInitVerb},
    Verb{"env", "Print variables that hand this span on, or send OTLP to the agent", EnvVerb},
    Verb{"report", "Report to Azure how provisioning went", ReportVerb},
    Verb{"flush", "Wait until the sinks have written everything", FlushVerb},
    Verb{"status", "Show the agent's state and what was dropped", StatusVerb, true},
    Verb{"tail", "Show the newest records as log lines, and follow", TailVerb, true},
    Verb{"traces", "List the traces of the journal", TracesVerb, true},
    Verb{"tree", "Show one trace as a tree", TreeVerb, true},
    Verb{"why", "Say what went wrong, in a trace or in this boot", WhyVerb, true},
    Verb{"blame", "Show which spans took the time of a trace", BlameVerb, true},
    Verb{"critical", "Show what a trace had to wait for", CriticalVerb, true},
    Verb{"plot", "Draw a trace as a waterfall, one HTML page", PlotVerb, true},
    Verb{"export", "Write a trace for Jaeger, the Collector or Perfetto", ExportVerb, true},
    Verb{"collect", "Pack journal, status and log to examine them elsewhere", CollectVerb, true},
    Verb{"kvp", "Show and change the Hyper-V KVP pool", KvpVerb},
    Verb{"otlp", "Test the OTLP export, or retry it now", OtlpVerb},
    Verb{"filter", "Check a filter, and see what it lets through", FilterVerb},
    Verb{"config", "Show or reload the agent's configuration", ConfigVerb},
};

constexpr std::string_view kFooter =
    "Run 'sluice VERB --help' for details and an example.\n"
    "Exit codes: 0 ok, 1 negative result (not found, timed out, check failed), 2 usage, 3 I/O,\n"
    "4 no agent, 5 refused; run returns its command's.\n"
    "Example:\n"
    "  sluice run -- sh -c 'sluice event half-way' && sluice tree --last\n";

}  // namespace

// Called at the start of the program for each .proto file, in place of protobuf's own function of
// that name (--wrap), which takes the file's description apart: most of the time of a one-shot
// emit, which uses no message. Protobuf does it anyway when a message is first described.
extern "C" void
__wrap__ZN6google8protobuf8internal20AddDescriptorsRunnerC1EPKNS1_15DescriptorTableE(  // NOLINT
    void*, const void*) {}

int main(int argc, char** argv) {
  sluice::HoldStandardDescriptors();
  // What is wrong with an answer is told in our words.
  google::protobuf::SetLogHandler(nullptr);
  const VerbGroup sluice{.name = "sluice",
                         .description = "Spans and events of this host: emit them, look at them.",
                         .verbs = kVerbs,
                         .footer = kFooter,
                         .version = sluice::kVersion,
                         .main = Summarize,
                         .add_options = AddViewOptions};
  return Dispatch(sluice, {}, std::vector<std::string>(argv + 1, argv + argc));
}
