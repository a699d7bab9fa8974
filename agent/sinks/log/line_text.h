// The shape azure-init's log lines have, written to the end of a string. line_format.h describes
// it.
#pragma once

#include <string>

#include "agent/sinks/log/line_format.h"

namespace sluice::log_sink {

// Writes the `text` style, with or without colour.
class TextLine {
 public:
  TextLine(bool color, std::string* out) : color_(color), out_(out) {}

  // `key=value`, separated by blanks. `follows`: something stands before them already.
  void Fields(const RecordView& record, bool follows);
  // All of the line up to the message.
  void Head(const LineInput& input, uint64_t unix_nano);
  // The message and the fields of an event.
  void Event(const RecordView& record);
  void Close(uint64_t busy_nanos, uint64_t idle_nanos);

  // `outer:inner{user="root"}`, the open spans with their fields.
  void Context(std::span<const SpanContextItem> context);

 private:
  void Paint(std::string_view style, std::string_view printable);
  void Field(std::string_view key, const ValueView& value, bool bare);

  const bool color_;
  std::string* const out_;
};

// One value as it stands behind a key.
void AppendValue(const ValueView& value, bool bare, std::string* out);

}  // namespace sluice::log_sink
