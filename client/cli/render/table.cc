#include "client/cli/render/table.h"

#include <algorithm>
#include <numeric>

namespace sluice::cli {
namespace {

// No column is made narrower.
constexpr size_t kNarrowest = 6;

// The widest of `shrinkable`; nullptr: none can give way any more.
size_t* WidestOf(const std::vector<size_t>& shrinkable, std::vector<size_t>* widths) {
  size_t* widest = nullptr;
  for (const size_t column : shrinkable) {
    if (column >= widths->size()) continue;
    size_t* const width = &(*widths)[column];
    if (*width > kNarrowest && (widest == nullptr || *width > *widest)) widest = width;
  }
  return widest;
}

}  // namespace

void Table::Row(std::vector<std::string> cells) {
  for (std::string& cell : cells) cell = EscapeControls(cell);
  rows_.push_back(std::move(cells));
}

void Table::PaintLast(size_t column, std::string_view color) {
  std::string& cell = rows_.back()[column];
  cell = Painted(color, cell, {.color = true});
}

std::vector<size_t> Table::Widths() const {
  std::vector<size_t> widths;
  for (const auto& row : rows_) {
    widths.resize(std::max(widths.size(), row.size()));
    for (size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], TextWidth(row[i]));
  }
  return widths;
}

std::vector<std::string> Table::Lines(const TextStyle& style,
                                      const std::vector<size_t>& widths) const {
  std::vector<std::string> lines;
  for (const auto& row : rows_) {
    std::string line;
    for (size_t i = 0; i < row.size(); ++i) {
      if (i > 0 || !heading_.empty()) line += "  ";
      const std::string cell = CutToWidth(row[i], widths[i], style);
      line += cell;
      if (i + 1 < row.size()) line.append(widths[i] - TextWidth(cell), ' ');
    }
    line.erase(line.find_last_not_of(' ') + 1);
    lines.push_back(std::move(line));
  }
  return lines;
}

std::string Table::Render() const { return RenderFolded(TextStyle{}); }

std::string Table::RenderFolded(const TextStyle& style) const {
  if (rows_.empty()) return {};
  std::string out = heading_.empty() ? "" : Painted(kBold, heading_, style) + '\n';
  const size_t indent = heading_.empty() ? 0 : 2;
  for (const std::string& line : Lines(style, Widths())) {
    out += Fold(std::string_view(line).substr(std::min(indent, line.size())), indent, style) + '\n';
  }
  return out;
}

std::string Table::RenderWithin(const TextStyle& style,
                                const std::vector<size_t>& shrinkable) const {
  if (rows_.empty()) return {};
  std::vector<size_t> widths = Widths();
  if (style.width != 0) {
    const auto total = [&] {
      return std::accumulate(widths.begin(), widths.end(), 2 * (widths.size() - 1));
    };
    while (total() > style.width) {
      size_t* const widest = WidestOf(shrinkable, &widths);
      if (widest == nullptr) break;
      --*widest;
    }
  }
  std::string out = heading_.empty() ? "" : Painted(kBold, heading_, style) + '\n';
  for (const std::string& line : Lines(style, widths)) {
    out += (style.width == 0 ? line : CutToWidth(line, style.width, style)) + '\n';
  }
  return out;
}

}  // namespace sluice::cli
