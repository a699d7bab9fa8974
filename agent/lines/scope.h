// The spans around a record as its line shows them, within a bound: a small record must not take a
// long line because of what its sender opened around it.
//
// Kept first are the names, from the innermost span outwards, then the fields, in the same order,
// each that fits. What is left out is named by count: fields behind the others of their span, as
// `...=3`; the outermost spans in front, as a span `...` with a field `spans=3`.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "agent/lines/format.h"
#include "agent/live/span.h"

namespace sluice::lines {

class Scope {
 public:
  // `chain`: innermost first. `room`: bytes of names, fields and what stands between them, before
  // logfmt quotes them; a little more where it is below 128. It bounds the work, too.
  // `first_is_whole`: the innermost has its name and all of its fields, which take no room.
  // Everything outlives the scope.
  Scope(const LineFormat& format, std::span<const live::Span* const> chain, size_t room,
        bool first_is_whole);
  Scope(const Scope&) = delete;
  Scope& operator=(const Scope&) = delete;

  // Outermost first.
  std::span<const SpanContextItem> items() const { return items_; }

 private:
  struct Shown {
    const live::Span* span;
    std::string_view name;
    std::string fields;
  };

  void ShowWhole(const live::Span& span);
  void ShowNames(std::span<const live::Span* const> chain);
  void ShowFields(Shown* shown);
  std::string_view Cut(std::string_view name);

  const LineFormat& format_;
  size_t room_;
  // Fields of encoded spans that may still be looked at.
  int steps_;
  // Innermost first.
  std::vector<Shown> shown_;
  std::string cut_name_;
  std::string spans_left_out_;
  std::vector<SpanContextItem> items_;
};

}  // namespace sluice::lines
