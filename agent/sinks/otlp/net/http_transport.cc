#include "agent/sinks/otlp/net/http_transport.h"

#include <openssl/ssl.h>

#include <algorithm>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "agent/sinks/otlp/net/answers.h"
#include "agent/sinks/otlp/net/own_socket.h"

namespace sluice::otlp {
namespace {

using std::chrono::microseconds;

absl::string_view ContentType(NetworkProtocol protocol) {
  return protocol == NetworkProtocol::kHttpJson ? "application/json" : "application/x-protobuf";
}

}  // namespace

// One request from its bytes to its answer.
struct HttpTransport::Exchange {
  CURL* easy = nullptr;
  bool wants_tls_words = false;
  HttpOutcome outcome;
  bool is_too_long = false;
  std::string tls;  // what was agreed on, where somebody asks
};

HttpTransport::HttpTransport(Destination destination, RequestHeaders headers)
    : destination_(std::move(destination)), headers_(std::move(headers)), tls_(destination_) {
  SetUp();
}

HttpTransport::~HttpTransport() {
  transfer_.Release();
  curl_slist_free_all(header_lines_);
}

void HttpTransport::SetUp() {
  CURL* const easy = transfer_.easy();
  transfer_.SetWay(destination_);
  const auto age = std::chrono::ceil<std::chrono::seconds>(destination_.max_connection_age);
  curl_easy_setopt(easy, CURLOPT_MAXLIFETIME_CONN, static_cast<long>(age.count()));
  curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, long{CURL_HTTP_VERSION_1_1});
  curl_easy_setopt(easy, CURLOPT_POST, 1L);
  curl_easy_setopt(easy, CURLOPT_USERAGENT, destination_.user_agent.c_str());
  curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, destination_.endpoint.tls ? "https" : "http");
  curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, &HttpTransport::OnBody);
  curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, &HttpTransport::OnHeader);
  if (destination_.endpoint.is_unix()) {
    curl_easy_setopt(easy, CURLOPT_UNIX_SOCKET_PATH, destination_.endpoint.unix_path.c_str());
    curl_easy_setopt(easy, CURLOPT_SOCKOPTFUNCTION, &HttpTransport::OnSocket);
    curl_easy_setopt(easy, CURLOPT_SOCKOPTDATA, this);
    curl_easy_setopt(easy, CURLOPT_PREREQFUNCTION, &HttpTransport::OnConnected);
    curl_easy_setopt(easy, CURLOPT_PREREQDATA, this);
  }
  // TlsFiles loads what libcurl would load by itself, in the same words for both protocols.
  curl_easy_setopt(easy, CURLOPT_CAINFO, nullptr);
  curl_easy_setopt(easy, CURLOPT_CAPATH, nullptr);
  curl_easy_setopt(easy, CURLOPT_SSL_CTX_FUNCTION, &HttpTransport::OnTls);
  curl_easy_setopt(easy, CURLOPT_SSL_CTX_DATA, this);
}

Answer HttpTransport::Send(Signal signal, absl::Span<const absl::string_view> request) {
  const Deadline deadline = DeadlineAfter(destination_.timeout);
  std::string body = JoinPieces(request);
  if (destination_.protocol == NetworkProtocol::kHttpJson) body = ToJson(signal, body);
  if (destination_.gzip) body = gzip_.Compress(body);
  return SendBody(signal, body, deadline);
}

// libcurl itself sends again where a connection had ended unnoticed.
Answer HttpTransport::SendBody(Signal signal, const std::string& body, Deadline deadline) {
  bool may_read_again = true;
  absl::Status read = headers_.Refresh(false);
  while (true) {
    if (!read.ok()) return NoAnswer(read.message());
    SetUpRequest(signal, body);
    Exchange exchange;
    const CURLcode code = Run(&exchange, deadline);
    const bool is_answered = code == CURLE_OK;
    if (is_answered && IsAuthRefusal(exchange.outcome) && std::exchange(may_read_again, false)) {
      const HeaderList before = headers_.list();
      read = headers_.Refresh(true);
      if (before != headers_.list()) continue;
    }
    const Answer answer = is_answered ? SortHttp(exchange.outcome) : SortFailure(code, exchange);
    ReportSteps(code, exchange, answer);
    transfer_.Release();
    return answer;
  }
}

