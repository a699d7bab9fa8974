#include "client/cli/agent/request.h"

#include <google/protobuf/descriptor.h>
#include <google/protobuf/message.h>

#include <memory>
#include <vector>

#include "proto/record/check.h"
#include "proto/record/repair.h"
#include "proto/wire/utf8.h"

namespace sluice::cli {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;

std::string ValidText(const std::string& text) {
  std::string valid;
  AppendValidUtf8(text, &valid);
  return valid;
}

void MakeTextValid(Message* message);

void MakeListValid(Message* message, const FieldDescriptor* field) {
  const Reflection& reflection = *message->GetReflection();
  for (int i = 0; i < reflection.FieldSize(*message, field); ++i) {
    if (field->type() == FieldDescriptor::TYPE_STRING) {
      reflection.SetRepeatedString(message, field, i,
                                   ValidText(reflection.GetRepeatedString(*message, field, i)));
    } else {
      MakeTextValid(reflection.MutableRepeatedMessage(message, field, i));
    }
  }
}

void MakeTextValid(Message* message) {
  const Reflection& reflection = *message->GetReflection();
  std::vector<const FieldDescriptor*> fields;
  reflection.ListFields(*message, &fields);
  for (const FieldDescriptor* const field : fields) {
    const bool is_text = field->type() == FieldDescriptor::TYPE_STRING;
    if (!is_text && field->type() != FieldDescriptor::TYPE_MESSAGE) continue;
    if (field->is_repeated()) {
      MakeListValid(message, field);
    } else if (is_text) {
      reflection.SetString(message, field, ValidText(reflection.GetString(*message, field)));
    } else {
      MakeTextValid(reflection.MutableMessage(message, field));
    }
  }
}

}  // namespace

std::string EncodeRequest(const Message& request) {
  std::string encoded = request.SerializeAsString();
  // Most are, and then protobuf need not describe its messages, which takes longer than all else
  // here.
  if (IsAscii(encoded)) return encoded;
  const std::unique_ptr<Message> valid(request.New());
  valid->CopyFrom(request);
  MakeTextValid(valid.get());
  return valid->SerializeAsString();
}

v1::Record RecordMessage(std::string_view encoded) {
  v1::Record record;
  const bool is_mended = CheckRecord(encoded).flaws.invalid_utf8;
  record.ParseFromString(is_mended ? RepairRecord(encoded) : std::string(encoded));
  return record;
}

}  // namespace sluice::cli
