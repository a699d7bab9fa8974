// For threads on which nobody who waits for an answer depends.
#pragma once

#include <string>

namespace sluice {

// Names the calling thread, and takes from it what priority the agent was started with above the
// ordinary one (Nice= of its unit), which is for those who wait.
void BecomeBackgroundThread(const std::string& name);

}  // namespace sluice
