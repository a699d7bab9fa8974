#include "agent/filter/pattern_syntax.h"

#include <re2/re2.h>

#include <algorithm>
#include <cstdint>
#include <set>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "agent/base/status_macros.h"

namespace sluice::filter {
namespace {

absl::Status Unsupported(absl::string_view what) {
  return absl::InvalidArgumentError(
      absl::StrCat("pattern uses ", what, ", which is not supported"));
}

// How many hexadecimal digits follow `\u` or `\U`; 0: it is another escape.
size_t CodePointDigits(char letter) { return letter == 'u' ? 4 : letter == 'U' ? 8 : 0; }

bool IsGroupName(std::string_view name) {
  static const auto* const kName = new re2::RE2("[_\\pL][_.\\[\\]\\pL\\pN]*");
  return re2::RE2::FullMatch(re2::StringPiece(name.data(), name.size()), *kName);
}

// `i`, `s-m`: each flag once, at most one `-`, and some flag behind that.
bool AreFlags(std::string_view flags) {
  for (const char c : flags) {
    if (std::ranges::count(flags, c) > 1) return false;
  }
  return !flags.ends_with('-');
}

// Copies a pattern piece by piece, rewriting as it goes.
class Translator {
 public:
  explicit Translator(std::string_view pattern) : rest_(pattern) {}

  absl::StatusOr<Re2Pattern> Run() {
    while (!rest_.empty()) RETURN_IF_ERROR(Step());
    return std::move(result_);
  }

 private:
  // Of the atom that ends here: how it is repeated.
  enum class Repetition { kNone, kGreedy, kLazy };

  absl::Status Step() {
    const char c = rest_.front();
    if (c == '{') return Unsupported("'{'");
    if (c == '*' || c == '+' || c == '?') return Repeat(c);
    if (c == ')') return EndGroup();
    if (rest_.starts_with("(?")) return Group();
    if (c == '(') groups_.push_back(result_.text.size());
    // Of the bytes of one character the first begins the atom.
    if ((c & 0xc0) != 0x80) atom_begin_ = result_.text.size();
    repetition_ = Repetition::kNone;
    if (c == '\\') return Escape();
    if (c == '[') return Class();
    if (c == '.') RETURN_IF_ERROR(CheckText());
    Take(1);
    return absl::OkStatus();
  }

  // Before what may match a byte that is no text where `-u` holds; Rust refuses that, too.
  absl::Status CheckText() const {
    return is_of_bytes_ ? Unsupported("bytes instead of text ('-u')") : absl::OkStatus();
  }

  void Take(size_t count) {
    result_.text.append(rest_.substr(0, count));
    rest_.remove_prefix(std::min(count, rest_.size()));
  }

  // RE2 repeats no repetition, so that it becomes a group.
  absl::Status Repeat(char c) {
    if (repetition_ == Repetition::kGreedy && c == '?') {
      repetition_ = Repetition::kLazy;
      result_.has_lazy_operator = true;
    } else {
      if (repetition_ != Repetition::kNone) {
        result_.text.insert(atom_begin_, "(?:");
        result_.text.push_back(')');
      }
      repetition_ = Repetition::kGreedy;
    }
    Take(1);
    return absl::OkStatus();
  }

  absl::Status EndGroup() {
    if (!groups_.empty()) {
      atom_begin_ = groups_.back();
      groups_.pop_back();
    }
    repetition_ = Repetition::kNone;
    Take(1);
    return absl::OkStatus();
  }

  absl::Status Escape() {
    const char letter = rest_.size() > 1 ? rest_[1] : '\0';
    if (letter == 'Q' || letter == 'C' || letter == '<' || letter == '>' ||
        absl::ascii_isdigit(letter)) {
      return Unsupported(absl::StrCat("'\\", std::string(1, letter), "'"));
    }
    if (const size_t digits = CodePointDigits(letter); digits > 0) return CodePoint(digits);
    if (letter == 'x') {
      if (rest_.size() > 2 && rest_[2] >= '8') RETURN_IF_ERROR(CheckText());
      Take(4);
      return absl::OkStatus();
    }
    if (letter == '_') rest_.remove_prefix(1);  // which needs no escape
    Take(letter == '_' ? 1 : 2);
    return absl::OkStatus();
  }

