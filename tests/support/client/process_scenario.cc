// A program that does what its argument says and returns from main: what the tests of a whole
// process run.
#include <pthread.h>
#include <sys/wait.h>
#include <unistd.h>

#include <barrier>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <map>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "sluice/ai.hpp"
#include "sluice/sluice.hpp"

namespace {

using sluice::Level;
using sluice::Span;

void Nothing() {}

void UseAndEmitNothing() { (void)sluice::Context::Current(); }

void OneSpan() { Span span("only", {{"answer", 42}}); }

// Numbers from 1, in the last byte of each id.
void CountIds(void* user, uint8_t trace_id[16], uint8_t span_id[8]) {
  const uint8_t number = ++*static_cast<uint8_t*>(user);
  if (trace_id != nullptr) trace_id[15] = number;
  span_id[7] = number;
}

void OwnIds() {
  static uint8_t count = 0;
  sluice::Init({.make_ids = CountIds, .make_ids_user = &count});
  const Span outer("outer");
  const Span inner("inner");
}

// What it guards ends without the library's own waiting.
void GuardThenQuickExit() {
  {
    const sluice::FlushGuard guard(std::chrono::seconds(10));
    Span span("guarded");
  }
  _exit(0);
}

// Inside spans of its own, of a macro and of a function's.
[[noreturn]] void ExitInsideMacros() {
  SLUICE_FUNCTION();
  SLUICE_SPAN("step");
  std::exit(3);
}

void ExitInsideSpan() {
  Span span("unfinished");
  std::exit(3);
}

// Until its input ends, or it is killed.
void WaitInsideSpan() {
  Span span("waiting");
  while (std::getchar() != EOF) {
  }
  std::exit(3);
}

struct EmitsWhenDestroyed {
  ~EmitsWhenDestroyed() { sluice::Event("destroyed", {}, {.target = "static"}); }
};

void StaticDestruction() {
  static const EmitsWhenDestroyed emits;
  Span span("before");
}

void Nested() {
  Span outer("outer", {}, {.target = "app::outer"});
  {
    Span inner("inner");
    inner.AddEvent("happened", {{"bare", sluice::Bare{"text"}}}, {.level = Level::kWarn});
  }
  outer.SetAttribute("late", true);
  outer.Fail("no disk");
}

void Unwinding() {
  try {
    Span span("throws");
    throw std::runtime_error("boom");
  } catch (const std::runtime_error&) {
  }
  Span after("after");
}

int Reap(pid_t child) {
  int status = 0;
  waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

// The sender's thread is up before a fork: a thread that begins meanwhile may hold the lock of the
// sanitizers' allocator, which the child then never gets.
void StartSender() { sluice::Flush(10'000); }

void ForkWithoutExec() {
  Span parent("parent");
  StartSender();
  const pid_t child = fork();
  if (child == 0) {
    { Span span("child"); }
    parent.SetAttribute("by", "child");  // the parent's, not the child's
    std::exit(0);
  }
  if (Reap(child) != 0) std::abort();
}

void ForkWithExec() {
  Span parent("parent");
  StartSender();
  const auto traceparent = parent.context().InjectTraceparent();
  const pid_t child = fork();
  if (child == 0) {
    setenv("TRACEPARENT", traceparent.c_str(), 1);
    execl("/proc/self/exe", "process_scenario", "OneSpan", nullptr);
    _exit(127);
  }
  if (Reap(child) != 0) std::abort();
}

// The child's ring is its own: it loses nothing.
void ForkAChildThatEmits() {
  const pid_t child = fork();
  if (child == 0) {
    { Span span("child"); }
    std::exit(sluice::ReadStats().dropped_ring_full == 0 ? 0 : 1);
  }
  if (Reap(child) != 0) std::abort();
}

void ForkBeforeTheFirstUse() {
  ForkAChildThatEmits();
  Span span("parent");
}

// Whatever became of that: acknowledged, under way, or nobody listens.
void ForkAfterAFlush() {
  { Span span("parent"); }
  sluice::Flush(100);
  ForkAChildThatEmits();
}

void ForkAgainInTheChild() {
  { Span span("parent"); }
  StartSender();
  const pid_t child = fork();
  if (child == 0) {
    { Span span("child"); }
    StartSender();
    ForkAChildThatEmits();
    std::exit(0);
  }
  if (Reap(child) != 0) std::abort();
}

void ForkWithAFullRing() {
  sluice::Init({.ring_bytes = 64 * 1024});
  sluice::Event("first");
  sluice::Flush(1);
  while (sluice::ReadStats().dropped_ring_full == 0) {
    sluice::Event("flood", {{"padding", std::string(200, 'x')}});
  }
  ForkAChildThatEmits();
}

// Threads emit while others fork; the children emit as well. No thread begins or ends meanwhile:
// the sanitizers' allocators are not ready for that.
void ForkFromThreads() {
  { Span span("begins the sender's thread"); }
  StartSender();
  std::vector<std::thread> threads;
  std::barrier barrier(64);
  for (int i = 0; i < 64; ++i) {
    threads.emplace_back([i, &barrier] {
      barrier.arrive_and_wait();
      for (int round = 0; round < 20; ++round) {
        Span span("work", {{"thread", i}});
        Span inner("inner");
      }
      const pid_t child = i % 8 == 0 ? fork() : -1;
      if (child == 0) {
        { Span span("child of thread"); }
        sluice::Flush(10000);
        _exit(0);
      }
      if (child > 0 && Reap(child) != 0) std::abort();
      barrier.arrive_and_wait();
    });
  }
  for (std::thread& thread : threads) thread.join();
}

// A race by nature: the library can only look whether a number still names its socket.
void CloseAllDescriptors() {
  { Span span("before"); }
  sluice::Flush(10000);
  for (int fd = 3; fd < 64; ++fd) close(fd);
  FILE* const file = std::tmpfile();
  { Span span("after"); }
  sluice::Flush(10000);
  std::fseek(file, 0, SEEK_END);
  if (std::ftell(file) != 0) std::abort();
}

void FlushThenQuickExit() {
  Span span("open");
  sluice::Flush(10000);
  _exit(0);
}

// The agent wants nothing below WARN.
void SpansThatNobodyWants() {
  { Span first("first", {}, {.level = Level::kError}); }
  sluice::Flush(10000);  // now the agent's hint is known
  Span outer("outer", {}, {.target = "app", .level = Level::kWarn});
  Span left_out("left out", {}, {.target = "app::a"});
  left_out.AddEvent("of left out", {}, {.level = Level::kWarn});
  { Span inner("inner", {}, {.level = Level::kWarn}); }
  const Span detached =
      Span::Detached("detached", {}, {.target = "app::b", .parent = left_out.context()});
  std::thread([moved = Span::Detached(
                   "moved", {}, {.target = "app::c", .parent = detached.context()})]() mutable {
    Span task(std::move(moved));
    task.AddEvent("of task", {}, {.level = Level::kWarn});
    const Span below =
        Span::Detached("below", {}, {.level = Level::kError, .parent = task.context()});
  }).join();
}

// What azure-init's own log layer prints of the same calls is known by the byte.
void AzureInitLines() {
  {
    Span outer("outer", {}, {.target = "shape"});
    sluice::Event("report", {{"health_report", "result=success|agent=x"}}, {.target = "shape"});
    Span inner("inner", {{"user", "az\"ure\nroot"}, {"n", 7}}, {.target = "shape"});
    sluice::Event("Added user: az\"ure\nroot", {}, {.target = "libazureinit::user::add"});
    sluice::Event("retrying", {{"retries", 3}, {"ok", false}},
                  {.target = "shape", .level = Level::kWarn});
  }
  sluice::Event("no span dbg", {}, {.target = "shape", .level = Level::kDebug});
}

// The span is known, and so is what the agent wants of it, before it gets its last field.
void SetLateField(Span* request) {
  sluice::Event("request sent", {}, {.target = "app::http"});
  sluice::Flush(10000);
  request->SetAttribute("http_status", 200);
}

void LateField() {
  Span request("request", {{"attempt", 0}}, {.target = "app::http"});
  SetLateField(&request);
  sluice::Event("response received", {}, {.target = "app::http", .level = Level::kDebug});
}

void LateFieldAlone() {
  Span request("request", {{"attempt", 0}}, {.target = "app::http"});
  SetLateField(&request);
  while (std::getchar() != EOF) {
  }
}

// The agent has said what it wants when the second event comes.
void BeforeAndAfterTheHint() {
  sluice::Event("before", {}, {.target = "shape"});
  sluice::Flush(10000);
  Span outer("outer", {}, {.target = "shape"});
  Span quiet("quiet", {{"n", 1}}, {.target = "shape", .level = Level::kDebug});
  Span inner("inner", {}, {.target = "shape"});
  sluice::Event("in a whisper", {}, {.target = "shape", .level = Level::kDebug});
  sluice::Event("aloud", {}, {.target = "shape"});
}

void WaitForEndOfInput() {
  while (std::getchar() != EOF) {
  }
}

void Say(const char* word) {
  std::puts(word);
  std::fflush(stdout);
}

// Emits faster than anybody takes it, until some of it is lost, and says how often it did.
void Flood() {
  sluice::Init({.ring_bytes = 64 * 1024});
  sluice::Event(std::string(70'000, 'x'));
  uint64_t calls = 1;
  for (; calls < 3000 || sluice::ReadStats().dropped_ring_full < 500; ++calls) {
    sluice::Event("flood", {{"padding", std::string(200, 'x')}});
  }
  Say(std::to_string(calls).c_str());
}

// What it has lost is told, and nothing more will be.
void FloodAndWait() {
  Flood();
  sluice::Flush(10'000);
  Say("told");
  WaitForEndOfInput();
}

// The agent knows both when this says so.
void WaitInsideTwoSpans() {
  Span outer("outer");
  Span inner("inner");
  sluice::Flush(10'000);
  Say("open");
  WaitForEndOfInput();
}

// The inner span is a child process's, whose number this prints.
void WaitInsideASpanWithAChildInAnother() {
  Span outer("outer");
  sluice::Flush(10'000);
  const pid_t child = fork();
  if (child == 0) {
    Span inner("inner");
    sluice::Flush(10'000);
    Say(std::to_string(getpid()).c_str());
    Say("open");
  }
  WaitForEndOfInput();
}

// AI spans among a program's own, of other targets and levels, and across threads.
void AiAmongOthers() {
  sluice::Init({.baggage_keys = "vllora.*"});
  Span outer(
      "outer", {},
      {.target = "app::outer", .parent = sluice::Context().WithBaggage("vllora.run_id", "r1")});
  const sluice::ai::Run run;
  {
    Span own("own", {}, {.target = "other::x"});
    Span quiet("quiet", {}, {.target = "vllora::user_tracing::quiet", .level = Level::kDebug});
    const sluice::ai::Tool tool("search");
  }
  {
    const sluice::ContextScope scope(sluice::Context::Current().WithBaggage("vllora.late", "yes"));
    const sluice::ai::Task task("later");
  }
  std::thread([context = run.context()] {
    Span elsewhere("elsewhere", {}, {.target = "app::elsewhere", .parent = context});
    const sluice::ai::Agent agent("helper");
  }).join();
}

const std::map<std::string, std::function<void()>> kScenarios = {
    {"Nothing", Nothing},
    {"UseAndEmitNothing", UseAndEmitNothing},
    {"OneSpan", OneSpan},
    {"OwnIds", OwnIds},
    {"GuardThenQuickExit", GuardThenQuickExit},
    {"ExitInsideMacros", ExitInsideMacros},
    {"ExitInsideSpan", ExitInsideSpan},
    {"WaitInsideSpan", WaitInsideSpan},
    {"StaticDestruction", StaticDestruction},
    {"Nested", Nested},
    {"Unwinding", Unwinding},
    {"SpansThatNobodyWants", SpansThatNobodyWants},
    {"ForkWithoutExec", ForkWithoutExec},
    {"ForkWithExec", ForkWithExec},
    {"ForkBeforeTheFirstUse", ForkBeforeTheFirstUse},
    {"ForkAfterAFlush", ForkAfterAFlush},
    {"ForkAgainInTheChild", ForkAgainInTheChild},
    {"ForkWithAFullRing", ForkWithAFullRing},
    {"ForkFromThreads", ForkFromThreads},
    {"CloseAllDescriptors", CloseAllDescriptors},
    {"FlushThenQuickExit", FlushThenQuickExit},
    {"AzureInitLines", AzureInitLines},
    {"LateField", LateField},
    {"LateFieldAlone", LateFieldAlone},
    {"BeforeAndAfterTheHint", BeforeAndAfterTheHint},
    {"AiAmongOthers", AiAmongOthers},
    {"Flood", Flood},
    {"FloodAndWait", FloodAndWait},
    {"WaitInsideTwoSpans", WaitInsideTwoSpans},
    {"WaitInsideASpanWithAChildInAnother", WaitInsideASpanWithAChildInAnother},
};

}  // namespace

// What the parent's sender had on its stack is nobody's in a child.
extern "C" const char* __lsan_default_suppressions() { return "leak:sluice::Sender::"; }

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  const auto scenario = kScenarios.find(argv[1]);
  if (scenario == kScenarios.end()) return 2;
  scenario->second();
}
