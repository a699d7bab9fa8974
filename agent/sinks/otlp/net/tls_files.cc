#include "agent/sinks/otlp/net/tls_files.h"

#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>

#include <cerrno>
#include <system_error>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "proto/base/unique_fd.h"

namespace sluice::otlp {
namespace {

std::string TakeText(BIO* bio) {
  char* text = nullptr;
  const long size = BIO_get_mem_data(bio, &text);
  std::string taken(text, static_cast<size_t>(size));
  BIO_free(bio);
  return taken;
}

std::string NameText(const X509_NAME* name) {
  BIO* const bio = BIO_new(BIO_s_mem());
  X509_NAME_print_ex(bio, name, 0, XN_FLAG_RFC2253 & ~ASN1_STRFLGS_ESC_MSB);
  return TakeText(bio);
}

std::string DateText(const ASN1_TIME* time) {
  tm utc = {};
  if (ASN1_TIME_to_tm(time, &utc) != 1) return "a date that cannot be read";
  char text[32];
  const size_t size = strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &utc);
  return std::string(text, size);
}

// The names that a certificate is for, as a client looks for them.
std::string AlternativeNames(const X509* certificate) {
  BIO* const bio = BIO_new(BIO_s_mem());
  const int at = X509_get_ext_by_NID(certificate, NID_subject_alt_name, -1);
  if (at >= 0) X509V3_EXT_print(bio, X509_get_ext(certificate, at), 0, 0);
  const std::string names = TakeText(bio);
  return names.empty() ? NameText(X509_get_subject_name(certificate)) : names;
}

// A service has nobody to ask for a passphrase.
int NoPassphrase(char*, int, int, void*) { return -1; }

}  // namespace

TlsFiles::TlsFiles(const Destination& destination)
    : host_(destination.endpoint.host),
      ca_file_(destination.ca_file),
      cert_file_(destination.client_cert_file),
      key_file_(destination.client_key_file.empty() ? cert_file_ : destination.client_key_file) {}

bool TlsFiles::Configure(SSL_CTX* context) {
  error_.clear();
  ERR_clear_error();
  SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
  SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION);
  SSL_CTX_set_app_data(context, this);
  SSL_CTX_set_verify(context, SSL_VERIFY_PEER, &TlsFiles::OnVerify);
  if (!LoadAuthorities() || !SetServerName(context)) return false;
  SSL_CTX_set1_cert_store(context, authorities_.get());
  return SetOwnCertificate(context);
}

// The system's are parsed once and not for each connection: that takes 33 ms.
bool TlsFiles::LoadAuthorities() {
  const std::string path = ca_file_.empty() ? X509_get_default_cert_file() : ca_file_;
  const FileStamp stamp(path);
  if (authorities_ && stamp == authorities_stamp_) return true;
  std::unique_ptr<X509_STORE, StoreDeleter> store(X509_STORE_new());
  const int loaded = ca_file_.empty() ? X509_STORE_set_default_paths(store.get())
                                      : X509_STORE_load_file(store.get(), path.c_str());
  if (loaded != 1) return Fail("ca_file", path);
  authorities_ = std::move(store);
  authorities_stamp_ = stamp;
  return true;
}

bool TlsFiles::SetServerName(SSL_CTX* context) {
  X509_VERIFY_PARAM* const parameters = SSL_CTX_get0_param(context);
  // A file that names the server's own certificate, or who signed it, is enough.
  X509_VERIFY_PARAM_set_flags(parameters, X509_V_FLAG_PARTIAL_CHAIN);
  X509_VERIFY_PARAM_set_hostflags(parameters, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
  if (X509_VERIFY_PARAM_set1_ip_asc(parameters, host_.c_str()) == 1) return true;
  ERR_clear_error();
  if (X509_VERIFY_PARAM_set1_host(parameters, host_.data(), host_.size()) == 1) return true;
  error_ = absl::StrCat("invalid host name '", host_, "': no certificate can be for it");
  return false;
}

bool TlsFiles::SetOwnCertificate(SSL_CTX* context) {
  if (cert_file_.empty()) return true;
  SSL_CTX_set_default_passwd_cb(context, NoPassphrase);
  if (SSL_CTX_use_certificate_chain_file(context, cert_file_.c_str()) != 1) {
    return Fail("client_cert_file", cert_file_);
  }
  // Also refuses a key that is not the certificate's.
  if (SSL_CTX_use_PrivateKey_file(context, key_file_.c_str(), SSL_FILETYPE_PEM) != 1) {
    return Fail("client_key_file", key_file_);
  }
  return true;
}

bool TlsFiles::Fail(const std::string& key, const std::string& path) {
  const std::string reason = TakeTlsReason();
  const UniqueFd file(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  error_ =
      absl::StrCat(key, " ", path, ": ", file ? reason : std::generic_category().message(errno));
  return false;
}

int TlsFiles::OnVerify(int is_good, X509_STORE_CTX* verification) {
  if (is_good != 0) return is_good;
  const auto* const ssl = static_cast<const SSL*>(
      X509_STORE_CTX_get_ex_data(verification, SSL_get_ex_data_X509_STORE_CTX_idx()));
  auto* const self = static_cast<TlsFiles*>(SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl)));
  self->error_ = self->ExplainRefusal(verification);
  return 0;
}

