// What a shell hands to the tool: a command's output, files and flags that hold contexts,
// attributes and times, and what /proc says of a process. However the output arrives, its lines are
// the same.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "client/cli/emit/carrier.h"
#include "client/cli/emit/event_lines.h"
#include "client/cli/emit/span_flags.h"
#include "client/cli/emit/span_owner.h"

namespace {

using sluice::cli::LineCutter;

std::vector<std::string> LinesOf(std::string_view input, size_t piece) {
  LineCutter cutter;
  std::vector<std::string> lines;
  for (; !input.empty(); input.remove_prefix(std::min(piece, input.size()))) {
    for (const std::string_view line : cutter.Add(input.substr(0, piece))) lines.emplace_back(line);
  }
  lines.emplace_back(cutter.Rest());
  return lines;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(bytes), size);
  const std::vector<std::string> lines = LinesOf(input, size);
  for (const std::string& line : lines) {
    const bool is_line = line.size() <= LineCutter::kLineBytes && line.find('\n') == line.npos;
    if (!is_line) std::abort();
  }
  if (size > 0 && LinesOf(input, 1 + bytes[0]) != lines) std::abort();

  if (const auto context = sluice::cli::ParseCarrier(input)) {
    const auto again = sluice::cli::ParseCarrier(sluice::cli::FormatCarrier(*context, true));
    if (!again || again->span_id != context->span_id) std::abort();
  }
  sluice::cli::ParseProcessStat(input);
  sluice::cli::ParseSpanTime(input, 0);
  const auto elements = sluice::cli::SplitAttrs(input);
  if (!elements.ok()) return 0;
  for (const std::string& element : *elements) sluice::cli::ParseAttr(element);
  return 0;
}
