#include "client/src/settings.h"

#include <errno.h>  // program_invocation_short_name
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cstdlib>
#include <cstring>
#include <string_view>
#include <utility>
#include <vector>

#include "client/src/baggage_store.h"
#include "client/src/given_attributes.h"
#include "client/src/record_encoder.h"
#include "client/src/trace_text.h"
#include "proto/record/attribute_writer.h"
#include "proto/record/field_numbers.h"
#include "proto/record/names.h"
#include "proto/trace/baggage.h"
#include "proto/trace/context.h"
#include "proto/trace/resource_attributes.h"

namespace sluice {
namespace {

constexpr size_t kDefaultRingBytes = 4 * 1024 * 1024;
constexpr size_t kMinRingBytes = 256 * 1024;  // four of the largest records
constexpr size_t kMaxRingBytes = 1024 * 1024 * 1024;
constexpr uint32_t kDefaultIntervalMs = 100;
constexpr std::string_view kSamplerEnv = "OTEL_TRACES_SAMPLER";
// What is given wins: a package over this library knows its language better.
constexpr std::string_view kLanguageKey = "telemetry.sdk.language";

using Pairs = std::vector<std::pair<std::string, std::string>>;

// Empty where it is unset, and in a program that runs with another's rights.
std::string_view Environment(const char* name) {
  const char* const value = secure_getenv(name);
  return value == nullptr ? std::string_view() : value;
}

void Set(std::string_view key, std::string_view value, Pairs* pairs) {
  if (value.empty()) return;
  std::erase_if(*pairs, [&](const auto& pair) { return pair.first == key; });
  pairs->emplace_back(key, value);
}

// Resource attributes as the environment has them.
Pairs EnvironmentPairs(Settings* settings) {
  Pairs pairs = {{"service.name", program_invocation_short_name}};
  const ResourceAttributes told =
      ParseResourceAttributes(Environment(kResourceAttributesEnv.data()));
  if (!told.error.empty()) settings->complaints.emplace_back(kResourceAttributesEnv, told.error);
  for (const auto& [key, value] : told.pairs) Set(key, value, &pairs);
  Set("service.name", Environment("OTEL_SERVICE_NAME"), &pairs);
  return pairs;
}

void EncodeGiven(AttributeList given, std::string* resource) {
  char encoded[limits::kResourceBytes];
  BufferWireWriter writer{BufferSink(encoded, sizeof(encoded))};
  for (size_t i = 0; i < given.count; ++i) {
    EncodeAttribute(resource_field::kAttributes, given.items[i], &writer);
  }
  if (writer.ok()) resource->append(encoded, writer.size());
}

bool Has(AttributeList list, std::string_view key) {
  return std::any_of(list.items, list.items + list.count,
                     [key](const auto& attribute) { return View(attribute.key) == key; });
}

std::string EncodeResource(const sluice_options& options, AttributeList given, Pairs pairs) {
  for (size_t i = 0; i < given.count; ++i) {
    std::erase_if(pairs, [&](const auto& pair) { return pair.first == View(given.items[i].key); });
  }
  Set("service.name", View(options.service_name), &pairs);
  Set("service.version", View(options.service_version), &pairs);
  Set("telemetry.sdk.name", "sluice", &pairs);
  if (!Has(given, kLanguageKey)) Set(kLanguageKey, "cpp", &pairs);
  Set("telemetry.sdk.version", kVersion, &pairs);
  std::string resource;
  StringWireWriter writer{StringSink(&resource)};
  for (const auto& [key, value] : pairs) {
    WriteStringAttribute(writer, resource_field::kAttributes, key, value);
  }
  EncodeGiven(given, &resource);
  return resource;
}

void SetResource(const sluice_options& options, Settings* settings) {
  Pairs pairs = EnvironmentPairs(settings);
  std::vector<sluice_attribute> wanted;
  WithAttributes({options.resource, options.resource_count}, [&](AttributeList given) {
    // What has a field of its own, or is ours, is not said twice.
    for (size_t i = 0; i < given.count; ++i) {
      const std::string_view key = View(given.items[i].key);
      const bool is_named = key == "service.name" && options.service_name.size != 0;
      const bool is_version = key == "service.version" && options.service_version.size != 0;
      const bool is_ours = key.starts_with("telemetry.sdk.") && key != kLanguageKey;
      if (!is_named && !is_version && !is_ours) {
        wanted.push_back(given.items[i]);
      }
    }
    settings->resource = EncodeResource(options, {wanted.data(), wanted.size()}, pairs);
  });
}

void SetSampler(Settings* settings) {
  std::string error;
  settings->sampler = Sampler::Parse(Environment(kSamplerEnv.data()),
                                     Environment("OTEL_TRACES_SAMPLER_ARG"), &error);
  if (!error.empty()) settings->complaints.emplace_back(kSamplerEnv, error);
}

void SetRoot(const sluice_options& options, Settings* settings) {
  const std::string_view keys = View(options.baggage_keys);
  SetBaggageKeys(keys.empty() ? Environment(kBaggageKeysEnv) : keys);
  ExtractContext(Environment(kTraceparentEnv.data()), Environment(kTracestateEnv.data()),
                 &settings->root);
  settings->root.baggage = InternBaggage(ParseBaggage(Environment(kBaggageEnv.data())));
}

std::string ReadBootId() {
  const int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
  if (fd < 0) return {};
  char text[36];
  const ssize_t size = read(fd, text, sizeof(text));
  close(fd);
  return size == sizeof(text) ? std::string(text, sizeof(text)) : std::string();
}

std::string SocketPath(const sluice_options& options) {
  if (options.socket_path.size != 0) return std::string(View(options.socket_path));
  const std::string_view path = Environment(kSocketEnv.data());
  return std::string(path.empty() ? kIngestSocket : path);
}

size_t RingBytes(size_t asked) {
  if (asked == 0) return kDefaultRingBytes;
  return std::bit_ceil(std::clamp(asked, kMinRingBytes, kMaxRingBytes));
}

}  // namespace

Settings MakeSettings(const sluice_options& options) {
  const uint32_t interval =
      options.send_interval_ms == 0 ? kDefaultIntervalMs : options.send_interval_ms;
  Settings settings = {.socket_path = SocketPath(options),
                       .boot_id = ReadBootId(),
                       .default_target = program_invocation_short_name,
                       .ring_bytes = RingBytes(options.ring_bytes),
                       .send_interval = std::chrono::milliseconds(interval),
                       .ids = IdMaker(options)};
  SetResource(options, &settings);
  SetSampler(&settings);
  SetRoot(options, &settings);
  return settings;
}

}  // namespace sluice
