// Problem: Where two readers of HTTP/1.1 understand the same bytes differently, a request can be
// hidden in another's body. Beast's parser is exact where it is given exact bytes, and lenient
// elsewhere: it folds lines, and lets a second Content-Length or another coding pass.
//
// States: A head is not parsed before its empty line is there; CheckBytes judges it as bytes, Beast
// reads it, Request judges its fields. Then Beast takes the body, one part at a time.
//
// Invariants:
// * Beast is given a head in one piece, and after that what it left, again from its first byte.
// * What on_field_impl refuses ends the connection: nothing behind it is a request.

#include "agent/net/http/http1_parser.h"

#include <algorithm>
#include <boost/beast/http/basic_parser.hpp>
#include <limits>
#include <string>
#include <utility>

namespace sluice::net {
namespace {

namespace http = boost::beast::http;
using boost::beast::error_code;
using Complaint = Http1Parser::Complaint;

constexpr std::string_view kHeadEnd = "\r\n\r\n";
constexpr std::string_view kLastChunk = "0\r\n";
constexpr Complaint kMalformed{"400", "the request is not well-formed HTTP/1.1"};
constexpr Complaint kTooLarge{"431", "the request's header fields are too large"};
constexpr Complaint kBadLines{"400", "lines end with CR LF, are not folded, and hold no NUL"};

std::string_view View(boost::beast::string_view text) { return {text.data(), text.size()}; }

bool IsAllDigits(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
}

// Every CR stands before an LF and every LF behind a CR; no line begins with a blank; no NUL.
bool HasGoodLines(std::string_view head) {
  for (size_t i = 0; i < head.size(); ++i) {
    const char c = head[i];
    if (c == '\0') return false;
    if (c == '\r' && (i + 1 == head.size() || head[i + 1] != '\n')) return false;
    if (c != '\n') continue;
    if (i == 0 || head[i - 1] != '\r') return false;
    if (i + 1 < head.size() && (head[i + 1] == ' ' || head[i + 1] == '\t')) return false;
  }
  return true;
}

// `/path` of `/path?query` and of `http://authority/path`.
std::string_view PathOf(std::string_view target) {
  if (!target.starts_with('/')) {
    const size_t scheme = target.find("://");
    const size_t path = scheme == target.npos ? target.npos : target.find('/', scheme + 3);
    if (path != target.npos) target.remove_prefix(path);
  }
  return target.substr(0, target.find('?'));
}

}  // namespace

// One request as Beast sees it. Fills the head, and says what it holds against it.
class Http1Parser::Request final : public http::basic_parser<true> {
 public:
  explicit Request(Http1Parser* owner) : owner_(owner) {
    // Whoever takes the body has a limit of its own; without one here Beast 1.74 takes no body.
    body_limit(std::numeric_limits<uint64_t>::max());
    header_limit(kMaxHeadBytes + 1);
  }

  std::string_view body() const { return body_; }
  void ClearBody() { body_ = {}; }
  bool expects_continue() const { return expects_continue_; }
  const Complaint& complaint() const { return complaint_; }

 private:
  void Refuse(Complaint complaint, error_code& error) {
    complaint_ = complaint;
    error = http::error::bad_value;
  }

  void on_request_impl(http::verb, boost::beast::string_view method,
                       boost::beast::string_view target, int version, error_code& error) override {
    if (version != 11) return Refuse({"505", "HTTP/1.1 and HTTP/2 are spoken here"}, error);
    owner_->head_.Add(":method", View(method), {});
    owner_->head_.Add(":path", PathOf(View(target)), {});
  }

  void on_field_impl(http::field field, boost::beast::string_view name,
                     boost::beast::string_view value, error_code& error) override {
    ++owner_->work_;
    if (is_header_done()) return;  // a trailer
    Judge(field, View(value), error);
    name_.assign(name.data(), name.size());
    for (char& c : name_) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c;
    owner_->head_.Add(name_, View(value), owner_->extra_fields_);
  }

  void Judge(http::field field, std::string_view value, error_code& error) {
    switch (field) {
      case http::field::host:
        ++hosts_;
        return;
      case http::field::content_length:
        if (++lengths_ > 1 || !IsAllDigits(value)) Refuse(kMalformed, error);
        return;
      case http::field::transfer_encoding:
        if (!boost::beast::iequals(boost::beast::string_view(value.data(), value.size()),
                                   "chunked")) {
          Refuse({"501", "of transfer codings only chunked is taken"}, error);
        }
        return;
      case http::field::expect:
        expects_continue_ = boost::beast::iequals(
            boost::beast::string_view(value.data(), value.size()), "100-continue");
        if (!expects_continue_) Refuse({"417", "only 100-continue can be expected"}, error);
        return;
      default:
        return;
    }
  }

