#include "client/src/console/console.h"

#include <unistd.h>

#include <cstdlib>
#include <utility>

#include "client/src/console/span_json.h"
#include "client/src/stderr/filter.h"

namespace sluice {
namespace {

constexpr const char* kConsoleEnv = "SLUICE_CONSOLE";

// The encoded Span of a record.
std::string BodyOf(const SpanRecord& record) {
  const RecordSizes sizes = Measure(record);
  std::string encoded(sizes.field, '\0');
  Encode(record, sizes, encoded.data());
  return encoded.substr(sizes.field - sizes.body);
}

LevelTable Levels(std::string_view filter) {
  if (filter == "1" || filter == "true") return {};
  std::string unread;
  return ParseStderrFilter(filter, &unread);
}

}  // namespace

Console::Console(std::string_view filter, std::string_view resource, int fd)
    : levels_(Levels(filter)), resource_json_(ResourceJson(resource)), writer_(fd) {}

std::unique_ptr<Console> Console::FromEnvironment(std::string_view resource) {
  const char* const filter = secure_getenv(kConsoleEnv);
  if (filter == nullptr || *filter == '\0' || std::string_view(filter) == "0") return nullptr;
  return std::make_unique<Console>(filter, resource, STDOUT_FILENO);
}

bool Console::Wants(const SpanSlot& slot) const {
  return static_cast<Level>(slot.level) <= levels_.For(slot.target());
}

void Console::Take(const SpanRecord& record) noexcept try {
  const std::lock_guard lock(mutex_);
  TakeLocked(record);
} catch (...) {
}

void Console::TakeLocked(const SpanRecord& record) {
  const SpanSlot& slot = record.slot;
  const std::string id(slot.span_id.raw());
  if (record.kind == RecordKind::kSpanStart || record.kind == RecordKind::kSpan) {
    const auto around = open_.find(std::string(slot.parent_id.raw()));
    const bool is_hidden = around != open_.end() && around->second.body.empty();
    open_[id] = {.body = {}, .parent = is_hidden ? around->second.parent : slot.parent_id};
  }
  const auto open = open_.find(id);
  if (open == open_.end()) return;
  if (Wants(slot)) open->second.body += BodyOf(record);
  if (slot.end_time == 0) return;
  const auto node = open_.extract(open);
  const auto span = ReadSpan(node.mapped().body);
  if (node.mapped().body.empty() || !span) return;
  ended_ += SpanJsonLine(*span, node.mapped().parent, slot.target(), resource_json_);
}

void Console::Write() noexcept try {
  const std::lock_guard writing(writing_);
  std::string lines;
  {
    const std::lock_guard lock(mutex_);
    lines.swap(ended_);
  }
  if (!lines.empty()) writer_.Write(lines);
} catch (...) {
}

}  // namespace sluice
