// Recorder and sender against an agent that comes, goes, breaks and refuses.
#include "client/src/send/sender.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <algorithm>
#include <atomic>
#include <filesystem>
#include <fstream>
#include <random>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "client/src/wanted_levels.h"
#include "tests/support/client/sending_client.h"
#include "tests/support/fake_agent.h"

namespace sluice {
namespace {

using std::chrono::milliseconds;
using ::testing::Each;
using ::testing::ElementsAre;
using testing::FakeAgent;
using testing::SeenRecord;
using Client = testing::SendingClient;

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

// Of the socket of this process whose peer has a name, which is the client's; 0: there is none.
int SendBufferOfClient() {
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) {
    const int fd = std::stoi(entry.path().filename());
    sockaddr_un peer = {};
    socklen_t size = sizeof(peer);
    if (getpeername(fd, reinterpret_cast<sockaddr*>(&peer), &size) != 0) continue;
    if (peer.sun_family != AF_UNIX || peer.sun_path[0] == '\0') continue;
    int bytes = 0;
    size = sizeof(bytes);
    getsockopt(fd, SOL_SOCKET, SO_SNDBUF, &bytes, &size);
    return bytes;
  }
  return 0;
}

TEST(SenderTest, MayHaveAWindowFullUnderWay) {
  FakeAgent agent;
  Client& client = *new Client(agent.socket_path());
  client.Event("e");
  ASSERT_TRUE(agent.WaitForCount(1));
  int most = 0;
  std::ifstream("/proc/sys/net/core/wmem_max") >> most;
  // The kernel counts its own overhead, for which it doubles what was asked.
  EXPECT_EQ(SendBufferOfClient(), 2 * std::min(1 << 20, most));
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

TEST(SenderTest, TellsWhenWhatIsWantedChanges) {
  SetWantedLevels({});
  std::atomic<int> changes{0};
  const auto count = [](void* user) { ++*static_cast<std::atomic<int>*>(user); };
  sluice_on_wanted_change(count, &changes);
  FakeAgent agent({.hint = "\x08\x02"});  // WARN
  Client& client = *new Client(agent.socket_path());
  client.Event("asks what is wanted");
  ASSERT_TRUE(client.Flush());
  EXPECT_EQ(changes, 1);
  SetWantedLevels({.default_level = Level::kWarn});
  EXPECT_EQ(changes, 1);
  SetWantedLevels({});
  EXPECT_EQ(changes, 2);
  sluice_on_wanted_change(nullptr, nullptr);
  SetWantedLevels({.default_level = Level::kWarn});
  EXPECT_EQ(changes, 2);
  SetWantedLevels({});
}

TEST(SenderTest, SendsAReportThatNobodyWants) {
  FakeAgent agent({.hint = std::string("\x10\x01", 2)});  // off
  Client& client = *new Client(agent.socket_path());
  client.Event("asks what is wanted");
  ASSERT_TRUE(client.Flush());
  const std::string_view key = "health_report", text = "result=success";
  const sluice_attribute report = {.key = {key.data(), key.size()},
                                   .type = SLUICE_STRING,
                                   .value = {.text = {text.data(), text.size()}}};
  client.recorder().EmitEvent("report", {}, {&report, 1});
  client.Notify();
  ASSERT_TRUE(client.Flush());
  const auto records = agent.records();
  ASSERT_EQ(records.size(), 2u);
  EXPECT_EQ(records[1].name, "report");
  SetWantedLevels({});
}

TEST(SenderTest, AnEventMayHaveNoMessageOrAnEmptyOne) {
  FakeAgent agent;
  Client& client = *new Client(agent.socket_path());
  client.Event({});
  client.Event("");
  ASSERT_TRUE(client.Flush());
  const auto records = agent.records();
  ASSERT_EQ(records.size(), 2u);
  EXPECT_EQ(ReadRecord(records[0].encoded)->event.message.type, ValueView::Type::kEmpty);
  EXPECT_EQ(ReadRecord(records[1].encoded)->event.message.type, ValueView::Type::kString);
}

TEST(SenderTest, TraceIdsAreShapedAsUuids) {
  FakeAgent agent;
  Client& client = *new Client(agent.socket_path());
  std::set<std::string> ids;
  for (int i = 0; i < 100; ++i) client.End(client.Start("root"));
  ASSERT_TRUE(client.Flush());
  for (const SeenRecord& record : agent.records()) {
    ASSERT_EQ(record.trace_id.size(), 16u);
    EXPECT_EQ(static_cast<uint8_t>(record.trace_id[6]) >> 4, 4);
    EXPECT_EQ(static_cast<uint8_t>(record.trace_id[8]) >> 6, 2);
    ids.insert(record.trace_id);
  }
  EXPECT_EQ(ids.size(), 100u);
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

sluice_attribute Number(std::string_view key, int64_t value) {
  return {.key = {key.data(), key.size()}, .type = SLUICE_INT, .value = {.integer = value}};
}

void SetLate(Client& client, uint64_t span, std::string_view key, int64_t value) {
  const sluice_attribute attribute = Number(key, value);
  client.recorder().SetAttributes(span, {&attribute, 1});
  client.Notify();
}

void EventIn(Client& client, uint64_t span, std::string_view message) {
  const sluice_context context = client.recorder().ContextOf(span);
  client.recorder().EmitEvent(message, {.context = &context});
  client.Notify();
}

uint64_t StartIn(Client& client, uint64_t parent, std::string_view name) {
  const sluice_context context = client.recorder().ContextOf(parent);
  return client.Start(name, {.parent = &context, .is_detached = 1});
}

// What came, in order: `START outer`, `UPDATE late=1`, `EVENT message`.
std::vector<std::string> Told(const std::vector<SeenRecord>& records) {
  static constexpr const char* kKinds[] = {"?", "START", "UPDATE", "END", "SPAN", "EVENT"};
  std::vector<std::string> told;
  for (const SeenRecord& record : records) {
    std::string one = kKinds[record.kind];
    if (!record.name.empty()) one += " " + record.name;
    for (const auto& [key, value] : record.attributes) one += " " + key + "=" + value;
    told.push_back(std::move(one));
  }
  return told;
}

// Nobody sends while the agent is away, so that the order is that of the calls alone.
class LateFieldTest : public ::testing::Test {
 protected:
  LateFieldTest() { agent_.Stop(); }
  std::vector<std::string> All() {
    agent_.Start();
    EXPECT_TRUE(client_.Flush());
    return Told(agent_.records());
  }

  FakeAgent agent_;
  Client& client_ = *new Client(agent_.socket_path());
};

TEST_F(LateFieldTest, GoOutBeforeTheNextEventInTheSpan) {
  const uint64_t span = client_.Start("span");
  EventIn(client_, span, "before");
  SetLate(client_, span, "late", 1);
  SetLate(client_, span, "later", 2);
  EventIn(client_, span, "after");
  client_.End(span);
  EXPECT_THAT(All(), ElementsAre("START span", "EVENT before", "UPDATE late=1 later=2",
                                 "EVENT after", "END"));
}

TEST_F(LateFieldTest, GoOutBeforeWhateverIsSaidFurtherInAndOnAnyThread) {
  const uint64_t outer = client_.Start("outer");
  const uint64_t middle = StartIn(client_, outer, "middle");
  const uint64_t inner = StartIn(client_, middle, "inner");
  EventIn(client_, inner, "before");
  SetLate(client_, outer, "a", 1);
  std::thread([&] { EventIn(client_, inner, "on a thread"); }).join();
  SetLate(client_, outer, "b", 2);
  client_.End(StartIn(client_, inner, "whole"));
  SetLate(client_, outer, "c", 3);
  client_.End(inner);
  SetLate(client_, outer, "d", 4);
  const uint64_t next = StartIn(client_, middle, "next");
  EventIn(client_, next, "in next");
  SetLate(client_, outer, "e", 5);
  client_.End(next);
  client_.End(middle);
  SetLate(client_, outer, "f", 6);
  client_.End(outer);
  EXPECT_THAT(All(), ElementsAre("START outer", "START middle", "START inner", "EVENT before",
                                 "UPDATE a=1", "EVENT on a thread", "UPDATE b=2", "SPAN whole",
                                 "UPDATE c=3", "END", "UPDATE d=4", "START next", "EVENT in next",
                                 "UPDATE e=5", "END", "END", "END f=6"));
}

TEST_F(LateFieldTest, AStatusIsOneAndWhatIsOutsideTheSpanDoesNotWaitForIt) {
  const uint64_t span = client_.Start("span", {.is_detached = 1});
  EventIn(client_, span, "before");
  client_.recorder().SetStatus(span, SLUICE_FAILED, "no disk");
  client_.Event("outside");
  EventIn(client_, span, "inside");
  client_.End(span);
  EXPECT_THAT(All(), ElementsAre("START span", "EVENT before", "EVENT outside", "UPDATE",
                                 "EVENT inside", "END"));
  EXPECT_EQ(agent_.records()[3].status_message, "no disk");
}

TEST_F(LateFieldTest, OfASpanThatOutlivedOnesWithinItGoOutFirst) {
  const uint64_t outer = client_.Start("outer");
  const uint64_t middle = StartIn(client_, outer, "middle");
  const uint64_t inner = StartIn(client_, middle, "inner");
  EventIn(client_, inner, "before");
  client_.End(middle);
  SetLate(client_, outer, "late", 1);
  SetLate(client_, inner, "own", 2);
  client_.End(inner);
  EXPECT_THAT(All(), ElementsAre("START outer", "START middle", "START inner", "EVENT before",
                                 "END", "UPDATE late=1", "END own=2"));
  client_.End(outer);
}

TEST_F(LateFieldTest, OfASpanThatOutgrewItsSlotAtItsStartAreLateToo) {
  std::vector<std::string> keys;
  for (int i = 0; i < 100; ++i) keys.push_back("attribute " + std::to_string(i));
  std::vector<sluice_attribute> attributes;
  for (const std::string& key : keys) attributes.push_back(Number(key, 1));
  const uint64_t span =
      client_.Start("span", {.attributes = attributes.data(), .attribute_count = 100});
  EventIn(client_, span, "after");
  const auto all = All();
  ASSERT_FALSE(all.empty());
  EXPECT_EQ(all.back(), "EVENT after");
  std::set<std::string> seen;
  for (const SeenRecord& record : agent_.records()) {
    for (const auto& [key, value] : record.attributes) seen.insert(key);
  }
  EXPECT_EQ(seen.size(), 100u);
  client_.End(span);
}

TEST(SenderTest, LateFieldsAreSentWhereNothingElseHappens) {
  FakeAgent agent;
  Client& client = *new Client(agent.socket_path(), 256 * 1024, 10'000, std::chrono::hours(1));
  const uint64_t span = client.Start("span");
  client.Event("makes it known");
  ASSERT_TRUE(client.Flush());
  for (int i = 0; i < 3; ++i) {
    SetLate(client, span, "late", i);
    EXPECT_TRUE(agent.WaitFor([&](const std::vector<SeenRecord>& records) {
      return records.back().kind == testing::kUpdate &&
             records.back().attributes.at("late") == std::to_string(i);
    }));
  }
  client.End(span);
}

TEST(SenderTest, LateFieldsThatFindNoRoomAreSentWhenThereIs) {
  FakeAgent agent;
  Client& client = *new Client(agent.socket_path());
  const uint64_t span = client.Start("span");
  client.Event("makes it known");
  ASSERT_TRUE(client.Flush());
  agent.Stop();
  while (client.recorder().drops().ring_full.load() == 0) client.Event("filler");
  SetLate(client, span, "late", 1);
  EventIn(client, span, "finds no room either");
  agent.Start();
  EXPECT_TRUE(agent.WaitFor([](const std::vector<SeenRecord>& records) {
    return !records.empty() && records.back().kind == testing::kUpdate;
  }));
  client.End(span);
}

// Threads that set fields of spans that others emit in: whoever knows that a field was set sees it
// go out before what it says itself.
TEST(SenderTest, LateFieldsAreNeverOvertaken) {
  FakeAgent agent;
  Client& client = *new Client(agent.socket_path(), 16 * 1024 * 1024, 10'000, milliseconds(1));
  const uint64_t outer = client.Start("outer");
  const uint64_t inner = StartIn(client, outer, "inner");
  EventIn(client, inner, "0");
  std::atomic<int64_t> set{0};
  std::vector<std::thread> threads;
  threads.emplace_back([&] {
    for (int64_t i = 1; i <= 2'000; ++i) {
      SetLate(client, outer, "seen", i);
      set.store(i);
    }
  });
  for (int thread = 0; thread < 3; ++thread) {
    threads.emplace_back([&] {
      while (set.load() < 2'000) EventIn(client, inner, std::to_string(set.load()));
    });
  }
  for (std::thread& thread : threads) thread.join();
  ASSERT_TRUE(client.Flush());
  int64_t last = 0;
  for (const SeenRecord& record : agent.records()) {
    if (record.kind == testing::kUpdate) last = std::stoll(record.attributes.at("seen"));
    if (record.kind != testing::kEvent) continue;
    ASSERT_LE(std::stoll(record.name), last);
  }
  EXPECT_EQ(client.recorder().drops().ring_full.load(), 0u);
  client.End(inner);
  client.End(outer);
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
