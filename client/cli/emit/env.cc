#include "client/cli/emit/env.h"

#include <CLI/App.hpp>
#include <algorithm>
#include <cctype>
#include <cstdlib>
#include <filesystem>
#include <optional>

#include "client/cli/emit/otel_environment.h"
#include "client/cli/emit/propagation.h"
#include "client/cli/emit/shell_text.h"
#include "client/cli/render/json_writer.h"
#include "client/cli/verb.h"
#include "proto/record/names.h"
#include "proto/trace/baggage.h"

namespace sluice::cli {
namespace {

constexpr std::string_view kOtherwise = "Use 'sluice run --otlp -- COMMAND'.";

// What neither a shell nor any SDK's way to read a URL takes for something else.
bool IsPlain(const std::string& path) {
  return std::ranges::all_of(path, [](unsigned char byte) {
    return std::isalnum(byte) != 0 || std::string_view("/._-+,=@").find(byte) != std::string::npos;
  });
}

std::string Names() {
  std::string names;
  for (const OtelLanguage& language : OtelLanguages()) {
    if (!names.empty()) names += ", ";
    names += language.name;
  }
  return names;
}

const OtelLanguage* FindLanguage(std::string_view name) {
  const auto found = std::ranges::find(OtelLanguages(), name, &OtelLanguage::name);
  return found == OtelLanguages().end() ? nullptr : &*found;
}

std::string Remark(const OtelLanguage& language) {
  std::string remark = std::string(language.title) + ": " + std::string(language.remark);
  return language.by_environment ? remark : remark + ' ' + std::string(kOtherwise);
}

// Lines for a shell's eval.
std::string AsShell(const std::vector<Variable>& variables,
                    const std::vector<std::string>& remarks) {
  std::string lines;
  for (const Variable& variable : variables) {
    lines += "export " + std::string(variable.name) + '=' + variable.value + '\n';
  }
  for (const std::string& remark : remarks) lines += "# " + remark + '\n';
  return lines;
}

std::string AsJson(const std::vector<Variable>& variables,
                   const std::vector<std::string>& remarks) {
  JsonWriter json;
  json.BeginObject();
  json.Key("environment");
  json.BeginObject();
  for (const Variable& variable : variables) {
    json.Key(variable.name);
    json.String(variable.value);
  }
  json.EndObject();
  json.Key("remarks");
  json.BeginArray();
  for (const std::string& remark : remarks) json.String(remark);
  json.EndArray();
  json.EndObject();
  return json.Finish();
}

// What a program elsewhere needs to go on within this span, with this agent.
int PrintContext(const GlobalOptions& options) {
  std::vector<Variable> variables;
  const auto context = IncomingContext(std::getenv);
  if (context) {
    variables.push_back({kTraceparentEnv, FormatTraceparent(*context)});
    if (!context->tracestate.empty()) variables.push_back({kTracestateEnv, context->tracestate});
  }
  const char* const baggage = std::getenv(std::string(kBaggageEnv).c_str());
  if (baggage != nullptr && !ParseBaggage(baggage).empty()) {
    variables.push_back({kBaggageEnv, baggage});
  }
  if (NamesAgent(options)) {
    const std::string socket = ResolveSockets(options).ingest;
    variables.push_back({kSocketEnv, std::filesystem::absolute(socket).string()});
  }
  for (Variable& variable : variables) {
    if (!options.json) variable.value = ShellQuote(variable.value);
  }
  const int printed = Print(options.json ? AsJson(variables, {}) : AsShell(variables, {}));
  if (printed != kExitOk) return printed;
  return context ? kExitOk : kExitNegative;
}

// Null: of all languages.
int PrintOtel(const GlobalOptions& options, const OtelLanguage* language) {
  const std::string path = std::filesystem::absolute(ResolveSockets(options).ingest).string();
  if (!IsPlain(path)) {
    return Fail({kExitUsage, "the socket's path '" + path +
                                 "' cannot stand in a URL; name one of letters, digits and /._-"});
  }
  std::vector<Variable> variables;
  if (language == nullptr || language->by_environment) variables = OtelSocketVariables(path);
  std::vector<std::string> remarks;
  for (const OtelLanguage& one : OtelLanguages()) {
    if (language == nullptr || language == &one) remarks.push_back(Remark(one));
  }
  const int printed =
      Print(options.json ? AsJson(variables, remarks) : AsShell(variables, remarks));
  if (printed != kExitOk) return printed;
  return variables.empty() ? kExitNegative : kExitOk;
}

}  // namespace

int EnvVerb(GlobalOptions options, std::vector<std::string> arguments) {
  CLI::App app(
      "Prints shell lines that put a program elsewhere, in a container or behind ssh, inside this\n"
      "span. With --otel, lines that make OpenTelemetry's exporters send to the agent's socket, "
      "and\n"
      "comments on what cannot be set.",
      "sluice env");
  bool otel = false;
  const OtelLanguage* language = nullptr;
  AddGlobalOptions(app, &options);
  CLI::Option* const for_otel = app.add_flag("--otel", otel, "For OpenTelemetry's SDKs");
  app.add_option_function<std::string>(
         "--lang",
         [&language](const std::string& name) {
           language = FindLanguage(name);
           if (language == nullptr) {
             throw CLI::ValidationError("--lang",
                                        "'" + name + "' is none of the languages: " + Names());
           }
         },
         "Of this language alone: " + Names())
      ->type_name("LANGUAGE")
      ->needs(for_otel);
  app.footer(
      "Exit code 1: no span is current. With --otel: none of the variables helps that language.\n"
      "Set what --otel prints for one program, not for the host: Java does not start with it. What "
      "variables do\n"
      "not do, 'sluice run --otlp -- COMMAND' does.\n"
      "Examples:\n"
      "  ssh build \"$(sluice env); make\"\n"
      "  eval \"$(sluice env --otel --lang python)\" && opentelemetry-instrument python3 app.py");
  if (const auto code = ParseArguments(app, std::move(arguments))) return *code;
  return otel ? PrintOtel(options, language) : PrintContext(options);
}

}  // namespace sluice::cli
