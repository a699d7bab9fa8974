#include "client/cli/look/export.h"

#include <CLI/App.hpp>

#include "client/cli/look/output_file.h"
#include "client/cli/look/trace_choice.h"
#include "client/cli/render/otlp.h"
#include "client/cli/render/perfetto.h"
#include "client/cli/verb.h"

namespace sluice::cli {
namespace {

std::string Document(const Trace& trace, const std::string& format) {
  if (format == "jsonl") return RenderOtlpLines(trace);
  if (format == "perfetto") return RenderPerfetto(trace);
  size_t events_left_out = 0;
  std::string document = RenderOtlpJson(trace, &events_left_out);
  if (events_left_out > 0) {
    Note(std::to_string(events_left_out) +
         " events lie in no span that is seen and are left out; --format jsonl has them");
  }
  return document;
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
  return WriteOutput(path, Document(*trace, format));
}

}  // namespace sluice::cli
