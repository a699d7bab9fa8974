// Attribute values as people and as JSON readers see them.
#pragma once

#include <string>

#include "client/cli/render/json_writer.h"
#include "sluice/otlp/v1/common.pb.h"

namespace sluice::cli {

using Attributes = google::protobuf::RepeatedPtrField<otlp::v1::KeyValue>;

// `key=value`, each after a space; text is quoted where it needs it.
std::string FormatAttributes(const Attributes& attributes);

// One object; bytes are hexadecimal text.
void WriteAttributes(const Attributes& attributes, JsonWriter* json);

// Lower-case hexadecimal digits.
std::string ToHex(const std::string& bytes);

}  // namespace sluice::cli
