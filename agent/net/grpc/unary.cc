#include "agent/net/grpc/unary.h"

#include <memory>
#include <utility>

namespace sluice::net {
namespace {

// Asks as soon as the message is whole, without a copy; a second message is noticed as long as the
// answer is not out.
class UnaryHandler final : public CallHandler {
 public:
  UnaryHandler(Call* call, const UnaryFunction* on_request)
      : call_(call), on_request_(on_request) {}

  void OnMessage(std::string_view message) override {
    if (std::exchange(asked_, true)) {
      return call_->Finish(absl::InvalidArgumentError("more than one request message"));
    }
    (*on_request_)(*call_, message);
  }

  void OnHalfClose() override {
    if (!asked_) call_->Finish(absl::InvalidArgumentError("no request message"));
  }

 private:
  Call* const call_;
  const UnaryFunction* const on_request_;
  bool asked_ = false;
};

}  // namespace

CallFactory Unary(UnaryFunction on_request) {
  return [on_request = std::move(on_request)](Call& call) {
    return std::make_unique<UnaryHandler>(&call, &on_request);
  };
}

}  // namespace sluice::net
