#include "proto/kvp/removal_note.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>

#include "proto/kvp/slot.h"
#include "tests/support/temp_directory.h"

namespace sluice::kvp {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

class RemovalNoteTest : public ::testing::Test {
 protected:
  const testing::TempDirectory directory_;
  const std::string pool_ = directory_.path() + "/.kvp_pool_1";
  const std::string path_ = directory_.path() + "/.sluice_kvp_pool_1_removed";
};

PoolEdit Remove(std::vector<std::string> keys) {
  return {.kind = PoolEdit::Kind::kRemove, .keys = std::move(keys)};
}

TEST_F(RemovalNoteTest, TellsTheAgentWhatRootRemoved) {
  EXPECT_TRUE(RemovalNote(pool_).Read().empty());
  const std::string longest(kKeyBytes, 'k');
  ASSERT_TRUE(NoteRemovals(pool_, Remove({"a", longest})).ok());
  ASSERT_TRUE(NoteRemovals(pool_, {.kind = PoolEdit::Kind::kUpsert, .records = {{"b", "1"}}}).ok());
  ASSERT_TRUE(NoteRemovals(pool_, {.kind = PoolEdit::Kind::kAppend, .records = {{"c", "1"}}}).ok());
  RemovalNote note(pool_);
  EXPECT_THAT(note.Read().keys, ElementsAre("a", longest, "b"));
  EXPECT_FALSE(note.Read().everything);
  note.Clear();
  EXPECT_TRUE(note.Read().empty());
}

TEST_F(RemovalNoteTest, TellsThatAllIsGone) {
  for (const auto kind : {PoolEdit::Kind::kClear, PoolEdit::Kind::kLoad}) {
    RemovalNote note(pool_);
    ASSERT_TRUE(NoteRemovals(pool_, {.kind = kind}).ok());
    EXPECT_TRUE(note.Read().everything);
    note.Clear();
  }
}

TEST_F(RemovalNoteTest, LeavesNoTraceWhereNoAgentIs) {
  ASSERT_TRUE(NoteRemovals(pool_, Remove({"a"})).ok());
  EXPECT_FALSE(std::filesystem::exists(path_));
}

TEST_F(RemovalNoteTest, IsRootsAlone) {
  const RemovalNote note(pool_);
  struct stat status {};
  ASSERT_EQ(::stat(path_.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0600u);
}

TEST_F(RemovalNoteTest, ReadsWholeFieldsAfterAWriterThatDied) {
  const RemovalNote note(pool_);
  std::ofstream(path_) << "torn";
  EXPECT_TRUE(note.Read().empty());
  ASSERT_TRUE(NoteRemovals(pool_, Remove({"a"})).ok());
  EXPECT_THAT(note.Read().keys, ElementsAre("a"));
}

TEST_F(RemovalNoteTest, IsEmptyWhereItCannotBe) {
  EXPECT_THAT(RemovalNote(directory_.path() + "/missing/.kvp_pool_1").Read().keys, IsEmpty());
}

TEST_F(RemovalNoteTest, SaysWhereItCannotBeWritten) {
  std::filesystem::create_directory(path_);
  const PoolError error = NoteRemovals(pool_, Remove({"a"}));
  EXPECT_THAT(error.message, ::testing::HasSubstr(path_));
}

}  // namespace
}  // namespace sluice::kvp
