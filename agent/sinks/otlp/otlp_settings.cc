#include "agent/sinks/otlp/otlp_settings.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace sluice::otlp {
namespace {

using config::Value;

absl::StatusOr<Value> ReadHeaders(const std::string& text) {
  return std::vector<std::string>(absl::StrSplit(text, ',', absl::SkipEmpty()));
}

// OpenTelemetry counts in milliseconds.
absl::StatusOr<Value> ReadTimeout(const std::string& text) { return absl::StrCat(text, "ms"); }

absl::StatusOr<Value> ReadCompression(const std::string& text) {
  if (text == "gzip") return true;
  if (text == "none") return false;
  return absl::InvalidArgumentError("known are gzip and none");
}

// An endpoint switches it on.
void Resolve(const config::Resolving& resolving) {
  config::SinkConfig* const sink = resolving.sink;
  const bool has_endpoint = !sink->As<OtlpSettings>().endpoint.empty();
  if (!resolving.is_said("enabled")) sink->enabled = has_endpoint;
  if (sink->enabled && !has_endpoint) {
    resolving.mistake("enabled", absl::StrCat("needs ", sink->section, ".endpoint"));
  }
}

}  // namespace

config::SinkSection OtlpSection() {
  auto section = config::SectionOf(
      "otlp", "otlp",
      config::KeysOf<OtlpSettings>()
          .Add("endpoint", &OtlpSettings::endpoint, config::Text())
          .Add("headers", &OtlpSettings::headers, config::List())
          .Add("ca_file", &OtlpSettings::ca_file, config::Text())
          .Add("client_cert_file", &OtlpSettings::client_cert_file, config::Text())
          .Add("client_key_file", &OtlpSettings::client_key_file, config::Text())
          .Add("gzip", &OtlpSettings::gzip, config::Bool())
          .Add("timeout", &OtlpSettings::timeout, config::Milliseconds())
          .Add("batch_records", &OtlpSettings::batch_records, config::Count({1, 100'000})));
  section.filter_variables = {"SLUICE_OTLP_FILTER"};
  section.variables = {{"OTEL_EXPORTER_OTLP_ENDPOINT", "endpoint"},
                       {"OTEL_EXPORTER_OTLP_CERTIFICATE", "ca_file"},
                       {"OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE", "client_cert_file"},
                       {"OTEL_EXPORTER_OTLP_CLIENT_KEY", "client_key_file"},
                       {"OTEL_EXPORTER_OTLP_HEADERS", "headers", &ReadHeaders},
                       {"OTEL_EXPORTER_OTLP_TIMEOUT", "timeout", &ReadTimeout},
                       {"OTEL_EXPORTER_OTLP_COMPRESSION", "gzip", &ReadCompression}};
  section.flags = {{"--otlp-endpoint", "endpoint", "URL",
                    "OTLP endpoint; kept for later versions, without effect in this one"}};
  section.resolve = &Resolve;
  section.several = true;
  return section;
}

}  // namespace sluice::otlp
