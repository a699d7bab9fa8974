#include "agent/app/flags.h"

#include <CLI/CLI.hpp>
#include <array>
#include <cstdio>
#include <filesystem>
#include <sstream>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "agent/base/log.h"
#include "agent/base/status_macros.h"
#include "agent/sinks/sink_kinds.h"
#include "proto/record/names.h"

namespace sluice::app {
namespace {

// The paths of --dev, below its directory.
constexpr std::array<std::pair<const char*, const char*>, 6> kDevPaths = {{
    {"--socket", "sluice.sock"},
    {"--admin-socket", "admin/admin.sock"},
    {"--journal", "journal"},
    {"--runtime-dir", "run"},
    {"--kvp-pool", "kvp_pool_1"},
    {"--log-file", "log/sluice.log"},
}};

bool IsPath(const config::Flag& flag) {
  return flag.type == std::string_view("PATH") || flag.type == std::string_view("DIR");
}

// The configuration's own paths are absolute: an agent has no place of its own. Whoever types one
// stands somewhere.
std::string FromHere(const std::string& path) {
  std::error_code error;
  const std::filesystem::path absolute = std::filesystem::absolute(path, error);
  return error || path.empty() ? path : absolute.lexically_normal().string();
}

void UseDevFolder(const std::string& folder, Flags* flags) {
  flags->dev_folder = folder;
  for (const auto& [flag, path] : kDevPaths) {
    flags->config.values.try_emplace(flag, absl::StrCat(folder, "/", path));
  }
}

}  // namespace

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
      "the Hyper-V KVP pool, the log file and stderr. Normally started by systemd."};
  app.name("sluiced");
  app.set_version_flag("--version", "sluiced " + std::string(kVersion));
  config::FlagValues& values = flags->config;
  app.add_option("--config", values.config,
                 "Configuration file, or directory of *.toml; may be repeated, the later wins")
      ->type_name("FILE_OR_DIR");
  for (const config::Flag& flag : sinks::ConfigSchema().Flags()) {
    const auto take = [&values, flag](const std::string& value) {
      values.values[flag.name] = IsPath(flag) ? FromHere(value) : value;
    };
    app.add_option_function<std::string>(flag.name, take, flag.help)->type_name(flag.type);
  }
  app.add_option("--dev", flags->dev_folder,
                 "Keep everything in this directory and leave the machine's own files alone; for "
                 "trying out")
      ->type_name("DIR");
  app.add_flag("--check-config", flags->check_config, "Check the configuration and exit");
  app.add_flag("--print-config", flags->print_config,
               "Print the configuration in force, with origins, and exit");
  app.add_option_function<std::string>(
         "--offline", [flags](const std::string& journal) { flags->offline = journal; },
         "For the tool: answer the peer of stdin about the journal in DIR, and write nothing; "
         "without DIR about filters alone")
      ->type_name("[DIR]")
      ->expected(0, 1);
  app.add_flag("--verbose", flags->verbose, "Log more to stderr");
  app.failure_message([](const CLI::App* given, const CLI::Error& error) {
    const bool is_unknown = error.get_exit_code() == static_cast<int>(CLI::ExitCodes::ExtrasError);
    const std::string what =
        is_unknown ? "unknown option '" + given->remaining().front() + "'" : error.what();
    return "sluiced: " + what + "; see 'sluiced --help'\n";
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
  if (!flags->dev_folder.empty()) UseDevFolder(FromHere(flags->dev_folder), flags);
  return std::nullopt;
}

absl::Status MakeDevFolder(const std::string& folder) {
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  if (error) {
    return absl::ErrnoToStatus(error.value(), absl::StrCat("cannot make directory ", folder));
  }
  LogInfo(absl::StrCat("for clients: export SLUICE_SOCKET=", folder, "/", kDevPaths[0].second,
                       " SLUICE_ADMIN_SOCKET=", folder, "/", kDevPaths[1].second));
  return absl::OkStatus();
}

}  // namespace sluice::app
