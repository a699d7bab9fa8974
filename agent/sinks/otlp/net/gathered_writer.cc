#include "agent/sinks/otlp/net/gathered_writer.h"

namespace sluice::otlp {

IoResult GatheredWriter::Flush(ByteStream* stream) {
  while (!empty()) {
    const IoResult result = stream->Write(std::span(pieces_).subspan(begin_));
    if (result.kind != IoResult::Kind::kMoved) return result;
    size_t left = result.bytes;
    while (left > 0 && left >= pieces_[begin_].iov_len) left -= pieces_[begin_++].iov_len;
    if (left == 0) continue;
    iovec& piece = pieces_[begin_];
    piece = {static_cast<char*>(piece.iov_base) + left, piece.iov_len - left};
  }
  pieces_.clear();
  copies_.clear();
  begin_ = 0;
  return {};
}

}  // namespace sluice::otlp
