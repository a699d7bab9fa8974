#include "client/src/console/console.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <string>
#include <vector>

#include "client/src/recorder.h"
#include "client/src/ring.h"
#include "client/src/span_pool.h"
#include "client/src/thread_state.h"

namespace sluice {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

class ConsoleTest : public ::testing::Test {
 protected:
  ConsoleTest() { thread_state.magazine.count = 0; }
  ~ConsoleTest() override {
    thread_state.magazine.count = 0;
    thread_state.current = {};
    pool_->Unmap();
    ring_->Unmap();
    delete pool_;
    delete ring_;
    close(fd_);
  }

  static sluice_attribute Text(const char* key, std::string_view value) {
    return {.key = sluice_str(key),
            .type = SLUICE_STRING,
            .value = {.text = {value.data(), value.size()}}};
  }
  uint64_t Start(Recorder* recorder, const char* name, const char* target = "app",
                 std::vector<sluice_attribute> attributes = {}) {
    return recorder->StartSpan(name,
                               {.size = sizeof(sluice_span_options), .target = sluice_str(target)},
                               {attributes.data(), attributes.size()});
  }
  // What was written since the last call.
  std::vector<std::string> Lines() {
    std::string text(1 << 20, '\0');
    text.resize(static_cast<size_t>(pread(fd_, text.data(), text.size(), read_)));
    read_ += static_cast<off_t>(text.size());
    std::vector<std::string> lines;
    for (size_t end; (end = text.find('\n')) != std::string::npos; text.erase(0, end + 1)) {
      lines.push_back(text.substr(0, end));
    }
    return lines;
  }

  const int fd_ = memfd_create("console", MFD_CLOEXEC);
  off_t read_ = 0;
  Ring* const ring_ = Ring::Create(256 * 1024);
  SpanPool* const pool_ = SpanPool::Create(100, 1);
};

TEST_F(ConsoleTest, ShowsWholeSpansChildrenFirst) {
  Console console("1", "", fd_);
  Recorder recorder(ring_, pool_, {.console = &console});
  const uint64_t outer = Start(&recorder, "outer");
  const uint64_t inner = Start(&recorder, "inner", "app::in", {Text("k", "a\"\n\\\xff")});
  const sluice_context context = recorder.ContextOf(outer);
  recorder.EndSpan(inner);
  recorder.SetStatus(outer, SLUICE_FAILED, "why");
  const sluice_attribute late = Text("late", "yes");
  recorder.SetAttributes(outer, {&late, 1});
  recorder.EndSpan(outer);
  const auto lines = Lines();
  ASSERT_EQ(lines.size(), 2u);
  SpanId id;
  std::copy_n(context.span_id, 8, id.bytes.begin());
  EXPECT_THAT(lines[0], AllOf(HasSubstr("\"name\":\"inner\""), HasSubstr("\"name\":\"app::in\""),
                              HasSubstr("\"parentSpanId\":\"" + id.ToHex() + "\""),
                              HasSubstr("\"stringValue\":\"a\\\"\\u000a\\\\\xef\xbf\xbd\"")));
  EXPECT_THAT(lines[1], AllOf(HasSubstr("\"name\":\"outer\""), HasSubstr("\"late\""),
                              HasSubstr("\"status\":{\"message\":\"why\",\"code\":2}"),
                              Not(HasSubstr("parentSpanId"))));
}

TEST_F(ConsoleTest, WhatIsBelowAHiddenSpanIsShownBelowItsParent) {
  Console console("info,quiet=off", "", fd_);
  Recorder recorder(ring_, pool_, {.console = &console});
  const uint64_t outer = Start(&recorder, "outer");
  const sluice_context context = recorder.ContextOf(outer);
  const uint64_t hidden = Start(&recorder, "hidden", "quiet");
  const uint64_t deeper = Start(&recorder, "deeper", "quiet::in");
  const uint64_t inner = Start(&recorder, "inner");
  for (const uint64_t span : {inner, deeper, hidden, outer}) recorder.EndSpan(span);
  const auto lines = Lines();
  ASSERT_EQ(lines.size(), 2u);
  SpanId id;
  std::copy_n(context.span_id, 8, id.bytes.begin());
  EXPECT_THAT(lines[0], HasSubstr("\"parentSpanId\":\"" + id.ToHex() + "\""));
}

TEST_F(ConsoleTest, ShowsEachSpanOnceWhereTheRingIsFull) {
  Console console("1", "", fd_);
  Recorder recorder(ring_, pool_, {.console = &console});
  const uint64_t outer = Start(&recorder, "outer");
  int spans = 0;
  while (recorder.drops().ring_full.load() < 3) {
    recorder.EndSpan(Start(&recorder, "filler"));
    ++spans;
  }
  recorder.EndSpan(outer);
  recorder.PublishOpenSpans(UINT64_MAX);  // as the sender tries again
  console.Write();
  const auto lines = Lines();
  EXPECT_EQ(lines.size(), static_cast<size_t>(spans) + 1);
  EXPECT_THAT(lines.back(), HasSubstr("\"name\":\"outer\""));
}

TEST_F(ConsoleTest, OfAKeySetTwiceTheLastValueIsShown) {
  Console console("1", "", fd_);
  Recorder recorder(ring_, pool_, {.console = &console});
  const uint64_t span = Start(&recorder, "span", "app", {Text("k", "first")});
  recorder.Publish(span);  // what is sent cannot be taken back
  const sluice_attribute again = Text("k", "second");
  recorder.SetAttributes(span, {&again, 1});
  recorder.EndSpan(span);
  const auto lines = Lines();
  ASSERT_EQ(lines.size(), 1u);
  EXPECT_THAT(lines[0], AllOf(HasSubstr("second"), Not(HasSubstr("first"))));
}

}  // namespace
}  // namespace sluice
