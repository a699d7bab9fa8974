#include "agent/filter/text.h"

#include <algorithm>
#include <array>
#include <numeric>
#include <utility>
#include <vector>

namespace sluice::filter {
namespace {

// U+0009-000D, 0020, 0085, 00A0, 1680, 2000-200A, 2028, 2029, 202F, 205F, 3000; and the byte order
// mark, with which some editors begin a file.
constexpr std::array<std::string_view, 26> kWhiteSpace = {
    "\t",           "\n",           "\v",           "\f",           "\r",           " ",
    "\xc2\x85",     "\xc2\xa0",     "\xe1\x9a\x80", "\xe2\x80\x80", "\xe2\x80\x81", "\xe2\x80\x82",
    "\xe2\x80\x83", "\xe2\x80\x84", "\xe2\x80\x85", "\xe2\x80\x86", "\xe2\x80\x87", "\xe2\x80\x88",
    "\xe2\x80\x89", "\xe2\x80\x8a", "\xe2\x80\xa8", "\xe2\x80\xa9", "\xe2\x80\xaf", "\xe2\x81\x9f",
    "\xe3\x80\x80", "\xef\xbb\xbf",
};

std::string ToLower(std::string_view text) {
  std::string lower(text);
  for (char& c : lower) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return lower;
}

}  // namespace

std::string_view TrimWhiteSpace(std::string_view text) {
  const auto leads = [&text](std::string_view space) { return text.starts_with(space); };
  const auto trails = [&text](std::string_view space) { return text.ends_with(space); };
  while (true) {
    if (const auto* it = std::find_if(kWhiteSpace.begin(), kWhiteSpace.end(), leads);
        it != kWhiteSpace.end()) {
      text.remove_prefix(it->size());
    } else if (it = std::find_if(kWhiteSpace.begin(), kWhiteSpace.end(), trails);
               it != kWhiteSpace.end()) {
      text.remove_suffix(it->size());
    } else {
      return text;
    }
  }
}

bool LooksLikeLevel(std::string_view word) {
  static constexpr std::string_view kLevels[] = {"off", "error", "warn", "info", "debug", "trace"};
  static constexpr std::string_view kForeign[] = {"warning", "fatal",   "critical", "all",
                                                  "none",    "verbose", "notice",   "err"};
  if (word.find_first_not_of("+-0123456789") == std::string_view::npos) return true;
  const std::string lower = ToLower(word);
  if (std::find(std::begin(kForeign), std::end(kForeign), lower) != std::end(kForeign)) return true;
  return std::any_of(std::begin(kLevels), std::end(kLevels),
                     [&lower](std::string_view level) { return EditDistance(lower, level) == 1; });
}

size_t EditDistance(std::string_view a, std::string_view b) {
  std::vector<size_t> before, previous, current(b.size() + 1);
  std::iota(current.begin(), current.end(), 0);
  for (size_t i = 1; i <= a.size(); ++i) {
    before = std::exchange(previous, std::move(current));
    current.assign(b.size() + 1, i);
    for (size_t j = 1; j <= b.size(); ++j) {
      const size_t replaced = previous[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
      current[j] = std::min({previous[j] + 1, current[j - 1] + 1, replaced});
      const bool swapped = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
      if (swapped) current[j] = std::min(current[j], before[j - 2] + 1);
    }
  }
  return current.back();
}

std::string StrJoin(std::initializer_list<std::string_view> parts) {
  std::string out;
  for (const std::string_view part : parts) out.append(part);
  return out;
}

}  // namespace sluice::filter
