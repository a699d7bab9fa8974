#include "client/cli/render/message_json.h"

#include "client/cli/render/json_writer.h"
#include "client/cli/render/value.h"
#include "google/protobuf/descriptor.h"

namespace sluice::cli {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;

// A field of a message; of a repeated one, the element `index`.
struct Field {
  static constexpr int kSingular = -1;

  const Message& message;
  const FieldDescriptor* descriptor;
  int index = kSingular;
};

// Reflection has two accessors for each type.
template <auto kGet, auto kGetRepeated>
auto Read(const Field& field) {
  const Reflection& reflection = *field.message.GetReflection();
  if (field.index == Field::kSingular) return (reflection.*kGet)(field.message, field.descriptor);
  return (reflection.*kGetRepeated)(field.message, field.descriptor, field.index);
}

const Message& ReadMessage(const Field& field) {
  const Reflection& reflection = *field.message.GetReflection();
  if (field.index == Field::kSingular) {
    return reflection.GetMessage(field.message, field.descriptor);
  }
  return reflection.GetRepeatedMessage(field.message, field.descriptor, field.index);
}

void WriteUint64(const Field& field, JsonWriter* json) {
  const uint64_t number = Read<&Reflection::GetUInt64, &Reflection::GetRepeatedUInt64>(field);
  if (field.descriptor->type() == FieldDescriptor::TYPE_FIXED64) {
    json->String(std::to_string(number));
  } else {
    json->Uint(number);
  }
}

void WriteText(const Field& field, JsonWriter* json) {
  const std::string text = Read<&Reflection::GetString, &Reflection::GetRepeatedString>(field);
  json->String(field.descriptor->type() == FieldDescriptor::TYPE_BYTES ? ToHex(text) : text);
}

void WriteField(const Field& field, JsonWriter* json) {
  switch (field.descriptor->cpp_type()) {
    case FieldDescriptor::CPPTYPE_MESSAGE:
      return WriteMessage(ReadMessage(field), json);
    case FieldDescriptor::CPPTYPE_STRING:
      return WriteText(field, json);
    case FieldDescriptor::CPPTYPE_BOOL:
      return json->Bool(Read<&Reflection::GetBool, &Reflection::GetRepeatedBool>(field));
    case FieldDescriptor::CPPTYPE_ENUM:
      return json->String(Read<&Reflection::GetEnum, &Reflection::GetRepeatedEnum>(field)->name());
    case FieldDescriptor::CPPTYPE_INT32:
      return json->Int(Read<&Reflection::GetInt32, &Reflection::GetRepeatedInt32>(field));
    case FieldDescriptor::CPPTYPE_INT64:
      return json->Int(Read<&Reflection::GetInt64, &Reflection::GetRepeatedInt64>(field));
    case FieldDescriptor::CPPTYPE_UINT32:
      return json->Uint(Read<&Reflection::GetUInt32, &Reflection::GetRepeatedUInt32>(field));
    case FieldDescriptor::CPPTYPE_UINT64:
      return WriteUint64(field, json);
    case FieldDescriptor::CPPTYPE_FLOAT:
      return json->Double(Read<&Reflection::GetFloat, &Reflection::GetRepeatedFloat>(field));
    case FieldDescriptor::CPPTYPE_DOUBLE:
      return json->Double(Read<&Reflection::GetDouble, &Reflection::GetRepeatedDouble>(field));
  }
}

void WriteRepeated(const Message& message, const FieldDescriptor* descriptor, JsonWriter* json) {
  json->BeginArray();
  const int size = message.GetReflection()->FieldSize(message, descriptor);
  for (int i = 0; i < size; ++i) WriteField({message, descriptor, i}, json);
  json->EndArray();
}

// Whether the member is shown though nothing is set: a message that is absent has no default.
bool IsShown(const Message& message, const FieldDescriptor* descriptor) {
  return descriptor->is_repeated() || !descriptor->has_presence() ||
         message.GetReflection()->HasField(message, descriptor);
}

}  // namespace

void WriteMessage(const Message& message, JsonWriter* json) {
  const google::protobuf::Descriptor& type = *message.GetDescriptor();
  json->BeginObject();
  for (int i = 0; i < type.field_count(); ++i) {
    const FieldDescriptor* const descriptor = type.field(i);
    if (!IsShown(message, descriptor)) continue;
    json->Key(descriptor->name());
    if (descriptor->is_repeated()) {
      WriteRepeated(message, descriptor, json);
    } else {
      WriteField({message, descriptor}, json);
    }
  }
  json->EndObject();
}

std::string MessageJson(const Message& message) {
  JsonWriter json;
  WriteMessage(message, &json);
  return json.Finish();
}

}  // namespace sluice::cli
