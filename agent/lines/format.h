// Turns records into log lines. Pure: no file, no clock, no state but the options.
//
// kText is proto/text/line.h's; kJson is one object a line, with the sender's identity;
// kLogfmt is `key=value`, quoted where needed. Whatever a sender controls is escaped reversibly
// (proto/text/escape.h), so a line holds no control bytes and one record is one line.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "agent/identity/identity.h"
#include "proto/record/view.h"
#include "proto/text/line.h"

namespace sluice::lines {

enum class LineStyle { kText, kJson, kLogfmt };

struct LineOptions {
  LineStyle style = LineStyle::kText;
  // kText only: ANSI colours as tracing-subscriber's. For terminals.
  bool color = false;
  // kText only: the spans around a record by name alone, and who sent it in front of them:
  // `[uid 0 pid 42 ssh.service sshd]`. For people, who would not find the message behind ancestors'
  // command lines.
  bool brief = false;
  // `<N>` in front, N being the syslog priority. For stderr where it is the journal.
  bool priority = false;
  // Of the spans around a record in its line, in bytes; scope.h.
  size_t max_scope = 2 * 1024;
};

// A record with what surrounds it. Views: everything outlives the call.
struct LineInput {
  const RecordView* record = nullptr;
  // Open spans around it, outermost first. For `new` and `close` the span itself is the last.
  std::span<const SpanContextItem> context;
  const Identity* sender = nullptr;  // nullptr: not known
  std::string_view service;          // service.name of the sender's resource; may be empty
  uint64_t received_unix_nano = 0;   // stands for a time that the record does not state
};

// Stateless after construction; thread-safe.
class LineFormat {
 public:
  explicit LineFormat(const LineOptions& options) : options_(options) {}

  // Appends the attributes of a span's record in this format to `*rendered`, which becomes
  // SpanContextItem::fields. Call it for START and for each later record of the span.
  void AppendFields(const RecordView& record, std::string* rendered) const;

  // Whether the spans around a record show their fields.
  bool shows_scope_fields() const { return !options_.brief; }
  // For a Scope, which shows what fits:
  // One of those attributes.
  void AppendField(const AttributeView& attribute, bool bare, std::string* rendered) const;
  // Behind them, what stands for `count` more: `...=3`.
  void AppendFieldsLeftOut(size_t count, std::string* rendered) const;
  // The fields of what stands for `count` spans: `spans=3`.
  void AppendSpansLeftOut(size_t count, std::string* rendered) const;
  // Of a span's name as it prints.
  size_t NameBytes(std::string_view name) const;
  // Bytes, at most, of what a span has around its name and fields, of what AppendFieldsLeftOut
  // brings, and of the whole span that stands for others.
  struct Overhead {
    size_t span;
    size_t fields_left_out;
    size_t spans_left_out;
  };
  Overhead overhead() const {
    return options_.style == LineStyle::kJson ? Overhead{24, 14, 40} : Overhead{3, 12, 16};
  }

  // Each appends exactly one line with its newline.
  void AppendEvent(const LineInput& input, std::string* out) const;
  // `new`, at the span's start time.
  void AppendSpanNew(const LineInput& input, std::string* out) const;
  // `close`, at the span's end time. `start_unix_nano` is from the START record, since an END alone
  // has none. Busy is the record's busy_ns; not measured reads as always busy. A status ERROR and
  // its message stand behind that; the level is the caller's to raise.
  void AppendSpanClose(const LineInput& input, uint64_t start_unix_nano, std::string* out) const;

 private:
  LineOptions options_;
};

}  // namespace sluice::lines
