#include "agent/config/keys.h"

#include <algorithm>
#include <array>
#include <limits>
#include <type_traits>
#include <utility>

#include "agent/base/status_macros.h"
#include "agent/config/units.h"
#include "proto/wire/utf8.h"

namespace sluice::config {
namespace {

using filter::LevelFilterName;
using filter::Profile;

absl::Status Expected(absl::string_view what) {
  return absl::InvalidArgumentError(absl::StrCat("expected ", what));
}

// The makers of keys: each takes the name and an accessor, `[](auto& c) -> auto& { return c.a.b;
// }`.

template <typename Accessor>
Key BoolKey(std::string name, Accessor field) {
  return {std::move(name),
          [field](const Value& value, AgentConfig* config) {
            const bool* flag = std::get_if<bool>(&value);
            if (flag == nullptr) return Expected("true or false");
            field(*config) = *flag;
            return absl::OkStatus();
          },
          [field](const AgentConfig& config) { return field(config) ? "true" : "false"; }};
}

template <typename Accessor>
Key TextKey(std::string name, Accessor field) {
  return {std::move(name),
          [field](const Value& value, AgentConfig* config) {
            const auto* text = std::get_if<std::string>(&value);
            if (text == nullptr) return Expected("a text in quotes");
            if (text->find('\0') != std::string::npos) return Expected("a text without NUL");
            field(*config) = *text;
            return absl::OkStatus();
          },
          [field](const AgentConfig& config) { return QuoteToml(field(config)); }};
}

// An absolute path.
template <typename Accessor>
Key PathKey(std::string name, Accessor field) {
  Key key = TextKey(std::move(name), field);
  key.set = [set = key.set](const Value& value, AgentConfig* config) {
    const auto* text = std::get_if<std::string>(&value);
    if (text != nullptr && !text->starts_with('/')) return Expected("an absolute path");
    return set(value, config);
  };
  return key;
}

struct Range {
  uint64_t least = 0;
  uint64_t most = std::numeric_limits<int64_t>::max();
};

absl::Status CheckRange(uint64_t number, const Range& range, std::string (*format)(uint64_t)) {
  if (number >= range.least && number <= range.most) return absl::OkStatus();
  if (number < range.least) return Expected(absl::StrCat("at least ", format(range.least)));
  return Expected(absl::StrCat("at most ", format(range.most)));
}

std::string FormatCount(uint64_t number) { return std::to_string(number); }

// Text in a unit, or a number in the smallest one.
template <typename T>
absl::StatusOr<T> ReadAmount(const Value& value, absl::StatusOr<T> (*parse)(std::string_view)) {
  if (const auto* text = std::get_if<std::string>(&value)) return parse(*text);
  const auto* number = std::get_if<int64_t>(&value);
  if (number == nullptr || *number < 0) return Expected("a text with a number and a unit");
  return parse(std::to_string(*number));
}

template <typename Accessor>
Key SizeKey(std::string name, Range range, Accessor field) {
  return {std::move(name),
          [range, field](const Value& value, AgentConfig* config) {
            ASSIGN_OR_RETURN(const uint64_t size, ReadAmount<uint64_t>(value, &ParseSize));
            RETURN_IF_ERROR(CheckRange(size, range, &FormatSize));
            field(*config) = size;
            return absl::OkStatus();
          },
          [field](const AgentConfig& config) { return QuoteToml(FormatSize(field(config))); }};
}

template <typename Accessor>
Key DurationKey(std::string name, Accessor field) {
  using std::chrono::milliseconds;
  return {std::move(name),
          [field](const Value& value, AgentConfig* config) {
            ASSIGN_OR_RETURN(const milliseconds duration,
                             ReadAmount<milliseconds>(value, &ParseDuration));
            auto& target = field(*config);
            using Duration = std::remove_reference_t<decltype(target)>;
            target = std::chrono::duration_cast<Duration>(duration);
            if (target != duration) return Expected("whole seconds");
            return absl::OkStatus();
          },
          [field](const AgentConfig& config) { return QuoteToml(FormatDuration(field(config))); }};
}

template <typename Accessor>
Key CountKey(std::string name, Range range, Accessor field) {
  return {std::move(name),
          [range, field](const Value& value, AgentConfig* config) {
            const auto* number = std::get_if<int64_t>(&value);
            if (number == nullptr || *number < 0) return Expected("a whole number");
            RETURN_IF_ERROR(CheckRange(static_cast<uint64_t>(*number), range, &FormatCount));
            field(*config) = static_cast<uint32_t>(*number);
            return absl::OkStatus();
          },
          [field](const AgentConfig& config) { return std::to_string(field(config)); }};
}

template <typename Accessor>
Key ModeKey(std::string name, Accessor field) {
  return {std::move(name),
          [field](const Value& value, AgentConfig* config) {
            const auto* text = std::get_if<std::string>(&value);
            if (text == nullptr) return Expected("octal digits in quotes such as \"0666\"");
            ASSIGN_OR_RETURN(field(*config), ParseMode(*text));
            return absl::OkStatus();
          },
          [field](const AgentConfig& config) { return QuoteToml(FormatMode(field(config))); }};
}

// A text out of a list of names that stand for values.
template <typename T, size_t kCount, typename Accessor>
Key ChoiceKey(std::string name, std::array<std::pair<const char*, T>, kCount> choices,
              Accessor field) {
  return {std::move(name),
          [choices, field](const Value& value, AgentConfig* config) {
            const auto* text = std::get_if<std::string>(&value);
            std::string known;
            for (const auto& [word, meaning] : choices) {
              if (text != nullptr && *text == word) {
                field(*config) = meaning;
                return absl::OkStatus();
              }
              absl::StrAppend(&known, known.empty() ? "" : ", ", "\"", word, "\"");
            }
            return Expected(absl::StrCat("one of ", known));
          },
          [choices, field](const AgentConfig& config) {
            for (const auto& [word, meaning] : choices) {
              if (meaning == field(config)) return QuoteToml(word);
            }
            return QuoteToml("");
          }};
}

template <typename Accessor>
Key LevelKey(std::string name, Accessor field) {
  return {std::move(name),
          [field](const Value& value, AgentConfig* config) {
            const auto* text = std::get_if<std::string>(&value);
            const auto level = text == nullptr ? std::nullopt : filter::ParseLevelFilter(*text);
            if (!level.has_value()) return Expected("off, error, warn, info, debug or trace");
            field(*config) = *level;
            return absl::OkStatus();
          },
          [field](const AgentConfig& config) { return QuoteToml(LevelFilterName(field(config))); }};
}

template <typename Accessor>
Key ListKey(std::string name, Accessor field) {
  return {std::move(name),
          [field](const Value& value, AgentConfig* config) {
            const auto* list = std::get_if<std::vector<std::string>>(&value);
            if (list == nullptr) return Expected("a list of texts");
            field(*config) = *list;
            return absl::OkStatus();
          },
          [field](const AgentConfig& config) {
            std::string printed = "[";
            for (const std::string& text : field(config)) {
              absl::StrAppend(&printed, printed.size() > 1 ? ", " : "", QuoteToml(text));
            }
            return printed + "]";
          }};
}

absl::StatusOr<filter::Routes> ReadRoutes(const Value& value) {
  const auto* table = std::get_if<std::map<std::string, std::string>>(&value);
  if (table == nullptr) return Expected("a table of texts such as { app = \"app::runtime=info\" }");
  std::vector<filter::Route> routes;
  for (const auto& [name, text] : *table) {
    auto targets = filter::Targets::Parse(text);
    if (!targets.ok()) return Annotate(targets.status(), absl::StrCat("route ", name));
    routes.push_back({name, *std::move(targets)});
  }
  return filter::Routes(std::move(routes));
}

std::string PrintRoutes(const filter::Routes& routes) {
  std::string printed = "{";
  for (const filter::Route& route : routes.list()) {
    absl::StrAppend(&printed, printed.size() > 1 ? ", " : " ", QuoteToml(route.name), " = ",
                    QuoteToml(route.targets.Format()));
  }
  return printed + " }";
}

template <typename Accessor>
Key RoutesKey(std::string name, Accessor field) {
  return {std::move(name),
          [field](const Value& value, AgentConfig* config) {
            ASSIGN_OR_RETURN(field(*config), ReadRoutes(value));
            return absl::OkStatus();
          },
          [field](const AgentConfig& config) { return PrintRoutes(field(config)); }};
}

// All that decides which records go where.
bool Reloads(std::string_view name) {
  return name.starts_with("filter.") || name.ends_with(".filter") || name.ends_with(".routes") ||
         name == "journal.level";
}

#define FIELD(path) \
  [](auto& config) -> auto& { return config.path; }

constexpr std::array<std::pair<const char*, LineFormat>, 3> kLineFormats = {
    {{"text", LineFormat::kText}, {"json", LineFormat::kJson}, {"logfmt", LineFormat::kLogfmt}}};
constexpr std::array<std::pair<const char*, KvpProfile>, 2> kKvpProfiles = {
    {{"safe", KvpProfile::kSafe}, {"strict", KvpProfile::kStrict}}};
constexpr std::array<std::pair<const char*, ReportDialect>, 2> kReportDialects = {
    {{"azure-init", ReportDialect::kAzureInit}, {"cloud-init", ReportDialect::kCloudInit}}};
constexpr std::array<std::pair<const char*, ColorMode>, 2> kColorModes = {
    {{"auto", ColorMode::kAuto}, {"never", ColorMode::kNever}}};
constexpr std::array<std::pair<const char*, Profile>, 2> kFilterProfiles = {
    {{"compat", Profile::kCompat}, {"fixed", Profile::kFixed}}};

void AddBasics(std::vector<Key>* keys) {
  keys->push_back(PathKey("socket.ingest", FIELD(socket.ingest)));
  keys->push_back(PathKey("socket.admin", FIELD(socket.admin)));
  keys->push_back(ModeKey("socket.mode", FIELD(socket.mode)));
  keys->push_back(PathKey("runtime.path", FIELD(runtime.path)));
  keys->push_back(PathKey("journal.path", FIELD(journal.path)));
  keys->push_back(PathKey("journal.runtime_path", FIELD(journal.runtime_path)));
  keys->push_back(SizeKey("journal.max", {4 * kMiB}, FIELD(journal.max)));
  keys->push_back(SizeKey("journal.keep", {}, FIELD(journal.keep)));
  keys->push_back(DurationKey("journal.max_age", FIELD(journal.max_age)));
  keys->push_back(LevelKey("journal.level", FIELD(journal.level)));
  keys->push_back(SizeKey("journal.segment", {kMiB, 1024 * kMiB}, FIELD(journal.segment)));
}

void AddFilterOptions(std::vector<Key>* keys) {
  keys->push_back(ChoiceKey("filter.profile", kFilterProfiles, FIELD(filter_options.profile)));
  keys->push_back(BoolKey("filter.patterns", FIELD(filter_options.patterns)));
  keys->push_back(
      BoolKey("filter.override_inside_spans", FIELD(filter_options.override_inside_spans)));
  keys->push_back(BoolKey("filter.static_off_wins", FIELD(filter_options.static_off_wins)));
  keys->push_back(BoolKey("filter.whole_segments", FIELD(filter_options.whole_segments)));
  keys->push_back(BoolKey("filter.loose_numbers", FIELD(filter_options.loose_numbers)));
}

void AddKvp(std::vector<Key>* keys) {
  keys->push_back(BoolKey("kvp.enabled", FIELD(kvp.enabled)));
  keys->push_back(PathKey("kvp.path", FIELD(kvp.path)));
  keys->push_back(TextKey("kvp.prefix", FIELD(kvp.prefix)));
  keys->push_back(ListKey("kvp.trusted", FIELD(kvp.trusted)));
  keys->push_back(TextKey("kvp.vm_id", FIELD(kvp.vm_id)));
  keys->push_back(TextKey("kvp.filter", FIELD(kvp.filter.text)));
  keys->push_back(RoutesKey("kvp.routes", FIELD(kvp.filter.routes)));
  keys->push_back(ChoiceKey("kvp.profile", kKvpProfiles, FIELD(kvp.profile)));
  keys->push_back(ChoiceKey("kvp.report_dialect", kReportDialects, FIELD(kvp.report_dialect)));
  keys->push_back(BoolKey("telemetry.kvp_diagnostics", FIELD(kvp.diagnostics)));
}

void AddLogs(std::vector<Key>* keys) {
  keys->push_back(BoolKey("log.enabled", FIELD(log.enabled)));
  keys->push_back(PathKey("log.path", FIELD(log.path)));
  keys->push_back(ChoiceKey("log.format", kLineFormats, FIELD(log.format)));
  keys->push_back(TextKey("log.filter", FIELD(log.filter.text)));
  keys->push_back(RoutesKey("log.routes", FIELD(log.filter.routes)));
  keys->push_back(SizeKey("log.max_size", {}, FIELD(log.max_size)));
  keys->push_back(DurationKey("log.max_age", FIELD(log.max_age)));
  keys->push_back(CountKey("log.rotate_keep", {0, 1000}, FIELD(log.rotate_keep)));
  keys->push_back(BoolKey("log.allow_loose_mode", FIELD(log.allow_loose_mode)));
  keys->push_back(BoolKey("stderr.enabled", FIELD(stderr_sink.enabled)));
  keys->push_back(ChoiceKey("stderr.format", kLineFormats, FIELD(stderr_sink.format)));
  keys->push_back(TextKey("stderr.filter", FIELD(stderr_sink.filter.text)));
  keys->push_back(RoutesKey("stderr.routes", FIELD(stderr_sink.filter.routes)));
  keys->push_back(ChoiceKey("stderr.color", kColorModes, FIELD(stderr_sink.color)));
}

void AddOtlp(std::vector<Key>* keys) {
  keys->push_back(BoolKey("otlp.enabled", FIELD(otlp.enabled)));
  keys->push_back(TextKey("otlp.endpoint", FIELD(otlp.endpoint)));
  keys->push_back(ListKey("otlp.headers", FIELD(otlp.headers)));
  keys->push_back(TextKey("otlp.ca_file", FIELD(otlp.ca_file)));
  keys->push_back(TextKey("otlp.client_cert_file", FIELD(otlp.client_cert_file)));
  keys->push_back(TextKey("otlp.client_key_file", FIELD(otlp.client_key_file)));
  keys->push_back(BoolKey("otlp.gzip", FIELD(otlp.gzip)));
  keys->push_back(DurationKey("otlp.timeout", FIELD(otlp.timeout)));
  keys->push_back(CountKey("otlp.batch_records", {1, 100'000}, FIELD(otlp.batch_records)));
  keys->push_back(TextKey("otlp.filter", FIELD(otlp.filter.text)));
  keys->push_back(RoutesKey("otlp.routes", FIELD(otlp.filter.routes)));
}

void AddLimits(std::vector<Key>* keys) {
  keys->push_back(
      CountKey("limits.connections_per_uid", {1, 100'000}, FIELD(limits.connections_per_uid)));
  keys->push_back(SizeKey("limits.memory", {16 * kMiB}, FIELD(limits.memory)));
}

#undef FIELD

std::vector<Key> MakeKeys() {
  std::vector<Key> keys;
  AddBasics(&keys);
  AddKvp(&keys);
  AddLogs(&keys);
  AddOtlp(&keys);
  AddFilterOptions(&keys);
  AddLimits(&keys);
  for (Key& key : keys) key.reloads = Reloads(key.name);
  return keys;
}

}  // namespace

const std::vector<Key>& Keys() {
  static const auto* const keys = new std::vector<Key>(MakeKeys());
  return *keys;
}

std::string QuoteToml(std::string_view text) {
  std::string quoted = "\"", valid;
  AppendValidUtf8(text, &valid);  // an environment variable may hold any bytes
  for (const char c : valid) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      quoted.append({'\\', c});
    } else if (byte < 0x20 || byte == 0x7f) {
      static constexpr char kDigits[] = "0123456789abcdef";
      quoted.append("\\u00").append({kDigits[byte >> 4], kDigits[byte & 15]});
    } else {
      quoted.push_back(c);
    }
  }
  return quoted + '"';
}

}  // namespace sluice::config
