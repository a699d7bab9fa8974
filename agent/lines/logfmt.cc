#include "agent/lines/logfmt.h"

#include <algorithm>
#include <iterator>

#include "agent/live/aborted_end.h"
#include "proto/text/escape.h"
#include "proto/text/times.h"

namespace sluice::lines {
namespace {

constexpr std::string_view kOwnKeys[] = {"ts",   "level", "target",  "span",     "msg",
                                         "busy", "idle",  "service", "trace_id", "span_id"};

bool NeedsQuotes(std::string_view text) {
  const auto plain = [](char c) {
    return c > ' ' && c < 0x7f && c != '"' && c != '=' && c != '\\';
  };
  return text.empty() || !std::all_of(text.begin(), text.end(), plain);
}

void AppendText(std::string_view text, std::string* out) {
  if (NeedsQuotes(text)) {
    AppendQuoted(text, out);
  } else {
    out->append(text);
  }
}

void Own(std::string_view key, std::string_view text, std::string* out) {
  if (text.empty()) return;
  out->append(key).push_back('=');
  AppendText(text, out);
  out->push_back(' ');
}

void AppendForeignKey(std::string_view key, std::string* out) {
  const bool taken =
      key.starts_with('_') || std::count(std::begin(kOwnKeys), std::end(kOwnKeys), key);
  if (!taken) return AppendEscapedKey(key, out);
  AppendEscapedByte(static_cast<unsigned char>(key[0]), out);
  AppendEscapedKey(key.substr(1), out);
}

void Foreign(const AttributeView& attribute, std::string* out) {
  AppendForeignKey(attribute.key, out);
  out->push_back('=');
  if (attribute.value.type == ValueView::Type::kString) {
    AppendText(attribute.value.text, out);
  } else {
    std::string text;
    AppendLineValue(attribute.value, true, &text);
    AppendText(text, out);
  }
  out->push_back(' ');
}

std::string MessageOf(const RecordView& record) {
  if (record.event.message.type == ValueView::Type::kString) {
    return std::string(record.event.message.text);
  }
  std::string text;
  if (record.event.message.type != ValueView::Type::kEmpty) {
    AppendLineValue(record.event.message, true, &text);
  }
  return text;
}

void AppendBody(const RecordView& record, std::string* out) {
  Own("msg", MessageOf(record), out);
  for (const std::string_view encoded : record.event.attributes()) {
    Foreign(ReadAttribute(encoded), out);
  }
}

void AppendLife(const SpanView& span, const Lifecycle& life, std::string* out) {
  const bool closes = life.kind == Lifecycle::Kind::kClose;
  Own("msg", closes ? "close" : "new", out);
  if (!closes) return;
  out->append("busy=").append(FormatDuration(life.busy_nanos));
  out->append(" idle=").append(FormatDuration(life.idle_nanos)).push_back(' ');
  if (!life.failed) return;
  Own("status", "error", out);
  Own("error", span.status_message, out);
  Own("aborted", live::AbortCauseOf(span), out);
}

void AppendSender(const Identity& sender, std::string* out) {
  Own("_pid", std::to_string(sender.pid), out);
  Own("_uid", std::to_string(sender.uid), out);
  Own("_gid", std::to_string(sender.gid), out);
  Own("_unit", sender.unit, out);
  Own("_comm", sender.comm, out);
}

std::string LowerLevel(Level level) {
  std::string name(LevelName(level));
  for (char& c : name) c = static_cast<char>(c - 'A' + 'a');
  return name;
}

// The context is readable text already; as one value it is quoted, which escapes its backslashes
// anew.
std::string ContextText(std::span<const SpanContextItem> context) {
  std::string text;
  TextLine(false, &text).Context(context);
  if (!text.empty()) text.pop_back();
  return text;
}

}  // namespace

void AppendLogfmtLine(const LineInput& input, const Lifecycle& life, std::string* out) {
  const RecordView& record = *input.record;
  Own("ts", FormatUtc(life.unix_nano, 9), out);
  Own("level", LowerLevel(record.level), out);
  Own("target", record.target, out);
  Own("span", ContextText(input.context), out);
  if (life.kind == Lifecycle::Kind::kEvent) {
    AppendBody(record, out);
  } else {
    AppendLife(record.span, life, out);
  }
  if (!record.trace_id().IsZero()) Own("trace_id", record.trace_id().ToHex(), out);
  if (!record.span_id().IsZero()) Own("span_id", record.span_id().ToHex(), out);
  Own("service", input.service, out);
  if (input.sender != nullptr) AppendSender(*input.sender, out);
  out->back() = '\n';
}

}  // namespace sluice::lines
