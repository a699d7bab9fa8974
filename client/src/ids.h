// Draws the ids of spans and traces: by the program's own generator, where it has one.
#pragma once

#include <cstdint>
#include <cstring>

#include "client/include/sluice/sluice.h"
#include "client/src/thread_state.h"
#include "proto/trace/ids.h"
#include "proto/trace/uuid.h"

namespace sluice {

class IdMaker {
 public:
  IdMaker() = default;
  explicit IdMaker(const sluice_options& options)
      : make_(options.make_ids), user_(options.make_ids_user) {}

  // None of them zero.
  void MakeRoot(TraceId* trace_id, SpanId* span_id) const {
    if (make_ != nullptr) [[unlikely]] {
      *trace_id = {};
      return Make(trace_id->bytes.data(), trace_id, span_id);
    }
    const auto numbers = thread_state.random.NextThree();
    std::memcpy(trace_id->bytes.data(), numbers.data(), TraceId::kBytes);
    ShapeAsUuid4(trace_id);
    std::memcpy(span_id->bytes.data(), &numbers[2], SpanId::kBytes);
  }
  void MakeSpanId(SpanId* span_id) const {
    if (make_ != nullptr) [[unlikely]]
      return Make(nullptr, nullptr, span_id);
    Draw(span_id->bytes.data());
  }

 private:
  static void Draw(uint8_t* to) {
    const uint64_t number = thread_state.random.Next();
    std::memcpy(to, &number, sizeof(number));
  }
  static void DrawTraceId(TraceId* trace_id) {
    Draw(trace_id->bytes.data());
    Draw(trace_id->bytes.data() + 8);
    ShapeAsUuid4(trace_id);
  }
  void Make(uint8_t* trace_bytes, TraceId* trace_id, SpanId* span_id) const {
    *span_id = {};
    make_(user_, trace_bytes, span_id->bytes.data());
    if (trace_id != nullptr && trace_id->IsZero()) DrawTraceId(trace_id);
    if (span_id->IsZero()) Draw(span_id->bytes.data());
  }

  void (*make_)(void* user, uint8_t trace_id[16], uint8_t span_id[8]) = nullptr;
  void* user_ = nullptr;
};

}  // namespace sluice
