// Whole processes: what a program that uses the library leaves with the agent, and how it ends.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <spawn.h>
#include <sys/wait.h>

#include <algorithm>
#include <chrono>
#include <map>
#include <string>
#include <vector>

#include "tests/support/fake_agent.h"

namespace sluice::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using ::testing::UnorderedElementsAre;

// What the library may delay an exit by, and what the machine and a sanitizer may.
constexpr auto kExitTime = std::chrono::milliseconds(250);
constexpr auto kTolerance = std::chrono::seconds(5);

struct Ended {
  int code = -1;  // 128 + signal
  std::chrono::steady_clock::duration took{};
};

Ended RunProgram(std::string program, std::string argument, const std::string& socket_path) {
  std::string socket = "SLUICE_SOCKET=" + socket_path;
  std::string options = "TSAN_OPTIONS=die_after_fork=0:atexit_sleep_ms=0";
  char* const arguments[] = {program.data(), argument.data(), nullptr};
  char* const environment[] = {socket.data(), options.data(), nullptr};
  const auto begin = std::chrono::steady_clock::now();
  pid_t pid;
  if (posix_spawn(&pid, program.c_str(), nullptr, nullptr, arguments, environment) != 0) return {};
  int status = 0;
  waitpid(pid, &status, 0);
  return {.code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status),
          .took = std::chrono::steady_clock::now() - begin};
}

Ended RunScenario(const std::string& scenario, const std::string& socket_path) {
  return RunProgram(PROCESS_SCENARIO, scenario, socket_path);
}

std::vector<std::string> Names(const std::vector<SeenRecord>& records) {
  std::vector<std::string> names;
  for (const SeenRecord& record : records) names.push_back(record.name);
  return names;
}

std::vector<int> Kinds(const std::vector<SeenRecord>& records) {
  std::vector<int> kinds;
  for (const SeenRecord& record : records) kinds.push_back(record.kind);
  return kinds;
}

TEST(ProcessTest, OneSpanIsWithTheAgentWhenTheProcessHasEnded) {
  FakeAgent agent;
  EXPECT_EQ(RunScenario("OneSpan", agent.socket_path()).code, 0);
  const auto records = agent.records();
  ASSERT_THAT(records, SizeIs(1));
  EXPECT_EQ(records[0].kind, kSpan);
  EXPECT_EQ(records[0].name, "only");
  EXPECT_EQ(records[0].attributes.at("answer"), "42");
  EXPECT_GE(records[0].end, records[0].start);
}

TEST(ProcessTest, AHungAgentDelaysTheExitByNoMoreThanPromised) {
  FakeAgent agent({.answers = false});
  const Ended ended = RunScenario("OneSpan", agent.socket_path());
  EXPECT_EQ(ended.code, 0);
  EXPECT_GE(ended.took, kExitTime);
  EXPECT_LE(ended.took, kExitTime + kTolerance);
}

TEST(ProcessTest, AnAgentThatNeverAcknowledgesDelaysTheExitByNoMoreThanPromised) {
  FakeAgent agent({.acknowledges = false});
  const Ended ended = RunScenario("OneSpan", agent.socket_path());
  EXPECT_EQ(ended.code, 0);
  EXPECT_LE(ended.took, kExitTime + kTolerance);
}

TEST(ProcessTest, WithoutAnAgentTheExitWaitsForNobody) {
  // A busy machine may take as long for the process alone, but not each time.
  for (int attempt = 0; attempt < 10; ++attempt) {
    const Ended with_span = RunScenario("OneSpan", "/tmp/sluice-nobody-listens-here");
    EXPECT_EQ(with_span.code, 0);
    if (with_span.took < kExitTime) return;
  }
  FAIL() << "waited for nobody";
}

TEST(ProcessTest, AProcessThatEmitsNothingConnectsToNobody) {
  FakeAgent agent;
  EXPECT_EQ(RunScenario("Nothing", agent.socket_path()).code, 0);
  EXPECT_EQ(RunScenario("UseAndEmitNothing", agent.socket_path()).code, 0);
  EXPECT_EQ(agent.connections(), 0u);
}

TEST(ProcessTest, ASpanThatIsOpenAtExitIsKnownToTheAgent) {
  FakeAgent agent;
  EXPECT_EQ(RunScenario("ExitInsideSpan", agent.socket_path()).code, 3);
  EXPECT_THAT(Kinds(agent.records()), ElementsAre(kStart));
}

TEST(ProcessTest, SpansOfMacrosThatAreOpenAtExitAreKnownToTheAgent) {
  FakeAgent agent;
  EXPECT_EQ(RunScenario("ExitInsideMacros", agent.socket_path()).code, 3);
  const auto records = agent.records();
  ASSERT_THAT(Kinds(records), ElementsAre(kStart, kStart));
  EXPECT_THAT(Names(records), ElementsAre("ExitInsideMacros", "step"));
  EXPECT_EQ(records[1].parent_id, records[0].span_id);
}

