// What the Windows host cannot read of a pool, and why.
//
// For each record the kernel converts key and value to UTF-16, at most 254 and 1022 units, and cuts
// silently what is more. At invalid UTF-8 it fails the request, and the host's enumeration ends:
// every later record stays unseen (drivers/hv/hv_kvp.c, fs/nls/nls_base.c in Linux).
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "client/cli/kvp/pool_image.h"

namespace sluice::kvp {

enum class Harm {
  kHidesRest,  // this record and every later one
  kCut,        // the host gets a part
  kConfusing,  // the host gets it, but cannot tell it from another or from nothing
  kShifted,    // from this record on the host gets parts of others
  kFile,       // concerns the file as a whole
};

std::string_view HarmName(Harm harm);

struct Finding {
  Harm harm = Harm::kFile;
  std::optional<size_t> record;  // index; absent where the file as a whole is meant
  std::string what;              // one line, without the record's text
};

// In the order of the file, then what concerns the whole. Empty: the host can read all of it.
std::vector<Finding> Check(const PoolImage& image);

}  // namespace sluice::kvp