void HttpTransport::SetUpRequest(Signal signal, const std::string& body) {
  CURL* const easy = transfer_.easy();
  const std::string& path = destination_.paths[static_cast<size_t>(signal)];
  const Endpoint& endpoint = destination_.endpoint;
  const std::string url =
      absl::StrCat(endpoint.tls ? "https://" : "http://", endpoint.authority(), path);
  curl_easy_setopt(easy, CURLOPT_URL, url.c_str());
  curl_easy_setopt(easy, CURLOPT_POSTFIELDS, body.data());
  curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(body.size()));
  MakeHeaders();
}

void HttpTransport::MakeHeaders() {
  transfer_.Release();
  curl_slist_free_all(header_lines_);
  // Without a word about it libcurl waits a second for leave to send a large body.
  header_lines_ = curl_slist_append(nullptr, "Expect:");
  const auto add = [this](absl::string_view name, absl::string_view value) {
    // A colon and nothing more would mean to leave the header out.
    const std::string line =
        value.empty() ? absl::StrCat(name, ";") : absl::StrCat(name, ": ", value);
    header_lines_ = curl_slist_append(header_lines_, line.c_str());
  };
  add("Content-Type", ContentType(destination_.protocol));
  if (destination_.gzip) add("Content-Encoding", "gzip");
  for (const auto& [name, value] : headers_.list()) add(name, value);
  curl_easy_setopt(transfer_.easy(), CURLOPT_HTTPHEADER, header_lines_);
}

CURLcode HttpTransport::Run(Exchange* exchange, Deadline deadline) {
  CURL* const easy = transfer_.easy();
  exchange->easy = easy;
  exchange->wants_tls_words = destination_.on_step != nullptr && destination_.endpoint.tls;
  curl_easy_setopt(easy, CURLOPT_WRITEDATA, exchange);
  curl_easy_setopt(easy, CURLOPT_HEADERDATA, exchange);
  network_.Clear();
  const CURLcode code = transfer_.Run(deadline, cancellation_);
  transfer_.FailedForNetwork(code) ? network_.Start() : network_.Stop();
  if (code == CURLE_OK) ReadHead(exchange);
  return code;
}

void HttpTransport::ReadHead(Exchange* exchange) const {
  CURL* const easy = transfer_.easy();
  HttpOutcome& outcome = exchange->outcome;
  long status = 0;
  curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
  outcome.status = static_cast<int>(status);
  const char* text = nullptr;
  curl_easy_getinfo(easy, CURLINFO_CONTENT_TYPE, &text);
  if (text != nullptr) outcome.content_type = text;
  text = nullptr;
  curl_easy_getinfo(easy, CURLINFO_REDIRECT_URL, &text);
  if (text != nullptr) outcome.location = text;
  curl_off_t delay = 0;
  curl_easy_getinfo(easy, CURLINFO_RETRY_AFTER, &delay);
  if (delay > 0) {
    const auto most = std::chrono::seconds(kLongestDelay).count();
    outcome.retry_after = std::chrono::seconds(std::min<curl_off_t>(delay, most));
  }
}

Answer HttpTransport::SortFailure(CURLcode code, const Exchange& exchange) {
  if (exchange.is_too_long) return TooLongAnswer();
  if (is_own_) {
    return NoAnswer(absl::StrCat(destination_.endpoint.unix_path, " is this agent's own socket"));
  }
  const std::string error = transfer_.Error(code);
  switch (code) {
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_PEER_FAILED_VERIFICATION:
      return NoAnswer(tls_.Explain(error));
    case CURLE_UNSUPPORTED_PROTOCOL:
    case CURLE_WEIRD_SERVER_REPLY:
      return NoAnswer(absl::StrCat("the server answers no HTTP/1.1, so this may be a gRPC port: ",
                                   "protocol = \"grpc\" (", error, ")"));
    case CURLE_GOT_NOTHING:
    case CURLE_SEND_ERROR:
    case CURLE_RECV_ERROR:
      return NoAnswer(ExplainLoss(error));
    default:
      break;
  }
  return NoAnswer(ExplainConnectFailure(error, transfer_.FailedForNetwork(code)));
}

