// The sink that writes the log file.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "agent/base/clock.h"
#include "agent/lines/format.h"
#include "agent/self/counters.h"
#include "agent/sinks/log/fair_lines.h"
#include "agent/sinks/log/set_shares.h"
#include "agent/sinks/log_file.h"
#include "agent/sinks/sink.h"

namespace sluice::log_sink {

class FileSink final : public sinks::Sink {
 public:
  struct Options {
    std::string name;
    sinks::LogFileOptions file;
    lines::LineOptions lines;
    // Where it is kept, for as long as the boot, who holds how much of the log; empty: nowhere.
    std::string shares_path;
    Counters* counters = nullptr;
  };
  explicit FileSink(Options options);

  std::string destination() const override { return options_.file.path; }
  absl::Status Open() override;
  void Add(const stream::Delivery& delivery) override;
  absl::Status Commit() override;
  absl::Status Sync() override;
  void Reopen() override;
  size_t pending_bytes() const override { return pending_.size(); }

 private:
  void Cut(const stream::Delivery& delivery);
  absl::Status Write();
  void RestoreShares();
  void StoreShares();

  const Options options_;
  const Clock& clock_;
  const lines::LineFormat format_;
  FairLines lines_;
  SetShares shares_;
  UserCount cut_;
  std::unique_ptr<sinks::LogFile> file_;
  // Whole lines not written yet.
  std::string pending_;
  uint64_t replacements_ = 0;
  bool shares_are_new_ = false;
  bool complained_ = false;
};

}  // namespace sluice::log_sink
