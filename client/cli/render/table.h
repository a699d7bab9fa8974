// Text in aligned columns.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "client/cli/render/text.h"

namespace sluice::cli {

// A heading, then rows of cells, two spaces between columns and before each row; without a heading
// nothing stands before them. Cells are escaped; the last column is not padded.
class Table {
 public:
  explicit Table(std::string heading) : heading_(std::move(heading)) {}

  void Row(std::vector<std::string> cells);
  // Has one cell of the last row stand in that colour, an escape sequence.
  void PaintLast(size_t column, std::string_view color);
  bool empty() const { return rows_.empty(); }

  // The heading and the rows; nothing at all where there are no rows.
  std::string Render() const;
  // The same no wider than the style says: lines go on below where they are too long.
  std::string RenderFolded(const TextStyle& style) const;
  // The same no wider than the style says: the columns `shrinkable` are made narrower, the widest
  // first, and then lines are cut.
  std::string RenderWithin(const TextStyle& style, const std::vector<size_t>& shrinkable) const;

 private:
  std::vector<size_t> Widths() const;
  // The rows in lines of their own, without the heading.
  std::vector<std::string> Lines(const TextStyle& style, const std::vector<size_t>& widths) const;

  std::string heading_;
  std::vector<std::vector<std::string>> rows_;
};

}  // namespace sluice::cli