  void on_header_impl(error_code& error) override {
    if (hosts_ != 1) Refuse({"400", "a request has one Host field"}, error);
  }

  size_t on_body_impl(boost::beast::string_view body, error_code&) override {
    body_ = View(body);
    return body.size();
  }
  size_t on_chunk_body_impl(uint64_t, boost::beast::string_view body, error_code&) override {
    body_ = View(body);
    return body.size();
  }
  void on_chunk_header_impl(uint64_t, boost::beast::string_view, error_code&) override {
    ++owner_->work_;
  }

  void on_response_impl(int, boost::beast::string_view, int, error_code&) override {}
  void on_body_init_impl(const boost::optional<uint64_t>&, error_code&) override {}
  void on_finish_impl(error_code&) override {}

  Http1Parser* const owner_;
  std::string name_;  // in lower case
  std::string_view body_;
  int hosts_ = 0;
  int lengths_ = 0;
  bool expects_continue_ = false;
  Complaint complaint_ = kMalformed;
};

Http1Parser::Http1Parser(std::span<const std::string_view> extra_fields)
    : extra_fields_(extra_fields) {
  Reset();
}

Http1Parser::~Http1Parser() = default;

void Http1Parser::Reset() {
  request_ = std::make_unique<Request>(this);
  head_.Clear();
  head_.is_http1 = true;
  searched_ = 0;
}

const RequestHead& Http1Parser::head() const { return head_; }
bool Http1Parser::keeps_alive() const { return request_->keep_alive(); }
bool Http1Parser::expects_continue() const { return request_->expects_continue(); }
std::string_view Http1Parser::body() const { return request_->body(); }
const Complaint& Http1Parser::complaint() const { return complaint_; }
bool Http1Parser::has_head() const { return request_->is_header_done(); }
size_t Http1Parser::TakeWork() { return std::exchange(work_, 0); }

Http1Parser::Next Http1Parser::Parse(std::string_view* bytes) {
  return has_head() ? ParseBody(bytes) : ParseHead(bytes);
}

Http1Parser::Next Http1Parser::ParseHead(std::string_view* bytes) {
  const size_t end = bytes->substr(0, kMaxHeadBytes).find(kHeadEnd, searched_);
  if (end == bytes->npos) {
    if (bytes->size() >= kMaxHeadBytes) return Break(kTooLarge);
    searched_ = bytes->size() - std::min(bytes->size(), kHeadEnd.size() - 1);
    return Next::kMore;
  }
  const std::string_view head = bytes->substr(0, end + kHeadEnd.size());
  if (!HasGoodLines(head)) return Break(kBadLines);
  error_code error;
  const size_t taken = request_->put({head.data(), head.size()}, error);
  if (error || taken != head.size()) return Break(request_->complaint());
  if (head_.is_too_large()) return Break(kTooLarge);
  bytes->remove_prefix(taken);
  return Next::kHead;
}

// Beast asserts that after the last chunk's line it is not asked again before two more bytes are
// there. Inside a chunk this only waits for the line behind it.
bool Http1Parser::IsShortOfTheEnd(std::string_view bytes) const {
  return request_->chunked() && bytes.starts_with(kLastChunk) &&
         bytes.size() < kLastChunk.size() + 2;
}

// Each turn takes a chunk's line, the last one with the trailers, or what is there of a body.
Http1Parser::Next Http1Parser::ParseBody(std::string_view* bytes) {
  request_->ClearBody();
  while (!request_->is_done()) {
    if (bytes->empty() || IsShortOfTheEnd(*bytes)) return Next::kMore;
    error_code error;
    const size_t taken = request_->put({bytes->data(), bytes->size()}, error);
    bytes->remove_prefix(taken);
    if (error == http::error::need_more) {
      return bytes->size() > kMaxHeadBytes ? Break(kTooLarge) : Next::kMore;
    }
    if (error) return Break(request_->complaint());
    if (!body().empty()) return Next::kBody;
  }
  return Next::kEnd;
}

Http1Parser::Next Http1Parser::Break(Complaint complaint) {
  complaint_ = complaint;
  return Next::kBroken;
}

}  // namespace sluice::net
