#include "agent/config/reload.h"

#include <string>

#include "agent/config/keys.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/config/load_fixture.h"

namespace sluice::config {
namespace {

// Every key, with another value than its default.
constexpr char kEverythingElse[] = R"(
socket = { ingest = "/a", admin = "/b", mode = "0600" }
runtime.path = "/c"
[journal]
path = "/d"
runtime_path = "/e"
max = "8 MiB"
keep = "1 MiB"
max_age = "1d"
level = "debug"
segment = "1 MiB"
[kvp]
enabled = false
path = "/f"
prefix = "g"
trusted = ["h"]
vm_id = "i"
filter = "error"
routes = { a = "b=info" }
profile = "strict"
report_dialect = "cloud-init"
[telemetry]
kvp_diagnostics = false
[log]
enabled = false
path = "/j"
format = "json"
filter = "error"
routes = { a = "b=info" }
max_size = "1 MiB"
max_age = "1d"
rotate_keep = 5
allow_loose_mode = true
[stderr]
enabled = false
format = "json"
filter = "info"
routes = { a = "b=info" }
color = "never"
[otlp]
enabled = true
endpoint = "http://k"
headers = ["l=m"]
ca_file = "n"
client_cert_file = "o"
client_key_file = "p"
gzip = true
timeout = "1s"
batch_records = 1
filter = "error"
routes = { a = "b=info" }
[filter]
profile = "fixed"
patterns = false
override_inside_spans = true
static_off_wins = true
whole_segments = true
loose_numbers = true
[limits]
connections_per_uid = 1
memory = "16 MiB"
)";

class ReloadTest : public LoadTest {
 protected:
  LoadedConfig LoadText(const std::string& text) {
    Put("sluice.toml", text);
    return LoadOk();
  }
};

TEST_F(ReloadTest, TakesExactlyTheKeysThatSaySo) {
  const LoadedConfig current = LoadText("");
  const LoadedConfig fresh = LoadText(kEverythingElse);
  const Reloaded reloaded = TakeReloadable(current, fresh);
  for (const Key& key : Keys()) {
    // Routes stand for the text, which is then empty; that is another value, too.
    ASSERT_NE(key.print(current.config), key.print(fresh.config)) << key.name;
    const LoadedConfig& from = key.reloads ? fresh : current;
    EXPECT_EQ(key.print(reloaded.loaded.config), key.print(from.config)) << key.name;
    EXPECT_EQ(reloaded.loaded.settings.at(key.name).value, from.settings.at(key.name).value);
    EXPECT_EQ(reloaded.loaded.settings.at(key.name).origin, from.settings.at(key.name).origin);
  }
  EXPECT_EQ(reloaded.loaded.config.log.filter.compiled, fresh.config.log.filter.compiled);
  EXPECT_EQ(reloaded.changes.size(), Keys().size());
}

TEST_F(ReloadTest, TellsWhatChangedAndWhatWaitsForAStart) {
  const LoadedConfig current = LoadText("log.filter = \"info\"\n");
  const LoadedConfig fresh = LoadText("log.filter = \"warn\"\njournal.max = \"8 MiB\"\n");
  const Reloaded reloaded = TakeReloadable(current, fresh);
  ASSERT_EQ(reloaded.changes.size(), 3u);
  EXPECT_EQ(reloaded.changes[0].key, "journal.max");
  EXPECT_EQ(reloaded.changes[0].old_value, "\"256 MiB\"");
  EXPECT_TRUE(reloaded.changes[0].needs_restart);
  EXPECT_EQ(reloaded.changes[1].key, "journal.segment");  // follows journal.max
  EXPECT_EQ(reloaded.changes[2].key, "log.filter");
  EXPECT_EQ(reloaded.changes[2].setting.value, "\"warn\"");
  EXPECT_THAT(reloaded.changes[2].setting.origin, ::testing::HasSubstr("sluice.toml:1"));
  EXPECT_FALSE(reloaded.changes[2].needs_restart);
}

TEST_F(ReloadTest, NothingSaidAnewIsNoChange) {
  const LoadedConfig current = LoadText("log.filter = \"warn\"\n");
  EXPECT_TRUE(TakeReloadable(current, LoadText("# \nlog.filter = \"warn\"\n")).changes.empty());
}

}  // namespace
}  // namespace sluice::config
