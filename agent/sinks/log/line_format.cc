#include "agent/sinks/log/line_format.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>

#include "agent/sinks/log/line_json.h"
#include "agent/sinks/log/line_logfmt.h"
#include "agent/sinks/log/line_text.h"
#include "proto/contract/utf8.h"

namespace sluice::log_sink {
namespace {

// journald splits longer lines (LineMax= is 48 KiB), and would take a `<N>` at the start of the
// second half for a priority.
constexpr size_t kMaxPriorityLine = 48'000;

int SyslogPriority(Level level) {
  switch (level) {
    case Level::kError:
      return 3;
    case Level::kWarn:
      return 4;
    case Level::kDebug:
    case Level::kTrace:
      return 7;
    default:
      return 6;
  }
}

void AppendPadded(uint64_t number, int digits, std::string* out) {
  const size_t end = out->size() + static_cast<size_t>(digits);
  out->resize(end);
  for (size_t at = end; digits > 0; --digits, number /= 10) {
    (*out)[--at] = static_cast<char>('0' + number % 10);
  }
}

void AppendDate(uint64_t unix_seconds, std::string* out) {
  const auto days = std::chrono::sys_days(std::chrono::days(unix_seconds / 86'400));
  const std::chrono::year_month_day date(days);
  AppendPadded(static_cast<uint64_t>(static_cast<int>(date.year())), 4, out);
  out->push_back('-');
  AppendPadded(static_cast<unsigned>(date.month()), 2, out);
  out->push_back('-');
  AppendPadded(static_cast<unsigned>(date.day()), 2, out);
}

void AppendClock(uint64_t unix_seconds, std::string* out) {
  const uint64_t second = unix_seconds % 86'400;
  AppendPadded(second / 3600, 2, out);
  out->push_back(':');
  AppendPadded(second / 60 % 60, 2, out);
  out->push_back(':');
  AppendPadded(second % 60, 2, out);
}

// Cuts the line that begins at `begin`, newline included, to what journald takes as one.
void CutForJournal(size_t begin, std::string* out) {
  const size_t size = out->size() - begin;
  if (size <= kMaxPriorityLine) return;
  const size_t kept = Utf8Boundary(std::string_view(*out).substr(begin), kMaxPriorityLine - 64);
  out->resize(begin + kept);
  out->append("…[+").append(std::to_string(size - 1 - kept)).append(" bytes]\n");
}

void AppendTextLine(const LineInput& input, const Lifecycle& life, bool color, std::string* out) {
  TextLine line(color, out);
  line.Head(input, life.unix_nano);
  switch (life.kind) {
    case Lifecycle::Kind::kEvent:
      line.Event(*input.record);
      break;
    case Lifecycle::Kind::kNew:
      out->append("new");
      break;
    case Lifecycle::Kind::kClose:
      line.Close(life.busy_nanos, life.idle_nanos);
      break;
  }
  out->push_back('\n');
}

void AppendLine(const LineOptions& options, const LineInput& input, const Lifecycle& life,
                std::string* out) {
  const size_t begin = out->size();
  if (options.priority) {
    out->append({'<', static_cast<char>('0' + SyslogPriority(input.record->level)), '>'});
  }
  switch (options.style) {
    case LineStyle::kText:
      AppendTextLine(input, life, options.color, out);
      break;
    case LineStyle::kJson:
      AppendJsonLine(input, life, out);
      break;
    case LineStyle::kLogfmt:
      AppendLogfmtLine(input, life, out);
      break;
  }
  if (options.priority) CutForJournal(begin, out);
}

}  // namespace

void LineFormat::AppendFields(const RecordView& record, std::string* rendered) const {
  if (options_.style == LineStyle::kJson) return AppendJsonFields(record, rendered);
  const bool color = options_.style == LineStyle::kText && options_.color;
  TextLine(color, rendered).Fields(record, !rendered->empty());
}

void LineFormat::AppendEvent(const LineInput& input, std::string* out) const {
  const uint64_t time = input.record->event.time_unix_nano;
  AppendLine(options_, input, {Lifecycle::Kind::kEvent, time}, out);
}

void LineFormat::AppendSpanNew(const LineInput& input, std::string* out) const {
  const uint64_t time = input.record->span.start_unix_nano;
  AppendLine(options_, input, {Lifecycle::Kind::kNew, time}, out);
}

void LineFormat::AppendSpanClose(const LineInput& input, uint64_t start_unix_nano,
                                 std::string* out) const {
  const uint64_t end = input.record->span.end_unix_nano;
  const uint64_t whole = end - std::min(end, start_unix_nano);
  const uint64_t measured = input.record->busy_ns;
  const uint64_t busy = measured == 0 ? whole : std::min(measured, whole);
  AppendLine(options_, input, {Lifecycle::Kind::kClose, end, busy, whole - busy}, out);
}

std::string FormatDuration(uint64_t nanos) {
  static constexpr std::array<const char*, 4> kUnits = {"ns", "µs", "ms", "s"};
  auto amount = static_cast<double>(nanos);
  size_t unit = 0;
  for (; amount >= 1000 && unit + 1 < kUnits.size(); ++unit) amount /= 1000;
  const int decimals = amount < 10 ? 2 : amount < 100 ? 1 : 0;
  char text[48];
  const int size = std::snprintf(text, sizeof(text), "%.*f%s", decimals, amount, kUnits[unit]);
  return {text, static_cast<size_t>(size)};
}

std::string FormatTime(uint64_t unix_nano, int digits) {
  const uint64_t seconds = unix_nano / 1'000'000'000;
  uint64_t fraction = unix_nano % 1'000'000'000;
  for (int dropped = digits; dropped < 9; ++dropped) fraction /= 10;
  std::string text;
  text.reserve(32);
  AppendDate(seconds, &text);
  text.push_back('T');
  AppendClock(seconds, &text);
  text.push_back('.');
  AppendPadded(fraction, digits, &text);
  text.push_back('Z');
  return text;
}

}  // namespace sluice::log_sink
