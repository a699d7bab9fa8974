// What people read about the configuration is true: packaging/sluice.toml, docs/configuration.md
// and docs/filters.md.
#include <fstream>
#include <sstream>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/config/load_fixture.h"

namespace sluice::config {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;

class PageTest : public LoadTest {};

// The packaged file shows each key as a comment with its default.
TEST_F(PageTest, ThePackagedFileShowsEveryKeyWithItsDefault) {
  std::ifstream packaged(SLUICE_PACKAGED_CONFIG);
  ASSERT_TRUE(packaged.is_open());
  std::string uncommented, line;
  while (std::getline(packaged, line)) {
    const bool is_key = line.starts_with("#") && line.find(" = ") != std::string::npos &&
                        line.find(' ') == line.find(" = ");
    uncommented += (is_key ? line.substr(1) : line) + "\n";
  }
  const LoadedConfig defaults = LoadOk();
  Put("sluice.toml", uncommented);
  const LoadedConfig loaded = LoadOk();
  EXPECT_EQ(ValuesOf(loaded), ValuesOf(defaults));
  for (const auto& [key, setting] : loaded.settings) {
    EXPECT_THAT(setting.origin, HasSubstr("file ")) << key;
  }
}

TEST_F(PageTest, ThePackagedFileAsShippedChangesNothing) {
  sources_.flags.config = {SLUICE_PACKAGED_CONFIG};
  for (const auto& [key, setting] : LoadOk().settings) EXPECT_EQ(setting.origin, "default") << key;
}

std::string TextOf(const char* page) {
  std::stringstream text;
  text << std::ifstream(page).rdbuf();
  return text.str();
}
std::string Page() { return TextOf(SLUICE_CONFIG_PAGE); }

TEST_F(PageTest, EveryExampleLoads) {
  int examples = 0;
  for (const char* path : {SLUICE_CONFIG_PAGE, SLUICE_FILTER_PAGE}) {
    const std::string page = TextOf(path);
    for (size_t at = page.find("```toml\n"); at != std::string::npos;
         at = page.find("```toml\n", at), ++examples) {
      at += 8;
      Put("sluice.toml", page.substr(at, page.find("```", at) - at));
      EXPECT_THAT(LoadOk().warnings, IsEmpty());
    }
  }
  EXPECT_GE(examples, 5);
}

TEST_F(PageTest, ThePageNamesEveryKeyWithItsDefault) {
  const std::string page = Page();
  for (const auto& [key, setting] : LoadOk().settings) {
    const size_t row = page.find("| `" + key + "` | ");
    ASSERT_NE(row, std::string::npos) << key;
    const std::string line = page.substr(row, page.find('\n', row) - row);
    // In words where the default depends on something.
    const bool in_words = line.find("| `", 3) == std::string::npos;
    std::string value = setting.value;
    std::erase(value, '"');
    if (in_words || key == "journal.runtime_path" || key == "kvp.prefix") continue;
    EXPECT_NE(line.find("| `" + value + "` |"), std::string::npos) << line << " is " << value;
  }
}

TEST_F(PageTest, ThePageNamesEveryVariableAndFlag) {
  const std::string page = Page();
  for (const SinkSection& section : schema_.sinks()) {
    for (const std::string& name : section.filter_variables) {
      EXPECT_THAT(page, HasSubstr("`" + name + "`"));
    }
    for (const Variable& variable : section.variables) {
      EXPECT_THAT(page, HasSubstr("| `" + variable.name + "` | `" + section.name + "." +
                                  variable.key + "`"));
    }
  }
  for (const Flag& flag : schema_.Flags()) {
    EXPECT_THAT(page, HasSubstr("| `" + flag.name + "` | `" + flag.key + "` |"));
  }
  for (const Alias& alias : schema_.Aliases()) {
    EXPECT_THAT(page, HasSubstr("| `" + alias.name + "` | `" + alias.key + "`"));
  }
}

TEST_F(PageTest, ThePageShowsTheWarningsOfBadFilters) {
  Put("sluice.toml", "kvp.filter = \"[{k\"\n");
  environment_["SLUICE_KVP_FILTER"] = "app=loud";
  const LoadedConfig loaded = LoadOk();
  ASSERT_EQ(loaded.warnings.size(), 2u);
  for (const std::string& warning : loaded.warnings) EXPECT_THAT(Page(), HasSubstr(warning));
}

}  // namespace
}  // namespace sluice::config
