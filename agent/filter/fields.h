// The fields of one record as filters and log lines see them: name, value, and how text prints.
#pragma once

#include <span>
#include <string_view>

#include "proto/record/view.h"

namespace sluice::filter {

struct Field {
  std::string_view name;
  ValueView value;
  // Text that prints as it is (Rust's Debug and Display output, format messages); false: text that
  // prints quoted. Without meaning for other types.
  bool bare = false;
};

// A range of fields, in order: either a list, or a record read in place. A view: copy it freely,
// keep what it points to.
class Fields {
 public:
  Fields() = default;
  explicit Fields(std::span<const Field> list) : list_(list) {}
  // A span's attributes; for an event its body, where it has one, as the field `message`, then its
  // attributes. `record` must outlive the view.
  static Fields Of(const RecordView& record) {
    Fields fields;
    fields.record_ = &record;
    return fields;
  }

  // Calls `visit(const Field&)` for each.
  template <typename Visitor>
  void ForEach(Visitor visit) const {
    for (const Field& field : list_) visit(field);
    if (record_ == nullptr) return;
    if (record_->kind != RecordKind::kEvent) return Walk(record_->span.attributes(), visit);
    if (record_->event.message.type != ValueView::Type::kEmpty) {
      visit(Field{"message", record_->event.message, true});
    }
    Walk(record_->event.attributes(), visit);
  }

 private:
  template <typename Visitor>
  void Walk(const FieldRange& attributes, Visitor& visit) const {
    uint32_t index = 0;
    for (const std::string_view encoded : attributes) {
      const AttributeView attribute = ReadAttribute(encoded);
      visit(Field{attribute.key, attribute.value, record_->bare.Has(index++)});
    }
  }

  std::span<const Field> list_;
  const RecordView* record_ = nullptr;
};

}  // namespace sluice::filter
