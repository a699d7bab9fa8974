#include "proto/text/line.h"

#include "proto/text/escape.h"
#include "proto/text/message_text.h"
#include "proto/text/times.h"

namespace sluice {
namespace {

// As tracing-subscriber paints.
constexpr std::string_view kDim = "2";
constexpr std::string_view kBold = "1";
constexpr std::string_view kItalic = "3";

// The field that is an event's message where it has no body.
constexpr std::string_view kMessageKey = "message";

std::string_view LevelStyle(Level level) {
  switch (level) {
    case Level::kError:
      return "31";
    case Level::kWarn:
      return "33";
    case Level::kDebug:
      return "34";
    case Level::kTrace:
      return "35";
    default:
      return "32";
  }
}

}  // namespace

void AppendLineValue(const ValueView& value, bool bare, std::string* out) {
  if (value.type != ValueView::Type::kString) {
    AppendValueText(value, bare, out);
  } else if (bare) {
    AppendEscaped(value.text, out);
  } else {
    AppendQuoted(value.text, out);
  }
}

void TextLine::Paint(std::string_view style, std::string_view printable) {
  if (color_) out_->append("\x1b[").append(style).append("m");
  out_->append(printable);
  if (color_) out_->append("\x1b[0m");
}

void TextLine::Field(std::string_view key, const ValueView& value, bool bare) {
  std::string escaped;
  AppendEscapedKey(key, &escaped);
  Paint(kItalic, escaped);
  Paint(kDim, "=");
  AppendLineValue(value, bare, out_);
}

void TextLine::Fields(const RecordView& record, bool follows) {
  const FieldRange attributes =
      record.kind == RecordKind::kEvent ? record.event.attributes() : record.span.attributes();
  uint32_t index = 0;
  for (const std::string_view encoded : attributes) {
    const AttributeView attribute = ReadAttribute(encoded);
    if (follows) out_->push_back(' ');
    follows = true;
    Field(attribute.key, attribute.value, record.bare.Has(index++));
  }
}

void TextLine::FieldsWithMessage(const RecordView& record) {
  uint32_t index = 0;
  for (const std::string_view encoded : record.event.attributes()) {
    const AttributeView attribute = ReadAttribute(encoded);
    if (index > 0) out_->push_back(' ');
    if (attribute.key == kMessageKey) {
      AppendLineValue(attribute.value, true, out_);
    } else {
      Field(attribute.key, attribute.value, record.bare.Has(index));
    }
    ++index;
  }
}

void TextLine::Context(std::span<const SpanContextItem> context) {
  for (const SpanContextItem& span : context) {
    std::string name;
    AppendEscaped(span.name, &name);
    Paint(kBold, name);
    if (!span.fields.empty()) {
      Paint(kBold, "{");
      out_->append(span.fields);
      Paint(kBold, "}");
    }
    Paint(kDim, ":");
  }
}

void TextLine::Head(Level level, std::string_view target, std::span<const SpanContextItem> context,
                    uint64_t unix_nano, std::string_view sender) {
  Paint(kDim, FormatUtc(unix_nano, 6));
  out_->push_back(' ');
  std::string padded(LevelName(level));
  padded.insert(0, 5 - padded.size(), ' ');
  Paint(LevelStyle(level), padded);
  out_->push_back(' ');
  if (!sender.empty()) {
    std::string escaped;
    AppendEscaped(sender, &escaped);
    Paint(kDim, escaped);
    out_->push_back(' ');
  }
  Context(context);
  if (!context.empty()) out_->push_back(' ');
  if (target.empty()) return;
  std::string escaped;
  AppendEscaped(target, &escaped);
  Paint(kDim, escaped);
  Paint(kDim, ":");
  out_->push_back(' ');
}

void TextLine::Event(const RecordView& record) {
  if (record.event.message.type == ValueView::Type::kEmpty) return FieldsWithMessage(record);
  AppendLineValue(record.event.message, true, out_);
  Fields(record, true);
}

void TextLine::Close(uint64_t busy_nanos, uint64_t idle_nanos) {
  out_->append("close ");
  Paint(kItalic, "time.busy");
  Paint(kDim, "=");
  out_->append(FormatDuration(busy_nanos)).push_back(' ');
  Paint(kItalic, "time.idle");
  Paint(kDim, "=");
  out_->append(FormatDuration(idle_nanos));
}

void TextLine::Failure(std::string_view message) {
  out_->push_back(' ');
  Paint(kItalic, "error");
  Paint(kDim, "=");
  AppendQuoted(message, out_);
}

}  // namespace sluice
