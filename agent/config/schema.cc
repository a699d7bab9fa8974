#include "agent/config/schema.h"

#include <algorithm>
#include <array>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "agent/base/status_macros.h"
#include "agent/filter/text.h"

namespace sluice::config {
namespace {

constexpr size_t kMaxInstanceName = 32;

// A section of the agent's own.
struct OwnSection {
  const char* name;
  std::vector<Key> keys;
  void* (*settings_in)(AgentConfig*);
};

Form<RedactRules> Redact() {
  return {[](const Value& value) -> absl::StatusOr<RedactRules> {
            RedactRules redact;
            ASSIGN_OR_RETURN(redact.rules, List().read(value));
            ASSIGN_OR_RETURN(redact.compiled, filter::Redaction::Compile(redact.rules));
            return redact;
          },
          [](const RedactRules& redact) { return List().print(redact.rules); }};
}

const std::vector<OwnSection>& SectionsBeforeSinks() {
  static const auto* const sections = new std::vector<OwnSection>{
      {"socket",
       KeysOf<SocketConfig>()
           .Add("ingest", &SocketConfig::ingest, Path())
           .Add("admin", &SocketConfig::admin, Path())
           .Add("mode", &SocketConfig::mode, Mode())
           .keys(),
       [](AgentConfig* config) -> void* { return &config->socket; }},
      {"runtime", KeysOf<RuntimeConfig>().Add("path", &RuntimeConfig::path, Path()).keys(),
       [](AgentConfig* config) -> void* { return &config->runtime; }},
      {"journal",
       KeysOf<JournalConfig>()
           .Add("path", &JournalConfig::path, Path())
           .Add("runtime_path", &JournalConfig::runtime_path, Path())
           .Add("max", &JournalConfig::max, Size({.least = 4 * kMiB}))
           .Add("keep", &JournalConfig::keep, Size())
           .Add("max_age", &JournalConfig::max_age, Seconds())
           .Add("level", &JournalConfig::level, LevelName())
           .Reloads()
           .Add("segment", &JournalConfig::segment, Size({kMiB, 1024 * kMiB}))
           .keys(),
       [](AgentConfig* config) -> void* { return &config->journal; }},
      {"ingest",
       KeysOf<IngestConfig>()
           .Add("otlp", &IngestConfig::otlp, Bool())
           .Add("otlp_metrics", &IngestConfig::otlp_metrics, Bool())
           .Reloads()
           .Add("redact", &IngestConfig::redact, Redact())
           .Reloads()
           .keys(),
       [](AgentConfig* config) -> void* { return &config->ingest; }}};
  return *sections;
}

const std::vector<OwnSection>& SectionsAfterSinks() {
  using filter::FilterOptions;
  using filter::Profile;
  static const auto* const sections = new std::vector<OwnSection>{
      {"filter",
       KeysOf<FilterOptions>()
           .Add("profile", &FilterOptions::profile,
                Choice<Profile>({{"compat", Profile::kCompat}, {"fixed", Profile::kFixed}}))
           .Reloads()
           .Add("patterns", &FilterOptions::patterns, Bool())
           .Reloads()
           .Add("override_inside_spans", &FilterOptions::override_inside_spans, Bool())
           .Reloads()
           .Add("static_off_wins", &FilterOptions::static_off_wins, Bool())
           .Reloads()
           .Add("whole_segments", &FilterOptions::whole_segments, Bool())
           .Reloads()
           .Add("loose_numbers", &FilterOptions::loose_numbers, Bool())
           .Reloads()
           .keys(),
       [](AgentConfig* config) -> void* { return &config->filter_options; }},
      {"limits",
       KeysOf<LimitsConfig>()
           .Add("connections_per_uid", &LimitsConfig::connections_per_uid, Count({1, 100'000}))
           .Add("memory", &LimitsConfig::memory, Size({.least = 16 * kMiB}))
           .Add("otlp_request", &LimitsConfig::otlp_request, Size({64 * 1024, 64 * kMiB}))
           .Add("otlp_record", &LimitsConfig::otlp_record, Size({4 * 1024, kMiB}))
           .keys(),
       [](AgentConfig* config) -> void* { return &config->limits; }}};
  return *sections;
}

// That every sink has.
const Key& EnabledKey() {
  static const auto* const keys = new std::vector<Key>(
      KeysOf<SinkConfig>().Add("enabled", &SinkConfig::enabled, Bool()).keys());
  return keys->front();
}
const std::vector<Key>& FilterKeys() {
  static const auto* const keys =
      new std::vector<Key>(KeysOf<SinkFilter>()
                               .Add("filter", &SinkFilter::text, Text())
                               .Reloads()
                               .Add("routes", &SinkFilter::routes, RoutesTable())
                               .Reloads()
                               .keys());
  return *keys;
}

// Names azure-init's configuration has beside ours: their values mean nothing here.
bool IsAzureInitSection(std::string_view section) {
  static constexpr std::string_view kSections[] = {"azure_init_data_dir",
                                                   "azure_init_log_path",
                                                   "azure_proxy_agent",
                                                   "hostname_provisioners",
                                                   "imds",
                                                   "password_provisioners",
                                                   "provisioning_media",
                                                   "ssh",
                                                   "telemetry",
                                                   "user_provisioners",
                                                   "wireserver"};
  return std::find(std::begin(kSections), std::end(kSections), section) != std::end(kSections);
}

bool IsInstanceName(std::string_view name) {
  return !name.empty() && name.size() <= kMaxInstanceName &&
         std::all_of(name.begin(), name.end(), [](char c) {
           return absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '-' || c == '_';
         });
}

std::string WholeName(const std::string& section, const Key& key) {
  return key.other_name.empty() ? absl::StrCat(section, ".", key.name) : key.other_name;
}

void BindOwn(const std::vector<OwnSection>& sections, AgentConfig* config,
             std::vector<BoundKey>* bound) {
  for (const OwnSection& section : sections) {
    for (const Key& key : section.keys) {
      bound->push_back({WholeName(section.name, key), &key, section.settings_in(config)});
    }
  }
}

}  // namespace

Schema::Schema(std::vector<SinkSection> sinks) : sinks_(std::move(sinks)) {
  AgentConfig config = Defaults({});
  for (const BoundKey& bound : Bind(&config)) names_.push_back(bound.name);
  for (const Alias& alias : Aliases()) names_.push_back(alias.name);
}

const SinkSection& Schema::SectionOf(const SinkConfig& sink) const { return sinks_[sink.kind]; }

std::vector<Flag> Schema::Flags() const {
  std::vector<Flag> flags = {
      {"--socket", "socket.ingest", "PATH", "Ingest socket, open to every local process"},
      {"--admin-socket", "socket.admin", "PATH", "Admin socket, for root"},
      {"--journal", "journal.path", "DIR", "Directory of the journal"},
      {"--runtime-dir", "runtime.path", "DIR", "Directory for state that is lost at reboot"}};
  for (const SinkSection& section : sinks_) {
    for (Flag flag : section.flags) {
      flag.key = absl::StrCat(section.name, ".", flag.key);
      flags.push_back(std::move(flag));
    }
  }
  return flags;
}

std::vector<Alias> Schema::Aliases() const {
  std::vector<Alias> aliases;
  for (const SinkSection& section : sinks_) {
    for (const Alias& alias : section.aliases) {
      aliases.push_back({alias.name, absl::StrCat(section.name, ".", alias.key)});
    }
  }
  return aliases;
}

AgentConfig Schema::Defaults(const std::vector<Instance>& instances) const {
  AgentConfig config;
  for (size_t kind = 0; kind < sinks_.size(); ++kind) {
    const SinkSection& section = sinks_[kind];
    SinkConfig sink;
    sink.kind = kind;
    sink.name = section.sink;
    sink.section = section.name;
    sink.settings = section.defaults;
    config.sinks.push_back(sink);
    for (const Instance& instance : instances) {
      if (instance.section != section.name) continue;
      sink.name = absl::StrCat(section.sink, ".", instance.name);
      sink.section = absl::StrCat(section.name, ".", instance.name);
      config.sinks.push_back(sink);
    }
  }
  return config;
}

std::vector<BoundKey> Schema::Bind(AgentConfig* config) const {
  std::vector<BoundKey> bound;
  BindOwn(SectionsBeforeSinks(), config, &bound);
  for (SinkConfig& sink : config->sinks) {
    const SinkSection& section = SectionOf(sink);
    bound.push_back({WholeName(sink.section, EnabledKey()), &EnabledKey(), &sink});
    for (const Key& key : FilterKeys()) {
      bound.push_back({WholeName(sink.section, key), &key, &sink.filter});
    }
    for (const Key& key : section.keys) {
      bound.push_back({WholeName(sink.section, key), &key, section.settings_in(&sink.settings)});
    }
  }
  BindOwn(SectionsAfterSinks(), config, &bound);
  return bound;
}

std::optional<Instance> Schema::InstanceOf(std::string_view name) const {
  for (const SinkSection& section : sinks_) {
    const std::string prefix = section.name + ".";
    if (!section.several || !name.starts_with(prefix)) continue;
    const std::string_view rest = name.substr(prefix.size());
    const std::string_view instance = rest.substr(0, rest.find('.'));
    const std::string as_key = absl::StrCat(prefix, std::string(instance));
    const bool is_key = std::find(names_.begin(), names_.end(), as_key) != names_.end();
    if (!is_key && IsInstanceName(instance)) return Instance{section.name, std::string(instance)};
  }
  return std::nullopt;
}

std::string Schema::WithoutInstance(std::string_view name) const {
  const auto instance = InstanceOf(name);
  if (!instance.has_value()) return std::string(name);
  const size_t end = instance->section.size() + 1 + instance->name.size();
  if (name.size() == end) return std::string(name);
  return absl::StrCat(instance->section, std::string(name.substr(end)));
}

Schema::NameKind Schema::Classify(std::string_view name, bool is_table) const {
  const std::string plain = WithoutInstance(name);
  // Nothing of a table's own name was taken away.
  if (InstanceOf(name).has_value() && plain == name) {
    return is_table ? NameKind::kTable : NameKind::kUnknown;
  }
  bool known_table = IsAzureInitSection(plain);
  for (const std::string& known : names_) {
    if (known == plain) return NameKind::kKey;
    known_table = known_table || (known.starts_with(plain) && known[plain.size()] == '.');
  }
  if (known_table) return NameKind::kTable;
  return IsAzureInitSection(name.substr(0, name.find('.'))) ? NameKind::kIgnored
                                                            : NameKind::kUnknown;
}

std::string Schema::NearestName(std::string_view name) const {
  const auto instance = InstanceOf(name);
  const std::string plain = WithoutInstance(name);
  const bool is_section = plain.find('.') == std::string::npos;
  std::string nearest;
  size_t least = plain.size() / 3 + 2;  // farther off is no slip of the finger
  for (const std::string& key : names_) {
    // For a whole unknown section, its name alone is compared.
    const std::string known = is_section ? key.substr(0, key.find('.')) : key;
    const size_t distance = filter::EditDistance(std::string_view(plain).substr(0, 256), known);
    if (distance >= least) continue;
    least = distance;
    nearest = known;
  }
  const bool is_of_instance = plain != name && nearest.starts_with(instance->section + ".");
  if (!is_of_instance) return nearest;
  return nearest.insert(instance->section.size(), "." + instance->name);
}

}  // namespace sluice::config
