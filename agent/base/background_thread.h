// For threads on which nobody who waits for an answer depends.
#pragma once

#include <string>

namespace sluice {

// Names the calling thread, and takes from it what priority the agent was started with above `nice`
// (Nice= of its unit), which is for those who wait. 0 is the ordinary one, 19 the least.
void BecomeBackgroundThread(const std::string& name, int nice = 0);

}  // namespace sluice
