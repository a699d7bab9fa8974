// Whatever a peer sends as HTTP/1.1, the front end survives, and once the peer is gone it holds
// nothing of it. And where another parser, http-parser, takes the first request as well, it sees
// the same body that ends at the same byte: else a request could be hidden in another's. Input: one
// byte that says in which pieces the rest arrives (0: all at once), then the bytes.
#include <http_parser.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "agent/net/http/http1_parser.h"
#include "agent/net/http/http_exchanges.h"
#include "agent/net/http/http_server.h"
#include "tests/support/h2_client.h"

namespace sluice::net {
namespace {

void Require(bool holds) {
  if (!holds) std::abort();
}

class FrozenClock final : public Clock {
 public:
  uint64_t UnixNano() const override { return 1; }
  uint64_t BootNano() const override { return now; }
  uint64_t now = 1;
};

// Takes all, and answers every second request later than it came.
class Echo final : public HttpService {
 public:
  std::optional<HttpResponse> Refuse(const RequestHead& head) override {
    if (head.method == "POST") return std::nullopt;
    return HttpResponse{.status = "405", .body = "no"};
  }
  size_t MaxBodyBytes(const RequestHead&) const override { return 1'000'000; }
  HttpResponse Explain(const RequestHead&, const absl::Status&) override {
    return {.status = "413"};
  }
  void OnRequest(HttpExchange& exchange) override {
    HeldBody body = exchange.TakeBody();
    if (++requests_ % 2 == 0) {
      late = exchange.id();
    } else {
      exchange.Respond({.body = std::move(body.bytes)});
    }
  }
  void OnGone(ExchangeId) override {}

  ExchangeId late = 0;

 private:
  int requests_ = 0;
};

class Fuzz {
 public:
  Fuzz() : server_({.loop = loop_.get(), .counters = &counters_, .budget = &budget_}) {
    server_.AddCalls(&exchanges_);
  }

  void Run(std::string_view bytes, size_t piece) {
    auto [near, far] = testing::SocketPair();
    server_.AddConnection(std::move(far));
    while (!bytes.empty()) {
      const std::string_view part = bytes.substr(0, piece);
      bytes.remove_prefix(part.size());
      if (::send(near.get(), part.data(), part.size(), MSG_NOSIGNAL | MSG_DONTWAIT) < 0) break;
      Turn();
    }
    Turn();
    near.reset();
    for (int turn = 0; turn < 1000 && server_.connection_count() > 0; ++turn) Turn();
    Require(server_.connection_count() == 0);
    Require(budget_.used() == 0);
  }

 private:
  void Turn() {
    loop_->RunOnce(0);
    HttpExchange* const late = exchanges_.Find(service_.late);
    if (late != nullptr) late->Respond({.body = "late"});
  }

  FrozenClock clock_;
  std::unique_ptr<EventLoop> loop_ = *EventLoop::Create(clock_);
  Counters counters_;
  ByteBudget budget_{{}};
  Echo service_;
  HttpExchanges exchanges_{&service_};
  HttpServer server_;
};

struct Request {
  std::string body;
  size_t size = 0;  // of all of it
};

// Nothing: it is not whole, or not taken.
std::optional<Request> ReadOurs(std::string_view bytes) {
  Http1Parser parser({});
  Request request;
  std::string_view rest = bytes;
  for (;;) {
    switch (parser.Parse(&rest)) {
      case Http1Parser::Next::kHead:
        break;
      case Http1Parser::Next::kBody:
        request.body += parser.body();
        break;
      case Http1Parser::Next::kEnd:
        request.size = bytes.size() - rest.size();
        return request;
      default:
        return std::nullopt;
    }
  }
}

std::optional<Request> ReadTheirs(std::string_view bytes) {
  struct State {
    Request request;
    bool whole = false;
  } state;
  http_parser parser;
  http_parser_init(&parser, HTTP_REQUEST);
  parser.data = &state;
  http_parser_settings settings{};
  settings.on_body = [](http_parser* self, const char* at, size_t size) {
    static_cast<State*>(self->data)->request.body.append(at, size);
    return 0;
  };
  settings.on_message_complete = [](http_parser* self) {
    static_cast<State*>(self->data)->whole = true;
    http_parser_pause(self, 1);
    return 0;
  };
  state.request.size = http_parser_execute(&parser, &settings, bytes.data(), bytes.size());
  if (!state.whole) return std::nullopt;
  return state.request;
}

void Compare(std::string_view bytes) {
  const std::optional<Request> ours = ReadOurs(bytes);
  if (!ours) return;
  const std::optional<Request> theirs = ReadTheirs(bytes);
  if (!theirs) return;
  Require(ours->body == theirs->body);
  Require(ours->size == theirs->size);
}

}  // namespace
}  // namespace sluice::net

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size) {
  if (size == 0) return 0;
  static sluice::net::Fuzz* const fuzz = new sluice::net::Fuzz;
  const std::string_view input(reinterpret_cast<const char*>(bytes) + 1, size - 1);
  sluice::net::Compare(input);
  fuzz->Run(input, bytes[0] == 0 ? std::max<size_t>(size, 1) : bytes[0]);
  return 0;
}
