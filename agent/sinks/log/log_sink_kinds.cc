#include <unistd.h>

#include <utility>

#include "absl/strings/str_cat.h"
#include "agent/sinks/log/file_sink.h"
#include "agent/sinks/log/log_settings.h"
#include "agent/sinks/log/stderr_sink.h"
#include "agent/sinks/sink_kind.h"
#include "proto/text/color.h"
#include "proto/text/journal_stream.h"

namespace sluice::sinks {
namespace {

std::unique_ptr<Sink> MakeStderr(const SinkContext& context) {
  const auto& settings = context.sink.As<log_sink::StderrSettings>();
  lines::LineOptions lines;
  lines.style = settings.format;
  lines.color = settings.color == log_sink::ColorMode::kAuto && TakesColor(STDERR_FILENO);
  lines.priority = IsJournalStream(STDERR_FILENO);
  lines.max_scope = settings.max_scope;
  return std::make_unique<log_sink::StderrSink>(lines, context.counters);
}

std::unique_ptr<Sink> MakeFile(const SinkContext& context) {
  const auto& settings = context.sink.As<log_sink::FileSettings>();
  log_sink::FileSink::Options options;
  options.name = context.sink.name;
  options.file.path = settings.path;
  options.file.max_size = settings.max_size;
  options.file.max_age = settings.max_age;
  options.file.rotate_keep = settings.rotate_keep;
  options.file.allow_loose_mode = settings.allow_loose_mode;
  options.lines.style = settings.format;
  options.lines.max_scope = settings.max_scope;
  options.shares_path = absl::StrCat(context.config.runtime.path, "/log_shares.", options.name);
  options.counters = context.counters;
  return std::make_unique<log_sink::FileSink>(std::move(options));
}

}  // namespace

SinkKind StderrSinkKind() { return {.section = log_sink::StderrSection(), .make = &MakeStderr}; }

SinkKind FileSinkKind() { return {.section = log_sink::FileSection(), .make = &MakeFile}; }

}  // namespace sluice::sinks
