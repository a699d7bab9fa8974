#include "client/cli/render/json_writer.h"

#include <array>
#include <charconv>
#include <cmath>

#include "proto/text/escape.h"

namespace sluice::cli {
namespace {

std::string Quote(std::string_view text) {
  std::string quoted;
  AppendJsonString(text, &quoted);
  return quoted;
}

}  // namespace

void JsonWriter::Key(std::string_view key) {
  BeginValue();
  out_ += Quote(key);
  out_ += layout_ == Layout::kCompact ? ":" : ": ";
  after_key_ = true;
}

void JsonWriter::String(std::string_view text) { Scalar(Quote(text)); }

void JsonWriter::Double(double number) {
  if (std::isnan(number)) return String("NaN");
  if (std::isinf(number)) return String(number > 0 ? "Infinity" : "-Infinity");
  std::array<char, 32> text;
  const auto end = std::to_chars(text.data(), text.data() + text.size(), number).ptr;
  Scalar({text.data(), static_cast<size_t>(end - text.data())});
}

void JsonWriter::Open(char bracket) {
  BeginValue();
  out_ += bracket;
  has_members_.push_back(false);
}

void JsonWriter::Close(char bracket) {
  const bool had_members = has_members_.back();
  has_members_.pop_back();
  if (had_members) NewLine();
  out_ += bracket;
}

void JsonWriter::Scalar(std::string_view text) {
  BeginValue();
  out_ += text;
}

void JsonWriter::BeginValue() {
  if (after_key_) {
    after_key_ = false;
    return;
  }
  if (has_members_.empty()) return;
  if (has_members_.back()) out_ += ',';
  has_members_.back() = true;
  NewLine();
}

void JsonWriter::NewLine() {
  if (layout_ == Layout::kCompact) return;
  out_ += '\n';
  out_.append(2 * has_members_.size(), ' ');
}

}  // namespace sluice::cli
