#include "agent/net/grpc/request.h"

#include <google/protobuf/descriptor.h>
#include <google/protobuf/message.h>

#include "absl/strings/str_cat.h"
#include "agent/base/status_macros.h"
#include "proto/wire/reader.h"
#include "proto/wire/utf8.h"

namespace sluice::net {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;

// libprotobuf goes no deeper, and refuses what does.
constexpr int kMaxDepth = 100;

absl::Status NotEncoded(const Descriptor& type) {
  return absl::InvalidArgumentError(absl::StrCat("not an encoded ", type.full_name()));
}

absl::Status CheckText(std::string_view encoded, const Descriptor& type, int depth) {
  WireReader reader(encoded);
  for (WireField field; reader.Next(&field);) {
    if (field.type() != WireType::kBytes) continue;
    const FieldDescriptor* const known = type.FindFieldByNumber(static_cast<int>(field.number()));
    if (known == nullptr) continue;
    if (known->type() == FieldDescriptor::TYPE_STRING && !IsValidUtf8(field.bytes)) {
      return absl::InvalidArgumentError(absl::StrCat(known->full_name(), " is not UTF-8"));
    }
    if (known->type() != FieldDescriptor::TYPE_MESSAGE) continue;
    if (depth == kMaxDepth) return NotEncoded(type);
    RETURN_IF_ERROR(CheckText(field.bytes, *known->message_type(), depth + 1));
  }
  return reader.ok() ? absl::OkStatus() : NotEncoded(type);
}

}  // namespace

absl::Status ParseRequest(std::string_view encoded, google::protobuf::Message* message) {
  const Descriptor& type = *message->GetDescriptor();
  RETURN_IF_ERROR(CheckText(encoded, type, 0));
  if (!message->ParseFromArray(encoded.data(), static_cast<int>(encoded.size()))) {
    return NotEncoded(type);
  }
  return absl::OkStatus();
}

}  // namespace sluice::net
