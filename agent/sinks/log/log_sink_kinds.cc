#include <unistd.h>

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
  return std::make_unique<log_sink::StderrSink>(lines);
}

std::unique_ptr<Sink> MakeFile(const SinkContext& context) {
  const auto& settings = context.sink.As<log_sink::FileSettings>();
  log_sink::LogFileOptions file;
  file.path = settings.path;
  file.max_size = settings.max_size;
  file.max_age = settings.max_age;
  file.rotate_keep = settings.rotate_keep;
  file.allow_loose_mode = settings.allow_loose_mode;
  lines::LineOptions lines;
  lines.style = settings.format;
  return std::make_unique<log_sink::FileSink>(file, lines, context.counters);
}

}  // namespace

SinkKind StderrSinkKind() { return {.section = log_sink::StderrSection(), .make = &MakeStderr}; }

SinkKind FileSinkKind() { return {.section = log_sink::FileSection(), .make = &MakeFile}; }

}  // namespace sluice::sinks
