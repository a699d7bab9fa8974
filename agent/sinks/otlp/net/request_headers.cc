#include "agent/sinks/otlp/net/request_headers.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <system_error>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "proto/base/unique_fd.h"

namespace sluice::otlp {
namespace {

constexpr size_t kMaxFileBytes = 64 * 1024;

bool IsNameByte(unsigned char c) {
  return absl::ascii_isalnum(c) || absl::StrContains("!#$%&'*+-.^_`|~", static_cast<char>(c));
}

// What the transports say themselves, or what would break a request.
bool IsReserved(absl::string_view name) {
  constexpr std::array<absl::string_view, 10> kNames = {
      "connection", "content-encoding", "content-length",    "content-type", "expect", "host",
      "te",         "trailer",          "transfer-encoding", "upgrade"};
  return absl::StartsWith(name, "grpc-") ||
         std::find(kNames.begin(), kNames.end(), name) != kNames.end();
}

std::string PercentDecode(absl::string_view text) {
  std::string decoded;
  for (size_t i = 0; i < text.size(); ++i) {
    const bool is_escape = text[i] == '%' && i + 2 < text.size() &&
                           absl::ascii_isxdigit(text[i + 1]) && absl::ascii_isxdigit(text[i + 2]);
    if (is_escape) absl::StrAppend(&decoded, absl::HexStringToBytes(text.substr(i + 1, 2)));
    if (!is_escape) decoded += text[i];
    i += is_escape ? 2 : 0;
  }
  return decoded;
}

// The value may be a secret, so no error shows it.
absl::Status Append(absl::string_view name, std::string value, HeaderList* list) {
  const std::string key = absl::AsciiStrToLower(absl::StripAsciiWhitespace(name));
  if (key.empty() || !std::all_of(key.begin(), key.end(), IsNameByte)) {
    return absl::InvalidArgumentError(
        absl::StrCat("'", absl::CHexEscape(key), "' names no header"));
  }
  if (IsReserved(key)) {
    return absl::InvalidArgumentError(absl::StrCat("header '", key, "' is the protocol's own"));
  }
  if (!std::all_of(value.begin(), value.end(),
                   [](unsigned char c) { return c >= ' ' && c < 0x7f; })) {
    return absl::InvalidArgumentError(
        absl::StrCat("the value of header '", key, "' holds other than printable ASCII"));
  }
  std::erase_if(*list, [&](const auto& header) { return header.first == key; });
  list->emplace_back(key, std::move(value));
  return absl::OkStatus();
}

absl::Status FileError(const std::string& path, absl::string_view what) {
  return absl::UnavailableError(absl::StrCat("headers_file ", path, ": ", what));
}

absl::Status ReadWhole(const std::string& path, std::string* content) {
  const UniqueFd file(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  struct stat status;
  if (!file || fstat(file.get(), &status) != 0) {
    return FileError(path, std::generic_category().message(errno));
  }
  if (!S_ISREG(status.st_mode) || (status.st_mode & 077) != 0) {
    return FileError(path, "must be a file that only its owner can read (mode 0600)");
  }
  content->resize(kMaxFileBytes + 1);
  const ssize_t size = ::read(file.get(), content->data(), content->size());
  if (size < 0) return FileError(path, std::generic_category().message(errno));
  if (static_cast<size_t>(size) > kMaxFileBytes) return FileError(path, "is larger than 64 KiB");
  content->resize(static_cast<size_t>(size));
  return absl::OkStatus();
}

}  // namespace

absl::Status AppendHeader(absl::string_view text, HeaderList* list) {
  const size_t equals = text.find('=');
  if (equals == absl::string_view::npos) {
    return absl::InvalidArgumentError("a header has no '=' in it: name=value");
  }
  const absl::string_view value = absl::StripAsciiWhitespace(text.substr(equals + 1));
  return Append(text.substr(0, equals), PercentDecode(value), list);
}

absl::Status RequestHeaders::SetConfigured(const std::vector<std::string>& headers) {
  for (const std::string& header : headers) {
    const absl::Status appended = AppendHeader(header, &configured_);
    if (!appended.ok()) return appended;
  }
  Join();
  return absl::OkStatus();
}

absl::Status RequestHeaders::Refresh(bool again) {
  if (path_.empty()) return absl::OkStatus();
  const FileStamp stamp(path_);
  if (was_read_ && !again && stamp == stamp_) return absl::OkStatus();
  const absl::Status read = ReadFile();
  was_read_ = read.ok();
  stamp_ = stamp;
  return read;
}

absl::Status RequestHeaders::ReadFile() {
  std::string content;
  const absl::Status read = ReadWhole(path_, &content);
  if (!read.ok()) return read;
  HeaderList list;
  int number = 0;
  for (absl::string_view line : absl::StrSplit(content, '\n')) {
    ++number;
    line = absl::StripAsciiWhitespace(line);
    if (line.empty() || line[0] == '#') continue;
    const size_t colon = line.find(':');
    if (colon == absl::string_view::npos) {
      return FileError(path_, absl::StrCat("line ", number, " is not `Name: value`"));
    }
    const absl::string_view value = absl::StripAsciiWhitespace(line.substr(colon + 1));
    const absl::Status appended = Append(line.substr(0, colon), std::string(value), &list);
    if (!appended.ok()) {
      return FileError(path_, absl::StrCat("line ", number, ": ", appended.message()));
    }
  }
  from_file_ = std::move(list);
  Join();
  return absl::OkStatus();
}

void RequestHeaders::Join() {
  all_ = configured_;
  for (const auto& header : from_file_) {
    std::erase_if(all_, [&](const auto& other) { return other.first == header.first; });
    all_.push_back(header);
  }
}

}  // namespace sluice::otlp
