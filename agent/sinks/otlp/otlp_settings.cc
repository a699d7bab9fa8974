#include "agent/sinks/otlp/otlp_settings.h"

#include <algorithm>
#include <optional>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "agent/sinks/otlp/net/endpoint.h"

namespace sluice::otlp {
namespace {

using config::Value;

constexpr std::string_view kFileScheme = "file://";

// From OpenTelemetry's variables.

absl::StatusOr<Value> ReadHeaders(const std::string& text) {
  return std::vector<std::string>(absl::StrSplit(text, ',', absl::SkipEmpty()));
}

// OpenTelemetry counts in milliseconds.
absl::StatusOr<Value> ReadMilliseconds(const std::string& text) { return absl::StrCat(text, "ms"); }

absl::StatusOr<Value> ReadBool(const std::string& text) {
  if (text == "true") return true;
  if (text == "false") return false;
  return absl::InvalidArgumentError("known are true and false");
}

absl::StatusOr<Value> ReadCount(const std::string& text) {
  if (text.size() > 9 || text.find_first_not_of("0123456789") != std::string::npos) {
    return absl::InvalidArgumentError("not a number");
  }
  return int64_t{std::stol(text)};
}

absl::StatusOr<Value> ReadCompression(const std::string& text) {
  if (text == "gzip" || text == "none") return text;
  return absl::InvalidArgumentError("known are gzip and none");
}

config::Form<Protocol> ProtocolForm() {
  return config::Choice<Protocol>({{"auto", Protocol::kAuto},
                                   {"grpc", Protocol::kGrpc},
                                   {"http/protobuf", Protocol::kHttpProtobuf},
                                   {"http/json", Protocol::kHttpJson}});
}

config::Form<Compression> CompressionForm() {
  return config::Choice<Compression>(
      {{"auto", Compression::kAuto}, {"gzip", Compression::kGzip}, {"none", Compression::kNone}});
}

config::Form<EventsAs> EventsForm() {
  return config::Choice<EventsAs>(
      {{"span", EventsAs::kSpan}, {"log", EventsAs::kLog}, {"both", EventsAs::kBoth}});
}

config::Form<OnRefused> OnRefusedForm() {
  return config::Choice<OnRefused>({{"wait", OnRefused::kWait}, {"drop", OnRefused::kDrop}});
}

config::Form<SampleRate> SampleForm() {
  return {[](const Value& value) -> absl::StatusOr<SampleRate> {
            const auto* text = std::get_if<std::string>(&value);
            const auto rate = text == nullptr ? std::nullopt : ParseSampleRate(*text);
            if (!rate.has_value()) return config::Expected("a share \"0.1\", or a rate \"100/s\"");
            return *rate;
          },
          [](const SampleRate& rate) {
            const bool is_share = rate.per_second == 0;
            return config::QuoteToml(is_share ? absl::StrCat(rate.share)
                                              : absl::StrCat(rate.per_second, "/s"));
          }};
}

config::Form<Signals> SignalsForm() {
  return {[](const Value& value) -> absl::StatusOr<Signals> {
            const auto* names = std::get_if<std::vector<std::string>>(&value);
            if (names == nullptr) return config::Expected("a list of traces, logs and metrics");
            Signals signals{};
            for (const std::string& name : *names) {
              const auto found = std::find(std::begin(kSignalNames), std::end(kSignalNames), name);
              if (found == std::end(kSignalNames)) {
                return config::Expected("a list of traces, logs and metrics");
              }
              signals[static_cast<size_t>(found - std::begin(kSignalNames))] = true;
            }
            return signals;
          },
          [](const Signals& signals) {
            std::string printed = "[";
            for (size_t i = 0; i < signals.size(); ++i) {
              if (!signals[i]) continue;
              absl::StrAppend(&printed, printed.size() > 1 ? ", " : "",
                              config::QuoteToml(kSignalNames[i]));
            }
            return printed + "]";
          }};
}

config::Form<Attributes> AttributesForm() {
  return {[](const Value& value) -> absl::StatusOr<Attributes> {
            const auto* table = std::get_if<Attributes>(&value);
            if (table == nullptr) return config::Expected("a table of texts");
            return *table;
          },
          [](const Attributes& attributes) {
            std::string printed = "{";
            for (const auto& [key, text] : attributes) {
              absl::StrAppend(&printed, printed.size() > 1 ? ", " : " ", config::QuoteToml(key),
                              " = ", config::QuoteToml(text));
            }
            return printed + " }";
          }};
}

// What is wrong with it, for people; nullopt: nothing.
std::optional<std::string> FaultOf(const std::string& endpoint, bool insecure) {
  switch (KindOf(endpoint)) {
    case EndpointKind::kStdout:
      return std::nullopt;
    case EndpointKind::kFile:
      if (PathOf(endpoint).starts_with('/')) return std::nullopt;
      return "names no absolute path, as file:///var/log/sluice/otlp.jsonl does";
    case EndpointKind::kNetwork: {
      const auto parsed = ParseEndpoint(endpoint, insecure);
      if (parsed.ok()) return std::nullopt;
      return std::string(parsed.status().message());
    }
    case EndpointKind::kUnknown:
      break;
  }
  return "known are http://, https://, unix:///PATH, file:///PATH and stdout";
}

// Two sinks would rotate one file.
const config::SinkConfig* WriterOfSameFile(const config::Resolving& resolving) {
  const config::SinkConfig& sink = *resolving.sink;
  const std::string& endpoint = sink.As<OtlpSettings>().endpoint;
  if (KindOf(endpoint) != EndpointKind::kFile) return nullptr;
  for (const config::SinkConfig& other : resolving.agent.sinks) {
    if (&other == &sink) return nullptr;
    if (other.kind != sink.kind || !other.enabled) continue;
    if (other.As<OtlpSettings>().endpoint == endpoint) return &other;
  }
  return nullptr;
}

void CheckEndpoints(const config::Resolving& resolving, const OtlpSettings& settings) {
  const auto check = [&](const std::string& key, const std::string& endpoint) {
    const auto fault = endpoint.empty() ? std::nullopt : FaultOf(endpoint, settings.insecure);
    if (fault.has_value()) resolving.mistake(key, *fault);
  };
  check("endpoint", settings.endpoint);
  for (const Signal signal : kSignals) {
    const std::string& own = OwnEndpointOf(settings, signal);
    const std::string key = absl::StrCat(NameOf(signal), "_endpoint");
    if (!own.empty() && KindOf(own) != EndpointKind::kNetwork) {
      resolving.mistake(key, "is to be on a network: http://, https:// or unix:///PATH");
    } else {
      check(key, own);
    }
  }
}

// An endpoint switches it on; what has none is not exported.
void Resolve(const config::Resolving& resolving) {
  config::SinkConfig* const sink = resolving.sink;
  OtlpSettings settings = sink->As<OtlpSettings>();
  bool has_endpoint = false;
  for (const Signal signal : kSignals) {
    const bool has_own = !EndpointFor(settings, signal).empty();
    settings.signals[static_cast<size_t>(signal)] &= has_own;
    has_endpoint |= has_own;
  }
  if (!resolving.is_said("enabled")) sink->enabled = has_endpoint;
  if (!sink->enabled) return;
  if (!has_endpoint) {
    return resolving.mistake("enabled", absl::StrCat("needs ", sink->section, ".endpoint"));
  }
  CheckEndpoints(resolving, settings);
  if (const auto* other = WriterOfSameFile(resolving)) {
    resolving.mistake("endpoint", absl::StrCat("is the file of [", other->section, "], too"));
  }
  sink->settings = settings;
}

std::vector<config::Variable> Variables() {
  return {{"OTEL_EXPORTER_OTLP_ENDPOINT", "endpoint"},
          {"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "traces_endpoint"},
          {"OTEL_EXPORTER_OTLP_LOGS_ENDPOINT", "logs_endpoint"},
          {"OTEL_EXPORTER_OTLP_METRICS_ENDPOINT", "metrics_endpoint"},
          {"OTEL_EXPORTER_OTLP_PROTOCOL", "protocol"},
          {"OTEL_EXPORTER_OTLP_INSECURE", "insecure", &ReadBool},
          {"OTEL_EXPORTER_OTLP_CERTIFICATE", "ca_file"},
          {"OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE", "client_cert_file"},
          {"OTEL_EXPORTER_OTLP_CLIENT_KEY", "client_key_file"},
          {"OTEL_EXPORTER_OTLP_HEADERS", "headers", &ReadHeaders},
          {"OTEL_EXPORTER_OTLP_TIMEOUT", "timeout", &ReadMilliseconds},
          {"OTEL_EXPORTER_OTLP_COMPRESSION", "compression", &ReadCompression},
          {"OTEL_BSP_SCHEDULE_DELAY", "batch_delay", &ReadMilliseconds},
          {"OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "batch_records", &ReadCount}};
}

}  // namespace

const std::string& OwnEndpointOf(const OtlpSettings& settings, Signal signal) {
  switch (signal) {
    case Signal::kTraces:
      return settings.traces_endpoint;
    case Signal::kLogs:
      return settings.logs_endpoint;
    case Signal::kMetrics:
      break;
  }
  return settings.metrics_endpoint;
}

const std::string& EndpointFor(const OtlpSettings& settings, Signal signal) {
  const std::string& own = OwnEndpointOf(settings, signal);
  return own.empty() ? settings.endpoint : own;
}

EndpointKind KindOf(const std::string& endpoint) {
  if (endpoint == "stdout") return EndpointKind::kStdout;
  if (endpoint.starts_with(kFileScheme)) return EndpointKind::kFile;
  const bool has_scheme = endpoint.starts_with("http://") || endpoint.starts_with("https://") ||
                          endpoint.starts_with("unix:");
  const size_t colon = endpoint.rfind(':');
  const bool has_port = colon != std::string::npos && colon + 1 < endpoint.size() &&
                        endpoint.find_first_not_of("0123456789", colon + 1) == std::string::npos;
  return has_scheme || has_port ? EndpointKind::kNetwork : EndpointKind::kUnknown;
}

std::string PathOf(const std::string& endpoint) { return endpoint.substr(kFileScheme.size()); }

config::SinkSection OtlpSection() {
  auto section = config::SectionOf(
      "otlp", "otlp",
      config::KeysOf<OtlpSettings>()
          .Add("endpoint", &OtlpSettings::endpoint, config::Text())
          .Add("traces_endpoint", &OtlpSettings::traces_endpoint, config::Text())
          .Add("logs_endpoint", &OtlpSettings::logs_endpoint, config::Text())
          .Add("metrics_endpoint", &OtlpSettings::metrics_endpoint, config::Text())
          .Add("signals", &OtlpSettings::signals, SignalsForm())
          .Add("batch_records", &OtlpSettings::batch_records, config::Count({1, 100'000}))
          .Add("batch_bytes", &OtlpSettings::batch_bytes,
               config::Size({.least = 64 * 1024, .most = 64 * config::kMiB}))
          .Add("batch_delay", &OtlpSettings::batch_delay, config::Milliseconds())
          .Add("resource", &OtlpSettings::resource, AttributesForm())
          .Add("level_attribute", &OtlpSettings::level_attribute, config::Text())
          .Add("events", &OtlpSettings::events, EventsForm())
          .Add("sample", &OtlpSettings::sample, SampleForm())
          .Add("on_refused", &OtlpSettings::on_refused, OnRefusedForm())
          .Add("max_size", &OtlpSettings::max_size, config::Size())
          .Add("max_age", &OtlpSettings::max_age, config::Seconds())
          .Add("rotate_keep", &OtlpSettings::rotate_keep, config::Count({0, 1000}))
          .Add("protocol", &OtlpSettings::protocol, ProtocolForm())
          .Add("insecure", &OtlpSettings::insecure, config::Bool())
          .Add("headers", &OtlpSettings::headers, config::List())
          .Add("headers_file", &OtlpSettings::headers_file, config::Text())
          .Add("ca_file", &OtlpSettings::ca_file, config::Text())
          .Add("client_cert_file", &OtlpSettings::client_cert_file, config::Text())
          .Add("client_key_file", &OtlpSettings::client_key_file, config::Text())
          .Add("compression", &OtlpSettings::compression, CompressionForm())
          .Add("timeout", &OtlpSettings::timeout, config::Milliseconds())
          .Add("proxy", &OtlpSettings::proxy, config::Text())
          .Add("max_connection_age", &OtlpSettings::max_connection_age, config::Seconds()));
  section.filter_variables = {"SLUICE_OTLP_FILTER"};
  section.variables = Variables();
  section.flags = {{"--otlp-endpoint", "endpoint", "URL", "OTLP endpoint to export to"}};
  section.resolve = &Resolve;
  section.several = true;
  return section;
}

}  // namespace sluice::otlp
