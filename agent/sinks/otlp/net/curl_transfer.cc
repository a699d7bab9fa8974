#include "agent/sinks/otlp/net/curl_transfer.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <mutex>

namespace sluice::otlp {
namespace {

// Between two addresses that are tried.
constexpr long kNextAddressMs = 250;
// Looks at the clock at least so often, whatever libcurl would wait for.
constexpr int kLongestPollMs = 1000;

void InitializeOnce() {
  static std::once_flag once;
  // The agent has handled SIGPIPE, and OpenSSL initializes itself.
  std::call_once(once, [] { curl_global_init(CURL_GLOBAL_DEFAULT); });
}

// A peer that is gone is noticed, also while nothing is sent.
int SetSocketOptions(void* timeout_ms, curl_socket_t socket, curlsocktype) {
  const int on = 1;
  setsockopt(socket, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
  const auto timeout = static_cast<unsigned>(reinterpret_cast<uintptr_t>(timeout_ms));
  if (timeout > 0) setsockopt(socket, IPPROTO_TCP, TCP_USER_TIMEOUT, &timeout, sizeof(timeout));
  return CURL_SOCKOPT_OK;
}

const char* Environment(std::initializer_list<const char*> names) {
  for (const char* const name : names) {
    const char* const value = std::getenv(name);
    if (value != nullptr && *value != '\0') return value;
  }
  return "";
}

}  // namespace

CurlTransfer::CurlTransfer() {
  InitializeOnce();
  easy_ = curl_easy_init();
  multi_ = curl_multi_init();
  curl_easy_setopt(easy_, CURLOPT_ERRORBUFFER, error_.data());
}

CurlTransfer::~CurlTransfer() {
  Release();
  curl_easy_cleanup(easy_);
  curl_multi_cleanup(multi_);
}

void CurlTransfer::SetWay(const Destination& destination) {
  curl_easy_setopt(easy_, CURLOPT_NOSIGNAL, 1L);
  // Without it a name service that does not answer holds up the end of a cancelled transfer.
  curl_easy_setopt(easy_, CURLOPT_QUICK_EXIT, 1L);
  curl_easy_setopt(easy_, CURLOPT_DNS_CACHE_TIMEOUT, 0L);
  curl_easy_setopt(easy_, CURLOPT_DNS_SHUFFLE_ADDRESSES, 1L);
  curl_easy_setopt(easy_, CURLOPT_HAPPY_EYEBALLS_TIMEOUT_MS, kNextAddressMs);
  curl_easy_setopt(easy_, CURLOPT_CONNECTTIMEOUT_MS, 0x7fffffffL);
  curl_easy_setopt(easy_, CURLOPT_SOCKOPTFUNCTION, SetSocketOptions);
  curl_easy_setopt(easy_, CURLOPT_SOCKOPTDATA,
                   reinterpret_cast<void*>(static_cast<uintptr_t>(destination.timeout.count())));
  // An empty one keeps libcurl from looking for one itself; NO_PROXY is its own to read.
  curl_easy_setopt(easy_, CURLOPT_PROXY, ProxyFor(destination).c_str());
}

CURLcode CurlTransfer::Run(Deadline deadline, const Cancellation& cancellation) {
  Release();
  error_[0] = '\0';
  if (cancellation.cancelled()) return CURLE_ABORTED_BY_CALLBACK;
  if (curl_multi_add_handle(multi_, easy_) != CURLM_OK) return CURLE_FAILED_INIT;
  is_added_ = true;
  while (true) {
    int running = 0;
    if (curl_multi_perform(multi_, &running) != CURLM_OK) return CURLE_FAILED_INIT;
    int left = 0;
    const CURLMsg* const message = curl_multi_info_read(multi_, &left);
    if (message != nullptr && message->msg == CURLMSG_DONE) return message->data.result;
    if (cancellation.cancelled()) return CURLE_ABORTED_BY_CALLBACK;
    const int timeout = PollTimeout(deadline);
    if (timeout == 0) return CURLE_OPERATION_TIMEDOUT;
    curl_waitfd cancelled = {cancellation.fd(), CURL_WAIT_POLLIN, 0};
    const int wait = timeout < 0 ? kLongestPollMs : std::min(timeout, kLongestPollMs);
    if (curl_multi_poll(multi_, &cancelled, 1, wait, nullptr) != CURLM_OK) return CURLE_FAILED_INIT;
  }
}

void CurlTransfer::Release() {
  if (is_added_) curl_multi_remove_handle(multi_, easy_);
  is_added_ = false;
}

std::string CurlTransfer::Error(CURLcode code) const {
  if (code == CURLE_ABORTED_BY_CALLBACK) return "cancelled";
  if (code == CURLE_OPERATION_TIMEDOUT && error_[0] == '\0') return "no answer in time";
  return error_[0] != '\0' ? error_.data() : curl_easy_strerror(code);
}

bool CurlTransfer::FailedForNetwork(CURLcode code) const {
  if (code == CURLE_COULDNT_RESOLVE_HOST || code == CURLE_COULDNT_RESOLVE_PROXY) return true;
  long error = 0;
  curl_easy_getinfo(easy_, CURLINFO_OS_ERRNO, &error);
  return code == CURLE_COULDNT_CONNECT &&
         (error == ENETUNREACH || error == EHOSTUNREACH || error == ENETDOWN);
}

std::string ProxyFor(const Destination& destination) {
  if (IsThisHost(destination.endpoint)) return {};
  if (!destination.proxy.empty()) return destination.proxy;
  return destination.endpoint.tls
             ? Environment({"https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"})
             : Environment({"http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"});
}

}  // namespace sluice::otlp
