// What the kvp verbs print for people. Text is escaped, so that no record moves the cursor.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "client/cli/kvp/check.h"
#include "client/cli/kvp/decode.h"
#include "client/cli/kvp/pool_image.h"
#include "client/cli/kvp/usage.h"
#include "client/cli/render/text.h"

namespace sluice::cli {

struct PoolInfo {
  std::string_view pool;  // its name
  std::string path;
  bool unsafe = false;
  size_t records = 0;
  bool stale = false;
};

// `name=value` lines.
std::string RenderInfo(const PoolInfo& info);

// `KEY=VALUE` lines in the order of the file.
std::string RenderDump(const kvp::PoolImage& image);

// Of equal keys the last one counts, as for the host. Views into `image`.
std::map<std::string_view, std::string_view> LastValues(const kvp::PoolImage& image);

// `KEY=VALUE` lines by key, each with its last value.
std::string RenderEntries(const kvp::PoolImage& image);

// A row for each event, span and report: time, duration (`-`: an event, `?`: no end is there),
// writer, level, name and text.
std::string RenderDecoded(const std::vector<kvp::Item>& items, const TextStyle& style);

// The whole, then a line a writer.
std::string RenderUsage(const kvp::PoolUsage& usage);

// A line a finding; one that says so where there are none.
std::string RenderFindings(const std::vector<kvp::Finding>& findings, const kvp::PoolImage& image);

}  // namespace sluice::cli
