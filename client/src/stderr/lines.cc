#include "client/src/stderr/lines.h"

#include <algorithm>
#include <utility>

#include "proto/text/escape.h"

namespace sluice {
namespace {

// Of one span's fields as text. What is set beyond it is not printed.
constexpr size_t kFieldsBytes = 16 * 1024;
// Of spans around another. What is further out is not printed, nor kept: each of a row of spans may
// begin within the one before it.
constexpr int kContextDepth = 64;

// An event's bytes as they go to the agent.
std::string EncodeEvent(const EventRecord& event) {
  const RecordSizes sizes = Measure(event);
  std::string encoded(sizes.field, '\0');
  Encode(event, sizes, encoded.data());
  return encoded.substr(sizes.field - sizes.record);
}

}  // namespace

void StderrLines::Complain(std::string_view variable, std::string_view what) noexcept try {
  std::string line("sluice: ");
  line.append(variable).append(" is not taken: ");
  AppendEscaped(what, &line);
  printer_->Write(line += '\n');
} catch (...) {
}

std::shared_ptr<StderrLines::Span> StderrLines::Find(uint64_t span) const {
  const auto found = spans_.find(span);
  return found == spans_.end() ? nullptr : found->second;
}

StderrLines::Context StderrLines::OwnContextOf(const Span& span) {
  Context context{{span.name, span.fields}};
  for (const Span* outer = span.parent.get(); outer != nullptr; outer = outer->parent.get()) {
    context.push_back({outer->name, outer->fields});
  }
  std::reverse(context.begin(), context.end());
  return context;
}

StderrLines::Context StderrLines::ContextOf(const Span* span) {
  if (span != nullptr && !span->is_printed) span = span->parent.get();
  return span == nullptr ? Context() : OwnContextOf(*span);
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
  printer_->AppendFields(*record, &span->fields);
}

void StderrLines::SpanStarted(const SpanStart& start) noexcept try {
  auto span = std::make_shared<Span>();
  span->name = start.name;
  span->target = start.target;
  span->level = start.level;
  span->is_printed = printer_->Wants(start.level, start.target);
  span->is_printed_if_failed = printer_->Wants(Level::kError, start.target);
  span->start = start.time;
  if (span->is_printed_if_failed) AppendFields(start.attributes, span.get());
  std::string line;
  {
    const std::lock_guard lock(mutex_);
    span->parent = Find(start.parent);
    if (span->parent != nullptr && !span->parent->is_printed) span->parent = span->parent->parent;
    if (span->parent != nullptr) span->depth = span->parent->depth + 1;
    if (span->depth > kContextDepth) span->parent = nullptr;
    if (span->parent == nullptr) span->depth = 0;
    spans_[start.span] = span;
    if (!span->is_printed) return;
    line = printer_->NewLine(span->level, span->target, OwnContextOf(*span), start.time);
  }
  printer_->Write(line);
} catch (...) {
}

void StderrLines::AttributesSet(uint64_t handle, AttributeList attributes) noexcept try {
  const std::lock_guard lock(mutex_);
  const std::shared_ptr<Span> span = Find(handle);
  if (span != nullptr && span->is_printed_if_failed) AppendFields(attributes, span.get());
} catch (...) {
}

void StderrLines::StatusSet(uint64_t handle, std::optional<std::string_view> error) noexcept try {
  const std::lock_guard lock(mutex_);
  const std::shared_ptr<Span> span = Find(handle);
  if (span != nullptr) span->error = error;
} catch (...) {
}

void StderrLines::SpanEnded(uint64_t handle, uint64_t time) noexcept try {
  std::string line;
  {
    const std::lock_guard lock(mutex_);
    const auto node = spans_.extract(handle);
    if (node.empty()) return;
    Span& span = *node.mapped();
    if (!span.is_printed && !(span.error.has_value() && span.is_printed_if_failed)) return;
    const Level level = span.error.has_value() ? Level::kError : span.level;
    line =
        printer_->CloseLine(level, span.target, OwnContextOf(span), span.start, time, span.error);
    span.fields.clear();
  }
  printer_->Write(line);
} catch (...) {
}

void StderrLines::Event(const EventRecord& event) noexcept try {
  if (!printer_->Wants(event.level, event.target)) return;
  const std::string encoded = EncodeEvent(event);
  const auto record = ReadRecord(encoded);
  if (!record) return;
  std::string line;
  {
    const std::lock_guard lock(mutex_);
    const std::shared_ptr<const Span> around = Find(event.context.span);
    line = printer_->EventLine(*record, ContextOf(around.get()));
  }
  printer_->Write(line);
} catch (...) {
}

}  // namespace sluice
