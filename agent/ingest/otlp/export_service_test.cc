// OTLP over gRPC before a receiver that does what the test says.
#include "agent/ingest/otlp/export_service.h"

#include <filesystem>
#include <fstream>
#include <string>

#include "proto/record/names.h"
#include "tests/support/net/grpc_server_fixture.h"
#include "tests/support/otlp/fake_receiver.h"

namespace sluice::ingest::otlp {
namespace {

using ::testing::ElementsAre;

// That of the conversion, while it exists.
bool HasConversionThread() {
  for (const auto& task : std::filesystem::directory_iterator("/proc/self/task")) {
    std::string name;
    std::getline(std::ifstream(task.path() / "comm"), name);
    if (name == "otlp-convert") return true;
  }
  return false;
}

class ExportServiceTest : public net::GrpcServerTest {
 protected:
  ExportServiceTest() {
    AddExportRoutes({.receiver = &receiver_,
                     .converter = &converter_,
                     .budget = &memory_,
                     .server = server_.get()});
  }
  ~ExportServiceTest() override { server_.reset(); }

  // A call whose message is `text`, compressed.
  static int32_t SendCompressed(testing::H2Client* client, const std::string& text) {
    const int32_t id = client->Open(method::kExportTraces, {{"grpc-encoding", "gzip"}});
    std::string message = testing::GrpcMessage(Compress(text, true));
    message[0] = 1;
    client->SendBytes(id, message);
    client->HalfClose(id);
    return id;
  }

  FakeReceiver receiver_;
  net::ByteBudget memory_{{.total = 256 << 20, .per_uid = 160 << 20}};  // for what is decompressed
  BodyConverter converter_{loop_.get(), &memory_};
};

TEST_F(ExportServiceTest, WhatIsLargeOnceDecompressedIsDecompressedOnItsOwnThread) {
  const auto client = Connect();
  const std::string small(kDecodedAtOnceBytes, 'x');
  int32_t id = SendCompressed(client.get(), small);
  ASSERT_TRUE(UntilEnded(client.get(), id));
  EXPECT_EQ(client->call(id).status(), "0");
  EXPECT_FALSE(HasConversionThread());

  const std::string large(8'000'000, 'y');
  id = SendCompressed(client.get(), large);
  ASSERT_TRUE(UntilEnded(client.get(), id));
  EXPECT_EQ(client->call(id).status(), "0");
  EXPECT_TRUE(HasConversionThread());
  ASSERT_EQ(receiver_.requests.size(), 2u);
  EXPECT_EQ(receiver_.requests[0].encoded, small);
  EXPECT_EQ(receiver_.requests[1].encoded, large);
  EXPECT_EQ(memory_.used(), 0u);
}

TEST_F(ExportServiceTest, WhatIsTooLargeOnceDecompressedIsRefused) {
  const auto client = Connect();
  const int32_t id = SendCompressed(client.get(), std::string(Receiver::kMaxRequestBytes + 1, 'x'));
  ASSERT_TRUE(UntilEnded(client.get(), id));
  EXPECT_EQ(client->call(id).status(), "8");
  EXPECT_FALSE(client->call(id).fields.contains("grpc-retry-pushback-ms"));
}

TEST_F(ExportServiceTest, WhatDoesNotDecompressIsInvalid) {
  const auto client = Connect();
  const int32_t id = client->Open(method::kExportTraces, {{"grpc-encoding", "gzip"}});
  std::string broken = Compress(std::string(8'000'000, 'y'), true);
  broken[broken.size() / 2] ^= 1;
  std::string message = testing::GrpcMessage(broken);
  message[0] = 1;
  client->SendBytes(id, message);
  ASSERT_TRUE(UntilEnded(client.get(), id));
  EXPECT_EQ(client->call(id).status(), "3");
  EXPECT_TRUE(receiver_.requests.empty());
  EXPECT_EQ(memory_.used(), 0u);
}

TEST_F(ExportServiceTest, AConversionEndsWithItsCall) {
  // One before it, so that it has to wait.
  bool is_done = false;
  converter_.Convert({.held = {.bytes = Compress(std::string(60'000'000, 'x'), true), .charge = {}},
                      .coding = net::ContentCoding::kGzip,
                      .max_bytes = Receiver::kMaxRequestBytes},
                     [&](const absl::StatusOr<net::HeldBody>&) { is_done = true; });
  const auto client = Connect();
  const int32_t id = SendCompressed(client.get(), std::string(8'000'000, 'y'));
  Settle(client.get());
  client->Reset(id);
  ASSERT_TRUE(Until(client.get(), [&] { return is_done && memory_.used() == 0; }));
  EXPECT_TRUE(receiver_.requests.empty());
}

TEST_F(ExportServiceTest, ASecondMessageEndsTheCallAndTheFirstIsAbandoned) {
  receiver_.answers = false;
  const auto client = Connect();
  const int32_t id = client->Open(method::kExportTraces);
  client->Send(id, "");
  client->Send(id, "");
  ASSERT_TRUE(UntilEnded(client.get(), id));
  EXPECT_EQ(client->call(id).status(), "3");
  EXPECT_THAT(receiver_.abandoned, ElementsAre(receiver_.last));
}

}  // namespace
}  // namespace sluice::ingest::otlp
