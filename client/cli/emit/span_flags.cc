#include "client/cli/emit/span_flags.h"

#include <CLI/App.hpp>
#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <cstdlib>

#include "client/cli/emit/carrier.h"
#include "client/cli/emit/propagation.h"
#include "client/cli/when.h"
#include "proto/record/limits.h"

namespace sluice::cli {
namespace {

// By their numbers in OTLP.
constexpr std::array<std::string_view, 6> kKinds = {"unspecified", "internal", "server",
                                                    "client",      "producer", "consumer"};
constexpr std::array<std::string_view, 3> kStatusCodes = {"unset", "ok", "error"};

template <size_t kCount>
std::optional<size_t> IndexIn(const std::array<std::string_view, kCount>& names, std::string text) {
  std::ranges::transform(text, text.begin(), [](unsigned char c) { return std::tolower(c); });
  const auto found = std::ranges::find(names, text);
  if (found == names.end()) return std::nullopt;
  return static_cast<size_t>(found - names.begin());
}

template <typename IdType>
void AddIdFlag(CLI::App& app, const std::string& name, IdType* id, const std::string& what) {
  app.add_option_function<std::string>(
         name,
         [name, id](const std::string& text) {
           const auto parsed = IdType::FromHex(text);
           if (!parsed || parsed->IsZero()) {
             throw CLI::ValidationError(name, "'" + text + "' is not an id of " +
                                                  std::to_string(2 * IdType::kBytes) +
                                                  " hexadecimal digits");
           }
           *id = *parsed;
         },
         what)
      ->type_name("HEX");
}

// Whether `text` is what that value is written as.
template <typename Number>
std::optional<Number> ReadCanonical(std::string_view text) {
  Number number{};
  const auto [end, error] = std::from_chars(text.begin(), text.end(), number);
  if (error != std::errc() || end != text.end()) return std::nullopt;
  char written[64];
  const auto [last, failed] = std::to_chars(written, written + sizeof(written), number);
  const bool is_same = failed == std::errc() &&
                       text == std::string_view(written, static_cast<size_t>(last - written));
  return is_same ? std::optional(number) : std::nullopt;
}

// `+02:00` or `-0330` at the end of a date, in seconds; it is taken off. 0: there is none.
int64_t TakeOffset(std::string* text) {
  const size_t sign = text->find_last_of("+-");
  const size_t clock = text->find('T');
  if (sign == std::string::npos || clock == std::string::npos || sign < clock) return 0;
  std::string digits = text->substr(sign + 1);
  std::erase(digits, ':');
  int number = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
  if (error != std::errc() || *end != '\0' || digits.size() != 4) return 0;
  const int64_t seconds = (number / 100) * 3600 + (number % 100) * 60;
  const bool is_east = (*text)[sign] == '+';
  text->resize(sign);
  return is_east ? seconds : -seconds;
}

// Seconds since the epoch, with up to nine digits behind a point.
std::optional<uint64_t> ParseEpoch(std::string_view text) {
  const size_t point = text.find('.');
  const std::string_view whole = text.substr(0, point);
  std::string fraction(point == std::string_view::npos ? "0" : text.substr(point + 1));
  if (whole.size() > 10 || fraction.empty() || fraction.size() > 9) return std::nullopt;
  fraction.resize(9, '0');
  uint64_t seconds = 0;
  uint64_t nanos = 0;
  const auto read = [](std::string_view digits, uint64_t* number) {
    const auto [end, error] = std::from_chars(digits.begin(), digits.end(), *number);
    return error == std::errc() && end == digits.end();
  };
  if (!read(whole, &seconds) || !read(fraction, &nanos)) return std::nullopt;
  return seconds * 1'000'000'000 + nanos;
}

}  // namespace

void AddAttrsFlag(CLI::App& app, std::vector<std::string>* attrs) {
  app.add_option("-a,--attrs", *attrs,
                 "Attributes in otel-cli's form; numbers, true and false are typed. Repeatable")
      ->type_name("K=V,...")
      ->allow_extra_args(false);
}

void AddCarrierFlag(CLI::App& app, std::string* carrier) {
  app.add_option("--tp-carrier", *carrier, "File that holds the context")->type_name("FILE");
}

void AddSpanFlags(CLI::App& app, SpanFlags* flags) {
  AddEmitFlags(app, &flags->emit);
  AddAttrsFlag(app, &flags->attrs);
  app.add_option("-s,--service", flags->service, "Name of the service [OTEL_SERVICE_NAME]")
      ->type_name("NAME");
  app.add_option_function<std::string>(
         "-k,--kind",
         [flags](const std::string& text) {
           const auto kind = IndexIn(kKinds, text);
           if (!kind) {
             throw CLI::ValidationError("--kind", "unknown kind '" + text +
                                                      "'; use internal, server, "
                                                      "client, producer or consumer");
           }
           flags->kind = static_cast<uint32_t>(*kind);
         },
         "internal (default), server, client, producer or consumer")
      ->type_name("KIND");
  AddIdFlag(app, "--force-trace-id", &flags->trace_id, "Use this trace id");
  AddIdFlag(app, "--force-span-id", &flags->span_id, "Use this span id");
  AddIdFlag(app, "--force-parent-span-id", &flags->parent_span_id, "Use this parent span id");
  AddCarrierFlag(app, &flags->context.carrier);
  app.add_flag("--tp-ignore-env", flags->context.ignore_env,
               "Ignore TRACEPARENT in the environment");
  app.add_flag("--tp-required", flags->context.required, "Fail if no context is given");
  app.add_flag("--tp-print", flags->context.print, "Print the span's context");
  app.add_flag("-p,--tp-export", flags->context.exports,
               "Write 'export' before the variables printed and written");
}

void AddStatusFlags(CLI::App& app, SpanFlags* flags) {
  app.add_option_function<std::string>(
         "--status-code",
         [flags](const std::string& text) {
           const auto code = IndexIn(kStatusCodes, text);
           if (!code) {
             throw CLI::ValidationError("--status-code",
                                        "'" + text + "' is none of unset, ok and error");
           }
           flags->status = static_cast<StatusCode>(*code);
         },
         "unset, ok or error")
      ->type_name("CODE");
  app.add_option("--status-description", flags->status_description, "Why it failed")
      ->type_name("TEXT");
}

void AddSockdirFlags(CLI::App& app, std::string* sockdir) {
  app.add_option("--sockdir", *sockdir, "Folder that holds the span's context for later calls")
      ->type_name("DIR");
  app.add_option("--parent-poll")->group("");
  app.add_flag("--wait")->group("");
}

std::string SockdirCarrier(const std::string& sockdir) { return sockdir + "/traceparent"; }

Result<std::vector<std::string>> SplitAttrs(std::string_view text) {
  std::vector<std::string> elements(1);
  bool is_quoted = false;
  for (size_t i = 0; i < text.size(); ++i) {
    const bool is_doubled = is_quoted && text.substr(i, 2) == "\"\"";
    if (is_doubled) {
      elements.back() += text[++i];
    } else if (text[i] == '"') {
      is_quoted = !is_quoted;
    } else if (text[i] == ',' && !is_quoted) {
      elements.emplace_back();
    } else {
      elements.back() += text[i];
    }
  }
  if (is_quoted) {
    return Failure{kExitUsage, "--attrs '" + std::string(text) + "': a quote is not closed"};
  }
  std::erase(elements, std::string());
  return elements;
}

Result<Attribute> ParseAttr(std::string_view text) {
  const size_t equals = text.find('=');
  const std::string_view key = text.substr(0, equals);
  const std::string_view type = key.substr(key.rfind(':') + 1);
  constexpr std::string_view kTypes[] = {"string", "int", "double", "bool"};
  const bool names_type = type.size() < key.size() && std::ranges::count(kTypes, type) != 0;
  if (equals == std::string_view::npos || names_type) return ParseAttribute(text);
  const std::string_view value = text.substr(equals + 1);
  // As a string first, which judges the key.
  Result<Attribute> attribute = ParseAttribute(std::string(key) + ":string=" + std::string(value));
  if (!attribute.ok()) return attribute;
  if (value == "true" || value == "false") attribute->value = value == "true";
  if (const auto number = ReadCanonical<int64_t>(value)) {
    attribute->value = *number;
  } else if (const auto fraction = ReadCanonical<double>(value);
             fraction && value.find('.') != std::string_view::npos) {
    attribute->value = *fraction;
  }
  return attribute;
}

Result<std::vector<Attribute>> SpanAttributes(const EmitFlags& emit,
                                              const std::vector<std::string>& attrs) {
  Result<std::vector<Attribute>> attributes = ParseAttributes("--attr", emit.attributes);
  if (!attributes.ok()) return attributes;
  for (const std::string& text : attrs) {
    Result<std::vector<std::string>> elements = SplitAttrs(text);
    if (!elements.ok()) return elements.failure();
    for (const std::string& element : *elements) {
      Result<Attribute> parsed = ParseAttr(element);
      if (!parsed.ok()) return Failure{kExitUsage, "--attrs " + parsed.failure().message};
      std::erase_if(*attributes, [&](const Attribute& one) { return one.key == parsed->key; });
      attributes->push_back(std::move(*parsed));
    }
  }
  if (attributes->size() > limits::kAttributes) {
    return Failure{kExitUsage, "more than " + std::to_string(limits::kAttributes) + " attributes"};
  }
  return attributes;
}

std::optional<uint64_t> ParseSpanTime(std::string_view text, uint64_t now_unix_nano) {
  if (const auto epoch = ParseEpoch(text)) return epoch;
  std::string date(text);
  const int64_t offset = TakeOffset(&date) * 1'000'000'000;
  const auto moment = ParseMoment(date, now_unix_nano);
  if (!moment || static_cast<int64_t>(*moment) < offset) return std::nullopt;
  return *moment - static_cast<uint64_t>(offset);
}

std::optional<TraceContext> ContextOf(const ContextFlags& flags) {
  if (!flags.carrier.empty()) {
    if (const auto context = ReadCarrier(flags.carrier)) return context;
  }
  return flags.ignore_env ? std::nullopt : IncomingContext(std::getenv);
}

Failure NoContext() {
  return {kExitNegative, "no span is current: neither TRACEPARENT nor --tp-carrier names one"};
}

SpanStart DescribeSpan(const SpanFlags& flags, const std::optional<TraceContext>& incoming,
                       std::vector<Attribute> attributes) {
  const TraceContext own = NewSpanContext(incoming);
  SpanStart span;
  span.level = *ParseLevel(flags.emit.level);
  span.target = flags.emit.target;
  span.name = flags.emit.name;
  span.kind = flags.kind;
  span.span_id = flags.span_id.IsZero() ? own.span_id : flags.span_id;
  span.trace_id = own.trace_id;
  span.trace_flags = own.flags;
  if (!flags.trace_id.IsZero()) {
    span.trace_id = flags.trace_id;
    span.trace_flags &= static_cast<uint8_t>(~kRandomTraceIdFlag);
  }
  span.trace_state = own.tracestate;
  // A parent of another trace would be none.
  const bool is_same_trace = incoming && incoming->trace_id == span.trace_id;
  if (is_same_trace) span.parent_span_id = incoming->span_id;
  if (!flags.parent_span_id.IsZero()) span.parent_span_id = flags.parent_span_id;
  for (Attribute& attribute : BaggageAttributes(std::getenv)) {
    std::erase_if(attributes, [&](const auto& given) { return given.key == attribute.key; });
    attributes.push_back(std::move(attribute));
  }
  span.attributes = std::move(attributes);
  return span;
}

TraceContext OwnContext(const SpanStart& span) {
  return {.trace_id = span.trace_id,
          .span_id = span.span_id,
          .flags = span.trace_flags,
          .tracestate = span.trace_state};
}

std::string ResourceOf(const SpanFlags& flags) {
  return ResourceFromEnvironment([&flags](const char* name) {
    const bool is_given = !flags.service.empty() && name == std::string_view("OTEL_SERVICE_NAME");
    return is_given ? flags.service.c_str() : std::getenv(name);
  });
}

Failure HandOnContext(const ContextFlags& flags, const TraceContext& context, std::FILE* out) {
  const std::string text = FormatCarrier(context, flags.exports);
  if (flags.print) std::fputs(text.c_str(), out);
  if (flags.carrier.empty()) return {kExitOk, ""};
  return WriteCarrier(flags.carrier, text);
}

}  // namespace sluice::cli
