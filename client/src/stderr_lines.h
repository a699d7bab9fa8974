// Spans and events as log lines on the process's own stderr, agent or not: what SLUICE_STDERR asks
// for. The lines are those of the agent's own stderr.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "client/src/record_encoder.h"
#include "client/src/stderr_writer.h"
#include "client/src/wanted_levels.h"
#include "proto/contract/line_text.h"

namespace sluice {

// Thread-safe. No function throws; without memory a line is lost. Waits for nothing but other
// threads that are making up their line, and the write itself.
class StderrLines {
 public:
  struct Output {
    int fd = 2;
    bool color = false;
    bool priority = false;  // `<N>` in front, for the journal
  };

  // What `filter` lets through; a piece that cannot be read is named on `output` and left out.
  StderrLines(std::string_view filter, Output output);
  // As the process's environment and stderr ask for; null: nothing is to be printed.
  static std::unique_ptr<StderrLines> FromEnvironment();

  bool Wants(Level level, std::string_view target) const { return level <= levels_.For(target); }
  Level widest() const { return levels_.Widest(); }

  struct SpanStart {
    uint64_t span;    // its handle
    uint64_t parent;  // handle; 0: none of this process
    std::string_view name;
    std::string_view target;
    Level level;
    uint64_t time;  // Unix ns
    AttributeList attributes;
  };
  // Every span, printed or not: it may have ones within it that are.
  void SpanStarted(const SpanStart& start) noexcept;
  void AttributesSet(uint64_t span, AttributeList attributes) noexcept;
  void SpanEnded(uint64_t span, uint64_t time) noexcept;
  // `event.context.span` is the handle of the one around it.
  void Event(const EventRecord& event) noexcept;

 private:
  // Its name outlives its end for as long as a span within it is open.
  struct Span {
    std::shared_ptr<const Span> parent;
    std::string name;
    std::string target;
    std::string fields;
    Level level;
    bool is_printed;
    uint64_t start;
  };

  using Context = std::vector<SpanContextItem>;

  std::shared_ptr<Span> Find(uint64_t span) const;
  static Context ContextOf(const Span* span);
  void AppendFields(AttributeList attributes, Span* span) const;
  // A line of its own: `write_message` goes on behind the head.
  template <typename WriteMessage>
  std::string MakeLine(const Span& head, const Context& context, uint64_t time,
                       WriteMessage write_message) const;

  const LevelTable levels_;
  const Output output_;
  StderrWriter writer_;

  mutable std::mutex mutex_;
  std::unordered_map<uint64_t, std::shared_ptr<Span>> spans_;  // guarded by mutex_
};

}  // namespace sluice
