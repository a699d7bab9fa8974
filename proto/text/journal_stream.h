// What systemd's journal makes of lines on the stream that it gives to a service.
#pragma once

#include <string>

#include "proto/record/view.h"

namespace sluice {

// Whether the descriptor is the stream that JOURNAL_STREAM names, where `<N>` at the start of a
// line means a priority. A child of a service inherits the variable, but may write elsewhere.
bool IsJournalStream(int fd);

// `<N>`, N being the syslog priority.
void AppendPriority(Level level, std::string* line);

// Cuts the line that begins at `begin`, newline included, to what the journal takes as one, and
// says how much is missing.
void CutForJournal(size_t begin, std::string* out);

}  // namespace sluice
