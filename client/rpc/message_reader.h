// Cuts the bytes of a gRPC call's body into messages: each is one byte 0 (not compressed), its
// length in 4 bytes, big end first, and its content.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace sluice::rpc {

inline constexpr size_t kMessagePrefixBytes = 5;
// Longer ones are refused. Nothing that the agent answers comes near.
inline constexpr size_t kMaxMessageBytes = 16 * 1024 * 1024;

// The prefix before a message of `size` bytes, at the end of `*out`.
void AppendMessagePrefix(size_t size, std::string* out);

class MessageReader {
 public:
  void Append(std::string_view bytes) { buffer_.append(bytes); }

  // Takes the next whole message; false: there is none yet, or never will be (failed()). The view
  // holds until the next call of Append or Next.
  bool Next(std::string_view* message);

  // A compressed or over-long message: the body cannot be read on.
  bool failed() const { return failed_; }
  // Whether the body may end here.
  bool at_message_end() const { return buffer_.size() == consumed_; }

 private:
  std::string buffer_;
  size_t consumed_ = 0;
  bool failed_ = false;
};

}  // namespace sluice::rpc
