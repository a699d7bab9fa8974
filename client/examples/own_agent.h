// An agent of a program's own, with one destination: for examples, which are run before anything is
// installed. Programs use the machine's.
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <string>

// Starts sluiced in a folder of its own, and makes it the one that this process speaks to. Ends it,
// and removes the folder, when destroyed. To be made before the first span, by one thread.
class OwnAgent {
 public:
  // `endpoint` as `sluiced --otlp-endpoint` takes it. The agent logs to stderr if it `is_verbose`.
  OwnAgent(const std::string& endpoint, bool is_verbose);
  ~OwnAgent();
  OwnAgent(const OwnAgent&) = delete;
  OwnAgent& operator=(const OwnAgent&) = delete;

  // Whether it listens.
  bool is_up() const { return is_up_; }

 private:
  bool WaitUntilItListens() const;

  std::filesystem::path folder_;
  pid_t pid_ = -1;
  bool is_up_ = false;
};
