#include "client/cli/verb.h"

#include <gtest/gtest.h>

#include <array>

namespace sluice::cli {
namespace {

std::vector<std::string> seen_arguments;
GlobalOptions seen_options;

int Record(GlobalOptions options, std::vector<std::string> arguments) {
  seen_options = std::move(options);
  seen_arguments = std::move(arguments);
  return 7;
}

constexpr std::array kVerbs = {Verb{"run", "", Record}, Verb{"event", "", Record},
                               Verb{"status", "", Record}, Verb{"tree", "", Record}};
constexpr VerbGroup kGroup{.name = "tool", .verbs = kVerbs};

TEST(NearestNameTest, FindsWhatWasMeant) {
  EXPECT_EQ(NearestName("evnt", kVerbs), "event");
  EXPECT_EQ(NearestName("statsu", kVerbs), "status");
  EXPECT_EQ(NearestName("stat", kVerbs), "status");
  EXPECT_EQ(NearestName("rum", kVerbs), "run");
}

TEST(NearestNameTest, FindsNothingForAnotherWord) {
  for (const char* typed : {"", "frobnicate", "x", "kvp"}) {
    EXPECT_EQ(NearestName(typed, kVerbs), "") << typed;
  }
}

TEST(DispatchTest, GivesTheVerbItsArgumentsAndTheGroupsOptions) {
  EXPECT_EQ(Dispatch(kGroup, {}, {"--socket", "/s", "run", "--socket", "-x", "--", "--json"}), 7);
  EXPECT_EQ(seen_options.socket, "/s");
  EXPECT_EQ(seen_arguments, (std::vector<std::string>{"--socket", "-x", "--", "--json"}));
}

TEST(DispatchTest, ExplainsAMissingOrUnknownVerb) {
  EXPECT_EQ(Dispatch(kGroup, {}, {}), kExitUsage);
  EXPECT_EQ(Dispatch(kGroup, {}, {"evnt"}), kExitUsage);
  EXPECT_EQ(Dispatch(kGroup, {}, {"--no-such-flag"}), kExitUsage);
}

TEST(DispatchTest, ReadsHelpAsTheFlag) {
  EXPECT_EQ(Dispatch(kGroup, {}, {"help", "run", "x"}), 7);
  EXPECT_EQ(seen_arguments, (std::vector<std::string>{"--help"}));
}

TEST(DispatchTest, EndsWellAfterHelp) { EXPECT_EQ(Dispatch(kGroup, {}, {"--help"}), kExitOk); }

}  // namespace
}  // namespace sluice::cli
