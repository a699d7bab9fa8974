// The files that `sluice collect` packs, and what had to be left out.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "proto/base/tar.h"

namespace sluice::cli {

class Collection {
 public:
  explicit Collection(uint64_t unix_seconds) : unix_seconds_(unix_seconds) {}

  void Add(std::string_view name, std::string_view content);
  // The file at `path`, the last `max_bytes` of it where it is larger; LeaveOut where it cannot be
  // read.
  void AddFile(std::string_view name, const std::string& path, uint64_t max_bytes);
  // The newest segments of the journal in `directory` that make up `max_bytes`, one in any case.
  void AddJournal(const std::string& directory, uint64_t max_bytes);

  void LeaveOut(const std::string& what, const std::string& why);

  // What is in it and what is not, for people; a line each.
  std::string Contents() const;
  const std::vector<std::string>& left_out() const { return left_out_; }

  // Compressed, with Contents as README in front of all.
  std::string Pack() &&;

 private:
  struct File {
    std::string name;
    std::string content;
  };

  const uint64_t unix_seconds_;
  std::vector<File> files_;
  std::vector<std::string> left_out_;
};

}  // namespace sluice::cli
