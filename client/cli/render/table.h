// Text in aligned columns.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace sluice::cli {

// A heading, then rows of cells, two spaces between columns and before each row. Cells are escaped;
// the last column is not padded.
class Table {
 public:
  explicit Table(std::string heading) : heading_(std::move(heading)) {}

  void Row(std::vector<std::string> cells);
  bool empty() const { return rows_.empty(); }

  // The heading and the rows; nothing at all where there are no rows.
  std::string Render() const;

 private:
  std::string heading_;
  std::vector<std::vector<std::string>> rows_;
};

}  // namespace sluice::cli
