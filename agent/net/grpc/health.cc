#include "agent/net/grpc/health.h"

#include <memory>
#include <utility>

#include "agent/net/grpc/unary.h"

namespace sluice::net {
namespace {

// HealthCheckRequest { string service = 1 } that names none: nothing, or the field empty.
bool NamesNoService(std::string_view request) {
  return request.empty() || request == std::string_view("\x0a\x00", 2);
}

// HealthCheckResponse { ServingStatus status = 1 }
constexpr std::string_view kServing = "\x08\x01";
constexpr std::string_view kNotServing = "\x08\x02";
constexpr std::string_view kServiceUnknown = "\x08\x03";

constexpr size_t kMaxRequestBytes = 1024;

}  // namespace

class Health::Watcher final : public CallHandler {
 public:
  Watcher(Health* health, Call* call) : health_(health), call_(call) {
    health_->watchers_.insert(this);
  }
  ~Watcher() override { health_->watchers_.erase(this); }

  void OnMessage(std::string_view message) override {
    if (std::exchange(asked_, true)) {
      return call_->Finish(absl::InvalidArgumentError("more than one request message"));
    }
    call_->Send(NamesNoService(message) ? kServing : kServiceUnknown);
  }
  void OnHalfClose() override {
    if (!asked_) call_->Finish(absl::InvalidArgumentError("no request message"));
  }

  void Stop() {
    call_->Send(kNotServing);
    call_->Finish(absl::UnavailableError("the agent is stopping"));
  }

 private:
  Health* const health_;
  Call* const call_;
  bool asked_ = false;
};

Route Health::CheckRoute() {
  return {.factory = Unary([](Call& call, std::string_view request) {
            if (!NamesNoService(request)) {
              return call.Finish(absl::NotFoundError("only the whole server's health is known"));
            }
            call.Send(kServing);
            call.Finish(absl::OkStatus());
          }),
          .max_message_bytes = kMaxRequestBytes};
}

Route Health::WatchRoute() {
  return {.factory = [this](Call& call) { return std::make_unique<Watcher>(this, &call); },
          .max_message_bytes = kMaxRequestBytes};
}

// A call that ends keeps its handler until the end of the turn.
void Health::Stop() {
  for (Watcher* const watcher : watchers_) watcher->Stop();
}

}  // namespace sluice::net
