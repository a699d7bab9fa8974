// Log lines on the process's own stderr, where SLUICE_STDERR asks for them: which, how they look,
// and the write. The lines are those of the agent's own stderr.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "client/src/level_table.h"
#include "client/src/stderr/writer.h"
#include "proto/text/line.h"

namespace sluice {

// Thread-safe.
class StderrPrinter {
 public:
  struct Output {
    int fd = 2;
    bool color = false;
    bool priority = false;  // `<N>` in front, for the journal
  };

  // What `filter` lets through; pieces that cannot be read are left out.
  StderrPrinter(std::string_view filter, Output output);
  // As the process's environment and stderr ask for; null: nothing is to be printed.
  static std::unique_ptr<StderrPrinter> FromEnvironment();

  // Names the first piece of the filter that cannot be read, if there is one.
  void Complain();
  bool Wants(Level level, std::string_view target) const { return level <= levels_.For(target); }
  Level widest() const { return levels_.Widest(); }

  using Context = std::span<const SpanContextItem>;

  // The whole line of an event.
  std::string EventLine(const RecordView& event, Context context) const;
  // The whole lines of a span; `context` has it innermost.
  std::string NewLine(Level level, std::string_view target, Context context, uint64_t time) const;
  // `error`: why it failed, unless it did not.
  std::string CloseLine(Level level, std::string_view target, Context context, uint64_t start,
                        uint64_t end, std::optional<std::string_view> error) const;
  // A record's attributes to a span's fields as a context shows them.
  void AppendFields(const RecordView& record, std::string* fields) const;

  // Waits for nothing but the write itself.
  void Write(std::string_view line) { writer_.Write(line); }

 private:
  struct Head {
    Level level;
    std::string_view target;
    Context context;
    uint64_t time;  // Unix ns
  };
  // `write_message` goes on behind the head.
  template <typename WriteMessage>
  std::string MakeLine(const Head& head, WriteMessage write_message) const;

  std::string unread_;  // before levels_, whose making sets it
  const LevelTable levels_;
  const Output output_;
  StderrWriter writer_;
};

}  // namespace sluice
