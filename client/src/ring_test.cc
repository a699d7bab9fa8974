#include "client/src/ring.h"

#include <gtest/gtest.h>

#include <cstring>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <vector>

namespace sluice {
namespace {

constexpr size_t kBytes = 4096;

struct RingDeleter {
  void operator()(Ring* ring) const {
    ring->Unmap();
    delete ring;
  }
};
using RingPtr = std::unique_ptr<Ring, RingDeleter>;

bool Put(Ring* ring, const std::string& text) {
  char* const bytes = ring->Reserve(text.size());
  if (bytes == nullptr) return false;
  std::memcpy(bytes, text.data(), text.size());
  ring->Commit(bytes, text.size());
  return true;
}

TEST(RingTest, GivesBackRecordsInOrderAndKeepsThemUntilReleased) {
  const RingPtr ring(Ring::Create(kBytes));
  EXPECT_TRUE(Put(ring.get(), "one"));
  EXPECT_TRUE(Put(ring.get(), "two"));
  for (int round = 0; round < 2; ++round) {
    Ring::Position position = ring->tail();
    std::string_view record;
    ASSERT_TRUE(ring->Next(&position, &record));
    EXPECT_EQ(record, "one");
    ASSERT_TRUE(ring->Next(&position, &record));
    EXPECT_EQ(record, "two");
    EXPECT_FALSE(ring->Next(&position, &record));
  }
  EXPECT_EQ(ring->record_count(), 2u);
}

TEST(RingTest, StopsAtWhatIsNotCommittedYet) {
  const RingPtr ring(Ring::Create(kBytes));
  char* const open = ring->Reserve(8);
  EXPECT_TRUE(Put(ring.get(), "after"));
  Ring::Position position = ring->tail();
  std::string_view record;
  EXPECT_FALSE(ring->Next(&position, &record));
  std::memset(open, 'x', 8);
  ring->Commit(open, 8);
  EXPECT_TRUE(ring->Next(&position, &record));
  EXPECT_TRUE(ring->Next(&position, &record));
}

TEST(RingTest, TakesExactlyWhatFits) {
  // An entry has 8 bytes of header, and 8 bytes stay free.
  EXPECT_TRUE(Put(RingPtr(Ring::Create(kBytes)).get(), std::string(kBytes - 17, 'x')));
  EXPECT_TRUE(Put(RingPtr(Ring::Create(kBytes)).get(), std::string(kBytes - 16, 'x')));
  EXPECT_FALSE(Put(RingPtr(Ring::Create(kBytes)).get(), std::string(kBytes - 15, 'x')));
}

TEST(RingTest, IsFullUntilSomethingIsReleased) {
  const RingPtr ring(Ring::Create(kBytes));
  int taken = 0;
  while (Put(ring.get(), std::string(56, 'x'))) ++taken;
  EXPECT_EQ(taken, 63);
  Ring::Position position = ring->tail();
  std::string_view record;
  ASSERT_TRUE(ring->Next(&position, &record));
  ring->Release(position);
  EXPECT_TRUE(Put(ring.get(), std::string(56, 'y')));
  EXPECT_FALSE(Put(ring.get(), std::string(56, 'y')));
}

// Writers of several threads, a reader that releases, sizes that never divide the ring evenly.
TEST(RingTest, LosesNothingAndMixesNothingUpBetweenThreads) {
  constexpr int kThreads = 4;
  constexpr int kEach = 5000;
  const RingPtr ring(Ring::Create(kBytes));
  std::vector<std::thread> writers;
  for (int thread = 0; thread < kThreads; ++thread) {
    writers.emplace_back([&, thread] {
      for (int i = 0; i < kEach; ++i) {
        const std::string text = std::to_string(thread) + ":" + std::to_string(i) + ":" +
                                 std::string(static_cast<size_t>(i % 97), 'x');
        while (!Put(ring.get(), text)) std::this_thread::yield();
      }
    });
  }
  std::map<int, int> next;
  Ring::Position position = ring->tail();
  for (int seen = 0; seen < kThreads * kEach;) {
    std::string_view record;
    if (!ring->Next(&position, &record)) {
      ring->Release(position);
      std::this_thread::yield();
      continue;
    }
    const std::string text(record);
    const int thread = std::stoi(text);
    const int number = std::stoi(text.substr(text.find(':') + 1));
    ASSERT_EQ(number, next[thread]++) << text;
    ++seen;
  }
  for (std::thread& writer : writers) writer.join();
}

}  // namespace
}  // namespace sluice
