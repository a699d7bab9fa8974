// Turns records into log lines. Pure: no file, no clock, no state but the options.
//
// kText is azure-init's shape (tracing-subscriber's default formatter without colour):
//
//   2026-11-20T09:27:53.502904Z  INFO outer:inner{user="root" n=7}: target: message key=value
//
// UTC with six digits; the level right-aligned to five; the open spans outermost first, each with
// its fields; target; message; fields. A span's life shows as the messages `new` and `close
// time.busy=15.2µs time.idle=11.1µs`. kJson is one object a line, with the sender's identity;
// kLogfmt is `key=value`, quoted where needed.
//
// Whatever a sender controls is escaped reversibly (proto/contract/text_escape.h), so a line holds
// no control bytes and one record is one line. Colour is added after that.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "agent/base/identity.h"
#include "proto/contract/record_view.h"

namespace sluice::log_sink {

enum class LineStyle { kText, kJson, kLogfmt };

struct LineOptions {
  LineStyle style = LineStyle::kText;
  // kText only: ANSI colours as tracing-subscriber's. For terminals.
  bool color = false;
  // `<N>` in front, N being the syslog priority. For stderr where it is the journal.
  bool priority = false;
};

// One open span as lines show it. `fields` is what AppendFields rendered of its records, in order.
struct SpanContextItem {
  std::string_view name;
  std::string_view fields;
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

  // Each appends exactly one line with its newline.
  void AppendEvent(const LineInput& input, std::string* out) const;
  // `new`, at the span's start time.
  void AppendSpanNew(const LineInput& input, std::string* out) const;
  // `close`, at the span's end time. `start_unix_nano` is from the START record, since an END alone
  // has none. Busy is the record's busy_ns; not measured reads as always busy.
  void AppendSpanClose(const LineInput& input, uint64_t start_unix_nano, std::string* out) const;

 private:
  LineOptions options_;
};

// As Rust's tracing prints one: 3 significant digits and ns, µs, ms or s.
std::string FormatDuration(uint64_t nanos);
// UTC RFC 3339 with `digits` (6 or 9) fraction digits and `Z`.
std::string FormatTime(uint64_t unix_nano, int digits);

}  // namespace sluice::log_sink
