#include "client/cli/kvp/verbs.h"

#include <unistd.h>

#include <CLI/App.hpp>
#include <array>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <iterator>

#include "client/cli/kvp/host_xml.h"
#include "client/cli/kvp/pool_source.h"
#include "client/cli/kvp/render.h"
#include "client/cli/kvp/render_json.h"
#include "client/cli/kvp/report.h"
#include "client/cli/kvp/write_verbs.h"
#include "client/cli/render/json_writer.h"
#include "client/cli/render/text.h"
#include "client/cli/verb.h"
#include "proto/kvp/boot_time.h"

namespace sluice::cli {
namespace {

// How a verb without arguments of its own shows the pool.
struct PoolVerb {
  const char* description;
  const char* name;
  const char* footer;
  std::string (*text)(const kvp::PoolImage& image);
  std::string (*json)(const kvp::PoolImage& image);
  Result<kvp::PoolImage> (*load)(const GlobalOptions& options) = LoadPoolForPeople;
};

int ShowPool(const PoolVerb& verb, GlobalOptions options, std::vector<std::string> arguments) {
  CLI::App app(verb.description, verb.name);
  AddPoolOptions(app, &options);
  app.footer(verb.footer);
  if (const auto code = ParseArguments(app, std::move(arguments))) return *code;
  const Result<kvp::PoolImage> image = verb.load(options);
  if (!image.ok()) return Fail(image.failure());
  return Print(options.json ? verb.json(*image) : verb.text(*image));
}

int DumpVerb(GlobalOptions options, std::vector<std::string> arguments) {
  return ShowPool({.description = "Prints every record in the order of the file, as KEY=VALUE.",
                   .name = "sluice kvp dump",
                   .footer = "Example:\n  sluice kvp dump --json",
                   .text = RenderDump,
                   .json = RenderDumpJson,
                   .load = LoadWholePool},
                  std::move(options), std::move(arguments));
}

int EntriesVerb(GlobalOptions options, std::vector<std::string> arguments) {
  return ShowPool({.description = "Prints each key once with its last value, sorted by key.",
                   .name = "sluice kvp entries",
                   .footer = "Example:\n  sluice kvp entries --pool external",
                   .text = RenderEntries,
                   .json = RenderEntriesJson,
                   .load = LoadWholePool},
                  std::move(options), std::move(arguments));
}

Result<kvp::PoolImage> LoadHostXml(const std::string& path) {
  errno = 0;
  std::ifstream file(path, std::ios::binary);
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  if (!file.is_open() || file.bad()) {
    return Failure{kExitIo, "read " + path + ": " + std::strerror(errno)};
  }
  const auto image = kvp::ReadHostXml(text);
  if (image) return *image;
  return Failure{kExitUsage, path + " holds no item of Msvm_KvpExchangeDataItem"};
}

int DecodeVerb(GlobalOptions options, std::vector<std::string> arguments) {
  CLI::App app(
      "Turns the records of azure-init, cloud-init and sluice back into events and spans: chunks "
      "joined, in order of time.",
      "sluice kvp decode");
  std::string host_xml;
  AddPoolOptions(app, &options);
  AddUtcFlag(app);
  app.add_option("--host-xml", host_xml,
                 "Read the pool as the host has it: GuestExchangeItems of "
                 "Msvm_KvpExchangeComponent, as PowerShell writes them")
      ->type_name("FILE");
  app.footer(
      "TOOK is '-' for an event, '?' where no end is there.\n"
      "Examples:\n  sluice kvp decode --dir /mnt\n  sluice kvp decode --host-xml items.xml");
  if (const auto code = ParseArguments(app, std::move(arguments))) return *code;
  const Result<kvp::PoolImage> image =
      host_xml.empty() ? LoadPoolForPeople(options) : LoadHostXml(host_xml);
  if (!image.ok()) return Fail(image.failure());
  const std::vector<kvp::Item> items = kvp::Decode(*image);
  return Print(options.json ? RenderDecodedJson(items)
                            : RenderDecoded(items, TextStyle::OfStdout()));
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
  app.footer("Exit code 1: there is such a record.\nExample:\n  sluice kvp check --dir .");
  if (const auto code = ParseArguments(app, std::move(arguments))) return *code;
  const Result<kvp::PoolImage> image = LoadPoolForPeople(options);
  if (!image.ok()) return Fail(image.failure());
  const std::vector<kvp::Finding> findings = kvp::Check(*image);
  const int printed =
      Print(options.json ? RenderFindingsJson(findings, *image) : RenderFindings(findings, *image));
  if (printed != kExitOk) return printed;
  return findings.empty() ? kExitOk : kExitNegative;
}

// A value goes out as it is, so that scripts can use it, unless a person reads it.
std::string ValueText(std::string_view value) {
  return (isatty(STDOUT_FILENO) == 1 ? EscapeControls(value) : std::string(value)) + '\n';
}

std::string ValueJson(std::string_view key, std::string_view value) {
  JsonWriter json(JsonWriter::Layout::kCompact);
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
  if (const std::string error = kvp::CheckKey(key); !error.empty())
    return Fail({kExitUsage, error});
  const Result<kvp::PoolImage> image = LoadWholePool(options);
  if (!image.ok()) return Fail(image.failure());
  const auto values = LastValues(*image);
  const auto found = values.find(key);
  if (found == values.end()) return kExitNegative;
  return Print(options.json ? ValueJson(key, found->second) : ValueText(found->second));
}

int IsStaleVerb(GlobalOptions options, std::vector<std::string> arguments) {
  CLI::App app("Tells whether the pool was last written before this boot.", "sluice kvp is-stale");
  AddPoolOptions(app, &options);
  app.footer("Exit code 1: it is not.\nExample:\n  sluice kvp is-stale && echo old");
  if (const auto code = ParseArguments(app, std::move(arguments))) return *code;
  const Result<std::string> path = FindPoolFile(options);
  if (!path.ok()) return Fail(path.failure());
  NoteIfMistyped(*path);
  const kvp::PoolResult<bool> stale = kvp::IsStale(*path);
  if (!stale.ok()) return Fail({kExitIo, stale.error().message});
  const std::string word = *stale ? "true" : "false";
  const int printed = Print(options.json ? "{\"stale\": " + word + "}\n" : word + '\n');
  if (printed != kExitOk) return printed;
  return *stale ? kExitOk : kExitNegative;
}

int InfoVerb(GlobalOptions options, std::vector<std::string> arguments) {
  CLI::App app("Shows which file the pool is and how much it holds.", "sluice kvp info");
  AddPoolOptions(app, &options);
  app.footer("Example:\n  sluice kvp info --json");
  if (const auto code = ParseArguments(app, std::move(arguments))) return *code;
  const Result<std::string> path = FindPoolFile(options);
  if (!path.ok()) return Fail(path.failure());
  const Result<kvp::PoolImage> image = LoadWholePool(options);
  if (!image.ok()) return Fail(image.failure());
  const kvp::PoolResult<bool> stale = kvp::IsStale(*path);
  if (!stale.ok()) return Fail({kExitIo, stale.error().message});
  const PoolInfo info{.pool = PoolName(options.pool.number),
                      .path = *path,
                      .unsafe = options.pool.unsafe,
                      .records = image->size(),
                      .stale = *stale};
  return Print(options.json ? RenderInfoJson(info) : RenderInfo(info));
}

constexpr std::array kPoolVerbs = {
    Verb{"info", "Show which file the pool is and how much it holds", InfoVerb},
    Verb{"dump", "Print every record in the order of the file", DumpVerb},
    Verb{"entries", "Print each key once with its last value", EntriesVerb},
    Verb{"read", "Print the last value of one key", ReadVerb},
    Verb{"write", "Give a key one value, or with --append one more", WriteVerb},
    Verb{"load", "Replace the pool by KEY=VALUE lines", LoadVerb},
    Verb{"append-multiple", "Add KEY=VALUE lines", AppendMultipleVerb},
    Verb{"delete", "Remove a key's records", DeleteVerb},
    Verb{"delete-multiple", "Remove the records of several keys", DeleteMultipleVerb},
    Verb{"clear", "Remove every record", ClearVerb},
    Verb{"decode", "Turn the records back into events and spans", DecodeVerb},
    Verb{"usage", "Show how full the pool is, and by whom", UsageVerb},
    Verb{"check", "Show what the host cannot read, and why", CheckVerb},
    Verb{"is-stale", "Tell whether it was written last before this boot", IsStaleVerb},
    Verb{"report-success", "Tell Azure that provisioning succeeded", ReportSuccessVerb},
    Verb{"report-failure", "Tell Azure that provisioning failed, and why", ReportFailureVerb},
};

}  // namespace

int KvpVerb(GlobalOptions options, std::vector<std::string> arguments) {
  const VerbGroup kvp{
      .name = "sluice kvp",
      .description =
          "Shows and changes the Hyper-V KVP pool, through the running agent or, with --dir, in a\n"
          "file. The verbs of libazureinit-kvp are among these.",
      .verbs = kPoolVerbs,
      .footer = "Example:\n  sluice kvp decode\n",
      .version = {},
      .add_options = AddPoolOptions};
  return Dispatch(kvp, std::move(options), std::move(arguments));
}

}  // namespace sluice::cli
