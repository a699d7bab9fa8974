// What azure-init's recorded run did with Rust's tracing, done through libsluice: the same spans
// and events in the same order, with the same fields. See README.md.
//
// A field that tracing formats (`%` and `?`, integers beyond 64 bits) is a bare text here. Contexts
// are given explicitly where the run left spans in another order than it entered them.
#include <chrono>
#include <cmath>
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "sluice/sluice.hpp"

namespace {

using namespace std::string_literals;
using namespace std::string_view_literals;
using sluice::Attribute;
using sluice::Attributes;
using sluice::Bare;
using sluice::Bytes;
using sluice::Context;
using sluice::ContextScope;
using sluice::kNoMessage;
using sluice::Level;
using sluice::Span;

constexpr std::string_view kTarget = "emitter";
constexpr std::string_view kVmId = "00000000-0000-0000-0000-000000000001";

// Lines of a log have times of microseconds: no two calls share one.
void Tick() {
  const auto begin = std::chrono::steady_clock::now();
  while (std::chrono::steady_clock::now() - begin < std::chrono::microseconds(3)) {
  }
}

void Emit(Level level, std::string_view target, std::string_view message,
          const Attributes& attributes = {}) {
  Tick();
  sluice::Event(message, attributes, {.target = target, .level = level});
}
void Info(std::string_view message, const Attributes& attributes = {}) {
  Emit(Level::kInfo, kTarget, message, attributes);
}
void InfoIn(const Context& context, std::string_view message, const Attributes& attributes = {}) {
  Tick();
  sluice::Event(message, attributes, {.target = kTarget, .context = context});
}

// A detached span; a root by default.
Span Detached(std::string_view name, const Attributes& attributes = {},
              const Context& parent = {}) {
  Tick();
  return Span::Detached(name, attributes, {.target = kTarget, .parent = parent});
}
void End(Span* span) {
  Tick();
  span->End();
}

// The current span until the end of its scope.
struct Scoped {
  explicit Scoped(std::string_view name, const Attributes& attributes = {},
                  std::string_view target = kTarget, Level level = Level::kInfo)
      : span((Tick(), name), attributes, {.target = target, .level = level}) {}
  ~Scoped() { End(&span); }

