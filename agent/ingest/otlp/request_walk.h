// Takes an export request apart, in slices: judges each item alone and makes journal entries of
// what is to be kept.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "agent/identity/identity.h"
#include "agent/ingest/admission.h"
#include "agent/ingest/otlp/entry_builder.h"
#include "agent/ingest/otlp/receiver.h"
#include "agent/ingest/otlp/rejections.h"
#include "agent/ingest/otlp/slice.h"
#include "agent/live/candidate.h"
#include "proto/record/check.h"
#include "proto/record/limits.h"
#include "proto/wire/reader.h"

namespace sluice::ingest::otlp {

// An entry holds items of one resource, and about kEntryBytes of them; who has more gets several.
// Everything that the request says is in one of them, byte for byte, but for items that are
// rejected or not wanted, and for what admission mends: reserved attributes, invalid text around
// items, an event's ids that are none.
class RequestWalk {
 public:
  static constexpr size_t kEntryBytes = 1024 * 1024;

  struct Options {
    Signal signal = Signal::kTraces;
    Identity identity;
    bool sender_is_host_root = false;
    // Why every item is rejected; empty: they are judged.
    std::string_view rejects_all;
    size_t max_item_bytes = limits::kOtlpItemBytes;  // at most that
    // Admission's; null or empty: everything is wanted. Outlives the walk.
    const Admission::WantedFn* wanted = nullptr;
    // What is not to be kept; null: everything is. Outlives the walk.
    const Redactor* redactor = nullptr;
  };

  // `request` has passed an EnvelopeCheck and stays where it is.
  RequestWalk(Options options, std::string_view request);

  // kPause: the slice is over. kEntry: entry() is to be appended, then EntryTaken called. kEnd:
  // that was the last of it.
  enum class Next { kPause, kEntry, kEnd };
  Next Work(Slice* slice);

  Admission::ScopesEntry entry() const;
  void EntryTaken();

  const Rejections& rejections() const { return rejections_; }
  // Reason to count: of what nobody wants, of what was mended.
  using Counts = std::map<std::string, uint64_t, std::less<>>;
  const Counts& unwanted() const { return unwanted_; }
  const Counts& repairs() const { return repairs_; }
  // Values and parts of text.
  uint64_t redacted() const { return redacted_; }
  // What those who were asked for their wishes want counted.
  const live::Counts& counts() const { return counts_; }

 private:
  enum class State { kRequest, kResourceHead, kResource, kScopeHead, kScope };

  // Each takes one field, or the end.
  bool NextResource();
  void ReadResourceHead(Slice* slice);
  void NextScope();
  void ReadScopeHead();
  void NextItem(Slice* slice);

  void FinishResourceHead();
  void AddAround(const WireField& field, std::string_view whole);
  void TakeItem(std::string_view whole, std::string_view item);
  void TakeMetric(std::string_view whole, std::string_view item);
  void Reject(std::string_view reason, uint64_t count = 1);
  void LookForOtherSignal(std::string_view item);
  std::string_view WhyNotTaken(const RecordVerdict& verdict) const;
  bool IsWanted(const RecordVerdict& verdict);
  std::string Mend(const RecordFlaws& flaws, std::string_view item);
  // Keeps an item: `mended`, where it is not as it came, but for what is redacted.
  void Keep(std::string_view whole, std::string_view item, std::optional<std::string> mended,
            uint64_t count = 1);
  std::optional<std::string> Redact(Redactor::Kind kind, std::string_view encoded);
  Redactor::Kind ItemKind() const;

  const Options options_;
  State state_ = State::kRequest;
  bool is_entry_due_ = false;
  ItemPlace place_;  // one past, until the first

  WireReader request_;
  std::string_view resource_content_;
  WireReader resource_reader_{{}};
  std::string resource_;  // its messages joined
  std::string schema_url_;
  std::string rest_;
  std::string_view resource_fault_;  // why its items are rejected; empty: they are judged
  std::shared_ptr<const live::Origin> origin_;

  std::string_view scope_content_;
  WireReader scope_reader_{{}};
  EntryBuilder::Scope scope_;
  std::deque<std::string> scope_owned_;  // what is mended of it
  std::string_view scope_name_;
  std::string_view scope_fault_;

  EntryBuilder builder_;
  live::Candidate candidate_;
  Rejections rejections_;
  Counts unwanted_;
  Counts repairs_;
  uint64_t redacted_ = 0;
  live::Counts counts_;
  bool looks_for_other_signal_ = true;
};

}  // namespace sluice::ingest::otlp
