#include "sluice/grpc/spans.h"

#include <grpcpp/support/status.h>

#include <map>
#include <mutex>
#include <optional>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "sluice/span.h"

namespace sluice {
namespace {

using grpc::experimental::InterceptionHookPoints;
using grpc::experimental::InterceptorBatchMethods;

constexpr char kTraceparent[] = "traceparent";
constexpr char kTracestate[] = "tracestate";
constexpr char kBaggage[] = "baggage";

// `/package.Service/Method`, without the first slash.
std::string_view NameOf(const char* method) {
  std::string_view name = method;
  if (name.starts_with('/')) name.remove_prefix(1);
  return name;
}

Span StartRpc(std::string_view name, const RpcSpanOptions& options, SpanKind kind,
              const std::optional<Context>& parent) {
  const size_t slash = std::min(name.find('/'), name.size());
  return Span::Detached(
      name,
      {{"rpc.system", "grpc"},
       {"rpc.service", name.substr(0, slash)},
       {"rpc.method", name.substr(std::min(slash + 1, name.size()))}},
      {.target = options.target, .level = options.level, .kind = kind, .parent = parent});
}

bool IsServersFault(grpc::StatusCode code) {
  switch (code) {
    case grpc::StatusCode::UNKNOWN:
    case grpc::StatusCode::DEADLINE_EXCEEDED:
    case grpc::StatusCode::UNIMPLEMENTED:
    case grpc::StatusCode::INTERNAL:
    case grpc::StatusCode::UNAVAILABLE:
    case grpc::StatusCode::DATA_LOSS:
      return true;
    default:
      return false;
  }
}

void EndRpc(Span* span, const grpc::Status& status, bool is_failure) {
  span->SetAttribute("rpc.grpc.status_code", static_cast<int>(status.error_code()));
  if (is_failure) span->Fail(status.error_message());
  span->End();
}

// What the caller has put there itself stays.
void Inject(const Context& context, std::multimap<std::string, std::string>* metadata) {
  const Traceparent traceparent = context.InjectTraceparent();
  if (*traceparent.c_str() == '\0' || metadata->contains(kTraceparent)) return;
  metadata->emplace(kTraceparent, traceparent.c_str());
  if (const auto state = context.InjectTracestate(); !state.empty()) {
    metadata->emplace(kTracestate, state);
  }
  if (const auto baggage = context.InjectBaggage(); !baggage.empty()) {
    metadata->emplace(kBaggage, baggage);
  }
}

// Outside any span where the metadata tells none.
Context Extract(const std::multimap<grpc::string_ref, grpc::string_ref>& metadata) {
  const auto value = [&metadata](const char* key) {
    const auto found = metadata.find(key);
    return found == metadata.end() ? std::string_view()
                                   : std::string_view(found->second.data(), found->second.size());
  };
  return Context::Extract(value(kTraceparent), value(kTracestate), value(kBaggage));
}

// One RPC of a client. gRPC destroys it with the ClientContext.
class ClientRpc : public grpc::experimental::Interceptor {
 public:
  ClientRpc(const RpcSpanOptions& options, const char* method)
      : span_(StartRpc(NameOf(method), options, SpanKind::kClient, std::nullopt)) {}

  void Intercept(InterceptorBatchMethods* methods) override {
    if (methods->QueryInterceptionHookPoint(InterceptionHookPoints::PRE_SEND_INITIAL_METADATA)) {
      Inject(span_.context(), methods->GetSendInitialMetadata());
    }
    if (methods->QueryInterceptionHookPoint(InterceptionHookPoints::POST_RECV_STATUS)) {
      const grpc::Status& status = *methods->GetRecvStatus();
      EndRpc(&span_, status, !status.ok());
    }
    methods->Proceed();
  }

 private:
  Span span_;
};

class ClientSpans : public grpc::experimental::ClientInterceptorFactoryInterface {
 public:
  explicit ClientSpans(RpcSpanOptions options) : options_(std::move(options)) {}
  grpc::experimental::Interceptor* CreateClientInterceptor(
      grpc::experimental::ClientRpcInfo* info) override {
    return new ClientRpc(options_, info->method());
  }

 private:
  const RpcSpanOptions options_;
};

// The RPCs that are being served. gRPC keeps nothing of an interceptor's with the ServerContext
// that handlers see.
class ServedRpcs {
 public:
  // Never destroyed: servers may outlive static objects.
  static ServedRpcs& Instance() {
    static ServedRpcs& instance = *new ServedRpcs;
    return instance;
  }

  void Add(const grpc::ServerContextBase* rpc, const Context& context) {
    const std::lock_guard lock(mutex_);
    contexts_.insert_or_assign(rpc, context);
  }
  void Remove(const grpc::ServerContextBase* rpc) {
    const std::lock_guard lock(mutex_);
    contexts_.erase(rpc);
  }
  Context Find(const grpc::ServerContextBase* rpc) {
    const std::lock_guard lock(mutex_);
    const auto found = contexts_.find(rpc);
    return found == contexts_.end() ? Context() : found->second;
  }

 private:
  std::mutex mutex_;
  std::unordered_map<const grpc::ServerContextBase*, Context> contexts_;  // guarded by mutex_
};

// One RPC of a server.
class ServerRpc : public grpc::experimental::Interceptor {
 public:
  ServerRpc(const RpcSpanOptions& options, grpc::experimental::ServerRpcInfo* info)
      : options_(options), context_(info->server_context()), name_(NameOf(info->method())) {}
  ~ServerRpc() override { ServedRpcs::Instance().Remove(context_); }

  void Intercept(InterceptorBatchMethods* methods) override {
    if (methods->QueryInterceptionHookPoint(InterceptionHookPoints::POST_RECV_INITIAL_METADATA)) {
      span_ =
          StartRpc(name_, options_, SpanKind::kServer, Extract(*methods->GetRecvInitialMetadata()));
      ServedRpcs::Instance().Add(context_, span_.context());
    }
    if (methods->QueryInterceptionHookPoint(InterceptionHookPoints::PRE_SEND_STATUS)) {
      const grpc::Status status = methods->GetSendStatus();
      EndRpc(&span_, status, IsServersFault(status.error_code()));
    }
    methods->Proceed();
  }

 private:
  const RpcSpanOptions& options_;  // the factory's, which lives as long as the server
  const grpc::ServerContextBase* const context_;
  const std::string_view name_;
  Span span_;
};

class ServerSpans : public grpc::experimental::ServerInterceptorFactoryInterface {
 public:
  explicit ServerSpans(RpcSpanOptions options) : options_(std::move(options)) {}
  grpc::experimental::Interceptor* CreateServerInterceptor(
      grpc::experimental::ServerRpcInfo* info) override {
    return new ServerRpc(options_, info);
  }

 private:
  const RpcSpanOptions options_;
};

}  // namespace

std::unique_ptr<grpc::experimental::ClientInterceptorFactoryInterface> MakeClientSpans(
    RpcSpanOptions options) {
  return std::make_unique<ClientSpans>(std::move(options));
}

std::unique_ptr<grpc::experimental::ServerInterceptorFactoryInterface> MakeServerSpans(
    RpcSpanOptions options) {
  return std::make_unique<ServerSpans>(std::move(options));
}

Context RpcContext(const grpc::ServerContextBase& context) {
  return ServedRpcs::Instance().Find(&context);
}

}  // namespace sluice
