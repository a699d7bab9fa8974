// Turns journal entries into deliveries: rebuilds which spans are open at the reader's place,
// applies one filter, and tells a sink what passed.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>

#include "agent/filter/matcher.h"
#include "agent/journal/reader.h"
#include "agent/journal/record_cursor.h"
#include "agent/live/span_table.h"
#include "agent/stream/delivery.h"

namespace sluice::stream {

// One for each sink; owned by its thread. The order of a span's records is that of the journal.
class RecordStream {
 public:
  using DeliverFn = std::function<void(const Delivery&)>;

  // `whole_scopes` is asked first where no record of a scope needs to be looked at.
  RecordStream(std::shared_ptr<const filter::Filter> filter, DeliverFn deliver,
               UnfilteredFn unfiltered = nullptr, WholeScopeFn whole_scopes = nullptr);

  // The spans that were open at an encoded sluice.disk.v1.Checkpoint; malformed or empty: none.
  void Restore(std::string_view checkpoint);

  // Delivers what of the entry passes. A replayed entry only changes what is open, unless replayed
  // ones are delivered, too, from the next entry on; of those only what passes the filter as it is
  // now, and no whole spans.
  void DeliverReplayed(bool delivers) { delivers_replayed_ = delivers; }
  void Read(const journal::Entry& entry);
  // The same in pieces: Begin, then ReadSome until it reads fewer records than it may; it returns
  // how many, and counts a whole scope as one. Until then the entry stays where it is. Other
  // streams may be read in between.
  void Begin(const journal::Entry& entry);
  size_t ReadSome(size_t most);

  // A stream at the same place with the open spans of root alone. Root's records need no others:
  // no other user's span can be around them. What is delivered and filtered counts from 0.
  std::unique_ptr<RecordStream> ForkOfRoot() const;

  // From here on. Open spans are judged anew.
  void SetFilter(std::shared_ptr<const filter::Filter> filter);

  uint64_t delivered() const { return delivered_; }
  uint64_t filtered() const { return filtered_; }

 private:
  // Where a record stands.
  struct Place {
    const journal::Entry* entry = nullptr;
    uint32_t part = 0;
    const journal::ScopeView* scope = nullptr;

    uid_t uid() const { return entry->batch.uid; }
  };

  bool TakesWhole(const Place& place, const journal::RecordCursor& records);
  bool PassesWhole(const journal::RecordCursor& records);
  void ReadRecordAt(const Place& place, const RecordView& record);
  void ReadEvent(const Place& place, const RecordView& record);
  bool TakesUnfiltered(const Place& place, const RecordView& event) const;
  void ReadWhole(const Place& place, const RecordView& record);
  void ReadSpanEvents(const Place& place, const RecordView& whole, const live::Span& span,
                      bool span_passes);
  void ReadStart(const Place& place, const RecordView& record);
  void ReadUpdate(const Place& place, const RecordView& record);
  void ReadEnd(const Place& place, const RecordView& record);
  bool FailedEndPasses(const live::Span& span);
  void Judge(const std::shared_ptr<live::Span>& span);
  void PropagateScopes();
  // The nth event within a whole span.
  struct WithinSpan {
    uint32_t event = 0;
    bool span_follows = false;
  };
  void Deliver(Delivery::Kind kind, const Place& place, const RecordView& record,
               const live::Span* span, const WithinSpan& within = {0, false});
  void SetOrigin(const journal::Entry& entry);
  void Copy(const live::Span& span);

  std::shared_ptr<const filter::Filter> filter_;
  filter::Matcher matcher_;
  const DeliverFn deliver_;
  const UnfilteredFn unfiltered_;
  const WholeScopeFn whole_scopes_;
  live::SpanTable spans_;
  size_t hidden_ = 0;  // of spans_, how many the filter refuses
  // Of the entry being read; kept while the next ones come from the same sender.
  std::shared_ptr<const live::Origin> origin_;
  Place place_;
  journal::RecordCursor records_{{}};
  bool delivers_replayed_ = false;
  uint64_t delivered_ = 0;
  uint64_t filtered_ = 0;
};

}  // namespace sluice::stream
