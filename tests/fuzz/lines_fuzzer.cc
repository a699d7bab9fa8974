// A record as it came: whatever admission takes makes exactly one printable line in every style,
// and escaped text unescapes to what it was.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "agent/lines/format.h"
#include "proto/record/check.h"
#include "proto/text/escape.h"

namespace {

using namespace sluice;

void CheckEscapes(std::string_view text) {
  std::string escaped, key, quoted;
  AppendEscaped(text, &escaped);
  AppendEscapedKey(text, &key);
  AppendQuoted(text, &quoted);
  if (Unescape(escaped) != text || Unescape(key) != text) std::abort();
  if (Unescape(std::string_view(quoted).substr(1, quoted.size() - 2)) != text) std::abort();
}

void CheckLine(const std::string& line) {
  for (size_t i = 0; i + 1 < line.size(); ++i) {
    const auto byte = static_cast<unsigned char>(line[i]);
    if (byte < 0x20 || byte == 0x7f) std::abort();
  }
  if (line.empty() || line.back() != '\n') std::abort();
}

void CheckStyle(lines::LineStyle style, const RecordView& record) {
  lines::LineOptions options;
  options.style = style;
  const lines::LineFormat format(options);
  std::string fields, line;
  format.AppendFields(record, &fields);
  const SpanContextItem span{record.target, fields};
  const Identity sender;
  const lines::LineInput input{&record, {&span, 1}, &sender, record.target};
  if (record.kind == RecordKind::kEvent) {
    format.AppendEvent(input, &line);
  } else {
    format.AppendSpanClose(input, record.span.start_unix_nano, &line);
  }
  CheckLine(line);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  CheckEscapes(bytes);
  (void)Unescape(bytes);
  const RecordVerdict verdict = CheckRecord(bytes);
  if (verdict.fault != RecordFault::kNone) return 0;
  for (const auto style :
       {lines::LineStyle::kText, lines::LineStyle::kJson, lines::LineStyle::kLogfmt}) {
    CheckStyle(style, verdict.view);
  }
  return 0;
}
