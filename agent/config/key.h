// One key of the configuration, whoever's settings it belongs to.
#pragma once

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "agent/config/value.h"

namespace sluice::config {

// `settings` is the struct that KeysOf was made for.
struct Key {
  std::string name;  // within its section: `max`
  std::function<absl::Status(const Value&, void* settings)> set;
  std::function<std::string(const void* settings)> print;
  std::function<void(const void* from, void* to)> copy;
  // A reload takes it; else only a start of the agent does.
  bool reloads = false;
  // Where it stands for historical reasons: `telemetry.kvp_diagnostics`. Empty: SECTION.name.
  std::string other_name;
};

// Lists the keys of a struct:
//
//   KeysOf<Settings>()
//       .Add("path", &Settings::path, Path())
//       .Add("level", &Settings::level, LevelName()).Reloads()
//       .keys()
template <typename Settings>
class KeysOf {
 public:
  template <typename T>
  KeysOf& Add(std::string name, T Settings::*field, Form<T> form) {
    Key key;
    key.name = std::move(name);
    key.set = [field, read = form.read](const Value& value, void* settings) {
      absl::StatusOr<T> got = read(value);
      if (!got.ok()) return got.status();
      static_cast<Settings*>(settings)->*field = *std::move(got);
      return absl::OkStatus();
    };
    key.print = [field, print = form.print](const void* settings) {
      return print(static_cast<const Settings*>(settings)->*field);
    };
    key.copy = [field](const void* from, void* to) {
      static_cast<Settings*>(to)->*field = static_cast<const Settings*>(from)->*field;
    };
    keys_.push_back(std::move(key));
    return *this;
  }

  // Of the key added last.
  KeysOf& Reloads() {
    keys_.back().reloads = true;
    return *this;
  }
  KeysOf& Named(std::string other_name) {
    keys_.back().other_name = std::move(other_name);
    return *this;
  }

  std::vector<Key> keys() const { return keys_; }

 private:
  std::vector<Key> keys_;
};

}  // namespace sluice::config
