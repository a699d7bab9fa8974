#include "tests/support/field_numbers.h"

#include <google/protobuf/descriptor.h>

#include <algorithm>
#include <fstream>
#include <map>
#include <regex>

namespace sluice::testing {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::DescriptorPool;

// The highest number in use, reserved ones left out.
int HighestNumber(const Descriptor& message) {
  int highest = 0;
  for (int i = 0; i < message.field_count(); ++i) {
    highest = std::max(highest, message.field(i)->number());
  }
  return highest;
}

// `TraceId` of `trace_id`; 0: the message has no such field.
int NumberOf(const Descriptor& message, const std::string& name) {
  for (int i = 0; i < message.field_count(); ++i) {
    std::string camel = message.field(i)->camelcase_name();
    camel[0] = static_cast<char>(std::toupper(camel[0]));
    if (camel == name) return message.field(i)->number();
  }
  return 0;
}

bool Agrees(const Descriptor& message, const std::string& name, int number) {
  if (name == "Last") return number == HighestNumber(message);
  if (name == "Reserved") return message.IsReservedNumber(number);
  return number == NumberOf(message, name);
}

}  // namespace

FieldNumbers CompareFieldNumbers(const std::string& path) {
  static const std::regex kNamespace(R"(namespace \w+_field \{  // (\S+))");
  static const std::regex kConstant(R"(inline constexpr uint32_t k(\w+) = (?:(\d+)|k(\w+));)");
  static const std::regex kOther(R"(|#.*|//.*|namespace [\w:]+ \{|\}  // namespace \S+)");
  FieldNumbers result;
  const Descriptor* message = nullptr;
  std::map<std::string, int> numbers;
  std::ifstream file(path);
  if (!file.is_open()) result.wrong.push_back("cannot read " + path);
  for (std::string line; std::getline(file, line);) {
    std::smatch match;
    if (std::regex_match(line, match, kNamespace)) {
      message = DescriptorPool::generated_pool()->FindMessageTypeByName(match[1]);
      numbers.clear();
      if (message == nullptr) result.wrong.push_back("no message " + match[1].str());
    } else if (std::regex_match(line, match, kConstant) && message != nullptr) {
      const int number = match[2].matched ? std::stoi(match[2]) : numbers[match[3]];
      numbers[match[1]] = number;
      ++result.constants;
      if (!Agrees(*message, match[1], number)) {
        result.wrong.push_back(message->full_name() + ": " + line);
      }
    } else if (!std::regex_match(line, kOther)) {
      result.wrong.push_back("not understood: " + line);
    }
  }
  return result;
}

}  // namespace sluice::testing
