// Stock gRPC libraries talk to the front end as they would to any gRPC server.
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/grpcpp.h>
#include <stdlib.h>

#include <filesystem>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "agent/net/grpc/grpc_server.h"
#include "agent/net/grpc/unary.h"
#include "agent/net/unix_socket.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace sluice::net {
namespace {

// Answers each message with itself and ends when the peer does.
class EchoStream final : public CallHandler {
 public:
  explicit EchoStream(Call* call) : call_(call) {}
  void OnMessage(std::string_view message) override { call_->Send(message); }
  void OnHalfClose() override { call_->Finish(absl::OkStatus()); }

 private:
  Call* const call_;
};

// Never answers.
class Mute final : public CallHandler {
 public:
  void OnMessage(std::string_view) override {}
  void OnHalfClose() override {}
};

class StockClientsTest : public ::testing::Test {
 protected:
  StockClientsTest() {
    char name[] = "/tmp/netXXXXXX";
    directory_ = ::mkdtemp(name);
    server_ = std::make_unique<GrpcServer>(
        GrpcServer::Options{.loop = loop_.get(), .counters = &counters_, .budget = &budget_});
    AddRoutes();
    auto listening = ListenUnix(Path(), 0600);
    EXPECT_TRUE(listening.ok()) << listening.status();
    EXPECT_TRUE(server_->Serve(*std::move(listening)).ok());
    thread_ = std::thread([this] { loop_->Run(); });
  }

  ~StockClientsTest() override {
    loop_->Stop();
    thread_.join();
    server_.reset();
    std::filesystem::remove_all(directory_);
  }

  void AddRoutes() {
    server_->AddRoute("/t.T/Echo", {.factory = Unary([](Call& call, std::string_view request) {
                                      call.Send(request);
                                      call.Finish(absl::OkStatus());
                                    })});
    server_->AddRoute("/t.T/Stream",
                      {.factory = [](Call& call) { return std::make_unique<EchoStream>(&call); }});
    server_->AddRoute("/t.T/Mute", {.factory = [](Call&) { return std::make_unique<Mute>(); }});
    server_->AddRoute("/t.T/Refuse", {.factory = [](Call& call) {
                        call.Finish(absl::ResourceExhaustedError("später, 100 %"), 250);
                        return nullptr;
                      }});
  }

  std::string Path() const { return directory_ + "/s"; }

  Counters counters_;
  ByteBudget budget_{{}};
  std::unique_ptr<EventLoop> loop_ = *EventLoop::Create();
  std::unique_ptr<GrpcServer> server_;
  std::string directory_;
  std::thread thread_;
};

grpc::ByteBuffer ToBuffer(const std::string& text) {
  const grpc::Slice slice(text);
  return grpc::ByteBuffer(&slice, 1);
}

std::string ToText(const grpc::ByteBuffer& buffer) {
  std::vector<grpc::Slice> slices;
  if (!buffer.Dump(&slices).ok()) return "";
  std::string text;
  for (const grpc::Slice& slice : slices)
    text.append(reinterpret_cast<const char*>(slice.begin()), slice.size());
  return text;
}

// One call at a time, by the completion queue.
class GrpcPlusPlus {
 public:
  explicit GrpcPlusPlus(const std::string& path)
      : stub_(grpc::CreateChannel("unix:" + path, grpc::InsecureChannelCredentials())) {}

  grpc::Status Ask(const std::string& method, const std::string& request, std::string* answer,
                   grpc::ClientContext* context) {
    const auto call = stub_.PrepareUnaryCall(context, method, ToBuffer(request), &queue_);
    call->StartCall();
    grpc::ByteBuffer buffer;
    grpc::Status status;
    call->Finish(&buffer, &status, nullptr);
    Await();
    if (status.ok()) *answer = ToText(buffer);
    return status;
  }

