#include <unistd.h>

#include "agent/sinks/log/file_sink.h"
#include "agent/sinks/log/stderr_sink.h"
#include "agent/sinks/sink_kind.h"
#include "proto/text/color.h"
#include "proto/text/journal_stream.h"

namespace sluice::sinks {
namespace {

lines::LineStyle StyleOf(config::LineFormat format) {
  switch (format) {
    case config::LineFormat::kText:
      return lines::LineStyle::kText;
    case config::LineFormat::kJson:
      return lines::LineStyle::kJson;
    case config::LineFormat::kLogfmt:
      return lines::LineStyle::kLogfmt;
  }
  return lines::LineStyle::kText;
}

std::unique_ptr<Sink> MakeStderr(const SinkContext& context) {
  const config::StderrConfig& config = context.config->stderr_sink;
  lines::LineOptions lines;
  lines.style = StyleOf(config.format);
  lines.color = config.color == config::ColorMode::kAuto && TakesColor(STDERR_FILENO);
  lines.priority = IsJournalStream(STDERR_FILENO);
  return std::make_unique<log_sink::StderrSink>(lines);
}

std::unique_ptr<Sink> MakeFile(const SinkContext& context) {
  const config::LogConfig& config = context.config->log;
  log_sink::LogFileOptions file;
  file.path = config.path;
  file.max_size = config.max_size;
  file.max_age = config.max_age;
  file.rotate_keep = config.rotate_keep;
  file.allow_loose_mode = config.allow_loose_mode;
  lines::LineOptions lines;
  lines.style = StyleOf(config.format);
  return std::make_unique<log_sink::FileSink>(file, lines, context.counters);
}

}  // namespace

SinkKind StderrSinkKind() {
  return {"stderr", [](const config::AgentConfig& config) { return config.stderr_sink.enabled; },
          [](const config::AgentConfig& config) -> const config::SinkFilter& {
            return config.stderr_sink.filter;
          },
          MakeStderr};
}

SinkKind FileSinkKind() {
  return {"file", [](const config::AgentConfig& config) { return config.log.enabled; },
          [](const config::AgentConfig& config) -> const config::SinkFilter& {
            return config.log.filter;
          },
          MakeFile};
}

}  // namespace sluice::sinks
