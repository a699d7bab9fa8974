// Text in aligned columns.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "client/cli/render/text.h"

namespace sluice::cli {

using TableRow = std::vector<std::string>;

// The rows of a table too large to be held: `row` makes one by its number, from 0 on, once for the
// widths of the columns and once to be written.
struct TableRows {
  size_t count = 0;
  std::function<TableRow(size_t number)> row;
};

// Two spaces between columns, the last of which is not padded. No wider than the style says: the
// columns `shrinkable` are made narrower, the widest first, and then lines are cut. Cells are
// escaped already.
void WriteTable(const TableRows& rows, const TextStyle& style,
                const std::vector<size_t>& shrinkable, const TextSink& out);

// A heading, then rows of cells, two spaces between columns and before each row; without a heading
// nothing stands before them. Cells are escaped; the last column is not padded.
class Table {
 public:
  explicit Table(std::string heading) : heading_(std::move(heading)) {}

  void Row(TableRow cells);
  // Has one cell of the last row stand in that colour, an escape sequence.
  void PaintLast(size_t column, std::string_view color);
  bool empty() const { return rows_.empty(); }

  // The heading and the rows; nothing at all where there are no rows.
  std::string Render() const;
  // The same no wider than the style says: lines go on below where they are too long.
  std::string RenderFolded(const TextStyle& style) const;
  // The same of a table without a heading, as WriteTable has it.
  std::string RenderWithin(const TextStyle& style, const std::vector<size_t>& shrinkable) const;

 private:
  TableRows Rows() const {
    return {rows_.size(), [this](size_t number) { return rows_[number]; }};
  }

  std::string heading_;
  std::vector<TableRow> rows_;
};

}  // namespace sluice::cli
