// OTLP/HTTP, in protobuf or JSON, by libcurl.
#pragma once

#include <chrono>
#include <memory>
#include <string>

#include "agent/sinks/otlp/net/curl_transfer.h"
#include "agent/sinks/otlp/net/destination.h"
#include "agent/sinks/otlp/net/encode.h"
#include "agent/sinks/otlp/net/network_watch.h"
#include "agent/sinks/otlp/net/request_headers.h"
#include "agent/sinks/otlp/net/tls_files.h"
#include "agent/sinks/otlp/net/wait.h"
#include "agent/sinks/otlp/transport.h"

namespace sluice::otlp {

class HttpTransport final : public Transport {
 public:
  HttpTransport(Destination destination, RequestHeaders headers);
  ~HttpTransport() override;

  Answer Send(Signal signal, absl::Span<const absl::string_view> request) override;
  void Cancel() override { cancellation_.Cancel(); }
  int retry_fd() const override { return network_.fd(); }
  std::string Describe() const override;

 private:
  struct Exchange;

  void SetUp();
  void SetUpRequest(Signal signal, const std::string& body);
  Answer SendBody(Signal signal, const std::string& body, Deadline deadline);
  CURLcode Run(Exchange* exchange, Deadline deadline);
  void ReadHead(Exchange* exchange) const;
  Answer SortFailure(CURLcode code, const Exchange& exchange);
  std::string ExplainLoss(const std::string& error) const;
  void ReportSteps(CURLcode code, const Exchange& exchange, const Answer& answer) const;
  void MakeHeaders();

  static size_t OnBody(const char* bytes, size_t one, size_t size, void* exchange);
  static size_t OnHeader(const char* bytes, size_t one, size_t size, void* exchange);
  static CURLcode OnTls(CURL* easy, void* context, void* self);
  static int OnSocket(void* self, curl_socket_t socket, curlsocktype);
  static int OnConnected(void* self, char*, char*, int, int);

  const Destination destination_;
  RequestHeaders headers_;
  TlsFiles tls_;
  Gzip gzip_;
  Cancellation cancellation_;
  NetworkWatch network_;
  curl_slist* header_lines_ = nullptr;
  int unix_socket_ = -1;  // libcurl's, of a Unix endpoint
  bool is_own_ = false;   // it leads back here
  CurlTransfer transfer_;
};

}  // namespace sluice::otlp
