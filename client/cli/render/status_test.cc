#include "client/cli/render/status.h"

#include <gtest/gtest.h>

#include <sstream>

#include "client/cli/render/message_json.h"
#include "google/protobuf/text_format.h"

namespace sluice::cli {
namespace {

v1::StatusResponse Parse(const char* text) {
  v1::StatusResponse status;
  EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(text, &status));
  return status;
}

constexpr char kStatus[] = R"(
  version: "0.1.0" pid: 42 started_unix_nano: 1763632673000000000
  boot_id: "b" vm_id: "v"
  journal { path: "/j" durability: DURABILITY_SYNCED first_sequence: 1 next_sequence: 9
            synced_sequence: 8 bytes: 2048 max_bytes: 268435456 segments: 2
            set_aside: "/j.format-3" }
  sinks { name: "kvp" enabled: true state: "ok" cursor: 8 written_records: 5 filtered_records: 3
          destination: "/p" }
  sinks { name: "otlp" state: "off" }
  sinks { name: "file" enabled: true state: "failing" behind: 4 destination: "/l"
          last_error: "No space left on device" }
  counters { name: "admission.dropped" reason: "malformed" has_uid: true uid: 1000 value: 2 }
  counters { name: "admission.dropped" reason: "no_body" has_uid: true uid: 1000 value: 0 }
  counters { name: "sink.retries" reason: "file" value: 7 }
  clients { identity { pid: 7 uid: 1000 comm: "job" } client_id: "\001\377" service_name: "demo"
            last_sequence: 3 records: 3 open_spans: 1 connected_unix_nano: 1763632674000000000 }
  client_losses { identity { pid: 7 uid: 1000 comm: "job" } service_name: "demo"
                  losses { reason: "ring_full" count: 12 } losses { reason: "too_large" count: 1 }
                  told_unix_nano: 1763632674000000000 }
  client_losses { identity { pid: 6 uid: 1000 comm: "old" } losses { reason: "ring_full" count: 3 }
                  ended_unix_nano: 1763632732000000000 }
  you { pid: 8 uid: 0 comm: "sluice" }
  open_span_count: 1
  settings { key: "kvp.filter" value: "info" origin: "environment SLUICE_KVP_FILTER" }
  settings { key: "log.filter" value: "warn" origin: "default" }
  settings { key: "log.path" value: "/l" origin: "flag --log-file" }
  settings { key: "log.max_size" value: "64 MiB" origin: "default" }
)";

TEST(StatusTest, ShowsEverySection) {
  EXPECT_EQ(
      RenderStatus(Parse(kStatus), {.now_unix_nano = 1763632733000000000, .whole_agent = true}),
      R"(sink file fails, 4 behind: No space left on device
2 dropped since the agent started; below stands why

Agent
  version  0.1.0
  pid      42
  started  2025-11-20T09:57:53.000000Z (1m00s ago)
  boot id  b
  vm id    v
  you      uid 0  pid 8  sluice

Journal
  state         ok
  path          /j
  acknowledges  what is synced to disk
  entries       1-8, all synced
  size          2.0 KiB of 256.0 MiB in 2 segments
  set aside     /j.format-3: written by another release, which can read it there

Sinks
  kvp   ok       0 behind  5 written  3 filtered by kvp.filter  /p
  otlp  off      0 behind  0 written  0 filtered
  file  failing  4 behind  0 written  0 filtered                /l  last error: No space left on device

Clients
  uid 1000  pid 7  job  demo  3 records  1 open span  since 2025-11-20T09:57:54.000000Z (59.0 s ago)

Lost in clients before it was sent
  uid 1000  pid 7  job  demo  ring_full  12  connected
  uid 1000  pid 7  job  demo  too_large  1   connected
  uid 1000  pid 6  old        ring_full  3   ended 2025-11-20T09:58:52.000000Z (1.00 s ago)

Drops
  admission.dropped  malformed  uid 1000  2

Counters
  sink.retries  file    7

Settings
  kvp.filter  environment SLUICE_KVP_FILTER  info
  log.filter  default                        warn
  log.path    flag --log-file                /l

1 open span; --open lists them
)");
}

