#include "client/rpc/call.h"

#include <nghttp2/nghttp2.h>

#include <algorithm>
#include <charconv>

namespace sluice::rpc {
namespace {

int HexDigit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return -1;
}

template <typename Number>
std::optional<Number> ParseNumber(std::string_view text) {
  Number number;
  const char* const end = text.data() + text.size();
  const auto result = std::from_chars(text.data(), end, number);
  if (result.ec != std::errc() || result.ptr != end) return std::nullopt;
  return number;
}

}  // namespace

std::string DecodeGrpcMessage(std::string_view encoded) {
  std::string text;
  for (size_t i = 0; i < encoded.size(); ++i) {
    const bool is_escape = encoded[i] == '%' && i + 2 < encoded.size() &&
                           HexDigit(encoded[i + 1]) >= 0 && HexDigit(encoded[i + 2]) >= 0;
    if (is_escape) {
      text += static_cast<char>(HexDigit(encoded[i + 1]) << 4 | HexDigit(encoded[i + 2]));
      i += 2;
    } else {
      text += encoded[i];
    }
  }
  return text;
}

Call::~Call() {
  if (session_ == nullptr) return;
  nghttp2_session_set_stream_user_data(session_, stream_id_, nullptr);
  nghttp2_submit_rst_stream(session_, NGHTTP2_FLAG_NONE, stream_id_, NGHTTP2_CANCEL);
}

void Call::Send(std::string_view message) {
  BeginSend(message.size()).append(message);
  Resume();
}

std::string& Call::BeginSend(size_t size) {
  if (sent_all()) {
    outgoing_.clear();
    sent_ = 0;
  }
  AppendMessagePrefix(size, &outgoing_);
  return outgoing_;
}

void Call::Resume() {
  if (session_ != nullptr) nghttp2_session_resume_data(session_, stream_id_);
}

void Call::CloseSend() {
  send_closed_ = true;
  Resume();
}

size_t Call::PlanFrame(size_t capacity, bool* end) const {
  const size_t left = outgoing_.size() - sent_;
  *end = send_closed_ && left <= capacity;
  return std::min(capacity, left);
}

std::string_view Call::TakeBody(size_t size) {
  const std::string_view body = std::string_view(outgoing_).substr(sent_, size);
  sent_ += size;
  return body;
}

void Call::OnHeader(std::string_view name, std::string_view value) {
  if (name == ":status") {
    http_status_ = value;
  } else if (name == "grpc-status") {
    grpc_status_ = ParseNumber<int>(value);
  } else if (name == "grpc-message") {
    grpc_message_ = DecodeGrpcMessage(value);
  } else if (name == "grpc-retry-pushback-ms") {
    const auto number = ParseNumber<int32_t>(value);
    if (number && *number >= 0) pushback_ = std::chrono::milliseconds(*number);
  }
}

bool Call::OnBody(std::string_view bytes) {
  incoming_.Append(bytes);
  std::string_view message;
  while (wanted_ && incoming_.Next(&message)) wanted_ = on_message_(message);
  return !incoming_.failed();
}

void Call::OnClose(uint32_t http2_error) {
  status_ = FinalStatus(http2_error);
  session_ = nullptr;
  done_ = true;
}

Status Call::FinalStatus(uint32_t http2_error) const {
  if (grpc_status_ == 0) {
    if (incoming_.at_message_end()) return {};
    return {.outcome = Outcome::kBroken, .message = "the answer was cut off"};
  }
  if (grpc_status_) {
    return {.outcome = Outcome::kStatus,
            .code = static_cast<GrpcCode>(std::clamp(*grpc_status_, 0, 255)),
            .message = grpc_message_,
            .pushback = pushback_};
  }
  std::string message = "the call ended without a status";
  if (http2_error != NGHTTP2_NO_ERROR) {
    message += std::string(": ") + nghttp2_http2_strerror(http2_error);
  } else if (!http_status_.empty() && http_status_ != "200") {
    message += ": HTTP " + http_status_;
  }
  return {.outcome = Outcome::kBroken, .message = std::move(message)};
}

}  // namespace sluice::rpc
