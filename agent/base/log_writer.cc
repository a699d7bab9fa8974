#include "agent/base/log_writer.h"

#include <poll.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <utility>

#include "absl/strings/str_cat.h"
#include "agent/base/scheduling.h"
#include "proto/text/journal_stream.h"

namespace sluice {
namespace {

bool WriteAll(int fd, absl::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(fd, bytes.data(), bytes.size());
    if (written >= 0) {
      bytes.remove_prefix(static_cast<size_t>(written));
    } else if (errno == EAGAIN) {
      pollfd wait{fd, POLLOUT, 0};
      ::poll(&wait, 1, -1);
    } else if (errno != EINTR) {
      return false;
    }
  }
  return true;
}

}  // namespace

// Signals that the main thread has not blocked yet are for it all the same.
LogWriter::LogWriter(int fd, std::string journald)
    : fd_(fd), is_journal_(IsJournalStream(fd)), journald_(std::move(journald)) {
  sigset_t all;
  sigset_t before;
  ::sigfillset(&all);
  ::pthread_sigmask(SIG_SETMASK, &all, &before);
  thread_ = std::thread([this] {
    BecomeBackgroundThread("log");
    Run();
  });
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

LogWriter::~LogWriter() {
  {
    MutexLock lock(&mutex_);
    ending_ = true;
    changed_.NotifyAll();
  }
  thread_.join();
}

void LogWriter::Add(LogPriority priority, absl::string_view message, absl::string_view id) {
  MutexLock lock(&mutex_);
  Message added{priority, std::string(message), id};
  if (waiting_bytes_ + added.bytes() > kMaxBytes) {
    ++untold_;
    ++dropped_;
    changed_.NotifyAll();
    return;
  }
  TellOfDropped();
  waiting_bytes_ += added.bytes();
  waiting_.push_back(std::move(added));
  changed_.NotifyAll();
}

void LogWriter::TellOfDropped() {
  if (untold_ == 0) return;
  Message told{LogPriority::kWarning,
               absl::StrCat(std::exchange(untold_, 0),
                            " messages are missing here, too many waited for stderr"),
               {}};
  waiting_bytes_ += told.bytes();
  waiting_.push_back(std::move(told));
}

bool LogWriter::Flush(Clock::time_point deadline) {
  MutexLock lock(&mutex_);
  while (!Idle() && changed_.WaitUntil(&mutex_, deadline)) {
  }
  return Idle();
}

uint64_t LogWriter::dropped() const {
  MutexLock lock(&mutex_);
  return dropped_;
}

bool LogWriter::Idle() const { return waiting_.empty() && untold_ == 0 && !writing_; }

void LogWriter::Run() {
  while (const std::optional<Message> message = Next()) Write(*message);
}

// nullopt: there will be no more.
std::optional<LogWriter::Message> LogWriter::Next() {
  MutexLock lock(&mutex_);
  writing_ = false;
  changed_.NotifyAll();
  while (waiting_.empty() && untold_ == 0 && !ending_) changed_.Wait(&mutex_);
  if (waiting_.empty()) TellOfDropped();
  if (waiting_.empty()) return std::nullopt;
  Message message = std::move(waiting_.front());
  waiting_.pop_front();
  waiting_bytes_ -= message.bytes();
  writing_ = true;
  return message;
}

// A message that cannot be written has nowhere else to go.
void LogWriter::Write(const Message& message) {
  if (is_journal_ && !message.id.empty() &&
      SendToJournald(journald_, FormatJournaldRecord(message.priority, message.text, message.id))) {
    return;
  }
  if (WriteAll(fd_, FormatLogLine(message.priority, message.text, is_journal_))) return;
  MutexLock lock(&mutex_);
  ++dropped_;
}

}  // namespace sluice
