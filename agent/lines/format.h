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
  // `<N>` in front, N being the syslog priority. For stderr where it is the journal.
  bool priority = false;
};

// A record with what surrounds it. Views: everything outlives the call.
struct LineInput {
  const RecordView* record = nullptr;
  // Open spans around it, outermost first. For `new` and `close` the span itself is the last.
  std::span<const SpanContextItem> context;
  const Identity* sender = nullptr;  // nullptr: not known
  std::string_view service;          // service.name of the sender's resource; may be empty
};

// Stateless after construction; thread-safe.
class LineFormat {
 public:
  explicit LineFormat(const LineOptions& options) : options_(options) {}

  // Appends the attributes of a span's record in this format to `*rendered`, which becomes
  // SpanContextItem::fields. Call it for START and for each later record of the span.
  void AppendFields(const RecordView& record, std::string* rendered) const;

  // Stands for the fields of a span that are too long.
  std::string_view FieldsLeftOut() const {
    return options_.style == LineStyle::kJson ? "\"...\":null" : "...";
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
