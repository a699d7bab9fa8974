// What the interceptors of sluice::grpc cost an RPC, beside what their two spans cost by
// themselves. One process, synchronous unary calls over a Unix socket; medians of rounds that take
// turns. Run it beside an agent that SLUICE_SOCKET names: where nobody takes the records, spans
// cost less.
#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>
#include <grpcpp/security/server_credentials.h>
#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <functional>
#include <string>
#include <vector>

#include "sluice/grpc/channel.h"
#include "sluice/grpc/spans.h"
#include "sluice/span.h"
#include "sluice/v1/ingest.grpc.pb.h"

namespace sluice {
namespace {

constexpr int kRounds = 21;
constexpr int kCalls = 2'000;

class Service : public v1::Ingest::Service {
  grpc::Status Emit(grpc::ServerContext*, const v1::EmitRequest*, v1::EmitResponse*) override {
    return grpc::Status::OK;
  }
};

// A server and a channel to it, with the interceptors or without.
class Pair {
 public:
  explicit Pair(bool has_spans)
      : path_("/tmp/sluice-grpc-bench." + std::to_string(getpid()) + (has_spans ? ".s" : ".p")) {
    std::vector<std::unique_ptr<grpc::experimental::ServerInterceptorFactoryInterface>> served;
    std::vector<std::unique_ptr<grpc::experimental::ClientInterceptorFactoryInterface>> made;
    if (has_spans) {
      served.push_back(MakeServerSpans());
      made.push_back(MakeClientSpans());
    }
    grpc::ServerBuilder builder;
    builder.AddListeningPort("unix:" + path_, grpc::InsecureServerCredentials());
    builder.RegisterService(&service_);
    builder.experimental().SetInterceptorCreators(std::move(served));
    server_ = builder.BuildAndStart();
    stub_ = v1::Ingest::NewStub(grpc::experimental::CreateCustomChannelWithInterceptors(
        AgentTarget(path_), grpc::InsecureChannelCredentials(), AgentChannelArguments(),
        std::move(made)));
  }

  void Call() {
    grpc::ClientContext context;
    v1::EmitResponse response;
    if (!stub_->Emit(&context, {}, &response).ok()) std::abort();
  }

 private:
  const std::string path_;
  Service service_;
  std::unique_ptr<grpc::Server> server_;
  std::unique_ptr<v1::Ingest::Stub> stub_;
};

// Nanoseconds of one call.
double Time(const std::function<void()>& call) {
  const auto begin = std::chrono::steady_clock::now();
  for (int i = 0; i < kCalls; ++i) call();
  const std::chrono::duration<double, std::nano> took = std::chrono::steady_clock::now() - begin;
  return took.count() / kCalls;
}

double Median(std::vector<double> times) {
  std::nth_element(times.begin(), times.begin() + kRounds / 2, times.end());
  return times[kRounds / 2];
}

int Main() {
  Pair plain(false);
  Pair with_spans(true);
  std::vector<double> plain_times, span_times, alone_times;
  for (int round = 0; round < kRounds; ++round) {
    plain_times.push_back(Time([&] { plain.Call(); }));
    span_times.push_back(Time([&] { with_spans.Call(); }));
    alone_times.push_back(Time([] {
      Span client = Span::Detached(
          "sluice.v1.Ingest/Emit",
          {{"rpc.system", "grpc"}, {"rpc.service", "sluice.v1.Ingest"}, {"rpc.method", "Emit"}});
      Span server = Span::Detached(
          "sluice.v1.Ingest/Emit",
          {{"rpc.system", "grpc"}, {"rpc.service", "sluice.v1.Ingest"}, {"rpc.method", "Emit"}},
          {.parent = client.context()});
    }));
  }
  const double plain_ns = Median(plain_times);
  const double spans_ns = Median(span_times);
  std::printf("an RPC              %8.0f ns\nwith interceptors   %8.0f ns  (%+.1f %%)\n", plain_ns,
              spans_ns, 100 * (spans_ns - plain_ns) / plain_ns);
  std::printf("their two spans     %8.0f ns\n", Median(alone_times));
  return 0;
}

}  // namespace
}  // namespace sluice

int main() { return sluice::Main(); }
