// The traces of a journal as a list.
#pragma once

#include <functional>
#include <string>

#include "client/cli/render/text.h"
#include "sluice/v1/query.pb.h"

namespace sluice::cli {

// A line a trace, in the order of `traces`, below a line of headings:
//
//   TRACE     START                DURATION  ROOT       SERVICE  USER  SPANS  ERRORS  OPEN
//   4bf92f35  2026-11-20 09:27:53  1.20 s    provision  demo     ada   14     2
//
// Ids are as short as they can be and stay different. A column in which nothing stands is left out,
// and names are cut to the terminal's width. `user_name` names a uid.
std::string RenderTraces(const v1::TracesResponse& traces, const TextStyle& style,
                         const std::function<std::string(uint32_t uid)>& user_name);

}  // namespace sluice::cli
