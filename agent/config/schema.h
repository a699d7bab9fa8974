// All that can be configured: the agent's own sections and what the kinds of sinks bring along.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "agent/config/agent_config.h"
#include "agent/config/key.h"
#include "agent/config/sink_section.h"

namespace sluice::config {

// A key and where its value is.
struct BoundKey {
  std::string name;  // whole: `journal.max`
  const Key* key = nullptr;
  void* settings = nullptr;
};

// A table `[otlp.backup]`.
struct Instance {
  std::string section;  // `otlp`
  std::string name;     // `backup`

  bool operator==(const Instance&) const = default;
};

class Schema {
 public:
  // In the order in which sinks start.
  explicit Schema(std::vector<SinkSection> sinks);

  const std::vector<SinkSection>& sinks() const { return sinks_; }
  const SinkSection& SectionOf(const SinkConfig& sink) const;
  // With whole names of keys.
  std::vector<Flag> Flags() const;
  std::vector<Alias> Aliases() const;

  // Every default, with one sink of each kind, and one more for each instance behind it, in their
  // order.
  AgentConfig Defaults(const std::vector<Instance>& instances) const;
  // Every key of `*config`, in the order in which they are printed; those of one section stand
  // together. `*config` is one of Defaults().
  std::vector<BoundKey> Bind(AgentConfig* config) const;

  enum class NameKind { kKey, kTable, kIgnored, kUnknown };
  // What a dotted name in a file is; `is_table`: a table stands there.
  NameKind Classify(std::string_view name, bool is_table) const;
  // The instance that a dotted name belongs to, if it is one's.
  std::optional<Instance> InstanceOf(std::string_view name) const;
  // The known name closest to an unknown one; empty: none is close.
  std::string NearestName(std::string_view name) const;

 private:
  // The name without its instance.
  std::string WithoutInstance(std::string_view name) const;

  std::vector<SinkSection> sinks_;
  // Whole names of all keys of one sink of each kind, and aliases.
  std::vector<std::string> names_;
};

}  // namespace sluice::config
