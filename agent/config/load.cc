#include "agent/config/load.h"

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <system_error>

#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "agent/base/status_macros.h"
#include "agent/config/choose_filter.h"
#include "agent/config/key_names.h"
#include "agent/config/keys.h"
#include "agent/config/toml_file.h"

namespace sluice::config {
namespace {

namespace fs = std::filesystem;

absl::StatusOr<std::string> ReadFile(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::string text(kMaxFileBytes + 1, '\0');
  if (file) file.read(text.data(), static_cast<std::streamsize>(text.size()));
  if (!file && !file.eof()) return ErrnoStatus(absl::StrCat("read configuration ", path));
  text.resize(static_cast<size_t>(file.gcount()));
  return text;
}

// The directory's *.toml by name.
absl::StatusOr<std::vector<std::string>> ListDirectory(const std::string& directory) {
  std::vector<std::string> paths;
  std::error_code error;
  for (fs::directory_iterator it(directory, error), end; !error && it != end; it.increment(error)) {
    if (it->path().extension() == ".toml") paths.push_back(it->path().string());
  }
  if (error) {
    return absl::ErrnoToStatus(error.value(), absl::StrCat("list configuration ", directory));
  }
  std::sort(paths.begin(), paths.end());
  return paths;
}

// What was said for one key, and where.
struct Said {
  Value value;
  std::string origin;
  std::string where;  // for error messages
};

class Loader {
 public:
  explicit Loader(const Sources& sources) : sources_(sources) {}

  absl::StatusOr<LoadedConfig> Run() {
    RETURN_IF_ERROR(ReadFiles());
    ReadEnvironment();
    ReadFlags();
    ResolveAliases();
    Apply();
    if (!mistakes_.empty()) return absl::InvalidArgumentError(absl::StrJoin(mistakes_, "\n"));
    ChooseFilters();
    RecordSettings();
    return std::move(loaded_);
  }

 private:
  absl::Status ReadFiles() {
    std::error_code error;
    if (fs::exists(sources_.main_file, error)) RETURN_IF_ERROR(ReadOne(sources_.main_file));
    // What is there but cannot be seen must not pass for absent.
    if (error) {
      return absl::ErrnoToStatus(error.value(), absl::StrCat("find ", sources_.main_file));
    }
    if (fs::is_directory(sources_.main_directory, error)) {
      RETURN_IF_ERROR(ReadDirectory(sources_.main_directory));
    }
    for (const std::string& path : sources_.flags.config) {
      RETURN_IF_ERROR(fs::is_directory(path, error) ? ReadDirectory(path) : ReadOne(path));
    }
    return absl::OkStatus();
  }

  absl::Status ReadDirectory(const std::string& directory) {
    ASSIGN_OR_RETURN(const std::vector<std::string> paths, ListDirectory(directory));
    for (const std::string& path : paths) RETURN_IF_ERROR(ReadOne(path));
    return absl::OkStatus();
  }

  absl::Status ReadOne(const std::string& path) {
    ASSIGN_OR_RETURN(const std::string text, ReadFile(path));
    TomlFile file = ParseToml(text, path);
    for (Entry& entry : file.entries) {
      const std::string line = absl::StrCat(path, ":", entry.line);
      said_[entry.key] = {std::move(entry.value), absl::StrCat("file ", line),
                          absl::StrCat(line, ":", entry.column)};
    }
    mistakes_.insert(mistakes_.end(), file.mistakes.begin(), file.mistakes.end());
    loaded_.warnings.insert(loaded_.warnings.end(), file.warnings.begin(), file.warnings.end());
    return absl::OkStatus();
  }

  // Set and not empty, as OpenTelemetry has it.
  std::optional<std::string> Environment(const std::string& name) const {
    if (!sources_.environment) return std::nullopt;
    auto value = sources_.environment(name);
    return value.has_value() && !value->empty() ? value : std::nullopt;
  }

  void Say(const std::string& key, Value value, const std::string& origin) {
    said_[key] = {std::move(value), origin, origin};
  }

  void ReadEnvironment() {
    static constexpr std::pair<const char*, const char*> kTexts[] = {
        {"OTEL_EXPORTER_OTLP_ENDPOINT", "otlp.endpoint"},
        {"OTEL_EXPORTER_OTLP_CERTIFICATE", "otlp.ca_file"},
        {"OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE", "otlp.client_cert_file"},
        {"OTEL_EXPORTER_OTLP_CLIENT_KEY", "otlp.client_key_file"}};
    for (const auto& [name, key] : kTexts) {
      if (auto value = Environment(name)) Say(key, *value, absl::StrCat("environment ", name));
    }
    ReadOtlpEnvironment();
  }

