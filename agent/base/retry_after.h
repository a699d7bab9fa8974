// When a refused caller may try again, carried inside the status that refuses it.
#pragma once

#include <chrono>
#include <optional>

#include "absl/status/status.h"

namespace sluice {

absl::Status WithRetryAfter(absl::Status status, std::chrono::milliseconds delay);

// nullopt: `status` says nothing about it.
std::optional<std::chrono::milliseconds> RetryAfter(const absl::Status& status);

}  // namespace sluice
