#include "agent/sinks/log/log_settings.h"

#include "absl/strings/str_cat.h"

namespace sluice::log_sink {
namespace {

config::Form<lines::LineStyle> Style() {
  return config::Choice<lines::LineStyle>({{"text", lines::LineStyle::kText},
                                           {"json", lines::LineStyle::kJson},
                                           {"logfmt", lines::LineStyle::kLogfmt}});
}

config::Form<uint64_t> Scope() { return config::Size({.least = 128, .most = 64 * 1024}); }

std::vector<std::string> FilterVariables() { return {"SLUICE_LOG", "AZURE_INIT_LOG"}; }

// Two sinks would rotate one file.
void CheckPath(const config::Resolving& resolving) {
  const config::SinkConfig& sink = *resolving.sink;
  for (const config::SinkConfig& other : resolving.agent.sinks) {
    if (&other == &sink) return;
    if (other.kind != sink.kind) continue;
    if (other.As<FileSettings>().path != sink.As<FileSettings>().path) continue;
    return resolving.mistake("path", absl::StrCat("is the file of [", other.section, "], too"));
  }
}

}  // namespace

config::SinkSection FileSection() {
  auto section = config::SectionOf(
      "log", "file",
      config::KeysOf<FileSettings>()
          .Add("path", &FileSettings::path, config::Path())
          .Add("format", &FileSettings::format, Style())
          .Add("max_scope", &FileSettings::max_scope, Scope())
          .Add("max_size", &FileSettings::max_size, config::Size())
          .Add("max_age", &FileSettings::max_age, config::Seconds())
          .Add("rotate_keep", &FileSettings::rotate_keep, config::Count({0, 1000}))
          .Add("allow_loose_mode", &FileSettings::allow_loose_mode, config::Bool()));
  section.filter_variables = FilterVariables();
  section.resolve = &CheckPath;
  section.several = true;
  section.flags = {{"--log-file", "path", "PATH", "Log file"}};
  section.aliases = {{"azure_init_log_path.path", "path"}};
  return section;
}

config::SinkSection StderrSection() {
  auto section =
      config::SectionOf("stderr", "stderr",
                        config::KeysOf<StderrSettings>()
                            .Add("format", &StderrSettings::format, Style())
                            .Add("max_scope", &StderrSettings::max_scope, Scope())
                            .Add("color", &StderrSettings::color,
                                 config::Choice<ColorMode>(
                                     {{"auto", ColorMode::kAuto}, {"never", ColorMode::kNever}})));
  section.default_filter = "error";
  section.filter_variables = FilterVariables();
  return section;
}

}  // namespace sluice::log_sink