  void ReadOtlpEnvironment() {
    if (auto headers = Environment("OTEL_EXPORTER_OTLP_HEADERS")) {
      Say("otlp.headers",
          std::vector<std::string>(absl::StrSplit(*headers, ',', absl::SkipEmpty())),
          "environment OTEL_EXPORTER_OTLP_HEADERS");
    }
    if (auto timeout = Environment("OTEL_EXPORTER_OTLP_TIMEOUT")) {
      Say("otlp.timeout", absl::StrCat(*timeout, "ms"), "environment OTEL_EXPORTER_OTLP_TIMEOUT");
    }
    const auto compression = Environment("OTEL_EXPORTER_OTLP_COMPRESSION");
    if (!compression.has_value()) return;
    if (*compression == "gzip" || *compression == "none") {
      Say("otlp.gzip", *compression == "gzip", "environment OTEL_EXPORTER_OTLP_COMPRESSION");
    } else {
      loaded_.warnings.push_back(absl::StrCat("Invalid 'OTEL_EXPORTER_OTLP_COMPRESSION' value \"",
                                              *compression, "\", known are gzip and none"));
    }
  }

  void ReadFlags() {
    const FlagValues& flags = sources_.flags;
    const std::tuple<const std::optional<std::string>&, const char*, const char*> kFlags[] = {
        {flags.socket, "socket.ingest", "--socket"},
        {flags.admin_socket, "socket.admin", "--admin-socket"},
        {flags.kvp_pool, "kvp.path", "--kvp-pool"},
        {flags.journal, "journal.path", "--journal"},
        {flags.runtime_dir, "runtime.path", "--runtime-dir"},
        {flags.log_file, "log.path", "--log-file"},
        {flags.otlp_endpoint, "otlp.endpoint", "--otlp-endpoint"}};
    for (const auto& [value, key, flag] : kFlags) {
      if (value.has_value()) Say(key, *value, absl::StrCat("flag ", flag));
    }
  }

  // azure-init's names count where ours are not said.
  void ResolveAliases() {
    for (const Alias& alias : kAliases) {
      const auto said = said_.find(std::string(alias.name));
      if (said == said_.end()) continue;
      said_.try_emplace(std::string(alias.key), said->second);
      said_.erase(said);
    }
  }

  void Apply() {
    for (const Key& key : Keys()) {
      const auto said = said_.find(key.name);
      if (said == said_.end()) continue;
      const absl::Status status = key.set(said->second.value, &loaded_.config);
      if (status.ok()) continue;
      mistakes_.push_back(absl::StrCat(said->second.where, ": ", key.name, ": ", status.message()));
    }
    FollowUp();
  }

  // Defaults that depend on other keys.
  void FollowUp() {
    AgentConfig& config = loaded_.config;
    if (!said_.contains("journal.runtime_path")) {
      config.journal.runtime_path = config.runtime.path + "/journal";
    }
    if (config.kvp.prefix.empty()) config.kvp.prefix = "sluice-" + std::string(kVersion);
    if (!said_.contains("otlp.enabled")) config.otlp.enabled = !config.otlp.endpoint.empty();
    if (config.otlp.enabled && config.otlp.endpoint.empty()) {
      mistakes_.push_back(
          absl::StrCat(said_.at("otlp.enabled").where, ": otlp.enabled: needs otlp.endpoint"));
    }
    FitSegment();
  }

  // A full journal gives up whole segments, so it must have several.
  void FitSegment() {
    JournalConfig& journal = loaded_.config.journal;
    const uint64_t most = journal.max / 4;
    if (journal.segment <= most) return;
    const auto said = said_.find("journal.segment");
    if (said == said_.end()) {
      journal.segment = most;
    } else {
      mistakes_.push_back(
          absl::StrCat(said->second.where, ": journal.segment: at most a quarter of journal.max"));
    }
  }

