#include "agent/ingest/otlp/rejections.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace sluice::ingest::otlp {
namespace {

struct Words {
  const char* items;
  const char *resources, *scopes, *elements;  // as the .proto files name them
};

const Words& WordsOf(Signal signal) {
  static constexpr Words kWords[] = {
      {"spans", "resource_spans", "scope_spans", "spans"},
      {"log records", "resource_logs", "scope_logs", "log_records"},
      {"data points", "resource_metrics", "scope_metrics", "metrics"}};
  return kWords[static_cast<size_t>(signal)];
}

}  // namespace

void Rejections::Add(std::string_view reason, const ItemPlace& place, uint64_t count) {
  total_ += count;
  const auto known = by_reason_.find(reason);
  if (known != by_reason_.end()) {
    known->second += count;
  } else {
    by_reason_.emplace(reason, count);
  }
  if (named_.size() < kMostNamed)
    named_.push_back(absl::StrCat(PathOf(place), " (", std::string(reason), ")"));
}

std::string Rejections::PathOf(const ItemPlace& place) const {
  const Words& words = WordsOf(signal_);
  return absl::StrCat(words.resources, "[", place.resource, "].", words.scopes, "[", place.scope,
                      "].", words.elements, "[", place.item, "]");
}

std::string Rejections::Message() const {
  if (total_ == 0) return {};
  const std::string reasons =
      absl::StrJoin(by_reason_, ", ", [](std::string* out, const auto& reason) {
        absl::StrAppend(out, reason.first, " ", reason.second);
      });
  return absl::StrCat(hint_ == nullptr ? "" : hint_, hint_ == nullptr ? "" : "; ", total_, " ",
                      WordsOf(signal_).items, " rejected: ", reasons, "; first ",
                      absl::StrJoin(named_, ", "));
}

}  // namespace sluice::ingest::otlp
