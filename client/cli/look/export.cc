#include "client/cli/look/export.h"

#include <CLI/App.hpp>

#include "client/cli/look/output_file.h"
#include "client/cli/look/trace_choice.h"
#include "client/cli/render/otlp.h"
#include "client/cli/render/perfetto.h"
#include "client/cli/verb.h"

namespace sluice::cli {
namespace {

void Render(const Trace& trace, const std::string& format, const TextSink& out) {
  if (format == "jsonl") return RenderOtlpLines(trace, out);
  if (format == "perfetto") return RenderPerfetto(trace, out);
  if (const size_t left_out = EventsOutsideSpans(trace); left_out > 0) {
    Note(std::to_string(left_out) +
         " events lie in no span that is seen and are left out; --format jsonl has them");
  }
  RenderOtlpJson(trace, out);
}

}  // namespace

int ExportVerb(GlobalOptions options, std::vector<std::string> arguments) {
  CLI::App app("Writes one trace as a file for other programs.", "sluice export");
  TraceChoice choice;
  std::string format = "otlp";
  std::string path;
  AddViewOptions(app, &options);
  AddTraceChoice(app, &choice);
  app.add_option("--format", format,
                 "otlp: one JSON document, as Jaeger reads it; jsonl: as the Collector's file "
                 "exporter writes it; perfetto: for ui.perfetto.dev")
      ->type_name("FORMAT")
      ->capture_default_str()
      ->check(CLI::IsMember({"otlp", "jsonl", "perfetto"}));
  app.add_option("-o,--output", path, "To this file instead of stdout")->type_name("FILE");
  app.footer(
      "Exit code 1: the journal holds no such trace.\n"
      "Example:\n  sluice export --last --format perfetto -o trace.json");
  if (const auto code = ParseArguments(app, std::move(arguments))) return *code;

  const Result<Trace> trace = FetchTrace(options, choice);
  if (!trace.ok()) return Fail(trace.failure());
  return WriteOutput(path, [&](const TextSink& out) { Render(*trace, format, out); });
}

}  // namespace sluice::cli
