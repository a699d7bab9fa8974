// Bounds what a uid's lines may be beside what came from it.
//
// Records may be tiny, and their lines are not: each repeats a time, a target, the spans around it.
// So a uid's lines may be kFactor times the bytes it sent, and kAllowance more, which comes back
// within kRefill. Where half of the allowance is used up its lines are short, and where all of it
// is they are left out, until what it sends pays for lines again. Root's lines are always whole.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "agent/base/user_of.h"
#include "agent/stream/delivery.h"

namespace sluice::lines {

// kShort: of the spans around the record there is hardly more than the innermost one's name.
enum class LineForm { kWhole, kShort };

// Of one sink; owned by its thread.
class LineBudget {
 public:
  static constexpr int64_t kFactor = 8;
  static constexpr int64_t kAllowance = 1024 * 1024;
  static constexpr std::chrono::seconds kRefill{60};

  // How the next delivery's line is to be; nullopt: left out. Deliveries come in journal order.
  std::optional<LineForm> FormOf(const stream::Delivery& delivery);
  // What became of it, in bytes.
  void Charge(size_t bytes) { excess_ += static_cast<int64_t>(bytes); }

 private:
  struct Account {
    int64_t excess = 0;
    uint64_t unix_nano = 0;  // when it was that
  };

  void Open(const stream::Delivery& delivery);
  void Close();

  // Of uids whose lines were more than kFactor times what they sent.
  ByUser<Account> accounts_;
  // Of the entry whose deliveries come: all of them are of one uid.
  std::optional<uint64_t> sequence_;
  uid_t uid_ = 0;
  uint64_t unix_nano_ = 0;
  // Bytes of lines beyond kFactor times the bytes that came; below zero while the entry has not
  // used up what it pays for.
  int64_t excess_ = 0;
};

}  // namespace sluice::lines