TEST(ProcessTest, AProgramsOwnGeneratorMakesTheIds) {
  FakeAgent agent;
  EXPECT_EQ(RunScenario("OwnIds", agent.socket_path()).code, 0);
  std::map<std::string, SeenRecord> seen;
  for (const SeenRecord& record : agent.records()) seen.emplace(record.name, record);
  EXPECT_EQ(seen["outer"].trace_id, std::string(15, '\0') + '\1');
  EXPECT_EQ(seen["outer"].span_id, std::string(7, '\0') + '\1');
  EXPECT_EQ(seen["inner"].trace_id, seen["outer"].trace_id);
  EXPECT_EQ(seen["inner"].span_id, std::string(7, '\0') + '\2');
}

TEST(ProcessTest, AFlushGuardWaitsForTheAgent) {
  FakeAgent agent;
  EXPECT_EQ(RunScenario("GuardThenQuickExit", agent.socket_path()).code, 0);
  EXPECT_THAT(Names(agent.records()), ElementsAre("guarded"));
}

TEST(ProcessTest, FlushMakesAnOpenSpanKnownBeforeAQuickExit) {
  FakeAgent agent;
  EXPECT_EQ(RunScenario("FlushThenQuickExit", agent.socket_path()).code, 0);
  EXPECT_THAT(Kinds(agent.records()), ElementsAre(kStart));
}

TEST(ProcessTest, DestructorsOfStaticObjectsMayEmit) {
  FakeAgent agent;
  EXPECT_EQ(RunScenario("StaticDestruction", agent.socket_path()).code, 0);
  EXPECT_THAT(Names(agent.records()), ElementsAre("before", "destroyed"));
}

TEST(ProcessTest, NestedSpansAndEventsArriveInOrderWithAllThatWasSaid) {
  FakeAgent agent;
  EXPECT_EQ(RunScenario("Nested", agent.socket_path()).code, 0);
  const auto records = agent.records();
  ASSERT_THAT(Kinds(records), ElementsAre(kStart, kStart, kEvent, kEnd, kEnd));
  EXPECT_EQ(records[0].target, "app::outer");
  EXPECT_EQ(records[1].parent_id, records[0].span_id);
  EXPECT_EQ(records[2].span_id, records[1].span_id);
  EXPECT_EQ(records[2].level, 2);
  EXPECT_THAT(records[2].bare, UnorderedElementsAre("bare"));
  EXPECT_EQ(records[4].attributes.at("late"), "true");
  EXPECT_EQ(records[4].status, 2);
  EXPECT_EQ(records[4].status_message, "no disk");
}

TEST(ProcessTest, AnExceptionFailsTheSpanThatItUnwinds) {
  FakeAgent agent;
  EXPECT_EQ(RunScenario("Unwinding", agent.socket_path()).code, 0);
  const auto records = agent.records();
  ASSERT_THAT(Names(records), ElementsAre("throws", "after"));
  EXPECT_EQ(records[0].status, 2);
  EXPECT_EQ(records[1].status, 0);
  EXPECT_EQ(records[1].parent_id, "");
}

TEST(ProcessTest, WhatAnUnloadedLibraryEmittedIsHandedOverAtExit) {
  FakeAgent agent;
  EXPECT_EQ(RunProgram(PLUGIN_HOST, PLUGIN, agent.socket_path()).code, 0);
  std::vector<std::string> spans;
  for (const SeenRecord& record : agent.records()) {
    if (record.kind == kStart || record.kind == kSpan) spans.push_back(record.name);
  }
  EXPECT_THAT(spans, ElementsAre("plugin", "plugin"));
}

TEST(ProcessTest, AForkedChildEmitsForItselfAndLeavesTheParentsSpansAlone) {
  FakeAgent agent;
  EXPECT_EQ(RunScenario("ForkWithoutExec", agent.socket_path()).code, 0);
  const auto records = agent.records();
  ASSERT_THAT(records, SizeIs(3));
  const auto child = std::find_if(records.begin(), records.end(),
                                  [](const auto& record) { return record.name == "child"; });
  ASSERT_NE(child, records.end());
  const auto& parent = child == records.begin() ? records[1] : records[0];
  EXPECT_EQ(parent.kind, kStart);
  EXPECT_EQ(child->kind, kSpan);
  EXPECT_EQ(child->parent_id, parent.span_id);
  EXPECT_NE(child->client_id, parent.client_id);
  EXPECT_THAT(records.back().attributes, IsEmpty());
  EXPECT_EQ(agent.violations(), 0u);
}

