#include "agent/config/reload.h"

#include <string>

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
[ingest]
redact = ["key=password"]
otlp = false
otlp_metrics = false
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
max_scope = "1 KiB"
max_size = "1 MiB"
max_age = "1d"
rotate_keep = 5
allow_loose_mode = true
[stderr]
enabled = false
format = "json"
max_scope = "1 KiB"
filter = "info"
routes = { a = "b=info" }
color = "never"
[otlp]
enabled = true
endpoint = "file:///k"
traces_endpoint = "http://t"
logs_endpoint = "http://l"
metrics_endpoint = "http://m"
signals = ["logs"]
batch_records = 1
batch_bytes = "1 MiB"
batch_delay = "1s"
resource = { a = "b" }
level_attribute = "level"
events = "both"
sample = "0.1"
on_refused = "drop"
max_size = "1 MiB"
max_age = "1d"
rotate_keep = 5
protocol = "grpc"
insecure = true
headers = ["l=m"]
headers_file = "h"
ca_file = "n"
client_cert_file = "o"
client_key_file = "p"
compression = "gzip"
timeout = "1s"
proxy = "q"
max_connection_age = "1s"
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
otlp_request = "1 MiB"
otlp_record = "64 KiB"
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
  const Reloaded reloaded = TakeReloadable(schema_, current, fresh);
  AgentConfig config = reloaded.loaded.config;
  const std::vector<BoundKey> keys = schema_.Bind(&config);
  for (const BoundKey& bound : keys) {
    // Routes stand for the text, which is then empty; that is another value, too.
    const std::string& name = bound.name;
    ASSERT_NE(current.settings.at(name).value, fresh.settings.at(name).value) << name;
    const LoadedConfig& from = bound.key->reloads ? fresh : current;
    EXPECT_EQ(bound.key->print(bound.settings), from.settings.at(name).value) << name;
    EXPECT_EQ(reloaded.loaded.settings.at(name).value, from.settings.at(name).value);
    EXPECT_EQ(reloaded.loaded.settings.at(name).origin, from.settings.at(name).origin);
  }
  EXPECT_EQ(Sink(reloaded.loaded, "file").filter.compiled, Sink(fresh, "file").filter.compiled);
  EXPECT_EQ(reloaded.changes.size(), keys.size());
}

TEST_F(ReloadTest, TellsWhatChangedAndWhatWaitsForAStart) {
  const LoadedConfig current = LoadText("log.filter = \"info\"\n");
  const LoadedConfig fresh = LoadText("log.filter = \"warn\"\njournal.max = \"8 MiB\"\n");
  const Reloaded reloaded = TakeReloadable(schema_, current, fresh);
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

TEST_F(ReloadTest, ASinkThatComesOrGoesWaitsForAStart) {
  const LoadedConfig none = LoadText("");
  const LoadedConfig two = LoadText("log.two.path = \"/two\"\n");
  const Reloaded come = TakeReloadable(schema_, none, two);
  ASSERT_FALSE(come.changes.empty());
  for (const SettingChange& change : come.changes) {
    EXPECT_THAT(change.key, ::testing::StartsWith("log.two."));
    EXPECT_TRUE(change.needs_restart);
    EXPECT_EQ(change.old_value, "unset");
  }
  EXPECT_EQ(come.loaded.config.FindSink("file.two"), nullptr);
  const Reloaded gone = TakeReloadable(schema_, two, none);
  EXPECT_EQ(gone.changes.size(), come.changes.size());
  EXPECT_NE(gone.loaded.config.FindSink("file.two"), nullptr);
  const LoadedConfig other = LoadText("log.two.path = \"/two\"\nlog.two.filter = \"warn\"\n");
  const Reloaded filtered = TakeReloadable(schema_, two, other);
  ASSERT_EQ(filtered.changes.size(), 1u);
  EXPECT_FALSE(filtered.changes[0].needs_restart);
  EXPECT_EQ(Sink(filtered.loaded, "file.two").filter.text, "warn");
}

TEST_F(ReloadTest, NothingSaidAnewIsNoChange) {
  const LoadedConfig current = LoadText("log.filter = \"warn\"\n");
  EXPECT_TRUE(
      TakeReloadable(schema_, current, LoadText("# \nlog.filter = \"warn\"\n")).changes.empty());
}

}  // namespace
}  // namespace sluice::config
