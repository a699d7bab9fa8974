// Problem: The peer may send the next request before it has the answer, may go on sending what was
// refused, and may not send what it announced.
//
// States: A head is parsed, then its body, then the answer is due (request_ended_); once it is out,
// the next head is parsed. The answer may come earlier: then what is left of the body is passed
// over. What comes while an answer is due is kept, and the session is full; the owner does not read
// then. A call may pause the session amid a body. ends_ is set by what was said on `Connection`, by
// Drain, and where skips_rest_ is; with the answer to that request the session is over.
//
// Invariants:
// * No byte is parsed while an answer is due. So there is one call, and what it answers goes out
//   in the order of the requests.
// * A call hears of the end of its stream from Produce alone, and thus never from within itself.
// * input_ is what came behind the last parsed byte; its first untaken_ bytes are of a body, and
//   stay where they are until the call takes them.

#include "agent/net/http/http1_session.h"

#include <array>
#include <initializer_list>
#include <utility>

namespace sluice::net {
namespace {

std::string_view ReasonOf(std::string_view status) {
  constexpr std::array<std::pair<std::string_view, std::string_view>, 15> kReasons = {{
      {"200", "OK"},
      {"400", "Bad Request"},
      {"403", "Forbidden"},
      {"404", "Not Found"},
      {"405", "Method Not Allowed"},
      {"408", "Request Timeout"},
      {"413", "Content Too Large"},
      {"415", "Unsupported Media Type"},
      {"417", "Expectation Failed"},
      {"426", "Upgrade Required"},
      {"429", "Too Many Requests"},
      {"431", "Request Header Fields Too Large"},
      {"501", "Not Implemented"},
      {"503", "Service Unavailable"},
      {"505", "HTTP Version Not Supported"},
  }};
  for (const auto& [code, reason] : kReasons) {
    if (code == status) return reason;
  }
  return "Status";
}

void Append(std::initializer_list<std::string_view> parts, std::string* out) {
  for (const std::string_view part : parts) out->append(part);
}

std::string ClosingAnswer(std::string_view status, std::string_view text) {
  std::string answer;
  Append({"HTTP/1.1 ", status, " ", ReasonOf(status), "\r\ncontent-type: text/plain",
          "\r\ncontent-length: ", std::to_string(text.size() + 1), "\r\nconnection: close\r\n\r\n",
          text, "\n"},
         &answer);
  return answer;
}

}  // namespace

Http1Session::Http1Session(Owner* owner, std::span<const std::string_view> extra_fields)
    : owner_(owner), parser_(extra_fields) {}

Http1Session::~Http1Session() = default;

bool Http1Session::is_paused() const { return is_paused_ || has_next_; }

bool Http1Session::is_amid_request() const {
  if (IsAnswerDue() || is_paused() || is_over_) return false;
  return parser_.has_head() ? !skips_rest_ : !input_.empty();
}

const char* Http1Session::Receive(std::string_view bytes, uint64_t) {
  if (!input_.empty()) {
    kept_.erase(0, static_cast<size_t>(input_.data() - kept_.data()));
    kept_.append(bytes);
    bytes = kept_;
  }
  Feed(&bytes);
  Keep(bytes);
  return failure_;
}

const char* Http1Session::Resume(uint64_t) {
  std::string_view rest = input_;
  has_next_ = false;
  if (std::exchange(is_paused_, false)) {
    const size_t size = std::exchange(untaken_, 0);
    GiveBody(rest.substr(0, size));
    rest.remove_prefix(size - untaken_);
  }
  Feed(&rest);
  Keep(rest);
  return failure_;
}

void Http1Session::Feed(std::string_view* bytes) {
  while (failure_ == nullptr && !IsAnswerDue() && !is_paused_ && !skips_rest_) {
    if (!TakeNext(bytes)) return;
  }
}

// False: more is needed, or nothing can come any more.
bool Http1Session::TakeNext(std::string_view* bytes) {
  switch (parser_.Parse(bytes)) {
    case Http1Parser::Next::kMore:
      return false;
    case Http1Parser::Next::kHead:
      OnHead();
      return true;
    case Http1Parser::Next::kBody:
      GiveBody(parser_.body());
      *bytes = {bytes->data() - untaken_, bytes->size() + untaken_};
      return true;
    case Http1Parser::Next::kEnd:
      request_ended_ = true;
      if (call_ != nullptr) call_->OnRequestEnd();
      return true;
    default:
      failure_ = "protocol_error";
      return false;
  }
}

void Http1Session::OnHead() {
  ++request_;
  if (!parser_.keeps_alive()) ends_ = true;
  owes_continue_ = parser_.expects_continue();
  call_ = owner_->OnRequest(request_, parser_.head());
  if (std::exchange(owes_continue_, false)) out_ += "HTTP/1.1 100 Continue\r\n\r\n";
}

// Directly behind it stands what is not parsed yet.
void Http1Session::GiveBody(std::string_view part) {
  if (call_ == nullptr) return;
  const HttpCall::Taken taken = call_->OnBody(part);
  is_paused_ = taken.pause;
  if (is_paused_) untaken_ = part.size() - taken.bytes;
}

void Http1Session::Keep(std::string_view rest) {
  if (skips_rest_) rest = {};
  const bool is_kept = rest.data() >= kept_.data() && rest.data() <= kept_.data() + kept_.size();
  if (rest.empty() && !is_paused_) {
    std::exchange(kept_, std::string());
    rest = {};
  } else if (!is_kept) {
    kept_ = std::string(rest);
    rest = kept_;
  }
  input_ = rest;
}

void Http1Session::StartResponse(int32_t, const ResponseHead& head, HttpCall* call) {
  WriteHead(head);
  out_ += "\r\n";
  source_ = call;
  answer_ = Answer::kBody;
}

void Http1Session::FinishAtOnce(int32_t, const ResponseHead& head, const HeaderFields&) {
  WriteHead(head);
  out_ += "content-length: 0\r\n\r\n";
  answer_ = Answer::kDone;
}

void Http1Session::WriteHead(const ResponseHead& head) {
  if (std::exchange(owes_continue_, false)) ends_ = skips_rest_ = true;
  Append({"HTTP/1.1 ", head.status, " ", ReasonOf(head.status), "\r\n"}, &out_);
  for (const auto& [name, value] : head.fields) Append({name, ": ", value, "\r\n"}, &out_);
  if (ends_) out_ += "connection: close\r\n";
}

const char* Http1Session::Produce(std::string* out, size_t limit) {
  out->append(std::exchange(out_, std::string()));
  while (answer_ == Answer::kBody && out->size() < limit) {
    const size_t size = out->size();
    out->resize(limit);
    const HttpCall::BodyPart part = source_->ReadBody(out->data() + size, limit - size);
    out->resize(size + part.bytes);
    if (part.last) answer_ = Answer::kDone;
    if (part.bytes == 0) break;
  }
  EndRequestIfAnswered();
  return failure_;
}

void Http1Session::EndRequestIfAnswered() {
  if (answer_ != Answer::kDone || !(request_ended_ || skips_rest_)) return;
  if (call_ != nullptr) std::exchange(call_, nullptr)->OnStreamClosed();
  source_ = nullptr;
  answer_ = Answer::kNone;
  request_ended_ = false;
  is_over_ = ends_;
  if (is_over_) return;
  parser_.Reset();
  has_next_ = !input_.empty();
}

// Only where no answer is under way.
std::string Http1Session::ClosingBytes(std::string_view reason) const {
  if (answer_ != Answer::kNone) return {};
  if (failure_ != nullptr) {
    return ClosingAnswer(parser_.complaint().status, parser_.complaint().text);
  }
  if (reason == "slow_request") return ClosingAnswer("408", "the rest of the request did not come");
  return {};
}

}  // namespace sluice::net
