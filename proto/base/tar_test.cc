#include "proto/base/tar.h"

#include <gtest/gtest.h>

namespace sluice {
namespace {

TEST(TarTest, ReadsWhatItWrote) {
  TarWriter writer;
  writer.Add("sluice/README", "hello", 1'700'000'000);
  writer.Add("sluice/empty", "", 0);
  writer.Add("sluice/large", std::string(1500, 'x'), 0);
  const std::string archive = std::move(writer).Finish();
  EXPECT_EQ(archive.size() % 512, 0u);
  const auto members = ReadTar(archive);
  ASSERT_TRUE(members);
  ASSERT_EQ(members->size(), 3u);
  EXPECT_EQ((*members)[0].name, "sluice/README");
  EXPECT_EQ((*members)[0].content, "hello");
  EXPECT_EQ((*members)[1].content, "");
  EXPECT_EQ((*members)[2].content, std::string(1500, 'x'));
}

TEST(TarTest, RefusesWhatIsCutOrDamaged) {
  TarWriter writer;
  writer.Add("a", std::string(600, 'x'), 0);
  const std::string archive = std::move(writer).Finish();
  for (const size_t size : {0ul, 511ul, 512ul, 900ul, 1536ul}) {
    EXPECT_FALSE(ReadTar(archive.substr(0, size))) << size;
  }
  std::string damaged = archive;
  damaged[0] = 'b';
  EXPECT_FALSE(ReadTar(damaged));
  EXPECT_FALSE(ReadTar(std::string(2048, 'x')));
}

}  // namespace
}  // namespace sluice
