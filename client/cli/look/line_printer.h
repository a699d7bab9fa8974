// Prints what the agent tells of its lines.
#pragma once

#include <cstddef>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "client/cli/exit_code.h"
#include "client/cli/render/text.h"
#include "sluice/v1/query.pb.h"

namespace re2 {
class RE2;
}

namespace sluice::cli {

struct LineOutput {
  enum class Shape { kShort, kJson, kCat };

  Shape shape = Shape::kShort;
  std::string pattern;  // of the messages shown; empty: all
  // The newest first: all are held until PrintHeld.
  bool reverse = false;
  // Of the lines shown the newest so many alone, which are held until PrintHeld. 0: all.
  size_t newest = 0;
  // kShort: lines go on below where the terminal is too narrow.
  TextStyle style;
};

class LinePrinter {
 public:
  // The failure names what is wrong with the pattern. A pattern without capital letters matches
  // both cases.
  // `write` puts text to stdout: kExitOk, or what went wrong.
  using WriteFn = std::function<int(std::string_view text)>;
  static Result<LinePrinter> Create(LineOutput output);
  LinePrinter(LinePrinter&&) noexcept;
  ~LinePrinter();

  // Instead of Print.
  void WriteBy(WriteFn write) { write_ = std::move(write); }

  // Lines to stdout, what was missed to stderr. kExitOk, or what went wrong with stdout.
  int Take(const v1::LinesResponse& response);
  // What LineOutput::reverse and newest have held back. What comes from here on is printed as it
  // comes.
  int PrintHeld();
  // The place behind what was taken, as a last line.
  int PrintCursor() const;

  // What LinesRequest.after_cursor goes on from; empty: nothing was taken.
  const std::string& cursor() const { return cursor_; }
  bool has_printed() const { return has_printed_; }

 private:
  LinePrinter(LineOutput output, std::unique_ptr<re2::RE2> pattern);
  bool IsShown(const v1::Line& line) const;

  LineOutput output_;
  std::unique_ptr<re2::RE2> pattern_;  // null: everything matches
  std::string cursor_;
  WriteFn write_;
  bool holds_;
  std::deque<std::string> held_;
  bool has_printed_ = false;
};

}  // namespace sluice::cli
