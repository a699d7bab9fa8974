// Records that stand at no multiple of the record size: a writer died within a record, and others
// appended behind what it left. Whoever reads the file, the host too, takes their bytes for other
// keys and values.
#pragma once

#include <cstddef>
#include <vector>

#include "client/cli/kvp/pool_image.h"

namespace sluice::kvp {

// A stretch of the file whose records are shifted alike.
struct Shift {
  size_t bytes = 0;   // by so many, less than a record
  size_t offset = 0;  // of the first one found
  // The records of the file, as it is read, that hold parts of them.
  size_t first_record = 0;
  size_t end_record = 0;

  bool Holds(size_t record) const { return first_record <= record && record < end_record; }
};

// In the order of the file. Told by keys of azure-init, cloud-init and sluice and by reports, with
// a value of theirs where it has to be; a text that quotes such a key is none.
std::vector<Shift> FindShifts(const PoolImage& image);

// Whether record `record`, as the file is read, is made of parts of others.
bool IsShifted(const std::vector<Shift>& shifts, size_t record);

}  // namespace sluice::kvp
