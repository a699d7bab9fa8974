// Configuration files in a folder of their own, for tests.
#pragma once

#include <filesystem>
#include <fstream>
#include <map>
#include <string>

#include "agent/config/load.h"
#include "agent/sinks/kvp/kvp_settings.h"
#include "agent/sinks/log/log_settings.h"
#include "agent/sinks/otlp/otlp_settings.h"
#include "agent/sinks/sink_kinds.h"
#include "gtest/gtest.h"

namespace sluice::config {

class LoadTest : public ::testing::Test {
 protected:
  void SetUp() override {
    char name[] = "/tmp/sluice-config-XXXXXX";
    directory_ = ::mkdtemp(name);
    sources_.main_file = directory_ / "sluice.toml";
    sources_.main_directory = directory_ / "sluice.toml.d";
    sources_.environment = [this](const std::string& name) -> std::optional<std::string> {
      const auto it = environment_.find(name);
      return it == environment_.end() ? std::nullopt : std::optional(it->second);
    };
  }
  void TearDown() override { std::filesystem::remove_all(directory_); }

  std::string Put(const std::string& name, const std::string& text) {
    const std::filesystem::path path = directory_ / name;
    std::filesystem::create_directories(path.parent_path());
    std::ofstream(path) << text;
    return path;
  }
  LoadedConfig LoadOk() {
    auto loaded = Load(schema_, sources_);
    EXPECT_TRUE(loaded.ok()) << loaded.status();
    return loaded.ok() ? *std::move(loaded) : LoadedConfig();
  }
  std::string LoadError() {
    const auto loaded = Load(schema_, sources_);
    return loaded.ok() ? "" : std::string(loaded.status().message());
  }

  std::filesystem::path directory_;
  std::map<std::string, std::string> environment_;
  Sources sources_;
  const Schema& schema_ = sinks::ConfigSchema();
};

// What is configured of a sink.
inline const SinkConfig& Sink(const LoadedConfig& loaded, const std::string& name) {
  const SinkConfig* const sink = loaded.config.FindSink(name);
  EXPECT_NE(sink, nullptr) << name;
  static const SinkConfig none;
  return sink == nullptr ? none : *sink;
}
inline const kvp::KvpSettings& Kvp(const LoadedConfig& loaded) {
  return Sink(loaded, "kvp").As<kvp::KvpSettings>();
}
inline const log_sink::FileSettings& Log(const LoadedConfig& loaded) {
  return Sink(loaded, "file").As<log_sink::FileSettings>();
}
inline const otlp::OtlpSettings& Otlp(const LoadedConfig& loaded) {
  return Sink(loaded, "otlp").As<otlp::OtlpSettings>();
}

// The values in force, by key.
inline std::map<std::string, std::string> ValuesOf(const LoadedConfig& loaded) {
  std::map<std::string, std::string> values;
  for (const auto& [key, setting] : loaded.settings) values[key] = setting.value;
  return values;
}

}  // namespace sluice::config
