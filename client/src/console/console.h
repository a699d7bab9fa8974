// SLUICE_CONSOLE: each span of this process that has ended, on its stdout as one line of OTLP's
// JSON, whether an agent gets it or not.
#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>

#include "client/src/level_table.h"
#include "client/src/record_encoder.h"
#include "client/src/stderr/writer.h"

namespace sluice {

// Thread-safe. No function throws; without memory a span is not shown.
class Console {
 public:
  // `filter` is `1` for everything, else as for SLUICE_STDERR. What is below a span that it leaves
  // out is shown below that one's parent. `resource` is encoded; `fd` stays the caller's.
  Console(std::string_view filter, std::string_view resource, int fd);
  // As the environment asks; null: nothing is shown.
  static std::unique_ptr<Console> FromEnvironment(std::string_view resource);

  // Each record of a span, in their order; by who holds its slot. The same record may come again
  // where the ring had no room for it.
  void Take(const SpanRecord& record) noexcept;
  // Writes the spans that have ended, which may wait for who reads stdout: no lock of the caller's
  // is held.
  void Write() noexcept;

 private:
  struct Open {
    std::string body;  // encoded fields of Span
    SpanId parent;     // of those shown
  };

  void TakeLocked(const SpanRecord& record);
  bool Wants(const SpanSlot& slot) const;

  LevelTable levels_;
  const std::string resource_json_;
  StderrWriter writer_;

  std::mutex mutex_;
  std::unordered_map<std::string, Open> open_;  // by span id; guarded by mutex_
  std::string ended_;                           // lines; likewise
  std::mutex writing_;                          // taken before mutex_
};

}  // namespace sluice
