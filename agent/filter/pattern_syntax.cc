#include "agent/filter/pattern_syntax.h"

#include <algorithm>

#include "agent/base/status_macros.h"

namespace sluice::filter {
namespace {

absl::Status Unsupported(absl::string_view what) {
  return absl::InvalidArgumentError(
      absl::StrCat("pattern uses ", what, ", which is not supported"));
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
  absl::Status Step() {
    const char c = rest_.front();
    if (c == '\\') return Escape();
    if (c == '[') return Class();
    if (c == '{') return Unsupported("'{'");
    if (rest_.starts_with("(?")) return Group();
    const bool repeats = c == '*' || c == '+' || c == '?';
    if (c == '?' && after_repetition_) result_.has_lazy_operator = true;
    Take(1);
    after_repetition_ = repeats && !after_repetition_;
    return absl::OkStatus();
  }

  void Take(size_t count) {
    result_.text.append(rest_.substr(0, count));
    rest_.remove_prefix(std::min(count, rest_.size()));
    after_repetition_ = false;
  }

  absl::Status Escape() {
    if (rest_.size() > 1 && (rest_[1] == 'Q' || rest_[1] == 'C')) {
      return Unsupported(absl::StrCat("'\\", std::string(1, rest_[1]), "'"));
    }
    Take(2);
    return absl::OkStatus();
  }

  absl::Status Class() {
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

  // `(?flags)`, `(?flags:`, and what else begins so.
  absl::Status Group() {
    const size_t end = rest_.find_first_not_of("imsuUxR-", 2);
    const bool is_flags = end != std::string_view::npos && (rest_[end] == ':' || rest_[end] == ')');
    if (!is_flags) {
      Take(2);
      return absl::OkStatus();
    }
    std::string flags(rest_.substr(2, end - 2));
    std::erase(flags, 'u');
    if (flags.ends_with('-')) flags.pop_back();
    const char close = rest_[end];
    rest_.remove_prefix(end + 1);
    if (close == ':' || !flags.empty()) result_.text.append("(?").append(flags).push_back(close);
    after_repetition_ = false;
    return absl::OkStatus();
  }

  std::string_view rest_;
  Re2Pattern result_;
  bool after_repetition_ = false;
};

}  // namespace

absl::StatusOr<Re2Pattern> ToRe2(std::string_view rust_pattern) {
  return Translator(rust_pattern).Run();
}

}  // namespace sluice::filter
