#include "agent/control/reflection.h"

#include <google/protobuf/descriptor.h>
#include <google/protobuf/descriptor.pb.h>
#include <google/protobuf/dynamic_message.h>

#include <memory>
#include <set>
#include <string>
#include <vector>

#include "proto/wire/reader.h"
#include "proto/wire/writer.h"
#include "tests/support/net/grpc_server_fixture.h"

namespace sluice::control {
namespace {

using google::protobuf::DescriptorPool;
using google::protobuf::FileDescriptorProto;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr uint32_t kByName = 3;
constexpr uint32_t kBySymbol = 4;
constexpr uint32_t kList = 7;

std::string EncodeQuestion(uint32_t kind, std::string_view text) {
  std::string encoded;
  StringWireWriter(StringSink(&encoded)).Bytes(kind, text);
  return encoded;
}

// The last field of that number.
std::string FieldOf(std::string_view message, uint32_t number) {
  std::string found;
  WireReader reader(message);
  for (WireField field; reader.Next(&field);) {
    if (field.number() == number) found = field.bytes;
  }
  return found;
}

class ReflectionTest : public net::GrpcServerTest {
 protected:
  ReflectionTest() { AddReflectionRoutes(server_.get()); }

  std::string Ask(const std::string& question, const std::string& version = "v1") {
    const auto client = Connect();
    const int32_t id = client->Ask(
        "/grpc.reflection." + version + ".ServerReflection/ServerReflectionInfo", question);
    EXPECT_TRUE(UntilEnded(client.get(), id));
    status_ = client->call(id).status();
    const auto& messages = client->call(id).messages;
    return messages.empty() ? "" : messages[0];
  }

  // Asks for a file and all that it needs, as clients do.
  void Load(const std::string& question, DescriptorPool* pool) {
    const std::string answer = Ask(question);
    EXPECT_EQ(FieldOf(answer, 2), question);
    FileDescriptorProto file;
    ASSERT_TRUE(file.ParseFromString(FieldOf(FieldOf(answer, 4), 1)));
    for (const std::string& dependency : file.dependency()) {
      if (pool->FindFileByName(dependency) == nullptr)
        Load(EncodeQuestion(kByName, dependency), pool);
    }
    ASSERT_NE(pool->BuildFile(file), nullptr) << file.name();
  }

  std::string status_;
};

TEST_F(ReflectionTest, ListsTheServersServices) {
  for (const char* version : {"v1", "v1alpha"}) {
    const std::string list = FieldOf(Ask(EncodeQuestion(kList, "*"), version), 6);
    std::vector<std::string> names;
    WireReader reader(list);
    for (WireField field; reader.Next(&field);) names.push_back(FieldOf(field.bytes, 1));
    EXPECT_THAT(names, ElementsAre("grpc.health.v1.Health", "grpc.reflection.v1.ServerReflection",
                                   "grpc.reflection.v1alpha.ServerReflection", "t.T"));
  }
}

TEST_F(ReflectionTest, ACallCanBeMadeFromWhatItTells) {
  for (const auto& [service, method, input] :
       {std::tuple("sluice.v1.Ingest", "Emit", "sluice.v1.EmitRequest"),
        {"sluice.v1.Control", "Status", "sluice.v1.StatusRequest"},
        {"grpc.health.v1.Health", "Watch", "grpc.health.v1.HealthCheckRequest"},
        {"grpc.reflection.v1.ServerReflection", "ServerReflectionInfo",
         "grpc.reflection.v1.ServerReflectionRequest"},
        {"opentelemetry.proto.collector.trace.v1.TraceService", "Export",
         "sluice.otlp.v1.ExportTraceServiceRequest"},
        {"opentelemetry.proto.collector.logs.v1.LogsService", "Export",
         "sluice.otlp.v1.ExportLogsServiceRequest"},
        {"opentelemetry.proto.collector.metrics.v1.MetricsService", "Export",
         "sluice.otlp.v1.ExportMetricsServiceRequest"}}) {
    DescriptorPool pool;
    Load(EncodeQuestion(kBySymbol, service), &pool);
    const auto* const found = pool.FindServiceByName(service);
    ASSERT_NE(found, nullptr) << service;
    ASSERT_NE(found->FindMethodByName(method), nullptr) << service;
    EXPECT_EQ(found->FindMethodByName(method)->input_type()->full_name(), input);
  }
}

TEST_F(ReflectionTest, SaysWhatItDoesNotHave) {
  const auto code = [this](const std::string& question) {
    const std::string error = FieldOf(Ask(question), 7);
    return error.empty() ? -1 : error[1];
  };
  EXPECT_EQ(code(EncodeQuestion(kBySymbol, "sluice.v1.Nothing")), 5);
  EXPECT_EQ(code(EncodeQuestion(kByName, "../../etc/passwd")), 5);
  EXPECT_EQ(code(EncodeQuestion(6, "sluice.v1.Record")), 12);
  for (const std::string& question :
       {std::string(), std::string("\x1a\x05x"), std::string("\x01")}) {
    Ask(question);
    EXPECT_EQ(status_, "3");
  }
}

TEST_F(ReflectionTest, AnswersSoManyQuestionsOfOneCall) {
  const auto client = Connect();
  const int32_t id = client->Open("/grpc.reflection.v1.ServerReflection/ServerReflectionInfo");
  for (int i = 0; i < 1001; ++i) client->Send(id, EncodeQuestion(kByName, "x"));
  ASSERT_TRUE(UntilEnded(client.get(), id));
  EXPECT_EQ(client->call(id).messages.size(), 1000u);
  EXPECT_EQ(client->call(id).status(), "8");
}

}  // namespace
}  // namespace sluice::control
