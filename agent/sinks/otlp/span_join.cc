#include "agent/sinks/otlp/span_join.h"

#include <algorithm>
#include <array>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "proto/record/field_numbers.h"
#include "proto/record/view.h"
#include "proto/wire/reader.h"
#include "proto/wire/writer.h"

namespace sluice::otlp {
namespace {

// Up to here a look through all keys is faster than a map.
constexpr size_t kFewAttributes = 16;

class SpanJoiner {
 public:
  void Read(std::string_view parts) {
    WireReader reader(parts);
    const char* begin = reader.position();
    for (WireField field; reader.Next(&field);) {
      Take(field, {begin, static_cast<size_t>(reader.position() - begin)});
      begin = reader.position();
    }
  }

  void Write(const std::optional<SpanId>& parent, std::string* out) const {
    StringWireWriter writer{StringSink(out)};
    for (uint32_t number = 1; number <= span_field::kLast; ++number) {
      if (number == span_field::kParentSpanId && parent.has_value()) {
        if (!parent->IsZero()) writer.Bytes(number, parent->raw());
      } else if (number == span_field::kAttributes) {
        for (const Attribute& attribute : attributes_) writer.Raw(attribute.field);
      } else if (number == span_field::kStatus) {
        WriteStatus(&writer);
      } else {
        writer.Raw(single_[number]);
      }
    }
    for (const std::string_view field : others_) writer.Raw(field);
  }

 private:
  struct Attribute {
    std::string_view key;
    std::string_view field;
  };

  // `whole`: the field with its tag.
  void Take(const WireField& field, std::string_view whole) {
    const uint32_t number = field.number();
    if (number == span_field::kAttributes) {
      TakeAttribute(ReadAttribute(field.bytes).key, whole);
    } else if (number == span_field::kStatus) {
      status_.push_back(field.bytes);
    } else if (number > span_field::kLast || number == span_field::kEvents ||
               number == span_field::kLinks) {
      others_.push_back(whole);
    } else {
      single_[number] = whole;
    }
  }

  void TakeAttribute(std::string_view key, std::string_view whole) {
    if (attributes_.size() < kFewAttributes) {
      const auto found = std::find_if(attributes_.begin(), attributes_.end(),
                                      [&](const Attribute& other) { return other.key == key; });
      if (found != attributes_.end()) {
        found->field = whole;
        return;
      }
      attributes_.push_back({key, whole});
      return;
    }
    for (size_t i = places_.size(); i < attributes_.size(); ++i) {
      places_.emplace(attributes_[i].key, i);
    }
    const auto [place, is_new] = places_.try_emplace(key, attributes_.size());
    if (is_new) {
      attributes_.push_back({key, whole});
    } else {
      attributes_[place->second].field = whole;
    }
  }

  void WriteStatus(StringWireWriter* writer) const {
    if (status_.empty()) return;
    if (status_.size() == 1) return writer->Bytes(span_field::kStatus, status_.front());
    std::string_view message, code;
    for (const std::string_view part : status_) {
      WireReader reader(part);
      const char* begin = reader.position();
      for (WireField field; reader.Next(&field); begin = reader.position()) {
        const std::string_view whole(begin, static_cast<size_t>(reader.position() - begin));
        if (field.number() == status_field::kMessage) message = whole;
        if (field.number() == status_field::kCode) code = whole;
      }
    }
    writer->BytesHeader(span_field::kStatus, message.size() + code.size());
    writer->Raw(message);
    writer->Raw(code);
  }

  std::array<std::string_view, span_field::kLast + 1> single_;
  std::vector<Attribute> attributes_;
  absl::flat_hash_map<std::string_view, size_t> places_;  // of `attributes_`, once they are many
  std::vector<std::string_view> status_;
  // Events, links and what this release does not know.
  std::vector<std::string_view> others_;
};

}  // namespace

void JoinSpan(std::string_view parts, const std::optional<SpanId>& parent, std::string* out) {
  SpanJoiner joiner;
  joiner.Read(parts);
  joiner.Write(parent, out);
}

}  // namespace sluice::otlp