std::string TlsFiles::ExplainRefusal(X509_STORE_CTX* verification) const {
  const X509* const certificate = X509_STORE_CTX_get_current_cert(verification);
  const int error = X509_STORE_CTX_get_error(verification);
  if (certificate == nullptr) return X509_verify_cert_error_string(error);
  const std::string subject = NameText(X509_get_subject_name(certificate));
  switch (error) {
    case X509_V_ERR_CERT_HAS_EXPIRED:
      return absl::StrCat("the certificate of ", subject, " expired at ",
                          DateText(X509_get0_notAfter(certificate)));
    case X509_V_ERR_CERT_NOT_YET_VALID:
      return absl::StrCat("the certificate of ", subject, " is valid only from ",
                          DateText(X509_get0_notBefore(certificate)), "; is the clock right?");
    case X509_V_ERR_HOSTNAME_MISMATCH:
    case X509_V_ERR_IP_ADDRESS_MISMATCH:
      return absl::StrCat("the server's certificate is for ", AlternativeNames(certificate),
                          ", not for ", host_);
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
      return absl::StrCat("the server's certificate is signed by ",
                          NameText(X509_get_issuer_name(certificate)), ", whom ",
                          ca_file_.empty() ? "the system's authorities do" : ca_file_ + " does",
                          " not name: set ca_file");
    default:
      return absl::StrCat("the certificate of ", subject, ": ",
                          X509_verify_cert_error_string(error));
  }
}

std::string TlsFiles::Explain(absl::string_view reason) const {
  if (!error_.empty()) return error_;
  for (const char* const text :
       {"wrong version number", "packet length too long", "http request"}) {
    if (absl::StrContains(reason, text)) {
      return "the server speaks no TLS: use http:// or another port";
    }
  }
  if (absl::StrContains(reason, "no application protocol")) {
    return "the server offers no HTTP/2 there: protocol may be \"http/protobuf\"";
  }
  if (!absl::StrContains(reason, " alert ")) return std::string(reason);
  // Only the server's alerts are left, and nearly all are about our certificate.
  if (cert_file_.empty()) {
    return absl::StrCat("the server wants a client certificate: set client_cert_file (", reason,
                        ")");
  }
  return absl::StrCat("the server does not accept the certificate of ", cert_file_, " (", reason,
                      ")");
}

std::string DescribeTls(const SSL* ssl) {
  std::string text = SSL_get_version(ssl);
  if (const X509* const certificate = SSL_get0_peer_certificate(ssl)) {
    absl::StrAppend(&text, ", ", NameText(X509_get_subject_name(certificate)), ", valid until ",
                    DateText(X509_get0_notAfter(certificate)));
  }
  const unsigned char* alpn = nullptr;
  unsigned size = 0;
  SSL_get0_alpn_selected(ssl, &alpn, &size);
  if (size > 0)
    absl::StrAppend(&text, ", ", absl::string_view(reinterpret_cast<const char*>(alpn), size));
  return text;
}

std::string TakeTlsReason() {
  const unsigned long error = ERR_peek_error();
  ERR_clear_error();
  if (error == 0) return {};
  const char* const reason = ERR_reason_error_string(error);
  return reason != nullptr ? reason : absl::StrCat("error ", error);
}

}  // namespace sluice::otlp