  absl::Status CodePoint(size_t digits) {
    const std::string_view hex = rest_.substr(2, digits);
    uint32_t value = 0;
    const bool is_hex = hex.size() == digits && std::ranges::all_of(hex, absl::ascii_isxdigit) &&
                        absl::SimpleHexAtoi({hex.data(), hex.size()}, &value);
    if (!is_hex || value > 0x10ffff || (value >= 0xd800 && value < 0xe000)) {
      return absl::InvalidArgumentError(
          absl::StrCat("pattern has no code point behind '\\", std::string(1, rest_[1]), "'"));
    }
    result_.text.append("\\x{").append(hex).push_back('}');
    rest_.remove_prefix(2 + digits);
    return absl::OkStatus();
  }

  absl::Status Class() {
    if (rest_.starts_with("[^")) RETURN_IF_ERROR(CheckText());
    Take(rest_.starts_with("[^") ? 2 : 1);
    if (rest_.starts_with(']')) Take(1);
    while (!rest_.empty() && rest_.front() != ']') RETURN_IF_ERROR(ClassItem());
    Take(1);
    return absl::OkStatus();
  }

  absl::Status ClassItem() {
    if (rest_.front() == '\\') return Escape();
    for (const std::string_view operation : {"&&", "--", "~~"}) {
      if (rest_.starts_with(operation)) {
        return Unsupported(absl::StrCat("the class operator '", std::string(operation), "'"));
      }
    }
    if (rest_.front() != '[') {
      Take(1);
      return absl::OkStatus();
    }
    const size_t end = rest_.starts_with("[:") ? rest_.find(":]") : std::string_view::npos;
    if (end == std::string_view::npos) return Unsupported("a class within a class");
    Take(end + 2);
    return absl::OkStatus();
  }

  // `(?flags)`, `(?flags:`, `(?<name>`, `(?P<name>`, and what else begins so.
  absl::Status Group() {
    for (const std::string_view opening : {"(?P<", "(?<"}) {
      if (rest_.starts_with(opening)) return NamedGroup(opening.size());
    }
    const size_t end = rest_.find_first_not_of("imsuUxR-", 2);
    const bool is_flags = end != std::string_view::npos && (rest_[end] == ':' || rest_[end] == ')');
    if (!is_flags) {
      Take(2);
      return absl::OkStatus();
    }
    const char close = rest_[end];
    std::string flags(rest_.substr(2, end - 2));
    if (!AreFlags(flags) || (flags.empty() && close == ')')) {
      return absl::InvalidArgumentError("pattern has no flags behind '(?'");
    }
    std::string off = flags.substr(std::min(flags.find('-'), flags.size()));
    if (off.find('u') != std::string::npos) is_of_bytes_ = true;
    flags.resize(flags.size() - off.size());
    std::erase_if(flags, [](char c) { return c == 'u' || c == 'R'; });
    std::erase_if(off, [](char c) { return c == 'u' || c == 'x' || c == 'R'; });
    if (off != "-") flags += off;
    rest_.remove_prefix(end + 1);
    if (close == ':') groups_.push_back(result_.text.size());
    if (close == ':' || !flags.empty()) result_.text.append("(?").append(flags).push_back(close);
    repetition_ = Repetition::kNone;
    return absl::OkStatus();
  }

  // Nothing is ever captured, so that the name goes.
  absl::Status NamedGroup(size_t opening) {
    const size_t end = rest_.find('>', opening);
    const std::string_view name =
        end == std::string_view::npos ? std::string_view() : rest_.substr(opening, end - opening);
    if (!IsGroupName(name)) {
      return absl::InvalidArgumentError("pattern has a group whose name is none");
    }
    if (!names_.insert(std::string(name)).second) {
      return absl::InvalidArgumentError(
          absl::StrCat("pattern has two groups of the name '", std::string(name), "'"));
    }
    groups_.push_back(result_.text.size());
    result_.text.push_back('(');
    rest_.remove_prefix(end + 1);
    repetition_ = Repetition::kNone;
    return absl::OkStatus();
  }

  std::string_view rest_;
  Re2Pattern result_;
  // Where in result_ the atom begins that ends here, and each group that is open.
  size_t atom_begin_ = 0;
  std::vector<size_t> groups_;
  Repetition repetition_ = Repetition::kNone;
  std::set<std::string> names_;
  bool is_of_bytes_ = false;  // from the first `-u` on, beyond its group
};

}  // namespace

absl::StatusOr<Re2Pattern> ToRe2(std::string_view rust_pattern) {
  return Translator(rust_pattern).Run();
}

}  // namespace sluice::filter
