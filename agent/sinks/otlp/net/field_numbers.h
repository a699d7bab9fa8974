// The field numbers of what destinations answer. They are read from the wire: the module cannot
// link the generated messages, which the agent has linked already and which may be registered once.
#pragma once

#include <cstdint>

namespace sluice::otlp {

namespace export_response_field {  // Export*ServiceResponse
inline constexpr uint32_t kPartialSuccess = 1;
}  // namespace export_response_field

namespace export_partial_success_field {  // Export*PartialSuccess
inline constexpr uint32_t kRejected = 1;  // of spans, log records or data points
inline constexpr uint32_t kErrorMessage = 2;
}  // namespace export_partial_success_field

namespace rpc_status_field {  // google.rpc.Status
inline constexpr uint32_t kMessage = 2;
inline constexpr uint32_t kDetails = 3;
}  // namespace rpc_status_field

namespace any_field {  // google.protobuf.Any
inline constexpr uint32_t kTypeUrl = 1;
inline constexpr uint32_t kValue = 2;
}  // namespace any_field

namespace retry_info_field {  // google.rpc.RetryInfo
inline constexpr uint32_t kRetryDelay = 1;
}  // namespace retry_info_field

namespace duration_field {  // google.protobuf.Duration
inline constexpr uint32_t kSeconds = 1;
inline constexpr uint32_t kNanos = 2;
}  // namespace duration_field

}  // namespace sluice::otlp
