// Writes one JSON document. Values and members are written in order; commas, layout and escaping
// are the writer's.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace sluice::cli {

class JsonWriter {
 public:
  // By two spaces, or on one line without blanks.
  enum class Layout { kIndented, kCompact };
  explicit JsonWriter(Layout layout = Layout::kIndented) : layout_(layout) {}

  void BeginObject() { Open('{'); }
  void EndObject() { Close('}'); }
  void BeginArray() { Open('['); }
  void EndArray() { Close(']'); }
  // Before each value within an object.
  void Key(std::string_view key);

  // What is not UTF-8 becomes U+FFFD.
  void String(std::string_view text);
  void Int(int64_t number) { Scalar(std::to_string(number)); }
  void Uint(uint64_t number) { Scalar(std::to_string(number)); }
  // Infinities and NaN are strings, as in protobuf's JSON.
  void Double(double number);
  void Bool(bool value) { Scalar(value ? "true" : "false"); }
  void Null() { Scalar("null"); }
  // `json` is one value.
  void Verbatim(std::string_view json) { Scalar(json); }

  // What was written since the last Take, for documents too large to be held.
  std::string Take() { return std::exchange(out_, {}); }
  // What was not taken, ending in a line feed. Complete when every Begin had its End.
  std::string Finish() const { return out_ + '\n'; }

 private:
  void Open(char bracket);
  void Close(char bracket);
  void Scalar(std::string_view text);
  // Comma, line feed and indentation, as place and layout ask for.
  void BeginValue();
  void NewLine();

  const Layout layout_;
  std::string out_;
  std::vector<bool> has_members_;  // one for each open bracket
  bool after_key_ = false;
};

}  // namespace sluice::cli
