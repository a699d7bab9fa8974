// What stands behind the doors of OTLP, as a test wants it, and bodies for them.
#pragma once

#include <libdeflate.h>

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "agent/ingest/otlp/receiver.h"

namespace sluice::ingest::otlp {

// With gzip, or with zlib.
inline std::string Compress(const std::string& text, bool gzip) {
  libdeflate_compressor* const compressor = libdeflate_alloc_compressor(1);
  std::string out(libdeflate_gzip_compress_bound(compressor, text.size()), '\0');
  const auto compress = gzip ? libdeflate_gzip_compress : libdeflate_zlib_compress;
  out.resize(compress(compressor, text.data(), text.size(), out.data(), out.size()));
  libdeflate_free_compressor(compressor);
  return out;
}

// Answers as it is told, at once or when the test does.
class FakeReceiver final : public Receiver {
 public:
  Ticket Receive(const net::Connection& connection, Request request, Done done) override {
    uid = connection.uid();
    requests.push_back(std::move(request));
    if (answers) {
      done(reply);
      return kAnswered;
    }
    waiting[++last] = std::move(done);
    return last;
  }
  void Abandon(Ticket ticket) override {
    abandoned.push_back(ticket);
    waiting.erase(ticket);
  }

  bool answers = true;
  Reply reply;
  uid_t uid = 0;
  std::vector<Request> requests;
  std::map<Ticket, Done> waiting;
  std::vector<Ticket> abandoned;
  Ticket last = 0;
};

}  // namespace sluice::ingest::otlp
