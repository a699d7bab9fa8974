// What admission lets pass, every reader can read; what it mends, it lets pass without a flaw.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "proto/record/check.h"
#include "proto/record/repair.h"
#include "proto/text/message_text.h"
#include "proto/wire/utf8.h"

namespace sluice {
namespace {

void Require(bool holds) {
  if (!holds) std::abort();
}

void CheckViews(const RecordView& read, const RecordView& judged) {
  Require(read.kind == judged.kind && read.level == judged.level);
  Require(read.kind != RecordKind::kUnspecified && read.level != Level::kUnspecified);
  Require(read.trace_id() == judged.trace_id() && read.span_id() == judged.span_id());
}

void CheckMended(std::string_view encoded, const RecordView& before) {
  const std::string mended = RepairRecord(encoded);
  if (mended.empty()) return;
  const RecordVerdict verdict = CheckRecord(mended);
  Require(verdict.fault == RecordFault::kNone && !verdict.flaws.any());
  Require(verdict.view.kind == before.kind && verdict.view.level == before.level);
  Require(verdict.view.trace_id() == before.trace_id());
  Require(IsValidUtf8(MessageText(verdict.view)));
}

void FuzzRecord(std::string_view encoded) {
  const RecordVerdict verdict = CheckRecord(encoded);
  const std::optional<RecordView> read = ReadRecord(encoded);
  if (verdict.fault != RecordFault::kNone) return;
  Require(read.has_value());
  CheckViews(*read, verdict.view);
  MessageText(*read);
  CheckMended(encoded, *read);
}

void FuzzResource(std::string_view encoded) {
  bool changed = false;
  const std::string mended = RepairResource(encoded, &changed);
  Require(changed == (mended != encoded));
  const ResourceVerdict verdict = CheckResource(mended);
  Require(verdict.sound && !verdict.flawed);
}

void FuzzBareSpan(std::string_view encoded) {
  const RecordVerdict verdict = CheckBareSpan(encoded, "scope");
  const std::optional<RecordView> read = ReadBareSpan(encoded, "scope");
  if (verdict.fault != RecordFault::kNone) return;
  Require(read.has_value());
  CheckViews(*read, verdict.view);
  const std::string mended = RepairBareSpan(encoded);
  if (mended.size() > limits::kOtlpItemBytes) return;
  const RecordVerdict after = CheckBareSpan(mended, "scope");
  Require(after.fault == RecordFault::kNone && !after.flaws.any());
  Require(after.view.level == verdict.view.level);
}

void FuzzBareEvent(std::string_view encoded) {
  const RecordVerdict verdict = CheckBareEvent(encoded, "scope");
  if (verdict.fault != RecordFault::kNone) return;
  const std::string mended = RepairBareEvent(encoded);
  if (mended.size() > limits::kOtlpItemBytes) return;
  const RecordVerdict after = CheckBareEvent(mended, "scope");
  Require(after.fault == RecordFault::kNone && !after.flaws.reserved_attributes);
  const std::optional<RecordView> read = ReadBareEvent(mended, "scope");
  Require(read.has_value());
  CheckViews(*read, verdict.view);
}

void FuzzEnvelope(std::string_view encoded) {
  uint32_t left_out = 0;
  if (CheckOtlpResource(encoded).sound) {
    const ResourceVerdict verdict = CheckOtlpResource(RepairOtlpResource(encoded, &left_out));
    Require(verdict.sound && !verdict.flawed);
  }
  if (CheckOtlpScope(encoded).sound) {
    const ResourceVerdict verdict = CheckOtlpScope(RepairOtlpScope(encoded));
    Require(verdict.sound && !verdict.flawed);
  }
}

}  // namespace
}  // namespace sluice

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size) {
  const std::string_view encoded(reinterpret_cast<const char*>(bytes), size);
  sluice::FuzzRecord(encoded);
  sluice::FuzzResource(encoded);
  sluice::FuzzBareSpan(encoded);
  sluice::FuzzBareEvent(encoded);
  sluice::FuzzEnvelope(encoded);
  return 0;
}
