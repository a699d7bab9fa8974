#include "client/src/stderr/filter.h"

#include <algorithm>
#include <optional>

namespace sluice {
namespace {

std::string_view Trim(std::string_view text) {
  while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
  while (!text.empty() && text.back() == ' ') text.remove_suffix(1);
  return text;
}

// kUnspecified for `off`.
std::optional<Level> ReadLevel(std::string_view text) {
  static constexpr std::string_view kOff = "off";
  const auto same = [](char a, char b) { return (a | 0x20) == b; };
  if (std::equal(text.begin(), text.end(), kOff.begin(), kOff.end(), same)) {
    return Level::kUnspecified;
  }
  return ParseLevel(text);
}

// No target of ours; the filters of the agent have more than names.
bool IsTarget(std::string_view text) {
  return !text.empty() && text.find_first_of("[]{}\" =") == std::string_view::npos;
}

void SetEntry(std::string_view target, Level level, LevelTable* table) {
  std::erase_if(table->entries,
                [&](const LevelTable::Entry& entry) { return entry.target_prefix == target; });
  table->entries.push_back({std::string(target), level});
}

bool ReadPiece(std::string_view piece, LevelTable* table) {
  if (const auto level = ReadLevel(piece)) {
    table->default_level = *level;
    return true;
  }
  const size_t equals = piece.find('=');
  const std::string_view target = Trim(piece.substr(0, equals));
  const auto level =
      equals == std::string_view::npos ? Level::kTrace : ReadLevel(Trim(piece.substr(equals + 1)));
  if (!IsTarget(target) || !level) return false;
  SetEntry(target, *level, table);
  return true;
}

}  // namespace

LevelTable ParseStderrFilter(std::string_view text, std::string* unread) {
  LevelTable table{.default_level = Level::kUnspecified, .entries = {}};
  unread->clear();
  while (!text.empty()) {
    const size_t comma = std::min(text.find(','), text.size());
    const std::string_view piece = Trim(text.substr(0, comma));
    if (!piece.empty() && !ReadPiece(piece, &table) && unread->empty()) *unread = piece;
    text.remove_prefix(std::min(comma + 1, text.size()));
  }
  return table;
}

}  // namespace sluice
