#include "client/cli/kvp/pool_source.h"

#include <CLI/App.hpp>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <optional>

#include "client/cli/agent/agent_view.h"
#include "client/cli/verb.h"
#include "proto/kvp/edit_file.h"
#include "proto/kvp/slot.h"
#include "proto/record/names.h"

namespace sluice::cli {
namespace {

constexpr std::array<std::string_view, 5> kPoolNames = {"external", "guest", "auto",
                                                        "auto-external", "auto-internal"};
constexpr int kGuestPool = 1;
constexpr std::string_view kInstalledDirectory = "/var/lib/hyperv";
constexpr std::chrono::milliseconds kPoolTimeout{5'000};
// The agent answers at the timeout; this is for the answer's way.
constexpr std::chrono::milliseconds kAnswerTime{1'000};

std::optional<int> ParsePool(const std::string& text) {
  for (size_t i = 0; i < kPoolNames.size(); ++i) {
    if (text == kPoolNames[i] || text == std::to_string(i)) return static_cast<int>(i);
  }
  return std::nullopt;
}

// In the directory itself or, where that is the root of a system, in its usual place.
std::string PoolFile(const std::string& directory, int number) {
  std::error_code unreadable;  // is told where the file is opened
  if (std::filesystem::is_regular_file(directory, unreadable)) return directory;
  const std::string name = "/.kvp_pool_" + std::to_string(number);
  const std::string below_root = directory + std::string(kInstalledDirectory);
  const bool is_here = std::filesystem::exists(directory + name, unreadable);
  if (!is_here && std::filesystem::is_directory(below_root, unreadable)) return below_root + name;
  return directory + name;
}

std::string InstalledPoolFile(int number) {
  return PoolFile(std::string(kInstalledDirectory), number);
}

// The agent writes the guest's pool and no other.
bool MayAskAgent(const GlobalOptions& options) {
  return options.pool.directory.empty() && options.pool.number == kGuestPool;
}

Result<AgentView> OpenForPool(const GlobalOptions& options) {
  return AgentView::OpenAdmin(options, options.timeout.value_or(kPoolTimeout));
}

// What to do without the agent: read the installed file, or fail as `failure` says.
bool MayReadInstalled(const GlobalOptions& options, const Failure& failure) {
  return !NamesAgent(options) && failure.code != kExitIo;
}

bool IsMissing(const std::filesystem::path& path) {
  std::error_code error;
  return !std::filesystem::exists(path, error) && !error;
}

Result<kvp::PoolImage> ReadFile(const std::string& path) {
  if (!IsMissing(path)) return kvp::ReadPool(path);
  NoteIfMistyped(path);
  return kvp::PoolImage("");
}

Result<std::string> AgentsPoolFile(const GlobalOptions& options) {
  Result<AgentView> agent = OpenForPool(options);
  if (!agent.ok()) return agent.failure();
  const Result<v1::StatusResponse> status = agent->Status(/*open_spans=*/false);
  if (!status.ok()) return status.failure();
  for (const v1::SinkStatus& sink : status->sinks()) {
    if (sink.name() == "kvp" && !sink.destination().empty()) return sink.destination();
  }
  return Failure{kExitIo, "the agent names no pool; name its directory by --dir"};
}

v1::EditPoolRequest ToRequest(const kvp::PoolEdit& edit) {
  v1::EditPoolRequest request;
  request.set_unsafe(edit.unsafe);
  const auto add = [](const kvp::KeyValue& record, v1::PoolRecord* to) {
    to->set_key(record.key);
    to->set_value(record.value);
  };
  switch (edit.kind) {
    case kvp::PoolEdit::Kind::kAppend:
      for (const auto& record : edit.records) add(record, request.mutable_append()->add_records());
      break;
    case kvp::PoolEdit::Kind::kUpsert:
      add(edit.records.front(), request.mutable_upsert());
      break;
    case kvp::PoolEdit::Kind::kLoad:
      request.mutable_load();
      for (const auto& record : edit.records) add(record, request.mutable_load()->add_records());
      break;
    case kvp::PoolEdit::Kind::kRemove:
      for (const std::string& key : edit.keys) request.mutable_remove()->add_keys(key);
      break;
    case kvp::PoolEdit::Kind::kClear:
      request.mutable_clear()->set_if_stale(edit.if_stale);
      break;
  }
  return request;
}

}  // namespace

void NoteIfMistyped(const std::string& path) {
  const std::filesystem::path directory = std::filesystem::path(path).parent_path();
  if (directory != kInstalledDirectory && IsMissing(directory)) {
    Note("there is no folder " + directory.string() +
         "; what is not there counts as an empty pool");
  }
}

void AddPoolOptions(CLI::App& app, GlobalOptions* options) {
  AddGlobalOptions(app, options);
  const std::string group = "Options of every kvp verb";
  app.add_option_function<std::string>(
         "--pool",
         [options](const std::string& text) {
           const std::optional<int> number = ParsePool(text);
           if (!number) {
             throw CLI::ValidationError("--pool", "unknown pool '" + text +
                                                      "'; use external, guest, auto, "
                                                      "auto-external, auto-internal or 0 to 4");
           }
           options->pool.number = *number;
         },
         "external, guest (the default), auto, auto-external, auto-internal; or 0 to 4")
      ->type_name("POOL")
      ->group(group);
  app.add_option("--dir", options->pool.directory,
                 "The file in this directory, on a mounted image too; without an agent")
      ->type_name("DIR")
      ->group(group);
  app.add_flag("--unsafe", options->pool.unsafe,
               "The fields' own limits (512, 2048 bytes) instead of the host's (254, 1022)")
      ->group(group);
}

std::string_view PoolName(int number) { return kPoolNames.at(static_cast<size_t>(number)); }

Result<std::string> FindPoolFile(const GlobalOptions& options) {
  const PoolOptions& pool = options.pool;
  if (!pool.directory.empty()) return PoolFile(pool.directory, pool.number);
  if (!MayAskAgent(options)) return InstalledPoolFile(pool.number);
  Result<std::string> agents = AgentsPoolFile(options);
  if (agents.ok() || !MayReadInstalled(options, agents.failure())) return agents;
  return InstalledPoolFile(pool.number);
}

Result<kvp::PoolImage> LoadPool(const GlobalOptions& options) {
  if (!MayAskAgent(options)) return ReadFile(*FindPoolFile(options));
  Result<AgentView> agent = OpenForPool(options);
  if (agent.ok()) {
    Result<std::string> pool = agent->DumpPool();
    if (!pool.ok()) return pool.failure();
    return kvp::PoolImage(std::move(*pool));
  }
  if (!MayReadInstalled(options, agent.failure())) return agent.failure();
  return ReadFile(InstalledPoolFile(options.pool.number));
}

Result<kvp::PoolImage> LoadPoolForPeople(const GlobalOptions& options) {
  Result<kvp::PoolImage> image = LoadPool(options);
  if (!image.ok() || !image->bytes().empty()) return image;
  const Result<std::string> path = FindPoolFile(options);
  if (!path.ok() || !IsMissing(*path)) return image;
  // That its folder is missing was said already.
  if (!IsMissing(std::filesystem::path(*path).parent_path())) Note("there is no pool " + *path);
  return image;
}

Result<kvp::PoolImage> LoadWholePool(const GlobalOptions& options) {
  Result<kvp::PoolImage> image = LoadPool(options);
  if (!image.ok() || image->torn_bytes() == 0) return image;
  return Failure{kExitIo,
                 kvp::TornSizeText(image->size() * kvp::kRecordBytes + image->torn_bytes()) +
                     "; 'sluice kvp decode' and 'check' read what is whole, 'clear' empties it"};
}

std::chrono::milliseconds PoolTimeout(const GlobalOptions& options) {
  return options.timeout.value_or(kPoolTimeout);
}

Result<PoolOwner> FindPoolOwner(const GlobalOptions& options) {
  if (!MayAskAgent(options)) return PoolOwner{std::nullopt, *FindPoolFile(options)};
  Result<AgentView> agent = AgentView::OpenAdmin(options, PoolTimeout(options) + kAnswerTime);
  if (agent.ok()) return PoolOwner{std::move(*agent), ""};
  if (NamesAgent(options) || agent.failure().code != kExitNoAgent) return agent.failure();
  return PoolOwner{std::nullopt, InstalledPoolFile(options.pool.number)};
}

Result<size_t> EditPoolFile(const GlobalOptions& options, const std::string& path,
                            const kvp::PoolEdit& edit) {
  // libazureinit-kvp's mode: what is put there by hand may be a secret.
  const kvp::PoolResult<size_t> removed =
      kvp::EditPoolFile({.path = path,
                         .create_mode = 0600,
                         .torn = kvp::PoolStore::Options::Torn::kRefuse,
                         .lock_timeout = PoolTimeout(options)},
                        edit);
  if (removed.ok()) return *removed;
  return Failure{removed.error().code == EINVAL ? kExitUsage : kExitIo, removed.error().message};
}

Result<size_t> EditPool(const GlobalOptions& options, const kvp::PoolEdit& edit) {
  const std::string error = kvp::CheckEdit(edit);
  if (!error.empty()) return Failure{kExitUsage, error};
  if (edit.idle()) return 0;
  Result<PoolOwner> owner = FindPoolOwner(options);
  if (!owner.ok()) return owner.failure();
  if (!owner->agent) return EditPoolFile(options, owner->path, edit);
  const Result<v1::EditPoolResponse> response = owner->agent->EditPool(ToRequest(edit));
  if (!response.ok()) return response.failure();
  return response->removed();
}

}  // namespace sluice::cli
