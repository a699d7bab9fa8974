#include "client/cli/options.h"

#include <CLI/App.hpp>
#include <cstdlib>
#include <filesystem>

#include "client/cli/when.h"
#include "proto/record/names.h"

namespace sluice::cli {
namespace {

std::string FromEnvironment(const Environment& environment, std::string_view name) {
  const char* const value = environment(std::string(name).c_str());
  return value == nullptr ? std::string() : value;
}

// As OpenTelemetry's and gRPC's settings have it, `unix:PATH` and `unix:///PATH` are PATH.
std::string PathOf(std::string_view text) {
  for (const std::string_view scheme : {"unix://", "unix:"}) {
    if (text.starts_with(scheme)) return std::string(text.substr(scheme.size()));
  }
  return std::string(text);
}

}  // namespace

SocketPaths ResolveSockets(const GlobalOptions& options, const Environment& environment) {
  SocketPaths paths{PathOf(options.socket), PathOf(options.admin_socket)};
  // Of two agents that are named in two ways neither is meant by half: a flag stands for both.
  if (paths.ingest.empty()) {
    paths.ingest = PathOf(FromEnvironment(environment, kSocketEnv));
    if (paths.admin.empty()) paths.admin = PathOf(FromEnvironment(environment, kAdminSocketEnv));
  }
  if (paths.admin.empty()) {
    paths.admin = paths.ingest.empty()
                      ? std::string(kAdminSocket)
                      : std::filesystem::path(paths.ingest).replace_filename("admin.sock").string();
  }
  if (paths.ingest.empty()) paths.ingest = kIngestSocket;
  return paths;
}

SocketPaths ResolveSockets(const GlobalOptions& options) {
  return ResolveSockets(options, [](const char* name) { return std::getenv(name); });
}

bool NamesAgent(const GlobalOptions& options) {
  const auto is_set = [](std::string_view name) {
    return !FromEnvironment([](const char* one) { return std::getenv(one); }, name).empty();
  };
  return !options.socket.empty() || !options.admin_socket.empty() || is_set(kSocketEnv) ||
         is_set(kAdminSocketEnv);
}

std::optional<std::chrono::milliseconds> ParseTimeout(std::string_view text) {
  const bool is_number = text.find_first_not_of("0123456789.") == std::string_view::npos;
  const auto length = ParseLength(is_number ? std::string(text) + "ms" : std::string(text));
  if (!length || *length < 1'000'000 || *length > 3600 * 1'000'000'000ull) return std::nullopt;
  return std::chrono::milliseconds(*length / 1'000'000);
}

void AddGlobalOptions(CLI::App& app, GlobalOptions* options) {
  const std::string group = "Options of every verb";
  app.add_option("--socket", options->socket, "The agent's socket [SLUICE_SOCKET]")
      ->type_name("PATH")
      ->group(group);
  app.add_option("--admin-socket", options->admin_socket,
                 "Its admin socket [SLUICE_ADMIN_SOCKET; else admin.sock beside --socket]")
      ->type_name("PATH")
      ->group(group);
  app.add_option_function<std::string>(
         "--timeout",
         [options](const std::string& text) {
           options->timeout = ParseTimeout(text);
           if (!options->timeout) {
             throw CLI::ValidationError("--timeout",
                                        "invalid time '" + text + "': expected 250ms, 2s or 1min");
           }
         },
         "How long to wait for the agent in all: 250ms, 2s")
      ->type_name("TIME")
      ->group(group);
  app.add_flag("--json", options->json, "Print JSON instead of text")->group(group);
}

void AddUtcFlag(CLI::App& app) {
  const std::string about = "Has no effect: all times are in UTC";
  app.add_flag("--utc", about);
}

void AddViewOptions(CLI::App& app, GlobalOptions* options) {
  AddGlobalOptions(app, options);
  AddUtcFlag(app);
  const std::string group = "Without the running agent";
  CLI::Option* const journal = app.add_option("--journal", options->journal,
                                              "Read the journal in this directory, or in a file of "
                                              "'sluice collect'; changes nothing")
                                   ->type_name("PATH")
                                   ->group(group);
  app.add_option("--root", options->root,
                 "Read the journal of the system mounted here; changes nothing")
      ->type_name("DIR")
      ->group(group)
      ->excludes(journal);
}

}  // namespace sluice::cli
