// HTTP/1.1: one request after the other, each answered before the next is looked at.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "agent/net/http/http1_parser.h"
#include "agent/net/http/http_session.h"

namespace sluice::net {

// A response's `content-length` is among the fields that its call gives; trailers are not sent. An
// offer to upgrade is ignored. The rest of a request that is answered early is passed over.
class Http1Session final : public HttpSession {
 public:
  // `owner` and the names of `extra_fields`, which RequestHead is to have, outlive the session.
  Http1Session(Owner* owner, std::span<const std::string_view> extra_fields);
  ~Http1Session() override;

  const char* Receive(std::string_view bytes, uint64_t now) override;
  bool is_paused() const override;
  bool is_full() const override { return IsAnswerDue() && !input_.empty(); }
  bool is_amid_request() const override;
  const char* Resume(uint64_t now) override;
  size_t kept_bytes() const override { return kept_.size(); }
  const char* Produce(std::string* out, size_t limit) override;
  std::string ClosingBytes(std::string_view reason) const override;
  const char* Over() const override { return is_over_ ? "peer" : nullptr; }
  size_t TakeWork() override { return parser_.TakeWork(); }
  void StartResponse(int32_t stream_id, const ResponseHead& head, HttpCall* call) override;
  void FinishAtOnce(int32_t stream_id, const ResponseHead& head,
                    const HeaderFields& trailers) override;
  // Bodies are asked for in every turn, and what is read needs no window.
  void WakeBody(int32_t) override {}
  void Consume(int32_t, size_t) override {}
  void GoAway() override { ends_ = true; }

 private:
  enum class Answer { kNone, kBody, kDone };

  // The request is whole, and its answer is not out.
  bool IsAnswerDue() const { return request_ended_; }
  // Parses from the front of `*bytes`, until more is needed or a call has to come first.
  void Feed(std::string_view* bytes);
  bool TakeNext(std::string_view* bytes);
  void OnHead();
  void GiveBody(std::string_view part);
  void Keep(std::string_view rest);
  void WriteHead(const ResponseHead& head);
  void EndRequestIfAnswered();

  Owner* const owner_;
  Http1Parser parser_;
  int32_t request_ = 0;  // its number, as the id of its stream
  HttpCall* call_ = nullptr;
  HttpCall* source_ = nullptr;  // of the body that is sent
  Answer answer_ = Answer::kNone;
  std::string out_;
  // What is not parsed yet, behind what a call did not take of its body; both lie in kept_.
  std::string_view input_;
  std::string kept_;
  size_t untaken_ = 0;
  bool is_paused_ = false;      // by a call
  bool has_next_ = false;       // input_ was not looked at since an answer went out
  bool request_ended_ = false;  // the last byte of it was parsed
  bool owes_continue_ = false;  // the peer waits to be told to send the body
  bool skips_rest_ = false;     // the body may come or not: nothing behind it can be told
  bool ends_ = false;           // with this request's answer
  bool is_over_ = false;
  const char* failure_ = nullptr;
};

}  // namespace sluice::net
