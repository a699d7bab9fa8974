#include "agent/config/value.h"

#include "agent/base/status_macros.h"
#include "agent/config/units.h"
#include "proto/wire/utf8.h"

namespace sluice::config {
namespace {

// What of `value` is a T; else an error that names what is expected.
template <typename T>
absl::StatusOr<T> Get(const Value& value, absl::string_view what) {
  const T* got = std::get_if<T>(&value);
  if (got == nullptr) return Expected(what);
  return *got;
}

// Text in a unit, or a number in the smallest one.
template <typename T>
absl::StatusOr<T> ReadAmount(const Value& value, absl::StatusOr<T> (*parse)(std::string_view)) {
  if (const auto* text = std::get_if<std::string>(&value)) return parse(*text);
  const auto* number = std::get_if<int64_t>(&value);
  if (number == nullptr || *number < 0) return Expected("a text with a number and a unit");
  return parse(std::to_string(*number));
}

absl::Status CheckRange(uint64_t number, const Range& range, std::string (*format)(uint64_t)) {
  if (number >= range.least && number <= range.most) return absl::OkStatus();
  if (number < range.least) return Expected(absl::StrCat("at least ", format(range.least)));
  return Expected(absl::StrCat("at most ", format(range.most)));
}

std::string FormatCount(uint64_t number) { return std::to_string(number); }

template <typename Duration>
Form<Duration> DurationForm() {
  using std::chrono::milliseconds;
  return {[](const Value& value) -> absl::StatusOr<Duration> {
            ASSIGN_OR_RETURN(const milliseconds duration,
                             ReadAmount<milliseconds>(value, &ParseDuration));
            const auto whole = std::chrono::duration_cast<Duration>(duration);
            if (whole != duration) return Expected("whole seconds");
            return whole;
          },
          [](const Duration& duration) { return QuoteToml(FormatDuration(duration)); }};
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

std::string PrintList(const std::vector<std::string>& list) {
  std::string printed = "[";
  for (const std::string& text : list) {
    absl::StrAppend(&printed, printed.size() > 1 ? ", " : "", QuoteToml(text));
  }
  return printed + "]";
}

}  // namespace

absl::Status Expected(absl::string_view what) {
  return absl::InvalidArgumentError(absl::StrCat("expected ", what));
}

Form<bool> Bool() {
  return {[](const Value& value) { return Get<bool>(value, "true or false"); },
          [](const bool& flag) -> std::string { return flag ? "true" : "false"; }};
}

Form<std::string> Text() {
  return {[](const Value& value) -> absl::StatusOr<std::string> {
            ASSIGN_OR_RETURN(std::string text, Get<std::string>(value, "a text in quotes"));
            if (text.find('\0') != std::string::npos) return Expected("a text without NUL");
            return text;
          },
          [](const std::string& text) { return QuoteToml(text); }};
}

Form<std::string> Path() {
  Form<std::string> form = Text();
  form.read = [read = form.read](const Value& value) -> absl::StatusOr<std::string> {
    const auto* text = std::get_if<std::string>(&value);
    if (text != nullptr && !text->starts_with('/')) return Expected("an absolute path");
    return read(value);
  };
  return form;
}

Form<uint64_t> Size(Range range) {
  return {[range](const Value& value) -> absl::StatusOr<uint64_t> {
            ASSIGN_OR_RETURN(const uint64_t size, ReadAmount<uint64_t>(value, &ParseSize));
            RETURN_IF_ERROR(CheckRange(size, range, &FormatSize));
            return size;
          },
          [](const uint64_t& size) { return QuoteToml(FormatSize(size)); }};
}

Form<std::chrono::milliseconds> Milliseconds() { return DurationForm<std::chrono::milliseconds>(); }
Form<std::chrono::seconds> Seconds() { return DurationForm<std::chrono::seconds>(); }

Form<uint32_t> Count(Range range) {
  return {[range](const Value& value) -> absl::StatusOr<uint32_t> {
            ASSIGN_OR_RETURN(const int64_t number, Get<int64_t>(value, "a whole number"));
            if (number < 0) return Expected("a whole number");
            RETURN_IF_ERROR(CheckRange(static_cast<uint64_t>(number), range, &FormatCount));
            return static_cast<uint32_t>(number);
          },
          [](const uint32_t& number) { return std::to_string(number); }};
}

Form<uint32_t> Mode() {
  return {[](const Value& value) -> absl::StatusOr<uint32_t> {
            ASSIGN_OR_RETURN(const std::string text,
                             Get<std::string>(value, "octal digits in quotes such as \"0666\""));
            return ParseMode(text);
          },
          [](const uint32_t& mode) { return QuoteToml(FormatMode(mode)); }};
}

Form<filter::LevelFilter> LevelName() {
  return {
      [](const Value& value) -> absl::StatusOr<filter::LevelFilter> {
        const auto* text = std::get_if<std::string>(&value);
        const auto level = text == nullptr ? std::nullopt : filter::ParseLevelFilter(*text);
        if (!level.has_value()) return Expected("off, error, warn, info, debug or trace");
        return *level;
      },
      [](const filter::LevelFilter& level) { return QuoteToml(filter::LevelFilterName(level)); }};
}

Form<std::vector<std::string>> List() {
  return {
      [](const Value& value) { return Get<std::vector<std::string>>(value, "a list of texts"); },
      &PrintList};
}

Form<filter::Routes> RoutesTable() { return {&ReadRoutes, &PrintRoutes}; }

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
