// How much of a long request is worked on at once.
#pragma once

#include <cstddef>

namespace sluice::ingest::otlp {

// About 200 us, by the costs of a field and of a byte that is looked at.
struct Slice {
  size_t fields = 4096;
  size_t bytes = 256 * 1024;

  bool is_over() const { return fields == 0 || bytes == 0; }
  void TakeField() { fields -= fields > 0; }
  void TakeBytes(size_t count) { bytes -= count < bytes ? count : bytes; }
};

}  // namespace sluice::ingest::otlp
