#include "agent/ingest/otlp/entry_builder.h"

#include <utility>

#include "proto/wire/writer.h"

namespace sluice::ingest::otlp {

void EntryBuilder::BeginScope(const Scope* scope, bool is_whole) {
  scope_ = scope;
  is_whole_ = is_whole && scope->is_as_it_came;
  scope_items_ = 0;
  run_bytes_ = 0;
  bytes_ += scope->around_bytes;
}

void EntryBuilder::Keep(std::string_view item_field) {
  ++scope_items_;
  ++items_;
  bytes_ += item_field.size();
  run_bytes_ += item_field.size();
  if (!runs_.empty() && runs_.back().data() + runs_.back().size() == item_field.data()) {
    runs_.back() = {runs_.back().data(), runs_.back().size() + item_field.size()};
  } else {
    runs_.push_back(item_field);
  }
}

void EntryBuilder::KeepMended(std::string item_field) {
  is_whole_ = false;
  Keep(owned_.emplace_back(std::move(item_field)));
}

void EntryBuilder::EndScope(bool is_whole) {
  if (scope_items_ == 0) {
    bytes_ -= scope_->around_bytes;
  } else {
    const bool is_verbatim = is_whole_ && is_whole;
    const size_t size = is_verbatim ? scope_->content.size() : scope_->around_bytes + run_bytes_;
    std::string& header = owned_.emplace_back();
    StringWireWriter{StringSink(&header)}.BytesHeader(scope_field_, size);
    AddPiece(header);
    if (is_verbatim) {
      AddPiece(scope_->content);
    } else {
      AddAround();
      for (const std::string_view run : runs_) AddPiece(run);
    }
  }
  runs_.clear();
  scope_ = nullptr;
}

// What was mended does not outlive the scope.
void EntryBuilder::AddAround() {
  if (scope_->is_as_it_came) {
    for (const std::string_view field : scope_->around) AddPiece(field);
    return;
  }
  std::string& copy = owned_.emplace_back();
  for (const std::string_view field : scope_->around) copy += field;
  AddPiece(copy);
}

void EntryBuilder::AddPiece(std::string_view piece) {
  if (!piece.empty()) pieces_.push_back(piece);
}

void EntryBuilder::Clear() {
  pieces_.clear();
  owned_.clear();
  bytes_ = 0;
  items_ = 0;
}

}  // namespace sluice::ingest::otlp
