#include "agent/config/load.h"

#include <string>
#include <vector>

#include "agent/config/toml_file.h"
#include "agent/sinks/sink_kinds.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/config/load_fixture.h"

namespace sluice::config {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Pair;

TEST_F(LoadTest, WithoutAnythingAllIsDefault) {
  const LoadedConfig loaded = LoadOk();
  EXPECT_EQ(loaded.config.socket.ingest, "/run/sluice/sluice.sock");
  EXPECT_EQ(loaded.config.journal.max, 256 * kMiB);
  EXPECT_EQ(loaded.config.journal.runtime_path, "/run/sluiced/journal");
  EXPECT_EQ(Kvp(loaded).prefix, "sluice-0.1.0");
  EXPECT_EQ(Sink(loaded, "kvp").filter.text, kvp::kDefaultFilter);
  EXPECT_EQ(Sink(loaded, "stderr").filter.text, "error");
  EXPECT_FALSE(Sink(loaded, "otlp").on());
  EXPECT_THAT(loaded.warnings, IsEmpty());
  for (const auto& [key, setting] : loaded.settings) EXPECT_EQ(setting.origin, "default") << key;
}

TEST_F(LoadTest, LaterSourcesWinAndSayWhereTheyAre) {
  Put("sluice.toml", "[kvp]\npath = \"/a\"\nprefix = \"one\"\n[log]\nrotate_keep = 1\n");
  Put("sluice.toml.d/20.toml", "kvp.path = \"/c\"\n");
  Put("sluice.toml.d/10.toml", "kvp.path = \"/b\"\nlog.rotate_keep = 2\n");
  Put("sluice.toml.d/30.conf", "nonsense");
  Put("sluice.toml.d/.40.toml", "nonsense");
  // Emacs' lock of a file that is being changed.
  std::filesystem::create_symlink("me@host.1:1",
                                  std::filesystem::path(directory_) / "sluice.toml.d/.#20.toml");
  sources_.flags.config = {Put("extra.toml", "socket.mode = \"0660\"\n")};
  sources_.flags.values["--log-file"] = "/l";
  const LoadedConfig loaded = LoadOk();
  EXPECT_EQ(Kvp(loaded).path, "/c");
  EXPECT_EQ(Kvp(loaded).prefix, "one");
  EXPECT_EQ(Log(loaded).rotate_keep, 2u);
  EXPECT_EQ(loaded.config.socket.mode, 0660u);
  EXPECT_EQ(Log(loaded).path, "/l");
  const std::string d = directory_;
  EXPECT_EQ(loaded.settings.at("kvp.path").origin, "file " + d + "/sluice.toml.d/20.toml:1");
  EXPECT_EQ(loaded.settings.at("kvp.prefix").origin, "file " + d + "/sluice.toml:3");
  EXPECT_EQ(loaded.settings.at("log.path").origin, "flag --log-file");
}

TEST_F(LoadTest, ConfigMayNameADirectory) {
  Put("more/b.toml", "kvp.path = \"/b\"\n");
  Put("more/a.toml", "kvp.path = \"/a\"\n");
  sources_.flags.config = {directory_ / "more"};
  EXPECT_EQ(Kvp(LoadOk()).path, "/b");
}

TEST_F(LoadTest, AConfigFileThatIsNamedMustBeThere) {
  sources_.flags.config = {directory_ / "none.toml"};
  EXPECT_EQ(Load(schema_, sources_).status().code(), absl::StatusCode::kNotFound);
}

TEST_F(LoadTest, NamesFileLineColumnAndTheNearestKeyOfEveryMistake) {
  const std::string path = Put("sluice.toml",
                               "[kvp]\nenabeld = true\n[journal]\nmax = \"lots\"\nkeep = true\n"
                               "[jurnal]\n[log]\npath = \"relative\"\n[xyzzy]\na = 1\n");
  const std::string error = LoadError();
  EXPECT_THAT(error, HasSubstr(path + ":2:1: unknown key \"kvp.enabeld\", did you mean "
                                      "\"kvp.enabled\"?"));
  EXPECT_THAT(error, HasSubstr(path + ":4:1: journal.max: does not begin with a number"));
  EXPECT_THAT(error, HasSubstr(path + ":5:1: journal.keep: expected a text with a number"));
  EXPECT_THAT(error, HasSubstr("unknown key \"jurnal\", did you mean \"journal\"?"));
  EXPECT_THAT(error, HasSubstr(":8:1: log.path: expected an absolute path"));
  EXPECT_THAT(error, HasSubstr("unknown key \"xyzzy\""));
}

TEST_F(LoadTest, AFifoIsAMistakeAndDoesNotHoldUp) {
  const std::string path = Put("sluice.toml.d/10.toml", "");
  std::filesystem::remove(path);
  ASSERT_EQ(::mkfifo(path.c_str(), 0600), 0);
  EXPECT_THAT(LoadError(), HasSubstr(path + " is a FIFO"));
}

TEST_F(LoadTest, NamesThePlaceOfASyntaxError) {
  const std::string path = Put("sluice.toml", "[kvp]\npath = \n");
  EXPECT_THAT(LoadError(), HasSubstr(path + ":2:"));
}

TEST_F(LoadTest, ChecksRangesAtTheirEdges) {
  Put("sluice.toml", "log.rotate_keep = 1000\njournal.max = \"4 MiB\"\n");
  EXPECT_EQ(Log(LoadOk()).rotate_keep, 1000u);
  Put("sluice.toml", "log.rotate_keep = 1001\n");
  EXPECT_THAT(LoadError(), HasSubstr("expected at most 1000"));
  Put("sluice.toml", "journal.max = \"4095 KiB\"\n");
  EXPECT_THAT(LoadError(), HasSubstr("expected at least 4 MiB"));
  Put("sluice.toml", "otlp.batch_records = 0\n");
  EXPECT_THAT(LoadError(), HasSubstr("expected at least 1"));
}

TEST_F(LoadTest, ASegmentFitsIntoASmallJournal) {
  Put("sluice.toml", "journal.max = \"8 MiB\"\n");
  EXPECT_EQ(LoadOk().config.journal.segment, 2 * kMiB);
  Put("sluice.toml", "journal.max = \"8 MiB\"\njournal.segment = \"3 MiB\"\n");
  EXPECT_THAT(LoadError(), HasSubstr(":2:9: journal.segment: at most a quarter"));
}

TEST_F(LoadTest, TakesAzureInitsOwnFileAsItIs) {
  Put("sluice.toml", R"(
[ssh]
authorized_keys_path = ".ssh/authorized_keys"
query_sshd_config = true
[hostname_provisioners]
backends = ["hostnamectl"]
[user_provisioners]
backends = ["useradd"]
[password_provisioners]
backends = ["passwd"]
[imds]
connection_timeout_secs = 2.0
[provisioning_media]
enable = true
[azure_proxy_agent]
enable = true
[wireserver]
health_endpoint = "http://168.63.129.16/provisioning/health"
[telemetry]
kvp_diagnostics = false
kvp_filter = "error"
[azure_init_data_dir]
path = "/var/lib/azure-init/"
[azure_init_log_path]
path = "/var/log/azure-init.log"
)");
  const LoadedConfig loaded = LoadOk();
  EXPECT_FALSE(Sink(loaded, "kvp").on());
  EXPECT_EQ(Sink(loaded, "kvp").filter.text, "error");
  EXPECT_EQ(Log(loaded).path, "/var/log/azure-init.log");
  EXPECT_THAT(loaded.warnings, IsEmpty());
}

TEST_F(LoadTest, OurNameWinsOverAzureInitsWhereverItStands) {
  Put("sluice.toml", "log.path = \"/ours\"\nkvp.filter = \"info\"\n");
  Put("sluice.toml.d/1.toml",
      "azure_init_log_path.path = \"/theirs\"\ntelemetry.kvp_filter = \"error\"\n");
  const LoadedConfig loaded = LoadOk();
  EXPECT_EQ(Log(loaded).path, "/ours");
  EXPECT_EQ(Sink(loaded, "kvp").filter.text, "info");
}

TEST_F(LoadTest, WarnsOfASlipInAzureInitsSection) {
  Put("sluice.toml", "[telemetry]\nkvp_fliter = \"info\"\nother = 1\n");
  const LoadedConfig loaded = LoadOk();
  ASSERT_EQ(loaded.warnings.size(), 1u);
  EXPECT_THAT(loaded.warnings[0], HasSubstr("did you mean \"telemetry.kvp_filter\"?"));
}

TEST_F(LoadTest, FiltersComeFromOurVariableThenAzureInitsThenTheFileThenTheDefault) {
  EXPECT_EQ(Sink(LoadOk(), "kvp").filter.origin, "default");
  const std::string path = Put("sluice.toml", "kvp.filter = \"debug\"\n");
  EXPECT_EQ(Sink(LoadOk(), "kvp").filter.origin, "file " + path + ":1");
  environment_["AZURE_INIT_KVP_FILTER"] = "warn";
  EXPECT_EQ(Sink(LoadOk(), "kvp").filter.text, "warn");
  environment_["SLUICE_KVP_FILTER"] = "trace";
  const LoadedConfig loaded = LoadOk();
  EXPECT_EQ(Sink(loaded, "kvp").filter.text, "trace");
  EXPECT_EQ(loaded.settings.at("kvp.filter").origin, "environment SLUICE_KVP_FILTER");
  EXPECT_NE(Sink(loaded, "kvp").filter.compiled, nullptr);
}

TEST_F(LoadTest, ABadFilterWarnsAndTheNextSourceCounts) {
  Put("sluice.toml", "telemetry.kvp_filter = \"also=bad\"\n");
  environment_["SLUICE_KVP_FILTER"] = "app=not_a_valid_level";
  const LoadedConfig loaded = LoadOk();
  EXPECT_EQ(Sink(loaded, "kvp").filter.origin, "default");
  EXPECT_THAT(
      loaded.warnings,
      ElementsAre(
          HasSubstr("Invalid 'SLUICE_KVP_FILTER' value, falling back to config filter: "
                    "\"app=not_a_valid_level\": \"not_a_valid_level\" is not a level"),
          HasSubstr("Invalid config kvp.filter, falling back to default filter: \"also=bad\"")));
}

TEST_F(LoadTest, ABlankFilterIsBadInTheEnvironmentAndUnsetInAFile) {
  Put("sluice.toml", "kvp.filter = \" \"\n");
  environment_["AZURE_INIT_KVP_FILTER"] = " ";
  const LoadedConfig loaded = LoadOk();
  EXPECT_EQ(Sink(loaded, "kvp").filter.origin, "default");
  EXPECT_THAT(loaded.warnings,
              ElementsAre(HasSubstr("Invalid 'AZURE_INIT_KVP_FILTER' value, falling back to "
                                    "default filter")));
}

TEST_F(LoadTest, AnEmptyVariableIsUnset) {
  environment_["SLUICE_LOG"] = "";
  EXPECT_EQ(Sink(LoadOk(), "file").filter.origin, "default");
}

TEST_F(LoadTest, OneVariableRulesFileAndStderrAndIsWarnedOfOnce) {
  environment_["SLUICE_LOG"] = "off";
  EXPECT_EQ(Sink(LoadOk(), "stderr").filter.text, "off");
  EXPECT_EQ(Sink(LoadOk(), "file").filter.text, "off");
  EXPECT_EQ(Sink(LoadOk(), "otlp").filter.text, "info");
  environment_["SLUICE_LOG"] = "a=b";
  EXPECT_EQ(LoadOk().warnings.size(), 1u);
}

TEST_F(LoadTest, WarnsOfAFilterThatIsHardlyMeantSo) {
  environment_["SLUICE_LOG"] = "warning";
  const LoadedConfig loaded = LoadOk();
  ASSERT_EQ(loaded.warnings.size(), 1u);
  EXPECT_THAT(loaded.warnings[0], HasSubstr("\"warning\" is not a level"));
}

TEST_F(LoadTest, TheFilterProfileHoldsForEverySink) {
  Put("sluice.toml", "filter.profile = \"fixed\"\nlog.filter = \"a!b\"\n");
  const LoadedConfig loaded = LoadOk();
  EXPECT_EQ(Sink(loaded, "file").filter.origin, "default");
  EXPECT_EQ(Sink(loaded, "kvp").filter.compiled->options().profile, filter::Profile::kFixed);
}

TEST_F(LoadTest, TakesOpenTelemetrysVariables) {
  environment_["OTEL_EXPORTER_OTLP_ENDPOINT"] = "file:///c";
  environment_["OTEL_EXPORTER_OTLP_PROTOCOL"] = "http/json";
  environment_["OTEL_EXPORTER_OTLP_INSECURE"] = "true";
  environment_["OTEL_EXPORTER_OTLP_HEADERS"] = "a=1,b=2";
  environment_["OTEL_EXPORTER_OTLP_TIMEOUT"] = "1500";
  environment_["OTEL_EXPORTER_OTLP_COMPRESSION"] = "gzip";
  environment_["OTEL_BSP_SCHEDULE_DELAY"] = "5000";
  environment_["OTEL_BSP_MAX_EXPORT_BATCH_SIZE"] = "64";
  const LoadedConfig loaded = LoadOk();
  const otlp::OtlpSettings& otlp = Otlp(loaded);
  EXPECT_TRUE(Sink(loaded, "otlp").on());
  EXPECT_EQ(otlp.endpoint, "file:///c");
  EXPECT_EQ(otlp.protocol, otlp::Protocol::kHttpJson);
  EXPECT_TRUE(otlp.insecure);
  EXPECT_THAT(otlp.headers, ElementsAre("a=1", "b=2"));
  EXPECT_EQ(otlp.timeout, std::chrono::milliseconds(1500));
  EXPECT_EQ(otlp.compression, otlp::Compression::kGzip);
  EXPECT_EQ(otlp.batch_delay, std::chrono::milliseconds(5000));
  EXPECT_EQ(otlp.batch_records, 64u);
}

TEST_F(LoadTest, ASignalMayHaveAnEndpointOfItsOwn) {
  environment_["OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"] = "http://collector:4318/v1/traces";
  const auto loaded = LoadOk();
  EXPECT_TRUE(Sink(loaded, "otlp").on());
  EXPECT_EQ(Otlp(loaded).signals, (otlp::Signals{true, false, false}))
      << "what has no endpoint is not exported";
  environment_["OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"] = "file:///a";
  EXPECT_THAT(LoadError(), HasSubstr("traces_endpoint"));
}

TEST_F(LoadTest, PassesOverOpenTelemetrysVariablesThatItCannotRead) {
  environment_["OTEL_EXPORTER_OTLP_COMPRESSION"] = "brotli";
  environment_["OTEL_BSP_MAX_EXPORT_BATCH_SIZE"] = "many";
  EXPECT_THAT(LoadOk().warnings,
              ElementsAre("Invalid 'OTEL_EXPORTER_OTLP_COMPRESSION' value \"brotli\", known are "
                          "gzip and none",
                          "Invalid 'OTEL_BSP_MAX_EXPORT_BATCH_SIZE' value \"many\", not a number"));
}

TEST_F(LoadTest, OtlpNeedsAnEndpointToBeSwitchedOn) {
  Put("sluice.toml", "otlp.enabled = true\n");
  EXPECT_THAT(LoadError(), HasSubstr("needs otlp.endpoint"));
  Put("sluice.toml", "otlp.enabled = false\notlp.endpoint = \"http://c:4317\"\n");
  EXPECT_FALSE(Sink(LoadOk(), "otlp").on());
}

TEST_F(LoadTest, SaysWhatIsWrongWithAnEndpoint) {
  for (const auto& [endpoint, fault] : std::map<std::string, std::string>{
           {"http://c:0", "'http://c:0' has no sound port"},
           {"https://user@c", "'https://user@c' holds a user name"},
           {"unix:c.sock", "'unix:c.sock' names no full path"},
           {"file://otlp.jsonl", "names no absolute path"},
           {"/var/log/otlp.jsonl",
            "known are http://, https://, unix:///PATH, file:///PATH and stdout"}}) {
    const std::string path = Put("sluice.toml", "[otlp]\nendpoint = \"" + endpoint + "\"\n");
    EXPECT_THAT(LoadError(), HasSubstr(path + ":2:1: otlp.endpoint: " + fault)) << endpoint;
  }
  Put("sluice.toml", "otlp.endpoint = \"stdout\"\notlp.two.endpoint = \"stdout\"\n");
  EXPECT_TRUE(Sink(LoadOk(), "otlp.two").on());
  Put("sluice.toml", "otlp.endpoint = \"file:///a\"\notlp.two.endpoint = \"file:///a\"\n");
  EXPECT_THAT(LoadError(), HasSubstr("otlp.two.endpoint: is the file of [otlp], too"));
}

TEST_F(LoadTest, ReadsWhatOtlpSaysOfEachProcess) {
  Put("sluice.toml",
      "[otlp]\nendpoint = \"stdout\"\nsignals = [\"logs\", \"traces\"]\n[otlp.resource]\n"
      "\"deployment.environment\" = \"test\"\nteam = \"a\"\n");
  const LoadedConfig loaded = LoadOk();
  EXPECT_THAT(Otlp(loaded).resource,
              ElementsAre(Pair("deployment.environment", "test"), Pair("team", "a")));
  EXPECT_EQ(loaded.settings.at("otlp.signals").value, "[\"traces\", \"logs\"]");
  Put("sluice.toml", "otlp.signals = [\"spans\"]\n");
  EXPECT_THAT(LoadError(), HasSubstr("otlp.signals: expected a list of traces, logs and metrics"));
}

TEST_F(LoadTest, ReadsNamedRoutes) {
  Put("sluice.toml",
      "[otlp.routes]\nvllora = \"vllora::user_tracing=info\"\napp = \"app::runtime=info\"\n");
  const LoadedConfig loaded = LoadOk();
  ASSERT_EQ(Sink(loaded, "otlp").filter.routes.list().size(), 2u);
  EXPECT_TRUE(Sink(loaded, "otlp").filter.routes.Takes("app::runtime::execution", Level::kInfo));
  Put("sluice.toml", "[otlp.routes]\napp = \"a=b\"\n");
  EXPECT_THAT(LoadError(), HasSubstr("route app: level:"));
}

TEST_F(LoadTest, RoutesStandForTheFilterOfTheFilesNotForTheEnvironments) {
  const std::string path = Put("sluice.toml", "log.filter = \"off\"\nlog.routes = { a = \"b\" }\n");
  const LoadedConfig routed = LoadOk();
  EXPECT_TRUE(Sink(routed, "file").filter.by_routes);
  EXPECT_EQ(Sink(routed, "file").filter.origin, "file " + path + ":2");
  EXPECT_EQ(Sink(routed, "file").filter.compiled->directives()[0].Format(), "b=trace");
  EXPECT_THAT(routed.warnings, ElementsAre(path + ":1:5: log.filter has no effect: log.routes "
                                                  "decides"));
  environment_["SLUICE_LOG"] = "error";
  const LoadedConfig by_variable = LoadOk();
  EXPECT_FALSE(Sink(by_variable, "file").filter.by_routes);
  EXPECT_EQ(Sink(by_variable, "file").filter.text, "error");
  environment_["SLUICE_LOG"] = "a=b";
  EXPECT_TRUE(Sink(LoadOk(), "file").filter.by_routes);
}

TEST_F(LoadTest, ATableOfAKindThatAllowsItMakesAnotherSink) {
  const std::string path =
      Put("sluice.toml",
          "[log]\nfilter = \"warn\"\n[log.errors]\npath = \"/e\"\n"
          "filter = \"error\"\n[log.all]\npath = \"/a\"\n"
          "routes = { app = \"app\" }\n[otlp.backup]\nendpoint = \"file:///b\"\n");
  environment_["SLUICE_LOG"] = "debug";
  environment_["OTEL_EXPORTER_OTLP_ENDPOINT"] = "file:///a";
  sources_.flags.values["--log-file"] = "/l";
  const LoadedConfig loaded = LoadOk();
  std::vector<std::string> names;
  for (const SinkConfig& sink : loaded.config.sinks) names.push_back(sink.name);
  EXPECT_THAT(names, ElementsAre("stderr", "otlp", "otlp.backup", "kvp", "file", "file.all",
                                 "file.errors"));
  EXPECT_EQ(Log(loaded).path, "/l");
  EXPECT_EQ(Sink(loaded, "file").filter.text, "debug");
  const SinkConfig& errors = Sink(loaded, "file.errors");
  EXPECT_EQ(errors.As<log_sink::FileSettings>().path, "/e");
  EXPECT_EQ(errors.filter.text, "error") << "variables are of [log]";
  EXPECT_EQ(errors.filter.origin, "file " + path + ":5");
  EXPECT_TRUE(Sink(loaded, "file.all").filter.by_routes);
  EXPECT_EQ(Otlp(loaded).endpoint, "file:///a");
  EXPECT_EQ(Sink(loaded, "otlp.backup").As<otlp::OtlpSettings>().endpoint, "file:///b");
  EXPECT_EQ(loaded.settings.at("log.errors.path").origin, "file " + path + ":4");
}

TEST_F(LoadTest, AnotherSinkIsCheckedAsTheFirstOneIs) {
  const std::string path = Put("sluice.toml",
                               "[log.two]\nmax_agee = \"1d\"\nmax_size = \"lots\"\n[kvp.two]\n"
                               "path = \"/p\"\n[otlp.\"a b\"]\n[otlp]\nendpiont = \"http://a\"\n");
  const std::string error = LoadError();
  EXPECT_THAT(error, HasSubstr(path + ":2:1: unknown key \"log.two.max_agee\", did you mean "
                                      "\"log.two.max_age\"?"));
  EXPECT_THAT(error, HasSubstr(path + ":3:1: log.two.max_size: does not begin with a number"));
  EXPECT_THAT(error, HasSubstr("unknown key \"kvp.two\""));
  EXPECT_THAT(error, HasSubstr("unknown key \"otlp.a b\""));
  EXPECT_THAT(error, HasSubstr("unknown key \"otlp.endpiont\", did you mean \"otlp.endpoint\"?"));
}

TEST_F(LoadTest, TwoSinksWriteNoFileTogether) {
  Put("sluice.toml", "[log.two]\nfilter = \"error\"\n");
  EXPECT_THAT(LoadError(), HasSubstr("log.two.path: is the file of [log], too"));
  Put("sluice.toml", "log.two.path = \"/a\"\nlog.three.path = \"/a\"\n");
  EXPECT_THAT(LoadError(), HasSubstr("log.two.path: is the file of [log.three], too"));
}

TEST_F(LoadTest, OfOneKindThereMayBeAFewMore) {
  std::string text;
  for (size_t i = 0; i <= kMaxInstances; ++i) {
    text += "[otlp.n" + std::to_string(i) + "]\nendpoint = \"stdout\"\n";
    Put("sluice.toml", text);
    if (i < kMaxInstances) {
      EXPECT_EQ(LoadOk().config.sinks.size(), 5 + i);
    }
  }
  EXPECT_THAT(LoadError(), HasSubstr("otlp.n8: at most 8 such tables"));
}

TEST_F(LoadTest, WhatIsPrintedLoadsBackToTheSame) {
  Put("sluice.toml",
      "kvp.prefix = \"a\\\"b\\n\"\nkvp.trusted = [\"azure\", \"1000\"]\njournal.max_age = \"36h\"\n"
      "log.two.path = \"/two\"\notlp.endpoint = \"file:///x\"\notlp.routes = { \"a.b\" = "
      "\"c=info,error\" }\n");
  environment_["SLUICE_LOG"] = "debug,[job{k=1}]=trace";
  const LoadedConfig loaded = LoadOk();
  environment_.clear();
  Put("sluice.toml", Print(schema_, loaded));
  EXPECT_EQ(ValuesOf(LoadOk()), ValuesOf(loaded));
}

TEST_F(LoadTest, PrintsTextThatIsNotUtf8AsText) {
  environment_["SLUICE_LOG"] = "a\xff=info";
  EXPECT_EQ(LoadOk().settings.at("log.filter").value, "\"a\uFFFD=info\"");
}

TEST_F(LoadTest, PrintsTheOriginBehindEachValue) {
  sources_.flags.values["--socket"] = "/s";
  const std::string printed = Print(schema_, LoadOk());
  EXPECT_THAT(printed, HasSubstr("[socket]\ningest = \"/s\"  # flag --socket\n"));
  EXPECT_THAT(printed, HasSubstr("max_age = \"1w\"  # default\n"));
}

const Schema& Keys() { return sinks::ConfigSchema(); }

TEST(TomlFileTest, TakesOtherScriptsInQuotesAndCommentsOnly) {
  for (const char* text :
       {"# \u0492\n", "kvp.prefix = \"\u0492\"\n", "kvp.prefix = '\u0492'\n",
        "kvp.prefix = \"\"\"a\n\\\"\u0492\"\"\"\"\n", "kvp.prefix = '''\n\u0492'''\n",
        "kvp.prefix = \"\\\\\" # \u0492\n", "\ufeffkvp.prefix = \"a\"\n"}) {
    EXPECT_THAT(ParseToml(text, "f", Keys()).mistakes, IsEmpty()) << text;
  }
  EXPECT_THAT(ParseToml("a = 1\nkvp\u0492 = 1\n", "f", Keys()).mistakes,
              ElementsAre("f:2:4: only ASCII may stand outside quotes and comments"));
  EXPECT_THAT(ParseToml("kvp.prefix = \"\"\u0492\n", "f", Keys()).mistakes, ::testing::SizeIs(1));
  EXPECT_THAT(ParseToml("kvp.prefix = \"\n\u0492", "f", Keys()).mistakes, ::testing::SizeIs(1));
  EXPECT_THAT(ParseToml("journal.max = +'+\u0492\n", "f", Keys()).mistakes, ::testing::SizeIs(1));
}

TEST(TomlFileTest, ReportsAKeyThatBeginsLikeNone) {
  for (const char* text : {"[+]", "[+++a]", "+ = 1", "a.+ = 1", "{ = 1", "[[!]]"}) {
    EXPECT_THAT(ParseToml(text, "f", Keys()).mistakes, ::testing::SizeIs(1)) << text;
  }
}

TEST(TomlFileTest, RefusesAFileThatIsTooLarge) {
  EXPECT_TRUE(ParseToml(std::string(kMaxFileBytes, '\n'), "f", Keys()).mistakes.empty());
  EXPECT_FALSE(ParseToml(std::string(kMaxFileBytes + 1, '\n'), "f", Keys()).mistakes.empty());
}

}  // namespace
}  // namespace sluice::config
