#include "client/cli/kvp/verbs.h"

#include <sys/stat.h>
#include <unistd.h>

#include <CLI/App.hpp>
#include <array>
#include <fstream>

#include "client/cli/kvp/pool_source.h"
#include "client/cli/kvp/render.h"
#include "client/cli/render/json_writer.h"
#include "client/cli/render/text.h"
#include "client/cli/verb.h"

namespace sluice::cli {
namespace {

// How a verb without arguments of its own shows the pool.
struct PoolVerb {
  const char* description;
  const char* name;
  const char* footer;
  std::string (*text)(const kvp::PoolImage& image);
  std::string (*json)(const kvp::PoolImage& image);
};

int ShowPool(const PoolVerb& verb, GlobalOptions options, std::vector<std::string> arguments) {
  CLI::App app(verb.description, verb.name);
  AddPoolOptions(app, &options);
  app.footer(verb.footer);
  if (const auto code = ParseArguments(app, std::move(arguments))) return *code;
  const Result<kvp::PoolImage> image = LoadPool(options);
  if (!image.ok()) return Fail(image.failure());
  return Print(options.json ? verb.json(*image) : verb.text(*image));
}

int DumpVerb(GlobalOptions options, std::vector<std::string> arguments) {
  return ShowPool({.description = "Prints every record in the order of the file, as KEY=VALUE.",
                   .name = "sluice kvp dump",
                   .footer = "Example:\n  sluice kvp dump --json",
                   .text = RenderDump,
                   .json = RenderDumpJson},
                  std::move(options), std::move(arguments));
}

int EntriesVerb(GlobalOptions options, std::vector<std::string> arguments) {
  return ShowPool({.description = "Prints each key once with its last value, by key.",
                   .name = "sluice kvp entries",
                   .footer = "Example:\n  sluice kvp entries --pool external",
                   .text = RenderEntries,
                   .json = RenderEntriesJson},
                  std::move(options), std::move(arguments));
}

int DecodeVerb(GlobalOptions options, std::vector<std::string> arguments) {
  return ShowPool(
      {.description = "Turns the records of azure-init, cloud-init and sluice back into events and "
                      "spans: chunks joined, in order of time.",
       .name = "sluice kvp decode",
       .footer = "Example:\n  sluice kvp decode --dir /mnt/image/var/lib/hyperv",
       .text = [](const kvp::PoolImage& image) { return RenderDecoded(kvp::Decode(image)); },
       .json = [](const kvp::PoolImage& image) { return RenderDecodedJson(kvp::Decode(image)); }},
      std::move(options), std::move(arguments));
}

int UsageVerb(GlobalOptions options, std::vector<std::string> arguments) {
  return ShowPool(
      {.description = "Shows how full the pool is, and by whom.",
       .name = "sluice kvp usage",
       .footer = "Example:\n  sluice kvp usage",
       .text = [](const kvp::PoolImage& image) { return RenderUsage(kvp::Usage(image)); },
       .json = [](const kvp::PoolImage& image) { return RenderUsageJson(kvp::Usage(image)); }},
      std::move(options), std::move(arguments));
}

int CheckVerb(GlobalOptions options, std::vector<std::string> arguments) {
  CLI::App app("Shows what the Windows host cannot read of the pool, and why.", "sluice kvp check");
  AddPoolOptions(app, &options);
  app.footer("Exit code 1: there is something.\nExample:\n  sluice kvp check --dir .");
  if (const auto code = ParseArguments(app, std::move(arguments))) return *code;
  const Result<kvp::PoolImage> image = LoadPool(options);
  if (!image.ok()) return Fail(image.failure());
  const std::vector<kvp::Finding> findings = kvp::Check(*image);
  const int printed = Print(options.json ? RenderFindingsJson(findings) : RenderFindings(findings));
  if (printed != kExitOk) return printed;
  return findings.empty() ? kExitOk : kExitNegative;
}

// A value goes out as it is, so that scripts can use it, unless a person reads it.
std::string ValueText(std::string_view value) {
  return (isatty(STDOUT_FILENO) == 1 ? EscapeControls(value) : std::string(value)) + '\n';
}

std::string ValueJson(std::string_view key, std::string_view value) {
  JsonWriter json;
  json.BeginObject();
  json.Key("key");
  json.String(key);
  json.Key("value");
  json.String(value);
  json.EndObject();
  return json.Finish();
}

int ReadVerb(GlobalOptions options, std::vector<std::string> arguments) {
  CLI::App app("Prints the last value of one key.", "sluice kvp read");
  std::string key;
  AddPoolOptions(app, &options);
  app.add_option("KEY", key, "The whole key")->required();
  app.footer(
      "Exit code 1, and no output: there is no such key.\n"
      "Example:\n  sluice kvp read PROVISIONING_REPORT");
  if (const auto code = ParseArguments(app, std::move(arguments))) return *code;
  const Result<kvp::PoolImage> image = LoadPool(options);
  if (!image.ok()) return Fail(image.failure());
  const auto values = LastValues(*image);
  const auto found = values.find(key);
  if (found == values.end()) return kExitNegative;
  return Print(options.json ? ValueJson(key, found->second) : ValueText(found->second));
}

// Seconds since the epoch at which this system booted; 0: not known.
time_t BootTime() {
  std::ifstream stat("/proc/stat");
  std::string word;
  time_t seconds = 0;
  while (stat >> word) {
    if (word == "btime" && stat >> seconds) return seconds;
  }
  return 0;
}

// Whether the file was written last before this boot.
bool IsStale(const std::string& path) {
  struct stat status {};
  return stat(path.c_str(), &status) == 0 && status.st_mtim.tv_sec <= BootTime();
}

int IsStaleVerb(GlobalOptions options, std::vector<std::string> arguments) {
  CLI::App app("Tells whether the pool was written last before this boot.", "sluice kvp is-stale");
  AddPoolOptions(app, &options);
  app.footer("Exit code 1: it is not.\nExample:\n  sluice kvp is-stale && echo old");
  if (const auto code = ParseArguments(app, std::move(arguments))) return *code;
  const Result<std::string> path = FindPoolFile(options);
  if (!path.ok()) return Fail(path.failure());
  const bool stale = IsStale(*path);
  const std::string word = stale ? "true" : "false";
  const int printed = Print(options.json ? "{\"stale\": " + word + "}\n" : word + '\n');
  if (printed != kExitOk) return printed;
  return stale ? kExitOk : kExitNegative;
}

int InfoVerb(GlobalOptions options, std::vector<std::string> arguments) {
  CLI::App app("Shows which file the pool is and how much it holds.", "sluice kvp info");
  AddPoolOptions(app, &options);
  app.footer("Example:\n  sluice kvp info --json");
  if (const auto code = ParseArguments(app, std::move(arguments))) return *code;
  const Result<std::string> path = FindPoolFile(options);
  if (!path.ok()) return Fail(path.failure());
  const Result<kvp::PoolImage> image = LoadPool(options);
  if (!image.ok()) return Fail(image.failure());
  const PoolInfo info{.pool = PoolName(options.pool.number),
                      .path = *path,
                      .unsafe = options.pool.unsafe,
                      .records = image->size(),
                      .stale = IsStale(*path)};
  return Print(options.json ? RenderInfoJson(info) : RenderInfo(info));
}

constexpr std::array kVerbs = {
    Verb{"info", "Show which file the pool is and how much it holds", InfoVerb},
    Verb{"dump", "Print every record in the order of the file", DumpVerb},
    Verb{"entries", "Print each key once with its last value", EntriesVerb},
    Verb{"read", "Print the last value of one key", ReadVerb},
    Verb{"decode", "Turn the records back into events and spans", DecodeVerb},
    Verb{"usage", "Show how full the pool is, and by whom", UsageVerb},
    Verb{"check", "Show what the host cannot read, and why", CheckVerb},
    Verb{"is-stale", "Tell whether it was written last before this boot", IsStaleVerb},
};

}  // namespace

int KvpVerb(GlobalOptions options, std::vector<std::string> arguments) {
  const VerbGroup kvp{
      .name = "sluice kvp",
      .description =
          "What is in the Hyper-V KVP pool: through the running agent, or by --dir out "
          "of a file.",
      .verbs = kVerbs,
      .footer = "Example:\n  sluice kvp decode\n",
      .version = {},
      .add_options = AddPoolOptions};
  return Dispatch(kvp, std::move(options), std::move(arguments));
}

}  // namespace sluice::cli
