// What the interceptors of sluice::grpc cost an RPC, beside interceptors that do nothing, and
// beside what their two spans cost by themselves: processor time of client, server and library
// together, since they are one process here. Synchronous unary calls over a Unix socket; medians of
// rounds that take turns. Run it beside an agent that SLUICE_SOCKET names: where nobody takes the
// records, spans cost less.
#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>
#include <grpcpp/security/server_credentials.h>
#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <ctime>
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
constexpr int kCalls = 1'000;

class Service : public v1::Ingest::Service {
  grpc::Status Emit(grpc::ServerContext*, const v1::EmitRequest*, v1::EmitResponse*) override {
    return grpc::Status::OK;
  }
};

// An interceptor of either side that does nothing.
class Idle : public grpc::experimental::Interceptor,
             public grpc::experimental::ServerInterceptorFactoryInterface,
             public grpc::experimental::ClientInterceptorFactoryInterface {
 public:
  void Intercept(grpc::experimental::InterceptorBatchMethods* methods) override {
    methods->Proceed();
  }
  grpc::experimental::Interceptor* CreateServerInterceptor(
      grpc::experimental::ServerRpcInfo*) override {
    return new Idle;
  }
  grpc::experimental::Interceptor* CreateClientInterceptor(
      grpc::experimental::ClientRpcInfo*) override {
    return new Idle;
  }
};

// A server and a channel to it, with these interceptors; null: with none.
class Pair {
 public:
  using ServerSide = std::unique_ptr<grpc::experimental::ServerInterceptorFactoryInterface>;
  using ClientSide = std::unique_ptr<grpc::experimental::ClientInterceptorFactoryInterface>;

  Pair(const std::string& name, ServerSide server, ClientSide client)
      : path_("/tmp/sluice-grpc-bench." + std::to_string(getpid()) + '.' + name) {
    std::vector<ServerSide> served;
    std::vector<ClientSide> made;
    if (server != nullptr) served.push_back(std::move(server));
    if (client != nullptr) made.push_back(std::move(client));
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

double ProcessorTime() {
  timespec now{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) * 1e9 + static_cast<double>(now.tv_nsec);
}

// Nanoseconds of one call.
double Time(const std::function<void()>& call) {
  const double begin = ProcessorTime();
  for (int i = 0; i < kCalls; ++i) call();
  return (ProcessorTime() - begin) / kCalls;
}

double Median(std::vector<double> times) {
  std::nth_element(times.begin(), times.begin() + kRounds / 2, times.end());
  return times[kRounds / 2];
}

void TwoSpans() {
  const std::string_view name = "sluice.v1.Ingest/Emit";
  const auto start = [name](SpanOptions options) {
    return Span::Detached(
        name, {{"rpc.system", "grpc"}, {"rpc.service", "sluice.v1.Ingest"}, {"rpc.method", "Emit"}},
        options);
  };
  Span client = start({.kind = SpanKind::kClient});
  Span server = start({.kind = SpanKind::kServer, .parent = client.context()});
  for (Span* span : {&server, &client}) span->SetAttribute("rpc.grpc.status_code", 0);
}

int Main() {
  Pair plain("plain", nullptr, nullptr);
  Pair idle("idle", std::make_unique<Idle>(), std::make_unique<Idle>());
  Pair spans("spans", MakeServerSpans(), MakeClientSpans());
  std::vector<double> plain_times, idle_times, spans_times, alone_times;
  for (int round = 0; round < kRounds; ++round) {
    plain_times.push_back(Time([&] { plain.Call(); }));
    idle_times.push_back(Time([&] { idle.Call(); }));
    spans_times.push_back(Time([&] { spans.Call(); }));
    alone_times.push_back(Time(TwoSpans));
  }
  const double plain_ns = Median(plain_times);
  const auto print = [plain_ns](const char* what, double ns) {
    std::printf("%-28s %8.0f ns  %+6.1f %%\n", what, ns, 100 * (ns - plain_ns) / plain_ns);
  };
  print("an RPC", plain_ns);
  print("with interceptors, idle ones", Median(idle_times));
  print("with those of sluice::grpc", Median(spans_times));
  std::printf("%-28s %8.0f ns\n", "two spans by themselves", Median(alone_times));
  return 0;
}

}  // namespace
}  // namespace sluice

int main() { return sluice::Main(); }
