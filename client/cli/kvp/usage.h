// How full a pool is, and by whom.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "client/cli/kvp/pool_image.h"
#include "client/cli/kvp/source.h"

namespace sluice::kvp {

struct PoolUsage {
  struct Share {
    Writer writer = Writer::kOther;
    std::string source;  // Source::prefix
    size_t records = 0;
    size_t text_bytes = 0;  // of keys and values without padding
  };

  size_t records = 0;
  size_t file_bytes = 0;
  size_t torn_bytes = 0;
  // Made of parts of others, so nobody's.
  size_t shifted = 0;
  // sluice stops adding records where there are as many; other writers do not.
  size_t aim = 1000;
  std::vector<Share> shares;  // most records first
};

PoolUsage Usage(const PoolImage& image);

}  // namespace sluice::kvp
