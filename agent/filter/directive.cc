#include "agent/filter/directive.h"

#include <re2/re2.h>

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "agent/filter/text.h"
#include "proto/text/escape.h"
#include "proto/wire/utf8.h"

namespace sluice::filter {
namespace {

constexpr size_t kNowhere = std::string_view::npos;

bool IsWordByte(char c) {
  return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '_' ||
         static_cast<unsigned char>(c) >= 0x80;
}

// A directive may begin so. Beyond ASCII with a letter or a number, as Rust's char::is_alphanumeric
// has it but for some marks.
bool MayBegin(std::string_view text) {
  static const auto* const kAlphanumeric = new re2::RE2("[\\pL\\pN]");
  const char c = text.front();
  if (static_cast<unsigned char>(c) < 0x80) {
    return IsWordByte(c) || c == '-' || c == ':' || c == '[';
  }
  const re2::StringPiece first(text.data(), DecodeUtf8(text).size);
  return re2::RE2::FullMatch(first, *kAlphanumeric);
}

// What nobody sees of it, escaped; empty: there is nothing of that kind.
std::string HiddenIn(std::string_view word) {
  std::string escaped;
  AppendEscaped(word, &escaped);
  return escaped.find("\\u{") == std::string::npos ? std::string() : escaped;
}

bool IsUsualInTarget(char c) {
  return IsWordByte(c) || c == '-' || c == ':' || c == '.' || c == '/';
}

// Odd, but taken in both profiles: left over from brackets or blanks in the wrong place.
bool IsTolerableInTarget(char c) {
  return std::string_view(" ]{}").find(c) != std::string_view::npos;
}

// Reads one directive from front to back; positions count from the start of the trimmed text.
class Parser {
 public:
  Parser(std::string_view text, const DirectiveOptions& options) : text_(text), options_(options) {}

  ParsedDirective Run() {
    if (ParseAll()) CheckTarget();
    return std::move(result_);
  }

 private:
  bool Fail(Fault fault, size_t offset, std::string message) {
    result_.fault = fault;
    result_.error = {std::move(message), offset};
    return false;
  }

  void Warn(size_t offset, std::string message) {
    result_.warnings.push_back({std::move(message), offset});
  }

  Directive& directive() { return result_.directive; }

  bool ParseAll() {
    if (text_.empty()) return Fail(Fault::kSyntax, 0, "nothing but white space");
    if (!MayBegin(text_)) {
      return Fail(Fault::kSyntax, 0,
                  "a directive begins with a letter, a digit, '-', ':', '_' or '['");
    }
    const size_t head_end = text_.find_first_of("=[");
    if (head_end == kNowhere) return ParseLevelOrTarget();
    if (head_end > 0) directive().target = text_.substr(0, head_end);
    if (text_[head_end] == '=') return ParseLevel(head_end + 1);
    size_t after = 0;
    if (!ParseBrackets(head_end + 1, &after)) return false;
    if (after == text_.size()) return true;
    if (text_[after] != '=') return Fail(Fault::kSyntax, after, "only '=' may follow ']'");
    return ParseLevel(after + 1);
  }

  // One comma at the end is ignored; `*text` is cut before it.
  bool DropFinalComma(size_t begin, std::string_view* text) {
    const size_t comma = text->find(',');
    if (comma == kNowhere) return true;
    if (comma + 1 != text->size()) {
      return Fail(Fault::kSyntax, begin + comma + 1, "text after ','");
    }
    text->remove_suffix(1);
    return true;
  }

  bool ParseLevelOrTarget() {
    std::string_view word = text_;
    if (!DropFinalComma(0, &word)) return false;
    if (const auto level = ParseLevelFilter(word)) {
      directive().level = *level;
      return true;
    }
    if (LooksLikeLevel(word)) {
      Warn(0, StrJoin({"\"", word, "\" is not a level; it is taken for a target at trace"}));
    }
    directive().target = word;
    return true;
  }

  bool CheckTarget() {
    const std::string_view target = directive().target ? *directive().target : std::string_view();
    const auto is_taken = [](char c) { return IsUsualInTarget(c) || IsTolerableInTarget(c); };
    const auto refused = std::find_if_not(target.begin(), target.end(), is_taken);
    if (options_.profile == Profile::kFixed && refused != target.end()) {
      return Fail(Fault::kSyntax, static_cast<size_t>(refused - target.begin()),
                  InTarget(*refused));
    }
    if (const std::string hidden = HiddenIn(target); !hidden.empty()) {
      Warn(0, StrJoin({"\"", hidden, "\" has characters that cannot be seen"}));
    }
    const auto odd = std::find_if_not(target.begin(), target.end(), IsUsualInTarget);
    if (odd != target.end()) {
      Warn(static_cast<size_t>(odd - target.begin()), InTarget(*odd) + " is unusual");
    }
    return true;
  }

  static std::string InTarget(char c) { return StrJoin({"'", {&c, 1}, "' in a target"}); }

