#include "client/cli/look/config.h"

#include <CLI/App.hpp>
#include <array>
#include <sstream>
#include <string_view>

#include "client/cli/agent/agent_view.h"
#include "client/cli/render/json_writer.h"
#include "client/cli/render/message_json.h"
#include "client/cli/render/text.h"
#include "client/cli/verb.h"

namespace sluice::cli {
namespace {

constexpr std::chrono::milliseconds kConfigTimeout{5'000};

// The configuration is root's.
Result<AgentView> OpenAsRoot(const GlobalOptions& options) {
  return AgentView::OpenAdmin(options, options.timeout.value_or(kConfigTimeout));
}

std::string SettingsText(const v1::StatusResponse& status) {
  std::string out;
  for (const v1::Setting& setting : status.settings()) {
    out += EscapeControls(setting.key() + " = " + setting.value() + "  # " + setting.origin());
    out += '\n';
  }
  return out;
}

// The agent's TOML has the escapes of JSON. A table has `=` for a colon.
std::string JsonOfToml(std::string_view toml) {
  std::string json;
  bool in_text = false;
  for (size_t i = 0; i < toml.size(); ++i) {
    const char c = toml[i];
    json += !in_text && c == '=' ? ':' : c;
    if (in_text && c == '\\' && i + 1 < toml.size()) json += toml[++i];
    if (c == '"') in_text = !in_text;
  }
  return json;
}

std::string SettingsJson(const v1::StatusResponse& status) {
  JsonWriter json;
  json.BeginArray();
  for (const v1::Setting& setting : status.settings()) {
    json.BeginObject();
    json.Key("key");
    json.String(setting.key());
    json.Key("value");
    json.Verbatim(JsonOfToml(setting.value()));
    json.Key("origin");
    json.String(setting.origin());
    json.EndObject();
  }
  json.EndArray();
  return json.Finish();
}

int CatVerb(GlobalOptions options, std::vector<std::string> arguments) {
  CLI::App app("Prints every key of the configuration in force, as TOML, and where it was set.",
               "sluice config cat");
  AddGlobalOptions(app, &options);
  app.footer("Example:\n  sluice config cat | grep -v '# default$'");
  if (const auto code = ParseArguments(app, std::move(arguments))) return *code;

  Result<AgentView> agent = OpenAsRoot(options);
  if (!agent.ok()) return Fail(agent.failure());
  const Result<v1::StatusResponse> status = agent->Status(false);
  if (!status.ok()) return Fail(status.failure());
  return Print(options.json ? SettingsJson(*status) : SettingsText(*status));
}

std::string ChangesText(const v1::ReloadResponse& response) {
  std::string out;
  for (const v1::SettingChange& change : response.changes()) {
    out += EscapeControls(change.setting().key() + ": " + change.old_value() + " -> " +
                          change.setting().value() + "  # " + change.setting().origin());
    out += change.needs_restart() ? "; takes effect at the next start\n" : "\n";
  }
  return out.empty() ? "nothing changed\n" : out;
}

int ReloadVerb(GlobalOptions options, std::vector<std::string> arguments) {
  CLI::App app(
      "Makes the agent read its configuration again, as SIGHUP does, and prints what changed.\n"
      "Filters, routes and journal.level take effect at once, other keys at the next start.",
      "sluice config reload");
  AddGlobalOptions(app, &options);
  app.footer(
      "Exit code 1: the new configuration is wrong, and the old one stays whole.\n"
      "Example:\n  sluice config reload");
  if (const auto code = ParseArguments(app, std::move(arguments))) return *code;

  Result<AgentView> agent = OpenAsRoot(options);
  if (!agent.ok()) return Fail(agent.failure());
  const Result<v1::ReloadResponse> response = agent->Reload();
  if (!response.ok()) return Fail(response.failure());
  for (const std::string& warning : response->warnings()) (void)Fail({kExitOk, warning});
  const bool is_taken = response->error().empty();
  if (options.json || is_taken) {
    const int printed = Print(options.json ? MessageJson(*response) : ChangesText(*response));
    if (printed != kExitOk) return printed;
  }
  if (is_taken) return kExitOk;
  (void)Fail({kExitNegative, "nothing changed:"});
  std::istringstream mistakes(response->error());  // one a line
  for (std::string mistake; std::getline(mistakes, mistake);) (void)Fail({kExitNegative, mistake});
  return kExitNegative;
}

constexpr std::array kConfigVerbs = {
    Verb{"cat", "Print every key in force and where it was said", CatVerb},
    Verb{"reload", "Make the agent read its configuration again", ReloadVerb},
};

}  // namespace

int ConfigVerb(GlobalOptions options, std::vector<std::string> arguments) {
  const VerbGroup config{.name = "sluice config",
                         .description = "The agent's configuration. Needs the admin socket.",
                         .verbs = kConfigVerbs,
                         .footer = "Example:\n  sluice config reload\n",
                         .version = {}};
  return Dispatch(config, std::move(options), std::move(arguments));
}

}  // namespace sluice::cli
