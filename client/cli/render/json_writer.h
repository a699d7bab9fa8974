// Writes one JSON document, indented by two spaces. Values and members are written in order;
// commas, indentation and escaping are the writer's.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace sluice::cli {

class JsonWriter {
 public:
  void BeginObject() { Open('{'); }
  void EndObject() { Close('}'); }
  void BeginArray() { Open('['); }
  void EndArray() { Close(']'); }
  // Before each value within an object.
  void Key(std::string_view key);

  // Bytes that are not UTF-8 become lone surrogates (line_escape.h), so that none is lost.
  void String(std::string_view text);
  void Int(int64_t number) { Scalar(std::to_string(number)); }
  void Uint(uint64_t number) { Scalar(std::to_string(number)); }
  // Infinities and NaN are strings, as in protobuf's JSON.
  void Double(double number);
  void Bool(bool value) { Scalar(value ? "true" : "false"); }
  void Null() { Scalar("null"); }

  // The document so far, ending in a line feed. Complete when every Begin had its End.
  std::string Finish() const { return out_ + '\n'; }

 private:
  void Open(char bracket);
  void Close(char bracket);
  void Scalar(std::string_view text);
  // Comma, line feed and indentation, as the place asks for.
  void BeginValue();
  void NewLine();

  std::string out_;
  std::vector<bool> has_members_;  // one for each open bracket
  bool after_key_ = false;
};

}  // namespace sluice::cli
