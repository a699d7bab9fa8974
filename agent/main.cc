// sluiced: flags to configuration to App to exit code.
#include "absl/strings/str_split.h"
#include "agent/app/app.h"
#include "agent/app/flags.h"
#include "agent/app/library_logs.h"
#include "agent/app/offline.h"
#include "agent/app/signals.h"
#include "agent/app/sockets.h"
#include "agent/base/log.h"
#include "agent/base/scheduling.h"
#include "agent/config/load.h"
#include "agent/sinks/sink_kinds.h"
#include "proto/base/standard_descriptors.h"

namespace {

using sluice::app::kBadConfig;
using sluice::app::kCannotStart;

// A configuration may have several mistakes, a line each.
int Fail(const absl::Status& status, int code) {
  for (const absl::string_view line : absl::StrSplit(status.message(), '\n')) {
    sluice::LogError(line);
  }
  return code;
}

int Run(int argc, char** argv) {
  sluice::app::Flags flags;
  if (const auto code = sluice::app::ParseFlags(argc, argv, &flags)) return *code;
  if (flags.verbose) sluice::SetLogThreshold(sluice::LogPriority::kDebug);

  if (flags.offline) return sluice::app::ServeOffline(flags);

  const sluice::config::Schema& schema = sluice::sinks::ConfigSchema();
  auto sources = sluice::config::Sources::OfProcess(flags.config);
  if (!flags.dev_folder.empty()) {
    sources.main_file.clear();
    sources.main_directory.clear();
  }
  auto loaded = sluice::config::Load(schema, sources);
  if (!loaded.ok()) return Fail(loaded.status(), kBadConfig);
  for (const std::string& warning : loaded->warnings) sluice::LogWarning(warning);
  if (flags.print_config) return sluice::app::PrintAnswer(sluice::config::Print(schema, *loaded));
  if (flags.check_config) return 0;

  sluice::app::BlockSignals();
  if (!flags.dev_folder.empty()) {
    if (const absl::Status made = sluice::app::MakeDevFolder(flags.dev_folder); !made.ok()) {
      return Fail(made, kCannotStart);
    }
  }
  auto sockets = sluice::app::OpenSockets(loaded->config.socket);
  if (!sockets.ok()) return Fail(sockets.status(), kCannotStart);
  auto app = sluice::app::App::Create(sources, *std::move(loaded), *std::move(sockets));
  if (!app.ok()) return Fail(app.status(), kCannotStart);
  return (*app)->Run();
}

}  // namespace

int main(int argc, char** argv) {
  sluice::HoldStandardDescriptors();
  sluice::BecomeResponsiveThread();
  sluice::app::TakeOverLibraryLogs();
  sluice::StartLogThread();
  const int code = Run(argc, argv);
  sluice::FlushLog();
  return code;
}
