#include "client/src/stderr/printer.h"

#include <unistd.h>

#include <algorithm>
#include <cstdlib>

#include "client/src/stderr/filter.h"
#include "proto/record/names.h"
#include "proto/text/color.h"
#include "proto/text/escape.h"
#include "proto/text/journal_stream.h"

namespace sluice {

StderrPrinter::StderrPrinter(std::string_view filter, Output output)
    : levels_(ParseStderrFilter(filter, &unread_)), output_(output), writer_(output.fd) {}

void StderrPrinter::Complain() {
  if (unread_.empty()) return;
  std::string line("sluice: SLUICE_STDERR: cannot read '");
  AppendEscaped(unread_, &line);
  line += "', left out; write warn or target=debug, separated by commas\n";
  Write(line);
}

std::unique_ptr<StderrPrinter> StderrPrinter::FromEnvironment() {
  const char* const filter = secure_getenv(kStderrEnv.data());
  if (filter == nullptr || *filter == '\0') return nullptr;
  const Output output = {.fd = STDERR_FILENO,
                         .color = TakesColor(STDERR_FILENO),
                         .priority = IsJournalStream(STDERR_FILENO)};
  auto printer = std::make_unique<StderrPrinter>(filter, output);
  const bool is_silent = printer->widest() == Level::kUnspecified && printer->unread_.empty();
  if (is_silent) return nullptr;
  return printer;
}

template <typename WriteMessage>
std::string StderrPrinter::MakeLine(const Head& head, WriteMessage write_message) const {
  std::string line;
  if (output_.priority) AppendPriority(head.level, &line);
  TextLine text(output_.color, &line);
  text.Head(head.level, head.target, head.context, head.time);
  write_message(text);
  line += '\n';
  if (output_.priority) CutForJournal(0, &line);
  return line;
}

std::string StderrPrinter::EventLine(const RecordView& event, Context context) const {
  return MakeLine({event.level, event.target, context, event.event.time_unix_nano},
                  [&](TextLine& text) { text.Event(event); });
}

std::string StderrPrinter::NewLine(Level level, std::string_view target, Context context,
                                   uint64_t time) const {
  return MakeLine({level, target, context, time}, [](TextLine& text) { text.New(); });
}

std::string StderrPrinter::CloseLine(Level level, std::string_view target, Context context,
                                     uint64_t start, uint64_t end,
                                     std::optional<std::string_view> error) const {
  return MakeLine({level, target, context, end}, [&](TextLine& text) {
    text.Close(end - std::min(end, start), 0);
    if (error.has_value()) text.Failure(*error);
  });
}

void StderrPrinter::AppendFields(const RecordView& record, std::string* fields) const {
  TextLine(output_.color, fields).Fields(record, !fields->empty());
}

}  // namespace sluice