  // What the files say for a sink's filter, routes first; blank means unset.
  std::optional<FilterCandidate> ConfiguredFilter(const std::string& section,
                                                  const filter::Routes& routes) {
    const auto text = said_.find(section + ".filter");
    const bool has_text =
        text != said_.end() &&
        std::get<std::string>(text->second.value).find_first_not_of(" \t\r\n") != std::string::npos;
    if (!routes.empty()) {
      const Said& said = said_.at(section + ".routes");
      if (has_text) {
        loaded_.warnings.push_back(absl::StrCat(text->second.where, ": ", section,
                                                ".filter has no effect: ", section,
                                                ".routes decides"));
      }
      return FilterCandidate{.kind = "config", .origin = said.origin, .routes = routes.Compile()};
    }
    if (!has_text) return std::nullopt;
    return FilterCandidate{.text = std::get<std::string>(text->second.value),
                           .name = absl::StrCat("config ", section, ".filter"),
                           .kind = "config",
                           .origin = text->second.origin};
  }

  void Choose(const std::string& section, const std::vector<std::string>& variables,
              const char* built_in, SinkFilter* filter) {
    std::vector<FilterCandidate> candidates;
    for (const std::string& variable : variables) {
      if (auto text = Environment(variable)) {
        candidates.push_back({.text = *text,
                              .name = absl::StrCat("'", variable, "' value"),
                              .kind = "environment",
                              .origin = absl::StrCat("environment ", variable)});
      }
    }
    if (auto configured = ConfiguredFilter(section, filter->routes)) {
      candidates.push_back(*std::move(configured));
    }
    candidates.push_back(
        {.text = built_in, .name = "default", .kind = "default", .origin = "default"});
    filter::Routes routes = std::move(filter->routes);
    *filter = ChooseFilter(candidates, loaded_.config.filter_options, &loaded_.warnings);
    filter->routes = std::move(routes);
  }

  void ChooseFilters() {
    AgentConfig& config = loaded_.config;
    Choose("kvp", {"SLUICE_KVP_FILTER", "AZURE_INIT_KVP_FILTER"}, kDefaultKvpFilter,
           &config.kvp.filter);
    Choose("log", {"SLUICE_LOG", "AZURE_INIT_LOG"}, "info", &config.log.filter);
    Choose("stderr", {"SLUICE_LOG", "AZURE_INIT_LOG"}, "error", &config.stderr_sink.filter);
    Choose("otlp", {"SLUICE_OTLP_FILTER"}, "info", &config.otlp.filter);
    // The file and stderr share a variable.
    std::vector<std::string>& warnings = loaded_.warnings;
    for (auto it = warnings.begin(); it != warnings.end();) {
      it = std::find(warnings.begin(), it, *it) == it ? it + 1 : warnings.erase(it);
    }
  }

  void RecordSettings() {
    const AgentConfig& config = loaded_.config;
    for (const Key& key : Keys()) {
      const auto said = said_.find(key.name);
      loaded_.settings[key.name] = {key.print(config),
                                    said == said_.end() ? "default" : said->second.origin};
    }
    loaded_.settings["kvp.filter"].origin = config.kvp.filter.origin;
    loaded_.settings["log.filter"].origin = config.log.filter.origin;
    loaded_.settings["stderr.filter"].origin = config.stderr_sink.filter.origin;
    loaded_.settings["otlp.filter"].origin = config.otlp.filter.origin;
  }

  const Sources& sources_;
  std::map<std::string, Said> said_;
  std::vector<std::string> mistakes_;
  LoadedConfig loaded_;
};

}  // namespace

Sources Sources::OfProcess(FlagValues flags) {
  Sources sources;
  sources.flags = std::move(flags);
  sources.environment = [](const std::string& name) -> std::optional<std::string> {
    const char* value = std::getenv(name.c_str());
    return value == nullptr ? std::nullopt : std::optional<std::string>(value);
  };
  return sources;
}

absl::StatusOr<LoadedConfig> Load(const Sources& sources) { return Loader(sources).Run(); }

std::string Print(const LoadedConfig& loaded) {
  std::string out;
  std::string section;
  for (const Key& key : Keys()) {
    const size_t dot = key.name.find('.');
    if (key.name.compare(0, dot, section) != 0) {
      section = key.name.substr(0, dot);
      absl::StrAppend(&out, out.empty() ? "" : "\n", "[", section, "]\n");
    }
    const Setting& setting = loaded.settings.at(key.name);
    absl::StrAppend(&out, key.name.substr(dot + 1), " = ", setting.value, "  # ", setting.origin,
                    "\n");
  }
  return out;
}

}  // namespace sluice::config
