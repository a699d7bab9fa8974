// Configuration files in a folder of their own, for tests.
#pragma once

#include <filesystem>
#include <fstream>
#include <map>
#include <string>

#include "agent/config/load.h"
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
    auto loaded = Load(sources_);
    EXPECT_TRUE(loaded.ok()) << loaded.status();
    return loaded.ok() ? *std::move(loaded) : LoadedConfig();
  }
  std::string LoadError() {
    const auto loaded = Load(sources_);
    return loaded.ok() ? "" : std::string(loaded.status().message());
  }

  std::filesystem::path directory_;
  std::map<std::string, std::string> environment_;
  Sources sources_;
};

// The values in force, by key.
inline std::map<std::string, std::string> ValuesOf(const LoadedConfig& loaded) {
  std::map<std::string, std::string> values;
  for (const auto& [key, setting] : loaded.settings) values[key] = setting.value;
  return values;
}

}  // namespace sluice::config
