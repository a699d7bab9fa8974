// How soon the calling thread gets a processor for which others compete.
#pragma once

#include <string>

namespace sluice {

// The calling thread, and each that it starts from here on, soon has a processor when it wakes up,
// and gives it up for others after a tenth of a millisecond's work instead of several. Its part of
// the processor stays what Nice= of the unit makes it. From Linux 6.12 on; before that nothing
// changes.
void BecomeResponsiveThread();

// For threads on which nobody who waits for an answer depends: names the calling thread, and takes
// from it that responsiveness and what priority the agent was started with above `nice`. 0 is the
// ordinary one, 19 the least.
void BecomeBackgroundThread(const std::string& name, int nice = 0);

}  // namespace sluice