// The connection was there and ended. Where it did very early, libcurl's own words may be about
// nothing but that.
std::string HttpTransport::ExplainLoss(const std::string& error) const {
  if (!destination_.endpoint.tls) {
    return absl::StrCat(error, "; a server that wants TLS does so: use https://");
  }
  // With TLS 1.3 a server refuses our certificate after the handshake.
  if (absl::StrContains(error, " alert ")) return tls_.Explain(error);
  return absl::StrCat(absl::StrContains(error, "getpeername") ? "the connection was closed" : error,
                      "; a server does so that wants another client certificate: client_cert_file");
}

// libcurl does all steps at once, and tells afterwards when each was over.
void HttpTransport::ReportSteps(CURLcode code, const Exchange& exchange,
                                const Answer& answer) const {
  if (!destination_.on_step) return;
  const auto since_begin = [this](CURLINFO what) {
    curl_off_t time = 0;
    curl_easy_getinfo(transfer_.easy(), what, &time);
    return microseconds(time);
  };
  const microseconds connected = since_begin(CURLINFO_CONNECT_TIME_T);
  const microseconds secured = since_begin(CURLINFO_APPCONNECT_TIME_T);
  const microseconds total = since_begin(CURLINFO_TOTAL_TIME_T);
  const bool has_connected = code == CURLE_OK || connected.count() > 0;
  const bool is_reused = has_connected && connected.count() == 0;
  if (!is_reused) {
    destination_.on_step({"connect", has_connected ? connected : total,
                          has_connected ? destination_.endpoint.url() : answer.message});
  }
  if (!has_connected) return;
  const bool has_secured = secured.count() > 0;
  if (destination_.endpoint.tls && !is_reused) {
    destination_.on_step({"tls", (has_secured ? secured : total) - connected,
                          has_secured ? exchange.tls : answer.message});
    if (!has_secured) return;
  }
  const bool is_well = code == CURLE_OK && answer.message.empty();
  destination_.on_step({"export", total - std::max(connected, secured),
                        is_well ? absl::StrCat("HTTP ", exchange.outcome.status) : answer.message});
}

std::string HttpTransport::Describe() const {
  return absl::StrCat(
      destination_.endpoint.url(),
      destination_.protocol == NetworkProtocol::kHttpJson ? " (http/json)" : " (http/protobuf)");
}

size_t HttpTransport::OnBody(const char* bytes, size_t, size_t size, void* data) {
  auto* const exchange = static_cast<Exchange*>(data);
  std::string& body = exchange->outcome.body;
  exchange->is_too_long = body.size() + size > kMaxResponseBytes;
  if (exchange->is_too_long) return 0;
  body.append(bytes, size);
  return size;
}

// The connection can be asked about only while the transfer goes on.
size_t HttpTransport::OnHeader(const char*, size_t, size_t size, void* data) {
  auto* const exchange = static_cast<Exchange*>(data);
  if (!std::exchange(exchange->wants_tls_words, false)) return size;
  curl_tlssessioninfo* session = nullptr;
  curl_easy_getinfo(exchange->easy, CURLINFO_TLS_SSL_PTR, &session);
  if (session != nullptr && session->backend == CURLSSLBACKEND_OPENSSL &&
      session->internals != nullptr) {
    exchange->tls = DescribeTls(static_cast<const SSL*>(session->internals));
  }
  return size;
}

CURLcode HttpTransport::OnTls(CURL*, void* context, void* data) {
  auto* const self = static_cast<HttpTransport*>(data);
  return self->tls_.Configure(static_cast<SSL_CTX*>(context)) ? CURLE_OK : CURLE_SSL_CERTPROBLEM;
}

int HttpTransport::OnSocket(void* data, curl_socket_t socket, curlsocktype) {
  auto* const self = static_cast<HttpTransport*>(data);
  self->unix_socket_ = socket;
  self->is_own_ = IsOwnSocket(self->destination_.endpoint.unix_path);
  return self->is_own_ ? CURL_SOCKOPT_ERROR : CURL_SOCKOPT_OK;
}

// Before anything is sent.
int HttpTransport::OnConnected(void* data, char*, char*, int, int) {
  auto* const self = static_cast<HttpTransport*>(data);
  self->is_own_ = HasOwnPeer(self->unix_socket_);
  return self->is_own_ ? CURL_PREREQFUNC_ABORT : CURL_PREREQFUNC_OK;
}

}  // namespace sluice::otlp