  bool ParseLevel(size_t begin) {
    std::string_view word = text_.substr(begin);
    if (!DropFinalComma(begin, &word)) return false;
    if (word.empty()) return true;
    const auto level = ParseLevelFilter(word);
    if (!level.has_value()) {
      return Fail(
          Fault::kLevel, begin,
          StrJoin({"\"", word, "\" is not a level (off, error, warn, info, debug, trace, 0-5)"}));
    }
    directive().level = *level;
    return true;
  }

  bool ParseBrackets(size_t begin, size_t* after) {
    const size_t end = text_.find_first_of("]{", begin);
    if (end == kNowhere) return Fail(Fault::kSyntax, begin - 1, "'[' is not closed");
    const std::string_view span = text_.substr(begin, end - begin);
    if (text_[end] == '{') {
      if (!span.empty()) directive().span = span;
      return ParseFields(end, after);
    }
    if (span.empty() && options_.profile == Profile::kFixed) {
      return Fail(Fault::kSyntax, begin, "no span name between '[' and ']'");
    }
    if (span.empty()) Warn(begin, "matches only spans whose name is empty");
    directive().span = span;
    *after = end + 1;
    return true;
  }

  // From the `{` at `open`.
  bool ParseFields(size_t open, size_t* after) {
    size_t begin = open + 1;
    while (true) {
      const size_t end = text_.find_first_of("},", begin);
      if (end == kNowhere) return Fail(Fault::kSyntax, open, "'{' is not closed");
      if (end == begin) return Fail(Fault::kSyntax, begin, "no field name");
      if (!ParseField(begin, text_.substr(begin, end - begin))) return false;
      begin = end + 1;
      if (text_[end] == '}') break;
    }
    if (begin == text_.size() || text_[begin] != ']') {
      return Fail(Fault::kSyntax, begin, "']' must follow '}'");
    }
    *after = begin + 1;
    return true;
  }

  bool ParseField(size_t begin, std::string_view text) {
    const size_t equals = text.find('=');
    FieldTest test{std::string(text.substr(0, equals)), nullptr};
    const bool fixed = options_.profile == Profile::kFixed;
    if (test.name.empty()) {
      if (fixed) return Fail(Fault::kSyntax, begin, "no field name");
      Warn(begin, "the field's name is empty");
    }
    if (equals != kNowhere) {
      std::string_view value = text.substr(equals + 1);
      if (const size_t second = ValueEnd(value); second != kNowhere) {
        Warn(begin + equals + 1 + second, "ignored from here: a value ends at a second '='");
        value = value.substr(0, second);
      }
      if (!ParseValue(begin + equals + 1, value, &test)) return false;
    }
    directive().fields.push_back(std::move(test));
    return true;
  }

  // Where a second `=` cuts the value. kFixed keeps it, unless a blank before it makes two fields
  // of it (`a=1 b=2`), which are separated by a comma.
  size_t ValueEnd(std::string_view value) const {
    const size_t second = value.find('=');
    if (second == kNowhere || options_.profile == Profile::kCompat) return second;
    return value.substr(0, second).find(' ') == kNowhere ? kNowhere : second;
  }

  bool ParseValue(size_t begin, std::string_view text, FieldTest* test) {
    auto value = ValuePattern::Parse(text, {options_.profile, options_.patterns, options_.budget});
    if (!value.ok()) {
      const bool limit = absl::IsResourceExhausted(value.status());
      return Fail(limit ? Fault::kLimit : Fault::kField, begin,
                  std::string(value.status().message()));
    }
    test->value = *std::move(value);
    return true;
  }

  const std::string_view text_;
  const DirectiveOptions& options_;
  ParsedDirective result_;
};

}  // namespace

bool Directive::has_values() const {
  return std::any_of(fields.begin(), fields.end(),
                     [](const FieldTest& field) { return field.value != nullptr; });
}

std::string Directive::Format() const {
  std::string out = target.value_or("");
  if (is_dynamic()) {
    out.append("[").append(span.value_or(""));
    const char* separator = "{";
    for (const FieldTest& field : fields) {
      out.append(separator).append(field.name);
      if (field.value != nullptr) out.append("=").append(field.value->Format());
      separator = ",";
    }
    out.append(fields.empty() ? "]" : "}]");
  }
  if (!out.empty()) out.push_back('=');
  return out.append(LevelFilterName(level));
}

std::string_view FaultName(Fault fault) {
  static constexpr std::string_view kNames[] = {"none", "syntax", "level", "field", "limit"};
  return kNames[static_cast<size_t>(fault)];
}

ParsedDirective ParseDirective(std::string_view text, const DirectiveOptions& options) {
  const std::string_view trimmed = TrimWhiteSpace(text);
  ParsedDirective parsed = Parser(trimmed, options).Run();
  const size_t shift = static_cast<size_t>(trimmed.data() - text.data());
  parsed.error.offset += shift;
  for (Remark& warning : parsed.warnings) warning.offset += shift;
  return parsed;
}

}  // namespace sluice::filter
