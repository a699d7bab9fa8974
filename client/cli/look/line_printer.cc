#include "client/cli/look/line_printer.h"

#include <re2/re2.h>

#include <algorithm>
#include <cstdio>
#include <utility>

#include "client/cli/verb.h"
#include "proto/text/escape.h"

namespace sluice::cli {
namespace {

bool HasCapital(const std::string& pattern) {
  return std::any_of(pattern.begin(), pattern.end(), [](char c) { return c >= 'A' && c <= 'Z'; });
}

// RE2 takes time in proportion to the text, whatever the pattern.
RE2::Options PatternOptions(const std::string& pattern) {
  RE2::Options options(RE2::Quiet);
  options.set_case_sensitive(HasCapital(pattern));
  return options;
}

}  // namespace

LinePrinter::LinePrinter(LineOutput output, std::unique_ptr<re2::RE2> pattern)
    : output_(std::move(output)),
      pattern_(std::move(pattern)),
      write_(Print),
      holds_(output_.reverse || output_.newest > 0) {}
LinePrinter::LinePrinter(LinePrinter&&) noexcept = default;
LinePrinter::~LinePrinter() = default;

Result<LinePrinter> LinePrinter::Create(LineOutput output) {
  std::unique_ptr<RE2> pattern;
  if (!output.pattern.empty()) {
    pattern = std::make_unique<RE2>(output.pattern, PatternOptions(output.pattern));
    if (!pattern->ok()) {
      return Failure{kExitUsage, "invalid pattern '" + output.pattern + "': " + pattern->error()};
    }
  }
  return LinePrinter(std::move(output), std::move(pattern));
}

bool LinePrinter::IsShown(const v1::Line& line) const {
  return pattern_ == nullptr || RE2::PartialMatch(line.message(), *pattern_);
}

int LinePrinter::Take(const v1::LinesResponse& response) {
  cursor_ = response.cursor();
  if (response.other_journal()) {
    Note("the cursor is of another journal; showing this one from its beginning");
  }
  if (response.missed_entries() > 0) {
    Note(std::to_string(response.missed_entries()) +
         " journal entries went before they could be shown");
  }
  std::string text;
  for (const v1::Line& line : response.lines()) {
    if (!IsShown(line)) continue;
    const size_t begin = text.size();
    if (output_.shape == LineOutput::Shape::kCat) {
      AppendEscaped(line.message(), &text);
    } else if (output_.shape == LineOutput::Shape::kShort) {
      text += Fold(line.text(), 0, output_.style);
    } else {
      text += line.text();
    }
    text += '\n';
    if (!holds_) continue;
    held_.push_back(text.substr(begin));
    if (held_.size() == output_.newest + 1 && output_.newest > 0) held_.pop_front();
  }
  if (text.empty()) return kExitOk;
  has_printed_ = true;
  return holds_ ? kExitOk : write_(text);
}

int LinePrinter::PrintHeld() {
  if (output_.reverse) std::ranges::reverse(held_);
  std::string text;
  for (const std::string& line : std::exchange(held_, {})) text += line;
  holds_ = false;
  return text.empty() ? kExitOk : write_(text);
}

int LinePrinter::PrintCursor() const {
  if (output_.shape == LineOutput::Shape::kJson) return Print("{\"cursor\":\"" + cursor_ + "\"}\n");
  return Print("-- cursor: " + cursor_ + '\n');
}

}  // namespace sluice::cli
