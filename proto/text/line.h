// One line of log text, in the shape azure-init's have (tracing-subscriber's default formatter
// without colour), written to the end of a string:
//
//   2026-11-20T09:27:53.502904Z  INFO outer:inner{user="root" n=7}: target: message key=value
//
// UTC with six digits; the level right-aligned to five; the open spans outermost first, each with
// its fields; target; message; fields. A span's life shows as the messages `new` and `close
// time.busy=15.2µs time.idle=11.1µs`, with `error="why"` behind it where it failed. Whatever a
// sender controls is escaped reversibly (line_escape.h), so a line holds no control bytes; colour
// comes on top of that.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "proto/record/view.h"

namespace sluice {

// One open span as lines show it.
struct SpanContextItem {
  std::string_view name;
  // What TextLine::Fields wrote of its records, in order.
  std::string_view fields;
};

class TextLine {
 public:
  // `color`: ANSI colours as tracing-subscriber's.
  TextLine(bool color, std::string* out) : color_(color), out_(out) {}

  // All of the line up to the message. `sender`, where there is one, stands in front of the spans.
  void Head(Level level, std::string_view target, std::span<const SpanContextItem> context,
            uint64_t unix_nano, std::string_view sender = {});
  // One of these follows. The caller ends the line.
  // The message and the fields of an event. One without a body has its message among the fields, if
  // it has one, as tracing's events do: `message` prints in its place, without key and quotes.
  void Event(const RecordView& record);
  void New() { out_->append("new"); }
  void Close(uint64_t busy_nanos, uint64_t idle_nanos);
  // Behind Close, of a span that failed: ` error="message"`.
  void Failure(std::string_view message);

  // `key=value`, separated by blanks. `follows`: something stands before them already.
  void Fields(const RecordView& record, bool follows);
  // One of them, alone.
  void Field(std::string_view key, const ValueView& value, bool bare);
  // `outer:inner{user="root"}:`, the open spans with their fields.
  void Context(std::span<const SpanContextItem> context);

 private:
  void Paint(std::string_view style, std::string_view printable);
  void FieldsWithMessage(const RecordView& record);

  const bool color_;
  std::string* const out_;
};

// One value as it stands behind a key.
void AppendLineValue(const ValueView& value, bool bare, std::string* out);

}  // namespace sluice
