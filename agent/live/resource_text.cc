#include "agent/live/resource_text.h"

#include "proto/record/field_numbers.h"
#include "proto/record/view.h"

namespace sluice::live {

std::string_view FindResourceText(std::string_view resource, std::string_view key) {
  for (const std::string_view encoded : FieldRange(resource, resource_field::kAttributes)) {
    const AttributeView attribute = ReadAttribute(encoded);
    if (attribute.key == key && attribute.value.type == ValueView::Type::kString) {
      return attribute.value.text;
    }
  }
  return {};
}

}  // namespace sluice::live
