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

std::vector<size_t> WidthsOf(const TableRows& rows) {
  std::vector<size_t> widths;
  for (size_t number = 0; number < rows.count; ++number) {
    const TableRow row = rows.row(number);
    widths.resize(std::max(widths.size(), row.size()));
    for (size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], TextWidth(row[i]));
  }
  return widths;
}

void MakeFit(const TextStyle& style, const std::vector<size_t>& shrinkable,
             std::vector<size_t>* widths) {
  if (style.width == 0) return;
  const auto total = [&] {
    return std::accumulate(widths->begin(), widths->end(), 2 * (widths->size() - 1));
  };
  while (total() > style.width) {
    size_t* const widest = WidestOf(shrinkable, widths);
    if (widest == nullptr) return;
    --*widest;
  }
}

std::string LineOf(const TableRow& row, const std::vector<size_t>& widths, const TextStyle& style) {
  std::string line;
  for (size_t i = 0; i < row.size(); ++i) {
    if (i > 0) line += "  ";
    const std::string cell = CutToWidth(row[i], widths[i], style);
    line += cell;
    if (i + 1 < row.size()) line.append(widths[i] - TextWidth(cell), ' ');
  }
  line.erase(line.find_last_not_of(' ') + 1);
  return line;
}

}  // namespace

void WriteTable(const TableRows& rows, const TextStyle& style,
                const std::vector<size_t>& shrinkable, const TextSink& out) {
  if (rows.count == 0) return;
  std::vector<size_t> widths = WidthsOf(rows);
  MakeFit(style, shrinkable, &widths);
  for (size_t number = 0; number < rows.count; ++number) {
    const std::string line = LineOf(rows.row(number), widths, style);
    out((style.width == 0 ? line : CutToWidth(line, style.width, style)) + '\n');
  }
}

void Table::Row(TableRow cells) {
  for (std::string& cell : cells) cell = EscapeControls(cell);
  rows_.push_back(std::move(cells));
}

void Table::PaintLast(size_t column, std::string_view color) {
  std::string& cell = rows_.back()[column];
  cell = Painted(color, cell, {.color = true});
}

std::string Table::Render() const { return RenderFolded(TextStyle{}); }

std::string Table::RenderFolded(const TextStyle& style) const {
  if (rows_.empty()) return {};
  std::string out = heading_.empty() ? "" : Painted(kBold, heading_, style) + '\n';
  const size_t indent = heading_.empty() ? 0 : 2;
  const std::vector<size_t> widths = WidthsOf(Rows());
  for (const TableRow& row : rows_) out += Fold(LineOf(row, widths, style), indent, style) + '\n';
  return out;
}

std::string Table::RenderWithin(const TextStyle& style,
                                const std::vector<size_t>& shrinkable) const {
  std::string out;
  WriteTable(Rows(), style, shrinkable, [&out](std::string_view text) { out += text; });
  return out;
}

}  // namespace sluice::cli