  Span span;
};

std::string Repeat(std::string_view text, size_t count) {
  std::string repeated;
  while (count-- > 0) repeated += text;
  return repeated;
}

void Group(const std::string& name) {
  Tick();
  sluice::Event("GROUP " + name, {}, {.target = "group", .context = Context()});
}

void Numbers() {
  using Limits = std::numeric_limits<int64_t>;
  Info("ints", {{"i8min", -128},
                {"i64min", Limits::min()},
                {"i64max", Limits::max()},
                {"u64max", Bare{"18446744073709551615"}}});
  Info("wide ints", {{"i128", Bare{"-170141183460469231731687303715884105728"}},
                     {"u128", Bare{"340282366920938463463374607431768211455"}},
                     {"usize", 7},
                     {"nz", 5}});
  Info("floats", {{"f", 1.0},
                  {"g", 1e21},
                  {"h", 1e-7},
                  {"i", 0.1f},
                  {"j", std::nan("")},
                  {"k", HUGE_VAL},
                  {"l", -0.0},
                  {"m", std::numeric_limits<double>::min()},
                  {"n", 123456789.125},
                  {"o", 1e16},
                  {"p", 1e15},
                  {"q", -HUGE_VAL},
                  {"r", std::numeric_limits<double>::denorm_min()}});
  Info("bools", {{"t", true}, {"f", false}});
}

void Texts() {
  Info("strings", {{"plain", "a b"},
                   {"quote", "say \"hi\""},
                   {"back", "a\\b"},
                   {"nl", "a\nb"},
                   {"tab", "a\tb"},
                   {"esc", "\x1b[31m"},
                   {"nul", "a\0b"sv},
                   {"del", "\x7f"},
                   {"zwj", "\u200d"},
                   {"comb", "e\u0301"},
                   {"uni", "é漢😀"},
                   {"rtl", "\u202ex"},
                   {"nel", "\u0085"},
                   {"bom", "\ufeff"},
                   {"apos", "it's"},
                   {"empty", ""}});
  Info("display", {{"plain", Bare{"a b"}},
                   {"quote", Bare{"say \"hi\""}},
                   {"nl", Bare{"a\nb"}},
                   {"esc", Bare{"\x1b[31m"}},
                   {"nul", Bare{"a\0b"sv}},
                   {"empty", Bare{""}}});
  Info("debug", {{"plain", Bare{R"("a b")"}},
                 {"quote", Bare{R"("say \"hi\"")"}},
                 {"nl", Bare{R"("a\nb")"}},
                 {"opt", Bare{"Some(1)"}},
                 {"none", Bare{"None"}},
                 {"vec", Bare{"[1, 2]"}},
                 {"path", Bare{R"("/a b")"}},
                 {"tuple", Bare{R"((1, "x"))"}},
                 {"unit", Bare{"()"}}});
}

void OtherTypes() {
  Info("strings owned", {{"string", "owned"}, {"other", "owned"}});
  Info("options", {{"o1", 4}, {"after", 1}});
  Info("bytes", {{"bytes", Bytes{"\x00\xff"
                                 "ab",
                                 4}}});
  Info("chars", {{"c", Bare{"c"}}, {"d", Bare{"'d'"}}, {"boxed", 3}, {"wr", 9}});
  Info("dyn error", {{"error", Bare{"outer failed"}}});
  Emit(Level::kError, kTarget, "display error", {{"error", Bare{"outer failed"}}});
  Emit(Level::kError, kTarget, "debug error", {{"error", Bare{"Outer(Inner)"}}});
  Info("keys",
       {{"a.b.c", 1}, {"quoted key", 2}, {"type", 3}, {"a=b", 4}, {"a|b", 5}, {"", 6}, {"é", 7}});
  Info("empty field", {{"x", 1}, {"x3", 3}});
  Info("raw idents", {{"type", "raw"}, {"fn", 2}});
  std::vector<std::string> keys;
  for (char key = 'a'; key <= 'p'; ++key) keys.emplace_back(1, key);
  std::vector<Attribute> sixteen;
  for (size_t i = 0; i < keys.size(); ++i) sixteen.emplace_back(keys[i], i + 1);
  Info("sixteen", sixteen);
}

void Types() {
  Group("types");
  const Scoped scoped("types", {{"a", 1}, {"b", -1}, {"c", true}, {"d", "text"}, {"e", 1.5}});
  Numbers();
  Texts();
  OtherTypes();
}

void Messages() {
  Group("messages");
  const Scoped scoped("messages");
  Info("simple");
  Info("fmt 1 \"q\"     2");
  Info("");
  Info(" lead and trail ");
  Info("two\nlines");
  Info("tab\tesc\x1b[0m nul\0 quote\" back\\ é漢😀 \u202e"sv);
  Info(kNoMessage, {{"a", 1}});
  Info(kNoMessage, {{"msg", "Event message"}});
  Info(kNoMessage, {{"a", 1}, {"message", "late message"}});
  Info(kNoMessage, {{"message", "str message"}, {"a", 1}});
  Info("disp", {{"a", 2}});
  Info("\"dbg\"", {{"a", 3}});
  Info(kNoMessage, {{"message", 5}, {"a", 4}});
  Info(kNoMessage, {{"message", true}});
  Info("fields then message", {{"a", 1}, {"b", "x"}});
  Info("braces 1", {{"a", 1}, {"b", "x"}});
  Info("double field", {{"a", 1}, {"a2", 1}, {"a", 2}});
  Info("with a name");
  Emit(Level::kInfo, "other::target", "named and targeted", {{"k", 1}});
  Info("a=1, b=2 | Event: x");
  Info("comma value", {{"k", "v, x=y"}});
  Info("three forms", {{"tmp", Bare{"dynamic"}}, {"tmp", Bare{"\"dynamic\""}}, {"tmp", "dynamic"}});
}

void Long() {
  Group("long");
  const Scoped scoped("provision", {}, "azure_init");
  for (const size_t size : {973, 974, 975, 982, 1022, 1996, 1997, 2000, 3000, 5000}) {
    Info(Repeat("x", size));
  }
  for (size_t pad = 0; pad < 4; ++pad) Info(Repeat("x", 970 + pad) + Repeat("é", 40));
  for (size_t pad = 0; pad < 4; ++pad) Info(Repeat("x", 968 + pad) + Repeat("😀", 300));
  Info("long value", {{"k", Repeat("v", 1500)}});
  Info("many quotes", {{"k", Repeat("\"", 600)}});
  Info(Repeat("\n", 1100));
  Info(Repeat("y", 20'000));
  Info(Repeat("z", 60'000));
}

void Names() {
  Group("names");
  constexpr std::pair<std::string_view, std::string_view> kSpans[] = {
      {"azure_init", "provision"},
      {"libazureinit::provision::user", "create_user"},
      {"azure_init::media", "get"},
      {"libazureinit", "x"},
      {"libazureinit::", "z"},
      {"foo", "foo"},
      {"foo", "bar"},
      {"my_crate::a", "b"},
      {"azure_init", "azure_init"},
      {"azure_init::libazureinit::x", "y"},
      {"libazureinit::azure_init::x", "y"},
      {"", "n"},
      {"", ""},
      {"t", ""},
      {"a|b", "c|d"},
      {"sp ace", "na me"},
      {"q\"t", "n\"n"},
      {"t\nt", "n\nn"},
      {"é漢", "😀"},
      {"x::y", "a:b{c}"},
      {"azure_initx", "p"},
      {"LIBAZUREINIT::x", "p"}};
  for (const auto& [target, name] : kSpans) {
    const Scoped scoped(name, {}, target);
    Emit(Level::kInfo, target, "in");
  }
  {
    const Scoped scoped("and_a_very_long_span_name_that_goes_on" + Repeat("_and_on", 8), {},
                        "a_very_long_target_name_that_goes_on::and_on" + Repeat("_and_on", 4) +
                            "::and_on" + Repeat("_and_on", 4) + "::end");
    Info("long key");
  }
  {
    const Scoped scoped(Repeat("é", 32), {}, Repeat("é", 73));
    Info("long é key");
  }
  for (const Level level :
       {Level::kError, Level::kWarn, Level::kInfo, Level::kDebug, Level::kTrace}) {
    const Scoped scoped("lv", {}, kTarget, level);
    Emit(Level::kError, kTarget, "e");
    Emit(Level::kWarn, kTarget, "w");
    Emit(Level::kInfo, kTarget, "i");
    Emit(Level::kDebug, kTarget, "d");
    Emit(Level::kTrace, kTarget, "t");
  }
}

void Macros() {
  Group("macros");
  const Scoped scoped("macros");
  {
    const Scoped fails("fails", {{"user", "a\"b"}, {"n", 3}});
    Emit(Level::kError, kTarget, kNoMessage, {{"error", Bare{"useradd: exit 9"}}});
  }
  {
    const Scoped returns("returns", {{"v", Bare{"[1, 2]"}}, {"k", 7}});
    Info(kNoMessage, {{"return", Bare{"Some(3)"}}});
  }
  const Scoped renamed("renamed é", {}, "libazureinit::provision::user", Level::kDebug);
  Info("inside renamed");
}

void Record(Span* span, std::string_view key, const auto& value) {
  Tick();
  span->SetAttribute(key, value);
}

void SpansLeftInAnotherOrder() {
  Span x = Detached("x");
  Span y = Detached("y");
  InfoIn(y.context(), "x then y");
  InfoIn(y.context(), "x left, y in");
  InfoIn(Context(), "none");
  End(&y);
  End(&x);
}

void SpansBelowOneOfAnotherTarget() {
  const Scoped outer("outer_kept", {}, "keep");
  const Scoped middle("middle_debug", {}, "drop::me", Level::kDebug);
  Emit(Level::kInfo, "keep", "info in debug span");
  Emit(Level::kWarn, "keep", "warn in debug span");
  const Scoped below("below_debug", {}, "keep");
  Emit(Level::kInfo, "keep", "info below");
  Emit(Level::kDebug, "keep", "debug event");
  Emit(Level::kTrace, "keep", "trace event");
  Emit(Level::kInfo, "drop::me", "info of dropped target");
  Emit(Level::kError, "drop::me", "error of dropped target");
}

void Tree() {
  Group("tree");
  Span a = Detached("a", {{"twice", 1}});
  InfoIn(a.context(), "in a");
  Record(&a, "late", "now");
  InfoIn(a.context(), "after late");
  Record(&a, "twice", 2);
  InfoIn(a.context(), "after twice");
  Record(&a, "late", "again");
  InfoIn(a.context(), "late again");
  Span b = Detached("b", {}, a.context());
  InfoIn(b.context(), "in b");
  Span c = Detached("c", {}, a.context());
  InfoIn(c.context(), "in c (parent a)");
  Span d = Detached("d_root");
  InfoIn(d.context(), "in d (root)");
  InfoIn(a.context(), "explicit parent a");
  InfoIn(Context(), "explicit root event");
  InfoIn(a.context(), "explicit id parent");
  InfoIn(a.context(), "back in a");
  InfoIn(b.context(), "b again");
  End(&b);
  InfoIn(a.context(), "b dropped");
  End(&d);
  End(&c);
  InfoIn(Context(), "outside");
  InfoIn(a.context(), "a not entered");
  InfoIn(a.context(), "clone keeps a");
  End(&a);
  SpansLeftInAnotherOrder();
  Span r = Detached("r");
  for (int i = 0; i < 3; ++i) InfoIn(r.context(), "again", {{"i", i}});
  End(&r);
  Span q = Detached("q");
  InfoIn(q.context(), "q in q");
  End(&q);
  Span never_entered = Detached("never_entered");
  End(&never_entered);
  SpansBelowOneOfAnotherTarget();
}

void Threads() {
  Group("threads");
  Span crossing = Detached("crossing", {{"from", "main"}});
  InfoIn(crossing.context(), "on main");
  std::thread([&crossing] {
    const ContextScope scope(crossing.context());
    Info("on worker");
    const Scoped child("worker_child");
    Info("in child");
  }).join();
  Span ends_elsewhere = Detached("ends_elsewhere");
  InfoIn(ends_elsewhere.context(), "begin");
  std::thread([moved = std::move(ends_elsewhere)]() mutable { End(&moved); }).join();
  End(&crossing);
  std::thread([] { Info("no context on a new thread"); }).join();
}

void Tasks() {
  Group("asyncs");
  Span provision = Detached("mock_provision", {{"vm_id", kVmId}});
  const Context in_provision = provision.context();
  InfoIn(in_provision, kNoMessage, {{"msg", "Provisioning started"}});
  std::vector<Span> children;
  for (int index = 0; index < 3; ++index) {
    Span child = Detached("child", {{"index", index}}, in_provision);
    const std::string message = "Event in child span for item " + std::to_string(index);
    InfoIn(child.context(), kNoMessage, {{"msg", message}});
    if (index == 0) {
      End(&child);
    } else {
      children.push_back(std::move(child));
    }
  }
  End(&children[1]);
  End(&children[0]);
  Tick();
  sluice::Event("Provisioning completed successfully",
                {{"health_report", Bare{"result=success|agent=Azure-Init/0.1.1|pps_type=None|"
                                        "vm_id=x|timestamp=2026-06-17T00:00:00+00:00"}}},
                {.target = "libazureinit::health::report", .context = in_provision});
  End(&provision);
  Span idle = Detached("idle_mostly");
  InfoIn(idle.context(), "before");
  InfoIn(idle.context(), "after");
  End(&idle);
  Span tasks = Detached("two_tasks");
  Span ta = Detached("ta", {}, tasks.context());
  Span tb = Detached("tb", {}, tasks.context());
  InfoIn(ta.context(), "a1");
  InfoIn(tb.context(), "b1");
  InfoIn(tb.context(), "b2");
  End(&tb);
  InfoIn(ta.context(), "a2");
  End(&ta);
  End(&tasks);
  Span unpolled = Detached("unpolled");
  End(&unpolled);
}

void Report(std::string_view text, std::string_view message = "m") {
  Info(message, {{"health_report", Bare{text}}});
}

void Reports() {
  Group("reports");
  Report("outside any span", "Provisioning report");
  const Scoped scoped("reports");
  Info("m", {{"health_report", "str form"}});
  Report("\"dbg form\"");
  Report("\"quoted\"");
  Report("result=error|reason=x|\"k=a|b\"");
  Info("m", {{"health_report", "with \"inner\" quotes"}});
  Info("empty", {{"health_report", ""}});
  Info("int", {{"health_report", 5}});
  Info("bool", {{"health_report", true}});
  Emit(Level::kDebug, kTarget, "m", {{"health_report", Bare{"at debug"}}});
  Emit(Level::kError, kTarget, "m", {{"health_report", Bare{"at error"}}});
  Emit(Level::kInfo, "quiet::x", "m", {{"health_report", Bare{"other target"}}});
  Info("m", {{"a", 1}, {"health_report", Bare{"with other fields"}}, {"b", 2}});
  Report("line1\nline2");
  Report("é漢😀");
  Report(Repeat("r", 1022));
  Report(Repeat("s", 1023));
  Report(Repeat("t", 3000));
  Report("nul\0x"sv);
  Report("Some(\"opt\")");
  Emit(Level::kInfo, "libazureinit::health::report", "Provisioning report: vm",
       {{"health_report", Bare{"Provisioning is still in progress for vm_id=vm."}}});
}

// A report of any target, by a program that knows that nobody wants what is no error.
bool ReportQuietly() {
  Emit(Level::kError, kTarget, "asks what is wanted");
  if (!sluice::Flush(20'000)) return false;
  Emit(Level::kInfo, "my::report", "m", {{"health_report", Bare{"in silence"}}});
  return sluice::Flush(20'000);
}

void Everything() {
  Types();
  Messages();
  Long();
  Names();
  Macros();
  Tree();
  Threads();
  Tasks();
  Reports();
  Group("end");
}

}  // namespace

// Without arguments all of it; with `quietly` a report alone. Ends with 0 once the agent has it.
int main(int argc, char** argv) {
  sluice::Init({.service_name = "azure-init", .service_version = "0.1.1"});
  if (argc == 2 && argv[1] == "quietly"sv) return ReportQuietly() ? 0 : 1;
  Everything();
  return sluice::Flush(20'000) ? 0 : 1;
}
