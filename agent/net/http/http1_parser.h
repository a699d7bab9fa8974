// HTTP/1.1's requests, cut out of the bytes of a connection: Boost.Beast's parser behind stricter
// rules, so that no two readers of the same bytes see different requests.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string_view>

#include "agent/net/http/request_head.h"

namespace sluice::net {

// Takes a head of at most kMaxHeadBytes whose lines end with CR LF and are not folded, with one
// Host, and with Content-Length or `Transfer-Encoding: chunked` (not both) or without a body. Chunk
// extensions and trailers are passed over.
class Http1Parser {
 public:
  // Of a head; of a chunk's line; of the trailers.
  static constexpr size_t kMaxHeadBytes = 16 * 1024;

  enum class Next {
    kMore,    // what is left of the bytes is to be given again, with more behind it
    kHead,    // head() is whole
    kBody,    // body() is the next part, and lies in the bytes that were given
    kEnd,     // of the request
    kBroken,  // complaint() says why; final
  };
  // What a broken request is answered with.
  struct Complaint {
    std::string_view status;
    std::string_view text;
  };

  // What head() is to have beside its own fields; the names outlive the parser.
  explicit Http1Parser(std::span<const std::string_view> extra_fields);
  ~Http1Parser();

  // Takes from the front of `*bytes`.
  Next Parse(std::string_view* bytes);
  // After kEnd: for the next request.
  void Reset();

  const RequestHead& head() const;
  // Of that head: the connection goes on after the request; the peer waits for `100 Continue`.
  bool keeps_alive() const;
  bool expects_continue() const;
  std::string_view body() const;
  const Complaint& complaint() const;
  // Whether some of a request came; its head need not be whole.
  bool has_head() const;
  // Header fields and chunks since the last call.
  size_t TakeWork();

 private:
  class Request;

  Next ParseHead(std::string_view* bytes);
  Next ParseBody(std::string_view* bytes);
  bool IsShortOfTheEnd(std::string_view bytes) const;
  Next Break(Complaint complaint);

  const std::span<const std::string_view> extra_fields_;
  std::unique_ptr<Request> request_;
  RequestHead head_;
  size_t searched_ = 0;  // of an incomplete head
  size_t work_ = 0;
  Complaint complaint_;
};

}  // namespace sluice::net
