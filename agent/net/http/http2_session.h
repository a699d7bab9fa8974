// HTTP/2, by libnghttp2.
#pragma once

#include <nghttp2/nghttp2.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "agent/net/http/flood_guard.h"
#include "agent/net/http/http_session.h"

namespace sluice::net {

// The bytes that tell a peer why its connection ends: a GOAWAY frame with `reason`. For those too
// that are refused before they sent anything.
std::string GoAwayFrame(std::string_view reason);

class Http2Session final : public HttpSession {
 public:
  static constexpr uint32_t kStreamWindowBytes = 1024 * 1024;
  static constexpr uint32_t kConnectionWindowBytes = 2 * 1024 * 1024;

  // Null: out of memory. `owner` and the names of `extra_fields`, which RequestHead is to have,
  // outlive the session.
  static std::unique_ptr<Http2Session> Create(Owner* owner,
                                              std::span<const std::string_view> extra_fields);
  ~Http2Session() override;

  const char* Receive(std::string_view bytes, uint64_t now) override;
  InputPlan PlanInput(char* buffer, size_t size) override;
  bool is_before_body() const override { return !is_amid_body_; }
  bool is_paused() const override { return paused_stream_ != 0; }
  const char* Resume(uint64_t now) override;
  size_t kept_bytes() const override { return kept_.size(); }
  bool awaits_answer_alone() const override { return has_whole_request_ && !must_write_; }
  const char* Produce(std::string* out, size_t limit) override;
  std::string ClosingBytes(std::string_view reason) const override { return GoAwayFrame(reason); }
  const char* Over() const override;
  size_t TakeWork() override;
  void StartResponse(int32_t stream_id, const ResponseHead& head, HttpCall* call) override;
  void FinishAtOnce(int32_t stream_id, const ResponseHead& head,
                    const HeaderFields& trailers) override;
  void WakeBody(int32_t stream_id) override;
  void Consume(int32_t stream_id, size_t bytes) override;
  void GoAway() override;

 private:
  struct SessionDelete {
    void operator()(nghttp2_session* session) const { nghttp2_session_del(session); }
  };

  Http2Session(Owner* owner, std::span<const std::string_view> extra_fields)
      : owner_(owner), extra_fields_(extra_fields) {}

  friend struct SessionCallbacks;
  const char* Feed(std::string_view bytes);
  void KeepRest(std::string_view bytes, size_t fed);
  void KeepMore(std::string_view bytes);
  int OnDataChunk(int32_t stream_id, std::string_view bytes);
  int OnBody(int32_t stream_id, std::string_view bytes);
  int OnBeginFrame(const nghttp2_frame_hd& header);
  int OnHeader(const nghttp2_frame& frame, std::string_view name, std::string_view value);
  int OnFrame(const nghttp2_frame& frame);
  int OnInvalidFrame(const nghttp2_frame& frame);
  void OnFrameSent(const nghttp2_frame& frame);
  ssize_t ReadBody(int32_t stream_id, HttpCall* call, uint8_t* out, size_t capacity,
                   uint32_t* flags);
  int EndIfFlood(const char* flood);
  void Check(int result);
  HttpCall* CallOf(int32_t stream_id) const;

  Owner* const owner_;
  const std::span<const std::string_view> extra_fields_;
  std::unique_ptr<nghttp2_session, SessionDelete> session_;
  FloodGuard flood_guard_;
  RequestHead head_;  // of the one header block under way
  // While a call has the session paused: what it did not take of its body, and what came behind
  // that. Both lie in kept_.
  int32_t paused_stream_ = 0;
  std::string_view paused_body_;
  std::string_view paused_input_;
  std::string kept_;
  DataFrame frame_;  // the last to begin; without a rest where it is of another kind
  const char* chunk_end_ = nullptr;  // of the body that nghttp2 gave last
  bool is_amid_body_ = false;        // what comes next is the rest of frame_
  const char* failure_ = nullptr;
  uint64_t now_ = 0;
  size_t work_ = 0;
  bool is_greeted_ = false;
  bool has_whole_request_ = false;
  // Something was sent, there is an answer, or the peer sent more than one whole request.
  bool must_write_ = false;
  bool peer_left_ = false;
};

}  // namespace sluice::net
