#include "client/cli/emit/shell_init.h"

#include <CLI/App.hpp>
#include <filesystem>

#include "client/cli/emit/shell_text.h"
#include "client/cli/verb.h"
#include "proto/record/names.h"

namespace sluice::cli {
namespace {

// This program's path, so that a script calls the one that made its functions.
std::string OwnPath() {
  std::error_code error;
  const std::filesystem::path path = std::filesystem::read_symlink("/proc/self/exe", error);
  return error ? std::string("sluice") : path.string();
}

}  // namespace

int ShellInitVerb(GlobalOptions options, std::vector<std::string> arguments) {
  CLI::App app(
      "Prints functions for a script, for bash and any POSIX shell: sluice_span NAME starts a "
      "span\n"
      "and makes it the current one, sluice_end ends it; both take the flags of 'sluice span "
      "start'\n"
      "and 'sluice span end'. Spans still open when the script exits get its exit status.",
      "sluice shell-init");
  std::string name;
  bool has_no_trap = false;
  AddGlobalOptions(app, &options);
  app.add_option("--name", name, "Also start a span around all that follows")->type_name("NAME");
  app.add_flag("--no-trap", has_no_trap,
               "Set no trap on EXIT; call sluice_exit \"$?\" in the script's own");
  app.footer(
      "Example:\n"
      "  eval \"$(sluice shell-init --name backup)\"\n"
      "  sluice_span copy --attr to=/backup\n"
      "  cp -a /home /backup; sluice_end --status $?");
  if (const auto code = ParseArguments(app, std::move(arguments))) return *code;

  std::string text;
  if (!options.socket.empty()) {
    text = "export " + std::string(kSocketEnv) + '=' + ShellQuote(ResolveSockets(options).ingest) +
           '\n';
  }
  text += ShellFunctions(OwnPath());
  if (!has_no_trap) text += ExitTrap();
  if (!name.empty()) text += "sluice_span --name " + ShellQuote(name) + '\n';
  return Print(text);
}

}  // namespace sluice::cli
