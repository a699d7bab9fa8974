#include "client/cli/emit/event_lines.h"

#include <poll.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <deque>

#include "client/cli/emit/propagation.h"
#include "client/cli/emit/stderr_echo.h"
#include "client/cli/verb.h"
#include "client/rpc/socket.h"
#include "proto/wire/utf8.h"

namespace sluice::cli {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr size_t kHeldBytes = 1024 * 1024;
// Below the agent's limit for a batch, and for the number of its records.
constexpr size_t kBatchRecords = 512;
constexpr milliseconds kRetryPause{1'000};

std::string_view WithoutReturn(std::string_view line) {
  if (line.ends_with('\r')) line.remove_suffix(1);
  return line;
}

// Records on their way to the agent, in order, each stored once however often it is sent.
class Outgoing {
 public:
  Outgoing(const GlobalOptions& options, const OneShotFlags& flags)
      : options_(options),
        flags_(flags),
        resource_(ResourceFromEnvironment(std::getenv)),
        client_id_(NewClientId()) {}

  void Add(std::string record) {
    if (held_bytes_ + record.size() > kHeldBytes) {
      ++lost_;
      return;
    }
    held_bytes_ += record.size();
    held_.push_back(std::move(record));
  }

  bool empty() const { return held_.empty(); }
  uint64_t lost() const { return lost_ + held_.size(); }
  rpc::Deadline retry_at() const { return retry_at_; }
  const rpc::Status& status() const { return status_; }

  // Sends what is held, unless an attempt has just failed.
  void SendDue(milliseconds patience) {
    while (!empty() && steady_clock::now() >= retry_at_ && SendBatch(patience)) {
    }
  }

  // The last attempt.
  void Finish(milliseconds patience) {
    retry_at_ = {};
    SendDue(patience);
  }

 private:
  bool SendBatch(milliseconds patience) {
    // A batch that was sent without an answer comes again as it was: it may be stored already.
    if (batch_.empty()) {
      const size_t count = std::min(held_.size(), kBatchRecords);
      batch_.assign(held_.begin(), held_.begin() + static_cast<std::ptrdiff_t>(count));
    }
    const std::string request = EncodeEmitRequest(client_id_, next_sequence_, batch_, resource_);
    status_ = SendOneShot(options_, flags_, request, steady_clock::now() + patience);
    // What the agent does not want, it will not want later.
    const bool is_settled =
        status_.ok() || (status_.outcome == rpc::Outcome::kStatus && !PauseBeforeRetry(status_));
    if (!is_settled) {
      retry_at_ = steady_clock::now() + kRetryPause;
      return false;
    }
    for (const std::string& record : batch_) held_bytes_ -= record.size();
    held_.erase(held_.begin(), held_.begin() + static_cast<std::ptrdiff_t>(batch_.size()));
    next_sequence_ += batch_.size();
    batch_.clear();
    return true;
  }

  const GlobalOptions& options_;
  const OneShotFlags& flags_;
  const std::string resource_;
  const ClientId client_id_;
  std::deque<std::string> held_;
  std::vector<std::string> batch_;  // the first of held_, which were sent
  size_t held_bytes_ = 0;
  uint64_t next_sequence_ = 1;
  uint64_t lost_ = 0;
  rpc::Deadline retry_at_{};
  rpc::Status status_;
};

// Until there is something to read, or it is time to send again what was not taken.
bool WaitForInput(int fd, const Outgoing& outgoing) {
  pollfd input{.fd = fd, .events = POLLIN, .revents = 0};
  return poll(&input, 1, outgoing.empty() ? -1 : rpc::PollTimeout(outgoing.retry_at())) > 0;
}

void AddEvent(const Event& pattern, std::string_view line, EventEcho* echo, Outgoing* outgoing) {
  Event event = pattern;
  event.message = line;
  event.time_unix_nano = UnixNow();
  std::string record = EncodeEvent(event);
  echo->Show(record);
  outgoing->Add(std::move(record));
}

}  // namespace

std::vector<std::string_view> LineCutter::Add(std::string_view bytes) {
  held_.erase(0, taken_);
  held_ += bytes;
  taken_ = 0;
  std::vector<std::string_view> lines;
  const std::string_view held = held_;
  while (true) {
    const size_t end = held.find('\n', taken_);
    const bool is_whole = end != std::string_view::npos && end - taken_ <= kLineBytes;
    if (!is_whole && held.size() - taken_ <= kLineBytes) return lines;
    const std::string_view line =
        is_whole ? held.substr(taken_, end - taken_)
                 : held.substr(taken_, Utf8Boundary(held.substr(taken_), kLineBytes));
    taken_ += line.size() + (is_whole ? 1 : 0);
    if (!WithoutReturn(line).empty()) lines.push_back(WithoutReturn(line));
  }
}

std::string_view LineCutter::Rest() const {
  return WithoutReturn(std::string_view(held_).substr(taken_));
}

int EmitLines(const GlobalOptions& options, const OneShotFlags& flags, const Event& pattern,
              int fd) {
  const milliseconds patience = options.timeout.value_or(kEmitTimeout);
  Outgoing outgoing(options, flags);
  EventEcho echo;
  LineCutter cutter;
  std::vector<char> buffer(64 * 1024);
  ssize_t got = 1;
  while (got > 0) {
    if (WaitForInput(fd, outgoing)) {
      got = read(fd, buffer.data(), buffer.size());
      const std::string_view bytes(buffer.data(), got > 0 ? static_cast<size_t>(got) : 0);
      for (const std::string_view line : cutter.Add(bytes))
        AddEvent(pattern, line, &echo, &outgoing);
    }
    outgoing.SendDue(patience);
  }
  const int read_error = got < 0 ? errno : 0;
  if (!cutter.Rest().empty()) AddEvent(pattern, cutter.Rest(), &echo, &outgoing);
  outgoing.Finish(patience);
  if (read_error != 0) {
    return Fail({kExitIo, std::string("read stdin: ") + std::strerror(read_error)});
  }
  if (outgoing.lost() != 0 && !IsQuiet(flags)) {
    Note(std::to_string(outgoing.lost()) + " lines were not taken");
  }
  return TellOneShot(options, flags, outgoing.status(), "event");
}

}  // namespace sluice::cli
