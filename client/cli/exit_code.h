// What `sluice` tells the shell, and the failures that become it.
#pragma once

#include <string>
#include <utility>
#include <variant>

namespace sluice::cli {

// `run` returns its child's code instead.
enum ExitCode : int {
  kExitOk = 0,
  kExitNegative = 1,  // negative result: not found, timed out, nothing there
  kExitUsage = 2,
  kExitIo = 3,
  kExitNoAgent = 4,  // nobody listens, or nobody answers
  kExitRefused = 5,  // the agent answered, and the answer is an error
};

// Why a verb cannot go on: its exit code and one line for stderr that names the fix where there is
// one.
struct Failure {
  ExitCode code = kExitUsage;
  std::string message;
};

// A value, or why there is none.
template <typename T>
class Result {
 public:
  Result(T value) : state_(std::move(value)) {}            // NOLINT: returned as is
  Result(Failure failure) : state_(std::move(failure)) {}  // NOLINT: returned as is

  bool ok() const { return std::holds_alternative<T>(state_); }
  T& operator*() { return std::get<T>(state_); }
  const T& operator*() const { return std::get<T>(state_); }
  T* operator->() { return &std::get<T>(state_); }
  const T* operator->() const { return &std::get<T>(state_); }
  const Failure& failure() const { return std::get<Failure>(state_); }

 private:
  std::variant<T, Failure> state_;
};

}  // namespace sluice::cli
