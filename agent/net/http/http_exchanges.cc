#include "agent/net/http/http_exchanges.h"

#include <algorithm>
#include <cstring>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "agent/net/http/socket_connection.h"

namespace sluice::net {

// Collects the body, has the service answer, and sends that.
class HttpExchanges::ExchangeCall final : public HttpExchange, public HttpCall {
 public:
  ExchangeCall(HttpExchanges* owner, SocketConnection* connection, int32_t stream_id,
               const RequestHead& head)
      : owner_(owner),
        connection_(connection),
        stream_id_(stream_id),
        id_(++owner->last_exchange_),
        head_(head),
        charge_(&connection->core().budget(), connection->uid()) {
    owner_->exchanges_.emplace(id_, this);
  }
  ~ExchangeCall() override { Forget(); }

  void Begin() {
    if (head_.is_too_large()) {
      return Refuse("headers_too_large", absl::ResourceExhaustedError("the head is too large"));
    }
    if (std::optional<HttpResponse> refused = owner_->service_->Refuse(head_)) {
      return Respond(*std::move(refused));
    }
    max_body_bytes_ = owner_->service_->MaxBodyBytes(head_);
    if (head_.content_length.value_or(0) > max_body_bytes_) RefuseSize();
  }

  ExchangeId id() const override { return id_; }
  Connection& connection() override { return *connection_; }
  const RequestHead& head() const override { return head_; }
  HeldBody TakeBody() override { return {std::move(body_), std::move(charge_)}; }

  void Respond(HttpResponse response) override {
    if (std::exchange(is_answered_, true)) return;
    if (response.refusal != nullptr) {
      connection_->core().counters().Add("net.refused", response.refusal, connection_->uid());
    }
    DropBody();
    answer_ = std::move(response.body);
    if (head_.method == "HEAD") answer_.clear();
    is_success_ = response.status.starts_with('2');
    Send(response);
  }

  Taken OnBody(std::string_view bytes) override {
    connection_->session().Consume(stream_id_, bytes.size());
    if (!is_answered_) {
      connection_->AddBody(bytes.size());
      Collect(bytes);
    }
    return {.bytes = bytes.size()};
  }

  void OnRequestEnd() override {
    if (is_answered_) return;
    connection_->AddWork();
    is_served_ = true;
    owner_->service_->OnRequest(*this);
    if (is_answered_ && !is_success_) {
      connection_->MarkRefused();
    } else {
      connection_->MarkUseful();
    }
  }

  void OnStreamClosed() override {
    Abandon();
    connection_->DeferDelete(this);
  }

  BodyPart ReadBody(char* out, size_t capacity) override {
    const size_t size = std::min(capacity, answer_.size() - sent_);
    std::memcpy(out, answer_.data() + sent_, size);
    sent_ += size;
    return {size, sent_ == answer_.size()};
  }
  const HeaderFields& trailers() const override { return no_trailers_; }
  void AtTurnEnd() override {}
  void OnWritten() override {}
  void Abandon() override {
    if (!std::exchange(is_answered_, true) && is_served_) owner_->service_->OnGone(id_);
    Forget();
    DropBody();
  }

 private:
  void Forget() { owner_->exchanges_.erase(id_); }
  void DropBody() {
    std::exchange(body_, std::string());
    charge_.Release();
  }

  void Collect(std::string_view bytes) {
    const size_t needed = body_.size() + bytes.size();
    if (needed > max_body_bytes_) return RefuseSize();
    if (needed > body_.capacity()) {
      // Grows with what came, not with what was announced, which costs the peer nothing.
      const size_t stated = std::max<size_t>(head_.content_length.value_or(SIZE_MAX), needed);
      const size_t room = std::min(stated, std::max(2 * body_.size(), needed));
      if (!charge_.Resize(WholeChargeSteps(room))) {
        return Refuse("memory",
                      absl::UnavailableError("too many bytes of this user are under way"));
      }
      body_.reserve(room);
    }
    body_.append(bytes);
  }

  void RefuseSize() {
    Refuse("body_too_large",
           absl::ResourceExhaustedError(absl::StrCat("the body is too large: at most ",
                                                     max_body_bytes_, " bytes are taken")));
  }

  void Refuse(const char* reason, const absl::Status& status) {
    HttpResponse response = owner_->service_->Explain(head_, status);
    response.refusal = reason;
    connection_->MarkRefused();
    Respond(std::move(response));
  }

  void Send(const HttpResponse& response) {
    std::vector<ResponseHead::Field> fields(response.fields.begin(), response.fields.end());
    const std::string length = absl::StrCat(answer_.size());
    const ResponseHead head{.status = response.status, .fields = fields};
    if (answer_.empty()) {
      connection_->session().FinishAtOnce(stream_id_, head, no_trailers_);
    } else {
      fields.emplace_back("content-length", length);
      connection_->session().StartResponse(stream_id_,
                                           {.status = response.status, .fields = fields}, this);
    }
    connection_->MarkBusy();
  }

  HttpExchanges* const owner_;
  SocketConnection* const connection_;
  const int32_t stream_id_;
  const ExchangeId id_;
  const RequestHead head_;
  size_t max_body_bytes_ = 0;
  std::string body_;
  Charge charge_;
  std::string answer_;
  size_t sent_ = 0;
  const HeaderFields no_trailers_;
  bool is_served_ = false;
  bool is_answered_ = false;
  bool is_success_ = false;
};

std::unique_ptr<HttpCall> HttpExchanges::Make(SocketConnection* connection, int32_t stream_id,
                                              const RequestHead& head) {
  auto call = std::make_unique<ExchangeCall>(this, connection, stream_id, head);
  call->Begin();
  return call;
}

}  // namespace sluice::net
