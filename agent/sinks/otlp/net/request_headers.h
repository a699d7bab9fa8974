// The headers that a destination's requests carry beside the protocol's own.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "agent/sinks/otlp/net/destination.h"
#include "agent/sinks/otlp/net/file_stamp.h"

namespace sluice::otlp {

// Lower-case names, each once.
using HeaderList = std::vector<std::pair<std::string, std::string>>;

class RequestHeaders {
 public:
  // INVALID_ARGUMENT: a header that no request can carry.
  absl::Status SetConfigured(const std::vector<std::string>& headers);
  void SetFile(const std::string& path) { path_ = path; }

  // Reads the file if it has changed since; with `again` also if it has not, as after a refusal:
  // a time stamp may hide a change. An error names what is wrong with the file, never its content.
  absl::Status Refresh(bool again);

  const HeaderList& list() const { return all_; }

 private:
  absl::Status ReadFile();
  void Join();

  HeaderList configured_;
  std::string path_;
  FileStamp stamp_;
  bool was_read_ = false;
  HeaderList from_file_;
  HeaderList all_;
};

// `name=value`, the value percent-encoded.
absl::Status AppendHeader(absl::string_view text, HeaderList* list);

}  // namespace sluice::otlp
