// Field numbers of gRPC's server reflection, v1 and v1alpha; reflection.cc has the messages.
#pragma once

#include <cstdint>

namespace sluice::control {

namespace reflection_request_field {
inline constexpr uint32_t kFileByFilename = 3;  // the first that is a question
inline constexpr uint32_t kFileContainingSymbol = 4;
inline constexpr uint32_t kListServices = 7;
}  // namespace reflection_request_field

namespace reflection_response_field {
inline constexpr uint32_t kOriginalRequest = 2;
inline constexpr uint32_t kFileDescriptorResponse = 4;
inline constexpr uint32_t kListServicesResponse = 6;
inline constexpr uint32_t kErrorResponse = 7;
}  // namespace reflection_response_field

namespace file_response_field {
inline constexpr uint32_t kFile = 1;
}  // namespace file_response_field

namespace list_response_field {
inline constexpr uint32_t kService = 1;
}  // namespace list_response_field

namespace service_field {
inline constexpr uint32_t kName = 1;
}  // namespace service_field

namespace error_response_field {
inline constexpr uint32_t kCode = 1;
inline constexpr uint32_t kMessage = 2;
}  // namespace error_response_field

}  // namespace sluice::control
