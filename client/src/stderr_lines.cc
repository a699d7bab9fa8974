#include "client/src/stderr_lines.h"

#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <utility>

#include "client/src/stderr_filter.h"
#include "proto/contract/journal_stream.h"
#include "proto/contract/line_escape.h"
#include "proto/contract/names.h"

namespace sluice {
namespace {

// Of one span's fields as text. What is set beyond it is not printed.
constexpr size_t kFieldsBytes = 16 * 1024;

// An event's bytes as they go to the agent.
std::string EncodeEvent(const EventRecord& event) {
  const RecordSizes sizes = Measure(event);
  std::string encoded(sizes.field, '\0');
  Encode(event, sizes, encoded.data());
  return encoded.substr(sizes.field - sizes.record);
}

}  // namespace

StderrLines::StderrLines(std::string_view filter, Output output)
    : levels_([&] {
        std::string unread;
        LevelTable levels = ParseStderrFilter(filter, &unread);
        if (!unread.empty()) {
          std::string line("sluice: SLUICE_STDERR: cannot read '");
          AppendEscaped(unread, &line);
          line += "', left out; write warn or target=debug, separated by commas\n";
          StderrWriter(output.fd).Write(line);
        }
        return levels;
      }()),
      output_(output),
      writer_(output.fd) {}

std::unique_ptr<StderrLines> StderrLines::FromEnvironment() {
  const char* const filter = secure_getenv(kStderrEnv.data());
  if (filter == nullptr || *filter == '\0') return nullptr;
  const Output output = {
      .fd = STDERR_FILENO,
      .color = isatty(STDERR_FILENO) == 1 && secure_getenv("NO_COLOR") == nullptr,
      .priority = IsJournalStream(STDERR_FILENO)};
  auto lines = std::make_unique<StderrLines>(filter, output);
  if (lines->widest() == Level::kUnspecified) return nullptr;
  return lines;
}

std::shared_ptr<StderrLines::Span> StderrLines::Find(uint64_t span) const {
  const auto found = spans_.find(span);
  return found == spans_.end() ? nullptr : found->second;
}

// Outermost first.
StderrLines::Context StderrLines::ContextOf(const Span* span) {
  Context context;
  for (; span != nullptr; span = span->parent.get()) {
    if (span->is_printed) context.push_back({span->name, span->fields});
  }
  std::reverse(context.begin(), context.end());
  return context;
}

void StderrLines::AppendFields(AttributeList attributes, Span* span) const {
  if (attributes.count == 0 || span->fields.size() >= kFieldsBytes) return;
  const std::string encoded = EncodeEvent({.level = span->level,
                                           .target = {},
                                           .message = {},
                                           .time = 0,
                                           .context = {},
                                           .attributes = attributes,
                                           .bare = BareAttributes(attributes)});
  const auto record = ReadRecord(encoded);
  if (!record) return;
  TextLine(output_.color, &span->fields).Fields(*record, !span->fields.empty());
}

template <typename WriteMessage>
std::string StderrLines::MakeLine(const Span& head, const Context& context, uint64_t time,
                                  WriteMessage write_message) const {
  std::string line;
  if (output_.priority) AppendPriority(head.level, &line);
  TextLine text(output_.color, &line);
  text.Head(head.level, head.target, context, time);
  write_message(text);
  line += '\n';
  if (output_.priority) CutForJournal(0, &line);
  return line;
}

void StderrLines::SpanStarted(const SpanStart& start) noexcept try {
  auto span = std::make_shared<Span>();
  span->name = start.name;
  span->target = start.target;
  span->level = start.level;
  span->is_printed = Wants(start.level, start.target);
  span->start = start.time;
  if (span->is_printed) AppendFields(start.attributes, span.get());
  std::string line;
  {
    const std::lock_guard lock(mutex_);
    span->parent = Find(start.parent);
    spans_[start.span] = span;
    if (!span->is_printed) return;
    line = MakeLine(*span, ContextOf(span.get()), start.time, [](TextLine& text) { text.New(); });
  }
  writer_.Write(line);
} catch (...) {
}

void StderrLines::AttributesSet(uint64_t handle, AttributeList attributes) noexcept try {
  const std::lock_guard lock(mutex_);
  const std::shared_ptr<Span> span = Find(handle);
  if (span != nullptr && span->is_printed) AppendFields(attributes, span.get());
} catch (...) {
}

void StderrLines::SpanEnded(uint64_t handle, uint64_t time) noexcept try {
  std::string line;
  {
    const std::lock_guard lock(mutex_);
    const auto node = spans_.extract(handle);
    if (node.empty()) return;
    Span& span = *node.mapped();
    if (!span.is_printed) return;
    const uint64_t duration = time - std::min(time, span.start);
    line = MakeLine(span, ContextOf(&span), time, [&](TextLine& text) { text.Close(duration, 0); });
    span.fields.clear();
  }
  writer_.Write(line);
} catch (...) {
}

void StderrLines::Event(const EventRecord& event) noexcept try {
  if (!Wants(event.level, event.target)) return;
  const std::string encoded = EncodeEvent(event);
  const auto record = ReadRecord(encoded);
  if (!record) return;
  Span head;
  head.level = event.level;
  head.target = event.target;
  std::string line;
  {
    const std::lock_guard lock(mutex_);
    const std::shared_ptr<const Span> around = Find(event.context.span);
    line = MakeLine(head, ContextOf(around.get()), event.time,
                    [&](TextLine& text) { text.Event(*record); });
  }
  writer_.Write(line);
} catch (...) {
}

}  // namespace sluice
