// A destination's certificates: whom to trust, who we are, and in words what went wrong.
#pragma once

#include <openssl/ssl.h>

#include <memory>
#include <string>

#include "absl/strings/string_view.h"
#include "agent/sinks/otlp/net/destination.h"
#include "agent/sinks/otlp/net/file_stamp.h"

namespace sluice::otlp {

// On one thread, for one handshake at a time; outlives the contexts it was given.
class TlsFiles {
 public:
  explicit TlsFiles(const Destination& destination);

  // Sets up a client's context from the files as they are now: at least TLS 1.2, the server's name
  // checked. False: error() says which file is to blame.
  bool Configure(SSL_CTX* context);

  // Why the files could not be used, or why the server's certificate was refused since Configure.
  const std::string& error() const { return error_; }

  // What failed in a handshake or after it, for people; `reason` is OpenSSL's.
  std::string Explain(absl::string_view reason) const;

 private:
  struct StoreDeleter {
    void operator()(X509_STORE* store) const { X509_STORE_free(store); }
  };

  static int OnVerify(int is_good, X509_STORE_CTX* verification);
  bool LoadAuthorities();
  bool SetOwnCertificate(SSL_CTX* context);
  bool SetServerName(SSL_CTX* context);
  bool Fail(const std::string& key, const std::string& path);
  std::string ExplainRefusal(X509_STORE_CTX* verification) const;

  const std::string host_;
  const std::string ca_file_;
  const std::string cert_file_;
  const std::string key_file_;
  std::unique_ptr<X509_STORE, StoreDeleter> authorities_;
  FileStamp authorities_stamp_;
  std::string error_;
};

// `TLSv1.3, CN=collector, valid until 2027-01-01, h2`.
std::string DescribeTls(const SSL* ssl);

// OpenSSL's reason for the last failure on this thread; empty: none. Clears its queue.
std::string TakeTlsReason();

}  // namespace sluice::otlp
