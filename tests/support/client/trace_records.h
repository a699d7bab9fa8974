// The records of one trace as a journal would give them, for tests of what is made of them.
#pragma once

#include <cstdint>
#include <random>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "client/cli/render/tree.h"
#include "client/cli/render/tree_json.h"
#include "client/cli/trace/trace_builder.h"

namespace sluice::cli {

inline constexpr uint64_t kSecond = 1'000'000'000;
inline constexpr uint64_t kBegin = 1'763'632'673 * kSecond;  // 2025-11-20T09:57:53Z
inline constexpr uint64_t kMillisecond = 1'000'000;

inline std::string SpanIdOf(char c) { return std::string(7, '\0') + c; }

// What `render` writes of `arguments`.
template <typename... Arguments>
std::string TextOf(const auto& render, const Arguments&... arguments) {
  std::string out;
  render(arguments..., [&out](std::string_view text) { out += text; });
  return out;
}

// Collects what one journal would hold. Spans are named by one letter, which is their id too; times
// are milliseconds after kBegin.
class Records {
 public:
  // Who sends what is added next.
  Records& From(uint32_t uid, int32_t pid, const std::string& service = {}) {
    uid_ = uid;
    pid_ = pid;
    service_ = service;
    return *this;
  }
  Records& Start(char id, char parent, uint64_t at) {
    otlp::v1::Span* const span = Add(v1::RECORD_KIND_SPAN_START, id);
    span->set_name(std::string(1, id));
    if (parent != 0) span->set_parent_span_id(SpanIdOf(parent));
    span->set_start_time_unix_nano(kBegin + at * kMillisecond);
    return *this;
  }
  Records& End(char id, uint64_t at, const std::string& error = {}) {
    otlp::v1::Span* const span = Add(v1::RECORD_KIND_SPAN_END, id);
    span->set_end_time_unix_nano(kBegin + at * kMillisecond);
    if (!error.empty()) {
      span->mutable_status()->set_code(otlp::v1::Status::STATUS_CODE_ERROR);
      span->mutable_status()->set_message(error);
    }
    return *this;
  }
  Records& Whole(char id, char parent, uint64_t from, uint64_t to) {
    Start(id, parent, from);
    records_.back().mutable_record()->set_kind(v1::RECORD_KIND_SPAN);
    span()->set_end_time_unix_nano(kBegin + to * kMillisecond);
    return *this;
  }
  Records& Event(char span_id, uint64_t at, const std::string& text,
                 v1::Level level = v1::LEVEL_INFO) {
    v1::StoredRecord& stored = AddStored(v1::RECORD_KIND_EVENT);
    auto* const event = stored.mutable_record()->mutable_event();
    stored.mutable_record()->set_level(level);
    event->set_trace_id(std::string(16, '\x11'));
    if (span_id != 0) event->set_span_id(SpanIdOf(span_id));
    event->set_time_unix_nano(kBegin + at * kMillisecond);
    event->mutable_body()->set_string_value(text);
    return *this;
  }
  Records& Synthetic() {
    records_.back().set_synthetic(true);
    return *this;
  }
  Records& Again() {
    records_.push_back(records_.back());
    return *this;
  }
  otlp::v1::Span* span() { return records_.back().mutable_record()->mutable_span(); }
  v1::StoredRecord& last() { return records_.back(); }

  const std::vector<v1::StoredRecord>& all() const { return records_; }

  Trace Build() const {
    TraceBuilder builder;
    for (v1::StoredRecord record : records_) builder.Add(&record);
    return std::move(builder).Finish();
  }
  // Without the line of the trace itself.
  std::string Tree() const {
    const std::string text = Tree({});
    return text.substr(text.find('\n') + 1);
  }
  std::string Tree(const TreeOptions& options, const TextStyle& style = {}) const {
    return TextOf(RenderTree, Build(), options, style);
  }
  std::string Headline() const {
    const std::string text = Tree({});
    return text.substr(0, text.find('\n'));
  }
  std::string Styled(const TextStyle& style) const { return Tree({}, style); }
  std::string Json() const { return TextOf(RenderTreeJson, Build()); }

 private:
  v1::StoredRecord& AddStored(v1::RecordKind kind) {
    v1::StoredRecord& stored = records_.emplace_back();
    stored.mutable_identity()->set_uid(uid_);
    stored.mutable_identity()->set_pid(pid_);
    stored.set_received_unix_nano(kBegin + records_.size() * kSecond);
    if (!service_.empty()) {
      auto* const attribute = stored.mutable_resource()->add_attributes();
      attribute->set_key("service.name");
      attribute->mutable_value()->set_string_value(service_);
    }
    stored.mutable_record()->set_kind(kind);
    stored.mutable_record()->set_level(v1::LEVEL_INFO);
    return stored;
  }
  otlp::v1::Span* Add(v1::RecordKind kind, char id) {
    otlp::v1::Span* const span = AddStored(kind).mutable_record()->mutable_span();
    span->set_trace_id(std::string(16, '\x11'));
    span->set_span_id(SpanIdOf(id));
    return span;
  }

  std::vector<v1::StoredRecord> records_;
  uint32_t uid_ = 1000;
  int32_t pid_ = 7;
  std::string service_;
};

// Records of a few spans that share ids, name each other and themselves as parents, end before
// they begin, miss their start or end, link anywhere.
inline Records RandomRecords(std::mt19937* random) {
  const auto below = [&](int n) {
    return static_cast<int>((*random)() % static_cast<unsigned>(n));
  };
  const auto id = [&] { return static_cast<char>('a' + below(9)); };
  Records records;
  for (int count = below(40); count > 0; --count) {
    records.From(1000 + static_cast<uint32_t>(below(2)), below(3), below(2) ? "svc" : "");
    const auto at = static_cast<uint64_t>(below(5000));
    switch (below(6)) {
      case 0:
        records.Start(id(), below(3) ? id() : '\0', at);
        break;
      case 1:
        records.End(id(), at, below(2) ? "failed" : "");
        if (below(3) == 0) records.Synthetic();
        break;
      case 2:
      case 3:
        records.Whole(id(), below(3) ? id() : '\0', at, static_cast<uint64_t>(below(5000)));
        if (below(3) == 0) records.span()->add_links()->set_span_id(SpanIdOf(id()));
        if (below(9) == 0) records.span()->clear_start_time_unix_nano();
        break;
      default:
        records.Event(below(4) ? id() : '\0', at, "a message of some length, as they are",
                      below(4) ? v1::LEVEL_INFO : v1::LEVEL_ERROR);
    }
    if (below(9) == 0) records.Again();
  }
  return records;
}

}  // namespace sluice::cli
