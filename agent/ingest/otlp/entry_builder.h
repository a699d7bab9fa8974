// One journal entry of what came as OTLP: scopes of one resource, put together from views of the
// request.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <vector>

namespace sluice::ingest::otlp {

// A scope of which every item is kept, in one entry, stands there byte for byte as it came. Of any
// other each entry has what is around the items, and those it keeps, in order.
class EntryBuilder {
 public:
  struct Scope {
    std::string_view content;  // of the ScopeSpans, ScopeLogs or ScopeMetrics
    // Its fields but the items, whole and encoded, as they are to be stored; of the request where
    // they are as they came.
    std::vector<std::string_view> around;
    size_t around_bytes = 0;
    bool is_as_it_came = true;
  };

  // `scope_field`: the field of a JournalBatch that takes the scopes.
  explicit EntryBuilder(uint32_t scope_field) : scope_field_(scope_field) {}

  // `scope` outlives the entry's scope. `is_whole`: its first item is the next one.
  void BeginScope(const Scope* scope, bool is_whole);
  // The next item, its field whole and encoded; the bytes outlive the entry.
  void Keep(std::string_view item_field);
  void KeepMended(std::string item_field);
  void LeaveOut() { is_whole_ = false; }
  // `is_whole`: no item follows. A scope of which nothing was kept is left out.
  void EndScope(bool is_whole);

  bool is_in_scope() const { return scope_ != nullptr; }
  // Of all scopes so far.
  size_t bytes() const { return bytes_; }
  uint64_t items() const { return items_; }
  // Encoded fields of a JournalBatch, in order.
  const std::vector<std::string_view>& pieces() const { return pieces_; }
  void Clear();

 private:
  void AddAround();
  void AddPiece(std::string_view piece);

  const uint32_t scope_field_;
  const Scope* scope_ = nullptr;
  bool is_whole_ = false;
  uint64_t scope_items_ = 0;
  size_t run_bytes_ = 0;
  std::vector<std::string_view> runs_;  // kept items; neighbours are one

  std::vector<std::string_view> pieces_;
  std::deque<std::string> owned_;  // never moves what it holds
  size_t bytes_ = 0;
  uint64_t items_ = 0;
};

}  // namespace sluice::ingest::otlp