TEST(ProcessTest, AProcessMayForkBeforeAndAfterAnything) {
  for (const char* scenario : {"ForkBeforeTheFirstUse", "ForkAfterAFlush"}) {
    FakeAgent agent;
    EXPECT_EQ(RunScenario(scenario, agent.socket_path()).code, 0);
    EXPECT_THAT(Names(agent.records()), UnorderedElementsAre("parent", "child")) << scenario;
    EXPECT_EQ(agent.violations(), 0u);
  }
  FakeAgent agent;
  EXPECT_EQ(RunScenario("ForkAgainInTheChild", agent.socket_path()).code, 0);
  EXPECT_THAT(Names(agent.records()), UnorderedElementsAre("parent", "child", "child"));
}

// Parent and child each wait for it no longer than an exit may.
TEST(ProcessTest, AProcessMayForkWhileTheAgentIsHungOrAbsent) {
  for (const char* scenario : {"ForkAfterAFlush", "ForkWithAFullRing"}) {
    FakeAgent hung({.answers = false});
    FakeAgent silent({.acknowledges = false});
    for (const std::string& path : {hung.socket_path(), silent.socket_path(),
                                    std::string("/tmp/sluice-nobody-listens-here")}) {
      const Ended ended = RunScenario(scenario, path);
      EXPECT_EQ(ended.code, 0) << scenario << " at " << path;
      EXPECT_LE(ended.took, 2 * kExitTime + kTolerance);
    }
  }
}

TEST(ProcessTest, WhatIsBelowASpanThatNobodyWantsBelongsToItsParent) {
  FakeAgent agent({.hint = "\x08\x02"});  // WARN
  EXPECT_EQ(RunScenario("SpansThatNobodyWants", agent.socket_path()).code, 0);
  std::map<std::string, SeenRecord> seen;
  for (const SeenRecord& record : agent.records()) seen.emplace(record.name, record);
  std::vector<std::string> names;
  for (const auto& [name, record] : seen) names.push_back(name);
  // A whole span's end has no name.
  EXPECT_THAT(names, UnorderedElementsAre("", "below", "first", "inner", "of left out", "of task",
                                          "outer"));
  for (const char* name : {"inner", "below"}) {
    EXPECT_EQ(seen[name].parent_id, seen["outer"].span_id) << name;
    EXPECT_EQ(seen[name].trace_id, seen["outer"].trace_id) << name;
  }
  for (const char* name : {"of left out", "of task"}) {
    EXPECT_EQ(seen[name].span_id, seen["outer"].span_id) << name;
  }
  EXPECT_EQ(seen["of left out"].target, "app::a");
  EXPECT_EQ(seen["of task"].target, "app::c");
}

TEST(ProcessTest, AChildAfterExecGoesOnWithTheTraceOfItsEnvironment) {
  FakeAgent agent;
  EXPECT_EQ(RunScenario("ForkWithExec", agent.socket_path()).code, 0);
  const auto records = agent.records();
  ASSERT_THAT(records, SizeIs(3));
  const auto child = std::find_if(records.begin(), records.end(),
                                  [](const auto& record) { return record.name == "only"; });
  ASSERT_NE(child, records.end());
  EXPECT_EQ(child->parent_id, records.back().span_id);
  EXPECT_EQ(child->trace_id, records.back().trace_id);
}

TEST(ProcessTest, ThreadsMayForkWhileOthersEmit) {
  FakeAgent agent;
  EXPECT_EQ(RunScenario("ForkFromThreads", agent.socket_path()).code, 0);
  const auto records = agent.records();
  const auto count = [&](const std::string& name, int kind) {
    return std::count_if(records.begin(), records.end(), [&](const SeenRecord& record) {
      return record.name == name && record.kind == kind;
    });
  };
  EXPECT_EQ(count("work", kStart), 64 * 20);
  EXPECT_EQ(count("inner", kSpan), 64 * 20);
  EXPECT_EQ(count("child of thread", kSpan), 8);
  EXPECT_EQ(agent.violations(), 0u);
}

// The sanitizers allocate and call the kernel themselves.
#ifdef HOT_PATH_CHECK
TEST(ProcessTest, AnEmittingThreadAllocatesNothingAndStaysOutOfTheKernel) {
  FakeAgent agent({.keeps_records = false});
  EXPECT_EQ(RunProgram(HOT_PATH_CHECK, "", agent.socket_path()).code, 0);
}
#endif

TEST(ProcessTest, AProgramThatClosesAllDescriptorsKeepsItsFilesClean) {
#ifdef __SANITIZE_THREAD__
  GTEST_SKIP() << "closing another thread's descriptor is the race under test";
#endif
  FakeAgent agent;
  EXPECT_EQ(RunScenario("CloseAllDescriptors", agent.socket_path()).code, 0);
  EXPECT_THAT(Names(agent.records()), ElementsAre("before", "after"));
}

}  // namespace
}  // namespace sluice::testing
