// logfmt: `key=value` separated by blanks, values quoted where they are empty or hold a blank, `=`,
// `"` or anything escaped.
//
//   ts=... level=info target=... span="outer:inner{user=\"root\"}" msg="..." key=value trace_id=...
//   span_id=... service=... _pid=1 _uid=0 _gid=0 _unit=... _comm=...
//
// A sender's key that equals one of these names, or begins with `_`, has its first byte as `\xNN`,
// so it cannot pass for ours. `msg` is `new` or `close` for a span's life, `close` with `busy` and
// `idle`.
#pragma once

#include <string>

#include "agent/lines/format.h"
#include "agent/lines/lifecycle.h"

namespace sluice::lines {

void AppendLogfmtLine(const LineInput& input, const Lifecycle& life, std::string* out);

}  // namespace sluice::lines
