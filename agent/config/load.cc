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
#include "agent/config/toml_file.h"

namespace sluice::config {
namespace {

namespace fs = std::filesystem;

absl::StatusOr<std::string> ReadFile(const std::string& path) {
  std::error_code error;
  // Nothing may ever come of it, and whoever reloads is not to wait.
  if (fs::is_fifo(path, error)) {
    return absl::InvalidArgumentError(
        absl::StrCat("configuration ", path, " is a FIFO, not a file"));
  }
  std::ifstream file(path, std::ios::binary);
  std::string text(kMaxFileBytes + 1, '\0');
  if (file) file.read(text.data(), static_cast<std::streamsize>(text.size()));
  if (!file && !file.eof()) return ErrnoStatus(absl::StrCat("read configuration ", path));
  text.resize(static_cast<size_t>(file.gcount()));
  return text;
}

// Editors keep locks and copies beside the file that they change, and hide them.
bool IsHidden(const fs::path& path) { return path.filename().native().starts_with('.'); }

// The directory's *.toml by name, hidden ones left out.
absl::StatusOr<std::vector<std::string>> ListDirectory(const std::string& directory) {
  std::vector<std::string> paths;
  std::error_code error;
  for (fs::directory_iterator it(directory, error), end; !error && it != end; it.increment(error)) {
    if (it->path().extension() == ".toml" && !IsHidden(it->path()))
      paths.push_back(it->path().string());
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
  Loader(const Schema& schema, const Sources& sources) : schema_(schema), sources_(sources) {}

  absl::StatusOr<LoadedConfig> Run() {
    RETURN_IF_ERROR(ReadFiles());
    std::sort(instances_.begin(), instances_.end(),
              [](const Instance& a, const Instance& b) { return a.name < b.name; });
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
    TomlFile file = ParseToml(text, path, schema_);
    for (Entry& entry : file.entries) {
      const std::string line = absl::StrCat(path, ":", entry.line);
      said_[entry.key] = {std::move(entry.value), absl::StrCat("file ", line),
                          absl::StrCat(line, ":", entry.column)};
    }
    for (const auto& [instance, where] : file.instances) TakeInstance(instance, where);
    mistakes_.insert(mistakes_.end(), file.mistakes.begin(), file.mistakes.end());
    loaded_.warnings.insert(loaded_.warnings.end(), file.warnings.begin(), file.warnings.end());
    return absl::OkStatus();
  }

  void TakeInstance(const Instance& instance, const std::string& where) {
    if (std::find(instances_.begin(), instances_.end(), instance) != instances_.end()) return;
    const auto of_section =
        std::count_if(instances_.begin(), instances_.end(),
                      [&](const Instance& other) { return other.section == instance.section; });
    if (static_cast<size_t>(of_section) >= kMaxInstances) {
      mistakes_.push_back(absl::StrCat(where, ": ", instance.section, ".", instance.name,
                                       ": at most ", kMaxInstances, " such tables"));
      return;
    }
    instances_.push_back(instance);
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
    for (const SinkSection& section : schema_.sinks()) {
      for (const Variable& variable : section.variables) {
        if (const auto text = Environment(variable.name)) ReadVariable(section, variable, *text);
      }
    }
  }

  void ReadVariable(const SinkSection& section, const Variable& variable, const std::string& text) {
    const absl::StatusOr<Value> value =
        variable.read ? variable.read(text) : absl::StatusOr<Value>(text);
    if (value.ok()) {
      Say(absl::StrCat(section.name, ".", variable.key), *value,
          absl::StrCat("environment ", variable.name));
    } else {
      loaded_.warnings.push_back(absl::StrCat("Invalid '", variable.name, "' value \"", text,
                                              "\", ", value.status().message()));
    }
  }

  void ReadFlags() {
    for (const Flag& flag : schema_.Flags()) {
      const auto given = sources_.flags.values.find(flag.name);
      if (given == sources_.flags.values.end()) continue;
      Say(flag.key, given->second, absl::StrCat("flag ", flag.name));
    }
  }

  // Another program's names count where ours are not said.
  void ResolveAliases() {
    for (const Alias& alias : schema_.Aliases()) {
      const auto said = said_.find(alias.name);
      if (said == said_.end()) continue;
      said_.try_emplace(alias.key, said->second);
      said_.erase(said);
    }
  }

  void Apply() {
    AgentConfig& config = loaded_.config = schema_.Defaults(instances_);
    for (const BoundKey& bound : schema_.Bind(&config)) {
      const auto said = said_.find(bound.name);
      if (said == said_.end()) continue;
      const absl::Status status = bound.key->set(said->second.value, bound.settings);
      if (!status.ok()) Mistake(bound.name, status.message());
    }
    if (!said_.contains("journal.runtime_path")) {
      config.journal.runtime_path = config.runtime.path + "/journal";
    }
    FitSegment();
    for (SinkConfig& sink : config.sinks) Resolve(&sink);
  }

  void Mistake(const std::string& key, absl::string_view what) {
    const auto said = said_.find(key);
    mistakes_.push_back(
        absl::StrCat(said == said_.end() ? "default" : said->second.where, ": ", key, ": ", what));
  }

  void Resolve(SinkConfig* sink) {
    const auto whole = [sink](const std::string& key) {
      return absl::StrCat(sink->section, ".", key);
    };
    const SinkSection& section = schema_.SectionOf(*sink);
    if (section.resolve) {
      section.resolve(
          {.agent = loaded_.config,
           .sink = sink,
           .is_said = [&](const std::string& key) { return said_.contains(whole(key)); },
           .mistake = [&](const std::string& key,
                          absl::string_view what) { Mistake(whole(key), what); }});
    }
    if (!sink->enabled) sink->off_by = whole("enabled");
  }

  // A full journal gives up whole segments, so it must have several.
  void FitSegment() {
    JournalConfig& journal = loaded_.config.journal;
    const uint64_t most = journal.max / 4;
    if (journal.segment <= most) return;
    if (said_.contains("journal.segment")) {
      Mistake("journal.segment", "at most a quarter of journal.max");
    } else {
      journal.segment = most;
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

  std::vector<FilterCandidate> Candidates(const SinkConfig& sink) {
    const SinkSection& section = schema_.SectionOf(sink);
    std::vector<FilterCandidate> candidates;
    // Variables are of `[NAME]`, not of an instance.
    const bool has_variables = sink.section == section.name;
    for (const std::string& variable :
         has_variables ? section.filter_variables : std::vector<std::string>()) {
      if (auto text = Environment(variable)) {
        candidates.push_back({.text = *text,
                              .name = absl::StrCat("'", variable, "' value"),
                              .kind = "environment",
                              .origin = absl::StrCat("environment ", variable)});
      }
    }
    if (auto configured = ConfiguredFilter(sink.section, sink.filter.routes)) {
      candidates.push_back(*std::move(configured));
    }
    candidates.push_back({.text = section.default_filter,
                          .name = "default",
                          .kind = "default",
                          .origin = "default"});
    return candidates;
  }

  void ChooseFilters() {
    std::vector<std::string>& warnings = loaded_.warnings;
    for (SinkConfig& sink : loaded_.config.sinks) {
      const auto candidates = Candidates(sink);
      filter::Routes routes = std::move(sink.filter.routes);
      sink.filter = ChooseFilter(candidates, loaded_.config.filter_options, &warnings);
      sink.filter.routes = std::move(routes);
    }
    // The file and stderr share a variable.
    for (auto it = warnings.begin(); it != warnings.end();) {
      it = std::find(warnings.begin(), it, *it) == it ? it + 1 : warnings.erase(it);
    }
  }

  void RecordSettings() {
    for (const BoundKey& bound : schema_.Bind(&loaded_.config)) {
      const auto said = said_.find(bound.name);
      loaded_.settings[bound.name] = {bound.key->print(bound.settings),
                                      said == said_.end() ? "default" : said->second.origin};
    }
    for (const SinkConfig& sink : loaded_.config.sinks) {
      loaded_.settings[sink.section + ".filter"].origin = sink.filter.origin;
    }
  }

  const Schema& schema_;
  const Sources& sources_;
  std::map<std::string, Said> said_;
  std::vector<Instance> instances_;
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

absl::StatusOr<LoadedConfig> Load(const Schema& schema, const Sources& sources) {
  return Loader(schema, sources).Run();
}

std::string Print(const Schema& schema, const LoadedConfig& loaded) {
  std::string out;
  std::string section;
  AgentConfig config = loaded.config;
  for (const BoundKey& bound : schema.Bind(&config)) {
    const size_t dot = bound.name.rfind('.');
    if (bound.name.compare(0, dot, section) != 0) {
      section = bound.name.substr(0, dot);
      absl::StrAppend(&out, out.empty() ? "" : "\n", "[", section, "]\n");
    }
    const Setting& setting = loaded.settings.at(bound.name);
    absl::StrAppend(&out, bound.name.substr(dot + 1), " = ", setting.value, "  # ", setting.origin,
                    "\n");
  }
  return out;
}

}  // namespace sluice::config
