// How calls on a pool file fail: by value, with the system's number and a line for people.
#pragma once

#include <string>
#include <utility>
#include <variant>

namespace sluice::kvp {

// Default: no error.
struct PoolError {
  // errno's, or of what the system does not tell the number that says it best: ETIMEDOUT where
  // others hold a lock, ESTALE where another program changed the file meanwhile.
  int code = 0;
  std::string message;  // names operation and path

  bool ok() const { return code == 0; }
};

// `DOING: what errno says`.
PoolError PoolErrno(const std::string& doing);

// A value, or why there is none.
template <typename T>
class PoolResult {
 public:
  PoolResult(T value) : state_(std::move(value)) {}          // NOLINT: returned as is
  PoolResult(PoolError error) : state_(std::move(error)) {}  // NOLINT: returned as is

  bool ok() const { return std::holds_alternative<T>(state_); }
  T& operator*() { return std::get<T>(state_); }
  const T& operator*() const { return std::get<T>(state_); }
  T* operator->() { return &std::get<T>(state_); }
  const T* operator->() const { return &std::get<T>(state_); }
  const PoolError& error() const { return std::get<PoolError>(state_); }

 private:
  std::variant<T, PoolError> state_;
};

}  // namespace sluice::kvp
