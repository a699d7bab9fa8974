#include "agent/app/flags.h"

#include <CLI/CLI.hpp>
#include <cstdio>
#include <sstream>
#include <string>

#include "agent/base/log.h"
#include "agent/base/status_macros.h"
#include "proto/record/names.h"

namespace sluice::app {

int PrintAnswer(std::string_view text) {
  const bool written = std::fwrite(text.data(), 1, text.size(), stdout) == text.size();
  if (written && std::fflush(stdout) == 0) return 0;
  LogError(ErrnoStatus("write to stdout").message());
  return kCannotStart;
}

std::optional<int> ParseFlags(int argc, char** argv, Flags* flags) {
  CLI::App app{
      "sluiced: the local telemetry gate. Takes spans and events on a Unix socket and writes them "
      "to\n"
      "the Hyper-V KVP pool, the log file and stderr. Started by systemd as a rule."};
  app.name("sluiced");
  app.set_version_flag("--version", "sluiced " + std::string(kVersion));
  config::FlagValues& values = flags->config;
  app.add_option("--config", values.config,
                 "Configuration file, or directory of *.toml; may be repeated, the later wins")
      ->type_name("FILE_OR_DIR");
  app.add_option("--socket", values.socket, "Ingest socket, open to every local process")
      ->type_name("PATH");
  app.add_option("--admin-socket", values.admin_socket, "Admin socket, for root")
      ->type_name("PATH");
  app.add_option("--kvp-pool", values.kvp_pool, "Hyper-V KVP pool file")->type_name("PATH");
  app.add_option("--journal", values.journal, "Directory of the journal")->type_name("DIR");
  app.add_option("--runtime-dir", values.runtime_dir, "Directory for state that dies with the boot")
      ->type_name("DIR");
  app.add_option("--log-file", values.log_file, "Log file")->type_name("PATH");
  app.add_option("--otlp-endpoint", values.otlp_endpoint,
                 "OTLP endpoint; kept for later versions, without effect in this one")
      ->type_name("URL");
  app.add_flag("--check-config", flags->check_config, "Check the configuration and exit");
  app.add_flag("--print-config", flags->print_config,
               "Print the configuration in force, with origins, and exit");
  app.add_flag("--verbose", flags->verbose, "Say more on stderr");
  app.failure_message([](const CLI::App*, const CLI::Error& error) {
    return "sluiced: " + std::string(error.what()) + "; see 'sluiced --help'\n";
  });
  try {
    app.parse(argc, argv);
  } catch (const CLI::Success& asked) {
    std::ostringstream text;
    app.exit(asked, text, text);
    return PrintAnswer(text.str());
  } catch (const CLI::ParseError& error) {
    app.exit(error);
    return kBadConfig;
  }
  return std::nullopt;
}

}  // namespace sluice::app
