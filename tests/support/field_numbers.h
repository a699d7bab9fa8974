// Compares a header of field numbers with the generated messages.
#pragma once

#include <string>
#include <vector>

namespace sluice::testing {

struct FieldNumbers {
  int constants = 0;               // compared
  std::vector<std::string> wrong;  // what does not agree, one sentence each
};

// Reads a file like proto/record/field_numbers.h, line by line. A line that it cannot read is
// wrong. The generated code of the messages must be linked in.
FieldNumbers CompareFieldNumbers(const std::string& path);

}  // namespace sluice::testing
