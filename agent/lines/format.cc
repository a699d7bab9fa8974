#include "agent/lines/format.h"

#include <algorithm>

#include "agent/lines/json.h"
#include "agent/lines/logfmt.h"
#include "proto/text/escape.h"
#include "proto/text/journal_stream.h"

namespace sluice::lines {
namespace {

uint64_t OrReceipt(uint64_t time, const LineInput& input) {
  return time == 0 ? input.received_unix_nano : time;
}

// `[uid 0 pid 42 ssh.service sshd]`; what is not known is left out.
std::string SenderText(const LineInput& input) {
  std::string text = "[uid " + std::to_string(input.sender->uid);
  if (input.sender->pid != 0) text += " pid " + std::to_string(input.sender->pid);
  for (const std::string_view part : {std::string_view(input.sender->unit), input.service}) {
    if (!part.empty()) text.append(" ").append(part);
  }
  return text + ']';
}

void AppendTextLine(const LineInput& input, const Lifecycle& life, const LineOptions& options,
                    std::string* out) {
  const RecordView& record = *input.record;
  TextLine line(options.color, out);
  const bool has_sender = options.brief && input.sender != nullptr;
  line.Head(record.level, record.target, input.context, life.unix_nano,
            has_sender ? SenderText(input) : "");
  switch (life.kind) {
    case Lifecycle::Kind::kEvent:
      line.Event(record);
      break;
    case Lifecycle::Kind::kNew:
      line.New();
      break;
    case Lifecycle::Kind::kClose:
      line.Close(life.busy_nanos, life.idle_nanos);
      if (life.failed) line.Failure(record.span.status_message);
      break;
  }
  out->push_back('\n');
}

void AppendLine(const LineOptions& options, const LineInput& input, const Lifecycle& life,
                std::string* out) {
  const size_t begin = out->size();
  if (options.priority) AppendPriority(input.record->level, out);
  switch (options.style) {
    case LineStyle::kText:
      AppendTextLine(input, life, options, out);
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

void LineFormat::AppendField(const AttributeView& attribute, bool bare,
                             std::string* rendered) const {
  if (options_.style == LineStyle::kJson) return AppendJsonField(attribute, rendered);
  const bool color = options_.style == LineStyle::kText && options_.color;
  if (!rendered->empty()) rendered->push_back(' ');
  TextLine(color, rendered).Field(attribute.key, attribute.value, bare);
}

void LineFormat::AppendFieldsLeftOut(size_t count, std::string* rendered) const {
  const bool json = options_.style == LineStyle::kJson;
  if (!rendered->empty()) rendered->push_back(json ? ',' : ' ');
  rendered->append(json ? "\"...\":" : "...=").append(std::to_string(count));
}

void LineFormat::AppendSpansLeftOut(size_t count, std::string* rendered) const {
  const bool json = options_.style == LineStyle::kJson;
  rendered->append(json ? "\"spans\":" : "spans=").append(std::to_string(count));
}

size_t LineFormat::NameBytes(std::string_view name) const {
  if (IsPlainText(name)) return name.size();
  std::string printed;
  if (options_.style == LineStyle::kJson) {
    AppendJsonString(name, &printed);
    return printed.size() - 2;
  }
  AppendEscaped(name, &printed);
  return printed.size();
}

void LineFormat::AppendEvent(const LineInput& input, std::string* out) const {
  const uint64_t time = OrReceipt(input.record->event.time_unix_nano, input);
  AppendLine(options_, input, {Lifecycle::Kind::kEvent, time}, out);
}

void LineFormat::AppendSpanNew(const LineInput& input, std::string* out) const {
  const uint64_t time = OrReceipt(input.record->span.start_unix_nano, input);
  AppendLine(options_, input, {Lifecycle::Kind::kNew, time}, out);
}

void LineFormat::AppendSpanClose(const LineInput& input, uint64_t start_unix_nano,
                                 std::string* out) const {
  const uint64_t end = input.record->span.end_unix_nano;
  const uint64_t whole = end - std::min(end, start_unix_nano);
  const uint64_t measured = input.record->busy_ns;
  const uint64_t busy = measured == 0 ? whole : std::min(measured, whole);
  const bool failed = input.record->span.status == StatusCode::kError;
  const uint64_t time = OrReceipt(end, input);
  AppendLine(options_, input, {Lifecycle::Kind::kClose, time, busy, whole - busy, failed}, out);
}

}  // namespace sluice::lines
