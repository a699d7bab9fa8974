// libcurl as both kinds of transport use it: how to reach a destination, and a transfer that a
// deadline or a cancellation ends.
#pragma once

#include <curl/curl.h>

#include <array>
#include <memory>
#include <string>

#include "agent/sinks/otlp/net/destination.h"
#include "agent/sinks/otlp/net/wait.h"

namespace sluice::otlp {

// One easy handle on a multi handle of its own, on one thread. Connections are kept between
// transfers.
class CurlTransfer {
 public:
  CurlTransfer();
  ~CurlTransfer();
  CurlTransfer(const CurlTransfer&) = delete;
  CurlTransfer& operator=(const CurlTransfer&) = delete;

  CURL* easy() const { return easy_; }

  // Names, addresses, proxies and socket options, as `destination` has them.
  void SetWay(const Destination& destination);

  // Runs the transfer that easy() is set up for. CURLE_ABORTED_BY_CALLBACK: cancelled. The handle
  // stays with its connection until the next Run or Release.
  CURLcode Run(Deadline deadline, const Cancellation& cancellation);
  void Release();

  // Of the last Run that failed: for people.
  std::string Error(CURLcode code) const;
  // Whether it failed because there is no network, or no name service on it.
  bool FailedForNetwork(CURLcode code) const;

 private:
  CURL* easy_ = nullptr;
  CURLM* multi_ = nullptr;
  bool is_added_ = false;
  std::array<char, CURL_ERROR_SIZE> error_{};
};

// The proxy for this destination, empty for none: the one configured, else of the environment.
std::string ProxyFor(const Destination& destination);

}  // namespace sluice::otlp