TEST(StatusTest, NamesWhatFilteredRecordsOut) {
  const auto sinks = [](const std::string& settings) {
    return RenderStatus(
        Parse(("sinks { name: 'file' enabled: true filtered_records: 2 }" + settings).c_str()), {});
  };
  const std::string routes = "settings { key: 'log.routes' origin: 'file /c:1' }";
  EXPECT_EQ(sinks("").find(" by "), std::string::npos);
  EXPECT_NE(sinks("settings { key: 'log.filter' origin: 'default' }").find("by log.filter"),
            std::string::npos);
  EXPECT_NE(sinks("settings { key: 'log.filter' origin: 'default' }" + routes)
                .find("2 filtered by log.routes"),
            std::string::npos);
  EXPECT_NE(sinks("settings { key: 'log.filter' origin: 'environment SLUICE_LOG' }" + routes)
                .find("2 filtered by log.filter"),
            std::string::npos);
}

TEST(StatusTest, ShowsWhatBecameOfWhatIsExported) {
  constexpr uint64_t kNow = 1763632733000000000;
  v1::StatusResponse status = Parse(R"(
    sinks { name: 'otlp' enabled: true state: 'failing' behind: 4 destination: 'http://c (grpc)'
            last_error: 'busy' exports {
              signals { name: 'traces' sent: 9 rejected: 1
                        dropped { reason: 'refused' records: 2 }
                        dropped { reason: 'too_large' records: 1 } }
              signals { name: 'metrics' is_off: true }
              max_request_bytes: 3145728 last_message: 'busy' } })");
  v1::SinkStatus* const sink = status.mutable_sinks(0);
  sink->set_oldest_unix_nano(kNow - 65'000'000'000);
  sink->set_next_attempt_unix_nano(kNow + 3'000'000'000);
  sink->mutable_exports()->set_last_message_unix_nano(kNow - 1'000'000'000);
  const std::string text = RenderStatus(status, {.now_unix_nano = kNow});
  EXPECT_NE(text.find(R"(
Sinks
  otlp  failing  4 behind for 1m05s  0 written  0 filtered  http://c (grpc)  last error: busy, next attempt in 3.00 s

Exports
  otlp  traces    9 sent         1 rejected                                3 dropped: 2 refused, 1 too_large
  otlp  metrics   0 sent         0 rejected                                0 dropped                          off: the destination does not take it
  otlp  requests  up to 3.0 MiB
  otlp  answer    busy           2025-11-20T09:58:52.000000Z (1.00 s ago)
)"),
            std::string::npos)
      << text;
}

TEST(StatusTest, NamesWhoSpeaksByWhatAndTellsWhoTriesTls) {
  const std::string text = RenderStatus(Parse(R"(
      peers { identity { uid: 5 pid: 6 comm: "app" } protocol: "HTTP/1.1" user_agent: "OTel/1\n"
              connections: 2 }
      peers { identity { uid: 5 pid: 7 comm: "job" } protocol: "TLS" connections: 1 })"),
                                        {});
  EXPECT_NE(text.find("uid 5  pid 6  app  HTTP/1.1  OTel/1\\n"), std::string::npos) << text;
  EXPECT_NE(text.find("uid 5  pid 7  job  TLS       refused: there is no TLS here; set "
                      "OTEL_EXPORTER_OTLP_INSECURE=true"),
            std::string::npos)
      << text;
}

TEST(StatusTest, SaysWhenItIsThePartOfOneUser) {
  EXPECT_NE(RenderStatus(Parse("version: '1'"), {}).find("your own uid's"), std::string::npos);
  EXPECT_EQ(RenderStatus(Parse("version: '1'"), {.whole_agent = true}).find("your own uid's"),
            std::string::npos);
}

TEST(StatusTest, SaysFirstWhatIsWrongAndWhetherThatFails) {
  const auto lines = [](const char* text) {
    const std::string all = RenderStatus(Parse(text), {.whole_agent = true});
    return all.substr(0, all.find("\n\n"));
  };
  EXPECT_EQ(lines("sinks { name: 'kvp' enabled: true state: 'ok' }"), "ok");
  EXPECT_EQ(lines("sinks { name: 'kvp' enabled: true state: 'waiting' behind: 3 }"),
            "sink kvp waits, 3 behind");
  EXPECT_EQ(lines("journal { error: 'write: EIO' durability: DURABILITY_MEMORY } "
                  "sinks { name: 'kvp' enabled: true state: 'waiting' } "
                  "sinks { name: 'otlp' enabled: true state: 'failing' last_error: 'refused' }"),
            "the journal fails: write: EIO\n"
            "sink otlp fails, 0 behind: refused\n"
            "sink kvp waits, 0 behind\n"
            "the journal is in memory: the disk was not writable at start");
  EXPECT_TRUE(IsFailing(Parse("journal { error: 'EIO' }")));
  EXPECT_TRUE(IsFailing(Parse("sinks { enabled: true state: 'failing' }")));
  EXPECT_FALSE(IsFailing(Parse("sinks { enabled: false state: 'failing' }")));
  EXPECT_FALSE(IsFailing(Parse("sinks { enabled: true state: 'waiting' }")));
}

TEST(StatusTest, CountsWhatNobodyWantedAsNoDrop) {
  EXPECT_EQ(RenderStatus(Parse("counters { name: 'admission.dropped' reason: 'unwanted_level' "
                               "value: 5 }"),
                         {})
                .substr(0, 3),
            "ok\n");
}

TEST(StatusTest, ListsOpenSpansWithTheirAgesTheOldestFirst) {
  EXPECT_EQ(RenderOpenSpans(Parse(R"(
      open_span_count: 2
      open_spans { name: "new" start_time_unix_nano: 1763632733000000000 trace_id: "\021\021\021\021\022" }
      open_spans { trace_id: "\021\021\021\021\021" name: "build\n" service_name: "ci"
                   start_time_unix_nano: 1763632673000000000
                   identity { uid: 5 pid: 6 unit: "a.service" } })"),
                            {.now_unix_nano = 1763632734000000000}),
            "AGE     NAME     SINCE            UID  PID  SERVICE  UNIT       TRACE\n"
            "1m01s   build\\n  09:57:53.000000  5    6    ci       a.service  11111111\n"
            "1.00 s  new      09:58:53.000000  0    0                        11111111\n");
  EXPECT_EQ(RenderOpenSpans({}, {}), "no span is open\n");
}

TEST(StatusTest, SaysHowManyOpenSpansAreNotListed) {
  const v1::StatusResponse status =
      Parse("open_span_count: 5 open_spans { name: 'a' } open_spans { name: 'b' }");
  const std::string text = RenderOpenSpans(status, {});
  EXPECT_TRUE(text.ends_with("\n2 of 5 open spans: the agent lists no more at once\n")) << text;
  EXPECT_EQ(RenderOpenSpans(Parse("open_span_count: 1 open_spans { name: 'a' }"), {}).find(" of "),
            std::string::npos);
  EXPECT_NE(MessageJson(status).find("\"open_span_count\": 5"), std::string::npos);
}

TEST(StatusTest, IsNoWiderThanTheTerminal) {
  const std::string text =
      RenderStatus(Parse(kStatus), {.whole_agent = true, .style = {.color = true, .width = 40}});
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) EXPECT_LE(TextWidth(line), 40u) << line;
  EXPECT_NE(text.find("\x1b[31mfailing\x1b[0m"), std::string::npos) << text;
}

TEST(StatusTest, ShowsAJournalWithoutItsAgent) {
  EXPECT_EQ(
      RenderStatus(Parse("as_of_unix_nano: 1763632673000000000 boot_id: 'b' "
                         "journal { path: '/j' first_sequence: 3 next_sequence: 9 bytes: 2048 "
                         "segments: 1 }"),
                   {.whole_agent = true}),
      "Journal without its agent\n"
      "  ends          2025-11-20T09:57:53.000000Z\n"
      "  last boot id  b\n"
      "\n"
      "Journal\n"
      "  path     /j\n"
      "  entries  3-8\n"
      "  size     2.0 KiB in 1 segment\n");
}

TEST(MessageJsonTest, UsesFieldNamesHexIdsAndNumbers) {
  const std::string json = MessageJson(Parse(kStatus));
  for (const char* part :
       {"\"started_unix_nano\": \"1763632673000000000\"", "\"client_id\": \"01ff\"",
        "\"written_records\": 5", "\"durability\": \"DURABILITY_SYNCED\"", "\"enabled\": false",
        "\"open_spans\": []", "\"has_uid\": true"}) {
    EXPECT_NE(json.find(part), std::string::npos) << part << " in " << json;
  }
}

TEST(MessageJsonTest, LeavesOutMessagesThatAreAbsent) {
  EXPECT_EQ(MessageJson(v1::StatusResponse()).find("journal"), std::string::npos);
}

}  // namespace
}  // namespace sluice::cli
