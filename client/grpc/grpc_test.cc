#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>
#include <grpcpp/security/server_credentials.h>
#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>

#include "sluice/grpc/channel.h"
#include "sluice/grpc/spans.h"
#include "sluice/span.h"
#include "sluice/v1/ingest.grpc.pb.h"

namespace sluice {
namespace {

TEST(AgentTargetTest, IsAUriOfAnAbsolutePath) {
  EXPECT_EQ(AgentTarget("/run/a b%/s"), "unix:/run/a%20b%25/s");
  EXPECT_EQ(AgentTarget("s"), "unix:" + std::filesystem::current_path().string() + "/s");
  setenv("SLUICE_SOCKET", "/tmp/of-environment", 1);
  EXPECT_EQ(AgentTarget(), "unix:/tmp/of-environment");
  unsetenv("SLUICE_SOCKET");
  EXPECT_EQ(AgentTarget(), "unix:/run/sluice/sluice.sock");
}

// Answers with the contexts that its handler sees.
class Service : public v1::Ingest::Service {
 public:
  grpc::Status Emit(grpc::ServerContext* context, const v1::EmitRequest*,
                    v1::EmitResponse*) override {
    seen_ = RpcContext(*context);
    for (const auto& [key, value] : context->client_metadata()) {
      if (key == "traceparent") told_ = std::string(value.data(), value.size());
    }
    context_ = context;
    return answer_;
  }

  Context seen_;
  std::string told_;
  const grpc::ServerContextBase* context_ = nullptr;
  grpc::Status answer_;
};

class GrpcSpansTest : public ::testing::Test {
 protected:
  void SetUp() override {
    path_ = "/tmp/sluice-grpc-test." + std::to_string(getpid());
    std::vector<std::unique_ptr<grpc::experimental::ServerInterceptorFactoryInterface>> served;
    served.push_back(MakeServerSpans());
    grpc::ServerBuilder builder;
    builder.AddListeningPort("unix:" + path_, grpc::InsecureServerCredentials());
    builder.RegisterService(&service_);
    builder.experimental().SetInterceptorCreators(std::move(served));
    server_ = builder.BuildAndStart();
    std::vector<std::unique_ptr<grpc::experimental::ClientInterceptorFactoryInterface>> made;
    made.push_back(MakeClientSpans());
    stub_ = v1::Ingest::NewStub(grpc::experimental::CreateCustomChannelWithInterceptors(
        AgentTarget(path_), grpc::InsecureChannelCredentials(), AgentChannelArguments(),
        std::move(made)));
  }
  void TearDown() override { server_->Shutdown(); }

  grpc::Status Call(grpc::ClientContext* context) {
    v1::EmitResponse response;
    return stub_->Emit(context, {}, &response);
  }

  std::string path_;
  Service service_;
  std::unique_ptr<grpc::Server> server_;
  std::unique_ptr<v1::Ingest::Stub> stub_;
};

std::string TraceOf(std::string_view traceparent) { return std::string(traceparent.substr(3, 32)); }

TEST_F(GrpcSpansTest, BothSidesAreOneTraceWithItsBaggage) {
  const ContextScope scope(Context().WithBaggage("run_id", "r 1"));
  Span around("around");
  grpc::ClientContext context;
  ASSERT_TRUE(Call(&context).ok());
  const std::string own(around.context().InjectTraceparent());
  const std::string seen(service_.seen_.InjectTraceparent());
  EXPECT_EQ(TraceOf(service_.told_), TraceOf(own));
  EXPECT_EQ(TraceOf(seen), TraceOf(own));
  EXPECT_NE(service_.told_, own) << "the client's span, not the one around it";
  EXPECT_NE(seen, service_.told_) << "the server's own span";
  EXPECT_EQ(service_.seen_.Baggage("run_id"), "r 1");
}

TEST_F(GrpcSpansTest, WhatTheCallerToldItselfStays) {
  constexpr char kTold[] = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
  grpc::ClientContext context;
  context.AddMetadata("traceparent", kTold);
  ASSERT_TRUE(Call(&context).ok());
  EXPECT_EQ(service_.told_, kTold);
  EXPECT_EQ(TraceOf(service_.seen_.InjectTraceparent()), TraceOf(kTold));
}

TEST_F(GrpcSpansTest, ACallersStatusComesThroughAndTheRpcIsForgotten) {
  service_.answer_ = grpc::Status(grpc::StatusCode::NOT_FOUND, "nothing there");
  {
    grpc::ClientContext context;
    const grpc::Status status = Call(&context);
    EXPECT_EQ(status.error_code(), grpc::StatusCode::NOT_FOUND);
    EXPECT_EQ(status.error_message(), "nothing there");
  }
  server_->Shutdown();
  server_->Wait();
  EXPECT_STREQ(RpcContext(*service_.context_).InjectTraceparent().c_str(), "");
}

}  // namespace
}  // namespace sluice
