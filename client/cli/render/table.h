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
  bool empty() const { return rows_.empty(); }

  // The heading and the rows; nothing at all where there are no rows.
  std::string Render() const;
  // The same no wider than the style says: the columns `shrinkable` are made narrower, the widest
  // first, and then lines are cut.
  std::string RenderWithin(const TextStyle& style, const std::vector<size_t>& shrinkable) const;

 private:
  std::vector<size_t> Widths() const;
  std::string RenderColumns(const TextStyle& style, const std::vector<size_t>& widths) const;

  std::string heading_;
  std::vector<std::vector<std::string>> rows_;
};

}  // namespace sluice::cli
