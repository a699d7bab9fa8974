// Attributes as people and as JSON readers see them, out of encoded KeyValues.
#pragma once

#include <string>

#include "client/cli/render/json_writer.h"
#include "proto/record/view.h"

namespace sluice::cli {

// `key=value`, each after a space; text is quoted where it needs it.
std::string FormatAttributes(const FieldRange& attributes);

// One object; bytes are hexadecimal text.
void WriteAttributes(const FieldRange& attributes, JsonWriter* json);

// Lower-case hexadecimal digits.
std::string ToHex(std::string_view bytes);

}  // namespace sluice::cli
