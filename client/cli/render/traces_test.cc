#include "client/cli/render/traces.h"

#include <gtest/gtest.h>

#include <sstream>

#include "tests/support/client/trace_records.h"

namespace sluice::cli {
namespace {

v1::TraceSummary* Add(v1::TracesResponse* traces, char id, const std::string& root) {
  v1::TraceSummary* const trace = traces->add_traces();
  trace->set_trace_id(std::string(15, '\x11') + id);
  trace->set_start_unix_nano(kBegin);
  trace->set_duration_nano(1'200'000'000);
  trace->set_root_name(root);
  trace->mutable_identity()->set_uid(1000);
  trace->set_spans(14);
  return trace;
}

std::string Listed(const v1::TracesResponse& traces, size_t width = 0) {
  return RenderTraces(traces, {.width = width}, [](uint32_t) { return "ada"; });
}

TEST(TracesTest, LeavesOutColumnsWithoutContent) {
  v1::TracesResponse traces;
  Add(&traces, 1, "build");
  EXPECT_EQ(Listed(traces),
            "TRACE     START                DURATION  ROOT   USER  SPANS\n"
            "11111111  2025-11-20 09:57:53  1.20 s    build  ada   14\n");
}

TEST(TracesTest, ShowsAllThereIsAndIdsThatDiffer) {
  v1::TracesResponse traces;
  v1::TraceSummary* const open = Add(&traces, 1, "provision");
  open->set_open(2);
  open->set_duration_nano(0);
  open->set_errors(3);
  open->set_aborted(1);
  open->set_service_name("demo");
  open->mutable_identity()->set_unit("a.service");
  Add(&traces, 2, "")->set_duration_nano(0);
  const std::string id(31, '1');
  const std::string last(30, '1');
  EXPECT_EQ(Listed(traces),
            "TRACE" + std::string(27, ' ') +
                "  START                DURATION  ROOT       SERVICE  USER  UNIT       SPANS  "
                "ERRORS  ABORTED  OPEN\n" +
                last +
                "01  2025-11-20 09:57:53  open      provision  demo     ada   a.service  14     3"
                "       1        2\n" +
                last +
                "02  2025-11-20 09:57:53  -         (no name)           ada              "
                "14\n");
}

TEST(TracesTest, IsNoWiderThanTheTerminal) {
  v1::TracesResponse traces;
  v1::TraceSummary* const trace = Add(&traces, 1, std::string(80, 'r') + "\x1b[2J");
  trace->set_service_name(std::string(50, 's'));
  trace->mutable_identity()->set_unit(std::string(40, 'u'));
  for (const size_t width : {20, 60, 120}) {
    std::istringstream lines(Listed(traces, width));
    for (std::string line; std::getline(lines, line);) EXPECT_LE(line.size(), width) << line;
  }
  EXPECT_NE(Listed(traces, 60).find("rrrrr~"), std::string::npos);
}

}  // namespace
}  // namespace sluice::cli
