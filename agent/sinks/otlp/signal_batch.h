// The spans, log records or metrics that are to be exported at once: in the tree of resources and
// scopes that OTLP has around them, from which a request can be cut between any two of them.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/string_view.h"
#include "agent/journal/read_window.h"

namespace sluice::otlp {

// A ResourceSpans, ResourceLogs or ResourceMetrics but for its scopes.
struct Envelope {
  uid_t uid = 0;           // whose records are in it
  std::string resource;    // an encoded Resource
  std::string schema_url;  // of the resource
  std::string rest;        // further fields, encoded
};

// A ScopeSpans, ScopeLogs or ScopeMetrics but for its items.
struct ScopeKey {
  std::string_view scope;  // an encoded InstrumentationScope
  std::string_view schema_url;
  std::string_view rest = {};  // further fields, encoded
};

// An encoded Export*ServiceRequest: all pieces, one after the other.
struct Request {
  std::vector<absl::string_view> pieces;  // views of the batch that it was cut from, and of `heads`
  size_t bytes = 0;
  std::string heads;
};

// Items are numbered from 0 in the order of the tree: those of one scope in the order in which they
// were added, scopes and resources in that of their first items. Numbers hold until the next
// AddItem.
class SignalBatch {
 public:
  // Items in a row, as fields of the Scope* message: copies, or where they were read.
  struct Row {
    size_t begin = 0;  // counted over all rows of the scope
    std::string copied;
    std::string_view lent;

    std::string_view bytes() const { return lent.empty() ? copied : lent; }
  };
  struct Scope {
    std::string scope;
    std::string schema_url;
    std::string rest;
    std::vector<Row> rows;
    // Where each item ends, counted over all rows.
    std::vector<size_t> ends;

    size_t bytes() const {
      return rows.empty() ? 0 : rows.back().begin + rows.back().bytes().size();
    }
  };
  struct Group {
    Envelope envelope;
    std::vector<Scope> scopes;
    absl::flat_hash_map<std::string, size_t> scope_by_key;
    size_t last_scope = 0;
  };

  // The group that goes by `key`; null: there is none. Groups stay where they are until Clear.
  Group* Find(const std::string& key);
  Group* Add(const std::string& key, Envelope envelope);

  // Adds a Span, LogRecord or Metric.
  void AddItem(Group* group, const ScopeKey& scope, std::string_view item);
  // Adds all of those in an encoded Scope*, whose scope and so on `scope` is. What it stands in may
  // be held until Clear, so that items are not copied; null: they are.
  void AddItemsOf(Group* group, const ScopeKey& scope, std::string_view encoded,
                  const journal::SharedBlock* block = nullptr);

  bool empty() const { return size_ == 0; }
  size_t size() const { return size_; }
  // At least what a request of all items takes.
  size_t bytes() const { return bytes_; }
  // How many of the items from `begin` to before `end` are whose.
  std::map<uid_t, uint64_t> CountByUid(size_t begin, size_t end) const;

  // The end of the longest row of items from `begin` on, up to `end`, that certainly fits a request
  // of so many bytes; at least one item.
  size_t EndOfRequest(size_t begin, size_t end, size_t max_bytes) const;
  // Makes `request` that of the items from `begin` to before `end`. It must stay where it is.
  void Cut(size_t begin, size_t end, Request* request) const;

  void Clear();

 private:
  Scope& ScopeOf(Group* group, const ScopeKey& key);
  bool Holds(const journal::SharedBlock& block, size_t bytes);
  void AddRow(Scope* scope, std::string_view row, const journal::SharedBlock* block);

  std::vector<std::unique_ptr<Group>> groups_;
  absl::flat_hash_map<std::string, Group*> group_by_key_;
  size_t size_ = 0;
  size_t bytes_ = 0;
  // What lent rows are in, and how much that is of memory and of rows.
  std::vector<journal::SharedBlock> held_;
  size_t held_bytes_ = 0;
  size_t lent_bytes_ = 0;
};

}  // namespace sluice::otlp
