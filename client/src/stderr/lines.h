// What the library is told of spans and events, as log lines on the process's own stderr.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "client/src/record_encoder.h"
#include "client/src/stderr/printer.h"

namespace sluice {

// Thread-safe. No function throws; without memory a line is lost. Waits for nothing but other
// threads that are making up their line, and the write itself.
class StderrLines {
 public:
  explicit StderrLines(std::unique_ptr<StderrPrinter> printer) : printer_(std::move(printer)) {}

  const StderrPrinter& printer() const { return *printer_; }
  // Says what of the filter cannot be read.
  void Complain() noexcept { printer_->Complain(); }
  // Says what is wrong with a variable of the environment.
  void Complain(std::string_view variable, std::string_view what) noexcept;

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
  // `error`: why it failed; nullopt: it did not. The last one counts.
  void StatusSet(uint64_t span, std::optional<std::string_view> error) noexcept;
  // The end of a span that failed counts as level ERROR, and may be printed where its beginning was
  // not.
  void SpanEnded(uint64_t span, uint64_t time) noexcept;
  // `event.context.span` is the handle of the one around it.
  void Event(const EventRecord& event) noexcept;

 private:
  // Its name outlives its end for as long as a span within it is open.
  struct Span {
    std::shared_ptr<const Span> parent;  // the next one around it that is printed
    int depth = 0;                       // how many those are
    std::string name;
    std::string target;
    std::string fields;
    Level level;
    bool is_printed;
    bool is_printed_if_failed;
    uint64_t start;
    std::optional<std::string> error;
  };

  using Context = std::vector<SpanContextItem>;

  std::shared_ptr<Span> Find(uint64_t span) const;
  // Of what is within `span`; outermost first.
  static Context ContextOf(const Span* span);
  // Of the span's own lines.
  static Context OwnContextOf(const Span& span);
  void AppendFields(AttributeList attributes, Span* span) const;

  const std::unique_ptr<StderrPrinter> printer_;

  mutable std::mutex mutex_;
  std::unordered_map<uint64_t, std::shared_ptr<Span>> spans_;  // guarded by mutex_
};

}  // namespace sluice