  // Sends each message and reads one answer to it, then half-closes.
  grpc::Status Converse(const std::string& method, const std::vector<std::string>& messages,
                        std::vector<std::string>* answers) {
    grpc::ClientContext context;
    const auto call = stub_.PrepareCall(&context, method, &queue_);
    call->StartCall(nullptr);
    Await();
    for (const std::string& message : messages) {
      call->Write(ToBuffer(message), nullptr);
      if (!Await()) break;
      grpc::ByteBuffer answer;
      call->Read(&answer, nullptr);
      if (!Await()) break;
      answers->push_back(ToText(answer));
    }
    call->WritesDone(nullptr);
    Await();
    grpc::Status status;
    call->Finish(&status, nullptr);
    Await();
    return status;
  }

 private:
  bool Await() {
    void* tag = nullptr;
    bool ok = false;
    return queue_.Next(&tag, &ok) && ok;
  }

  grpc::GenericStub stub_;
  grpc::CompletionQueue queue_;
};

TEST_F(StockClientsTest, GrpcPlusPlusGetsItsUnaryAnswer) {
  GrpcPlusPlus client(Path());
  for (const size_t size : {0u, 1u, 100'000u, 4u * 1024 * 1024 - 100}) {
    grpc::ClientContext context;
    std::string answer;
    const grpc::Status status = client.Ask("/t.T/Echo", std::string(size, 'q'), &answer, &context);
    EXPECT_TRUE(status.ok()) << status.error_message();
    EXPECT_EQ(answer.size(), size);
  }
}

TEST_F(StockClientsTest, GrpcPlusPlusHoldsAConversation) {
  GrpcPlusPlus client(Path());
  const std::vector<std::string> messages = {"a", "", std::string(300'000, 'b'), "c"};
  std::vector<std::string> answers;
  const grpc::Status status = client.Converse("/t.T/Stream", messages, &answers);
  EXPECT_TRUE(status.ok()) << status.error_message();
  EXPECT_EQ(answers, messages);
}

TEST_F(StockClientsTest, GrpcPlusPlusReadsARefusalWithItsText) {
  GrpcPlusPlus client(Path());
  grpc::ClientContext context;
  std::string answer;
  const grpc::Status status = client.Ask("/t.T/Refuse", "x", &answer, &context);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
  EXPECT_EQ(status.error_message(), "später, 100 %");
  EXPECT_EQ(context.GetServerTrailingMetadata().count("grpc-retry-pushback-ms"), 1u);
}

TEST_F(StockClientsTest, GrpcPlusPlusLearnsOfAnUnknownMethodAnOversizeAndACompressedMessage) {
  GrpcPlusPlus client(Path());
  std::string answer;
  grpc::ClientContext unknown;
  EXPECT_EQ(client.Ask("/t.T/None", "x", &answer, &unknown).error_code(),
            grpc::StatusCode::UNIMPLEMENTED);
  grpc::ClientContext oversize;
  EXPECT_EQ(client.Ask("/t.T/Echo", std::string(4 * 1024 * 1024 + 1, 'x'), &answer, &oversize)
                .error_code(),
            grpc::StatusCode::RESOURCE_EXHAUSTED);
  grpc::ClientContext compressed;
  compressed.set_compression_algorithm(GRPC_COMPRESS_GZIP);
  EXPECT_EQ(client.Ask("/t.T/Echo", std::string(1000, 'x'), &answer, &compressed).error_code(),
            grpc::StatusCode::UNIMPLEMENTED);
  grpc::ClientContext after;
  EXPECT_TRUE(client.Ask("/t.T/Echo", "x", &answer, &after).ok());
}

TEST_F(StockClientsTest, GrpcPlusPlusMeetsItsDeadline) {
  GrpcPlusPlus client(Path());
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + std::chrono::milliseconds(50));
  std::string answer;
  EXPECT_EQ(client.Ask("/t.T/Mute", "x", &answer, &context).error_code(),
            grpc::StatusCode::DEADLINE_EXCEEDED);
}

TEST_F(StockClientsTest, PythonGetsUnaryAndStreamedAnswers) {
  constexpr char kPython[] = "/usr/bin/python3";
  if (std::system("/usr/bin/python3 -c 'import grpc' 2>/dev/null") != 0) {
    GTEST_SKIP() << kPython << " has no grpc";
  }
  EXPECT_EQ(std::system((std::string(kPython) + " " STOCK_PYTHON_CLIENT " " + Path()).c_str()), 0);
}

}  // namespace
}  // namespace sluice::net
