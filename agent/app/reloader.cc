#include "agent/app/reloader.h"

#include <algorithm>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "agent/app/notify.h"
#include "agent/base/log.h"
#include "agent/base/message_ids.h"
#include "agent/sinks/sink_kinds.h"

namespace sluice::app {

std::vector<v1::Setting> Reloader::Settings() const {
  std::vector<v1::Setting> settings;
  for (const auto& [key, value] : loaded_.settings) {
    v1::Setting& setting = settings.emplace_back();
    setting.set_key(key);
    setting.set_value(value.value);
    setting.set_origin(value.origin);
  }
  return settings;
}

absl::StatusOr<config::Reloaded> Reloader::Reload(const SinkSet& sinks,
                                                  const std::function<void()>& changed) {
  NotifyReloading();
  auto reloaded = LoadAgain();
  if (reloaded.ok()) {
    Apply(*reloaded, sinks);
    changed();
  }
  for (const auto& worker : sinks.workers) worker->Reopen();
  NotifyReady();
  return reloaded;
}

absl::StatusOr<config::Reloaded> Reloader::LoadAgain() const {
  auto fresh = config::Load(sinks::ConfigSchema(), sources_);
  if (!fresh.ok()) {
    for (const absl::string_view mistake : absl::StrSplit(fresh.status().message(), '\n')) {
      LogError(absl::StrCat("keeping the old configuration: ", mistake), kConfigurationKept);
    }
    return fresh.status();
  }
  for (const std::string& warning : fresh->warnings) LogWarning(warning);
  config::Reloaded reloaded = config::TakeReloadable(sinks::ConfigSchema(), loaded_, *fresh);
  for (const config::SettingChange& change : reloaded.changes) {
    LogInfo(absl::StrCat(change.key, " = ", change.setting.value, " (", change.setting.origin, ")",
                         change.needs_restart ? " takes effect at the next start" : ""));
  }
  return reloaded;
}

void Reloader::Apply(const config::Reloaded& reloaded, const SinkSet& sinks) {
  loaded_ = reloaded.loaded;
  for (const auto& worker : sinks.workers) {
    const config::SinkConfig& sink = *loaded_.config.FindSink(worker->name());
    worker->SetFilter(sink.filter.compiled);
    const std::string section = sink.section + ".";
    const bool has_change = std::any_of(
        reloaded.changes.begin(), reloaded.changes.end(), [&](const config::SettingChange& change) {
          return !change.needs_restart && change.key.starts_with(section);
        });
    if (!has_change) continue;
    worker->RunOnWorker(
        [settings = sink.settings](sinks::Sink& made) { made.TakeSettings(settings); });
  }
}

}  // namespace sluice::app
