// Recorder and sender against an agent that comes, goes, breaks and refuses.
#include "client/src/send/sender.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "client/src/thread_state.h"
#include "client/src/wanted_levels.h"
#include "tests/support/fake_agent.h"

namespace sluice {
namespace {

using std::chrono::milliseconds;
using ::testing::Each;
using testing::FakeAgent;
using testing::SeenRecord;

constexpr milliseconds kPatience{20'000};

// All of a Process but that there may be many. Never destroyed, as its thread never ends.
class Client {
 public:
  explicit Client(const std::string& socket_path, size_t ring_bytes = 256 * 1024,
                  uint32_t capacity = 10'000, milliseconds interval = milliseconds(20))
      : settings_{.socket_path = socket_path, .ring_bytes = ring_bytes, .send_interval = interval},
        ring_(Ring::Create(ring_bytes)),
        pool_(SpanPool::Create(capacity, 1)),
        recorder_(ring_, pool_, {}),
        sender_({&settings_, ring_, &recorder_, &mailbox_}) {
    thread_state.magazine.count = 0;
    thread_state.current = {};
    static auto* const all = new std::vector<Client*>;
    all->push_back(this);
  }

  uint64_t Start(std::string_view name, const sluice_span_options& options = {}) {
    const uint64_t span = recorder_.StartSpan(name, options);
    Notify();
    return span;
  }
  void End(uint64_t span) {
    recorder_.EndSpan(span);
    Notify();
  }
  void Event(std::string_view message) {
    recorder_.EmitEvent(message, {});
    Notify();
  }
  void Notify() {
    if (mailbox_.Notify()) sender_.StartThread();
  }
  bool Flush(milliseconds timeout = kPatience) {
    sender_.Hurry();
    if (mailbox_.NotifyUrgent()) sender_.StartThread();
    return sender_.WaitAcknowledged(sender_.emitted(), std::chrono::steady_clock::now() + timeout,
                                    Sender::Patience::kUntilDeadline);
  }

  Recorder& recorder() { return recorder_; }
  Sender& sender() { return sender_; }

 private:
  const Settings settings_;
  Ring* const ring_;
  SpanPool* const pool_;
  Mailbox mailbox_;
  Recorder recorder_;
  Sender sender_;
};

// No record comes before the START of its span, nor before that of any of its ancestors.
void ExpectParentsFirst(const std::vector<SeenRecord>& records) {
  std::set<std::string> known;
  for (const SeenRecord& record : records) {
    const bool begins = record.kind == testing::kStart || record.kind == testing::kSpan;
    const std::string& refers_to = begins ? record.parent_id : record.span_id;
    if (!refers_to.empty()) {
      EXPECT_TRUE(known.contains(refers_to)) << record.name << " #" << record.sequence;
    }
    if (begins) known.insert(record.span_id);
  }
}

TEST(SenderTest, KeepsWhatFitsWhileThereIsNoAgentAndCountsTheRest) {
  FakeAgent agent;
  agent.Stop();
  Client& client = *new Client(agent.socket_path());
  while (client.recorder().drops().ring_full.load() < 10) client.Event("kept or dropped");
  const uint64_t kept = client.sender().emitted();
  agent.Start();
  EXPECT_TRUE(client.Flush());
  EXPECT_EQ(agent.records().size(), kept);
  EXPECT_EQ(client.recorder().drops().ring_full.load(), 10u);
}

TEST(SenderTest, SendsTheSameBytesAgainAfterAConnectionBroke) {
  FakeAgent agent({.breaks_after = 7});
  Client& client = *new Client(agent.socket_path());
  for (int i = 0; i < 200; ++i) {
    client.Event("event " + std::to_string(i));
    if (i % 10 != 0) continue;
    ASSERT_TRUE(agent.WaitForCount(static_cast<size_t>(i / 2)));
  }
  EXPECT_TRUE(client.Flush());
  const auto records = agent.records();
  ASSERT_EQ(records.size(), 200u);
  for (size_t i = 0; i < records.size(); ++i) {
    EXPECT_EQ(records[i].name, "event " + std::to_string(i));
    EXPECT_EQ(records[i].sequence, i + 1);
  }
  EXPECT_EQ(agent.violations(), 0u);
  EXPECT_GT(agent.connections(), 1u);
}

TEST(SenderTest, StatesOpenSpansAgainAfterAnAgentRestarts) {
  FakeAgent agent;
  Client& client = *new Client(agent.socket_path());
  client.Start("long");
  ASSERT_TRUE(agent.WaitForCount(1));
  agent.Stop();
  agent.Start();
  ASSERT_TRUE(agent.WaitFor([&](const auto&) { return agent.connections_unlocked() >= 2; }));
  client.Event("in it");
  ASSERT_TRUE(agent.WaitForCount(2));
  const auto records = agent.records();
  EXPECT_TRUE(agent.open_spans().contains(records[0].trace_id + records[0].span_id));
}

TEST(SenderTest, WaitsAsLongAsTheAgentAsks) {
  FakeAgent agent({.refuses = {{.code = 14, .message = "", .pushback_ms = "60000"}}});
  Client& client = *new Client(agent.socket_path());
  client.Event("one");
  ASSERT_TRUE(agent.WaitFor([&](const auto&) { return agent.connections_unlocked() >= 1; }));
  EXPECT_FALSE(client.Flush(milliseconds(150)));
  EXPECT_LE(agent.connections(), 2u);  // one more for the flush
}

TEST(SenderTest, EncodesNothingThatNobodyWants) {
  FakeAgent agent({.hint = "\x08\x02"});  // WARN
  Client& client = *new Client(agent.socket_path());
  client.recorder().EmitEvent("wanted", {.level = SLUICE_ERROR});
  client.Notify();
  ASSERT_TRUE(client.Flush());
  client.Event("info");
  EXPECT_EQ(client.Start("info"), 0u);
  EXPECT_EQ(client.recorder().drops().suppressed.load(), 2u);
  EXPECT_TRUE(client.Flush());
  EXPECT_EQ(agent.records().size(), 1u);
  SetWantedLevels({});
}

TEST(SenderTest, OpensAsManySpansAsPromisedAndNoMore) {
  Client& client = *new Client("/tmp/sluice-nobody-listens-here", 256 * 1024, 100);
  const sluice_span_options detached = {.is_detached = 1};
  std::vector<uint64_t> spans;
  for (int i = 0; i < 100; ++i) spans.push_back(client.Start("open", detached));
  EXPECT_THAT(spans, Each(::testing::Ne(0u)));
  EXPECT_EQ(client.Start("one too many", detached), 0u);
  EXPECT_EQ(client.recorder().drops().span_limit.load(), 1u);
  client.End(spans.back());
  EXPECT_NE(client.Start("room again", detached), 0u);
}

TEST(SenderTest, AnEndThatFindsNoRoomIsSentWhenThereIs) {
  FakeAgent agent;
  Client& client = *new Client(agent.socket_path());
  const uint64_t span = client.Start("long");
  ASSERT_TRUE(agent.WaitForCount(1));
  agent.Stop();
  while (client.recorder().drops().ring_full.load() == 0) client.Event("filler");
  client.End(span);
  agent.Start();
  EXPECT_TRUE(agent.WaitFor([](const std::vector<SeenRecord>& records) {
    return !records.empty() && records.back().kind == testing::kEnd;
  }));
}

TEST(SenderTest, LongAttributesAndManyOfThemAllArrive) {
  FakeAgent agent;
  Client& client = *new Client(agent.socket_path());
  const uint64_t span = client.Start("wide");
  const std::string large(20'000, 'x');
  for (int i = 0; i < 300; ++i) {
    const std::string key = "k" + std::to_string(i);
    const std::string text = i == 150 ? large : "value";
    const sluice_attribute attribute = {.key = {key.data(), key.size()},
                                        .type = i % 2 == 0 ? SLUICE_BARE : SLUICE_STRING,
                                        .value = {.text = {text.data(), text.size()}}};
    client.recorder().SetAttributes(span, {&attribute, 1});
  }
  client.End(span);
  ASSERT_TRUE(client.Flush());
  std::set<std::string> keys, bare;
  for (const SeenRecord& record : agent.records()) {
    for (const auto& [key, value] : record.attributes) {
      keys.insert(key);
      EXPECT_EQ(value, key == "k150" ? large : "value");
    }
    bare.insert(record.bare.begin(), record.bare.end());
  }
  EXPECT_EQ(keys.size(), 300u);
  EXPECT_EQ(bare.size(), 150u);
}

// Threads that start spans under each other's, end them in any order, and emit events within.
TEST(SenderTest, SendsNoRecordBeforeTheStartsOfItsAncestors) {
  FakeAgent agent;
  Client& client = *new Client(agent.socket_path(), 4 * 1024 * 1024, 10'000, milliseconds(1));
  std::mutex mutex;
  std::vector<uint64_t> open;
  std::vector<std::thread> threads;
  for (unsigned seed = 0; seed < 4; ++seed) {
    threads.emplace_back([&, seed] {
      std::minstd_rand random(seed + 1);
      for (int i = 0; i < 500; ++i) {
        const std::lock_guard lock(mutex);
        const size_t pick = open.empty() ? 0 : random() % open.size();
        const sluice_context parent =
            open.empty() ? sluice_context{} : client.recorder().ContextOf(open[pick]);
        if (random() % 3 == 0 && !open.empty()) {
          client.End(open[pick]);
          open.erase(open.begin() + static_cast<ptrdiff_t>(pick));
        } else if (random() % 3 == 0) {
          client.recorder().EmitEvent("event", {.context = &parent});
          client.Notify();
        } else {
          open.push_back(client.Start("span", {.parent = &parent, .is_detached = 1}));
        }
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (const uint64_t span : open) client.End(span);
  ASSERT_TRUE(client.Flush());
  ExpectParentsFirst(agent.records());
  EXPECT_EQ(client.recorder().drops().ring_full.load(), 0u);
}

}  // namespace
}  // namespace sluice
