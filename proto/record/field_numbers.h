// The protobuf field numbers that hand-written code reads and writes: each stands here once, by
// message, under the name that it has in the .proto file. kLast is the message's highest number,
// kReserved a number that OTLP has given up. field_numbers_test.cc reads this file and compares it
// with the generated messages. The journal has its own in agent/journal/field_numbers.h.
#pragma once

#include <cstdint>

#include "proto/record/otlp_field_numbers.h"

namespace sluice {

namespace record_field {  // sluice.v1.Record
inline constexpr uint32_t kKind = 1;
inline constexpr uint32_t kLevel = 2;
inline constexpr uint32_t kTarget = 3;
inline constexpr uint32_t kBareAttributes = 4;
inline constexpr uint32_t kBusyNs = 5;
inline constexpr uint32_t kSpan = 6;
inline constexpr uint32_t kEvent = 7;
inline constexpr uint32_t kLast = kEvent;
}  // namespace record_field

namespace batch_field {  // sluice.v1.Batch
inline constexpr uint32_t kFirstSequence = 1;
inline constexpr uint32_t kRecords = 2;
inline constexpr uint32_t kClientLosses = 3;
}  // namespace batch_field

namespace client_message_field {  // sluice.v1.ClientMessage
inline constexpr uint32_t kHello = 1;
inline constexpr uint32_t kBatch = 2;
inline constexpr uint32_t kFlush = 3;
}  // namespace client_message_field

namespace server_message_field {  // sluice.v1.ServerMessage
inline constexpr uint32_t kWelcome = 1;
inline constexpr uint32_t kAck = 2;
inline constexpr uint32_t kHint = 3;
inline constexpr uint32_t kFlush = 4;
}  // namespace server_message_field

namespace hello_field {  // sluice.v1.Hello
inline constexpr uint32_t kProtocolVersion = 1;
inline constexpr uint32_t kClientId = 2;
inline constexpr uint32_t kResource = 3;
inline constexpr uint32_t kBootId = 4;
inline constexpr uint32_t kClock = 5;
inline constexpr uint32_t kOpenSpans = 6;
}  // namespace hello_field

namespace clock_pair_field {  // sluice.v1.ClockPair
inline constexpr uint32_t kRealtimeUnixNano = 1;
inline constexpr uint32_t kBoottimeNano = 2;
}  // namespace clock_pair_field

namespace welcome_field {  // sluice.v1.Welcome
inline constexpr uint32_t kProtocolVersion = 1;
inline constexpr uint32_t kLastSequence = 2;
inline constexpr uint32_t kLimits = 3;
inline constexpr uint32_t kHint = 4;
inline constexpr uint32_t kAgentVersion = 5;
}  // namespace welcome_field

namespace ack_field {  // sluice.v1.Ack
inline constexpr uint32_t kSequence = 1;
inline constexpr uint32_t kDurability = 2;
inline constexpr uint32_t kDrops = 3;
}  // namespace ack_field

namespace drop_field {  // sluice.v1.Drop
inline constexpr uint32_t kReason = 1;
inline constexpr uint32_t kCount = 2;
}  // namespace drop_field

namespace hint_field {  // sluice.v1.Hint
inline constexpr uint32_t kDefaultLevel = 1;
inline constexpr uint32_t kDefaultOff = 2;
inline constexpr uint32_t kTargets = 3;
}  // namespace hint_field

namespace target_level_field {  // sluice.v1.TargetLevel
inline constexpr uint32_t kTargetPrefix = 1;
inline constexpr uint32_t kLevel = 2;
inline constexpr uint32_t kOff = 3;
}  // namespace target_level_field

namespace emit_request_field {  // sluice.v1.EmitRequest
inline constexpr uint32_t kBatch = 1;
inline constexpr uint32_t kResource = 2;
inline constexpr uint32_t kClientId = 3;
inline constexpr uint32_t kOwner = 4;
}  // namespace emit_request_field

namespace span_owner_field {  // sluice.v1.SpanOwner
inline constexpr uint32_t kPid = 1;
inline constexpr uint32_t kStartTimeTicks = 2;
inline constexpr uint32_t kTtlMs = 3;
}  // namespace span_owner_field

namespace emit_response_field {  // sluice.v1.EmitResponse
inline constexpr uint32_t kDurability = 1;
inline constexpr uint32_t kAccepted = 2;
inline constexpr uint32_t kDrops = 3;
}  // namespace emit_response_field

namespace flush_request_field {  // sluice.v1.FlushRequest
inline constexpr uint32_t kSinks = 1;
inline constexpr uint32_t kTimeoutMs = 2;
}  // namespace flush_request_field

namespace flush_response_field {  // sluice.v1.FlushResponse
inline constexpr uint32_t kSinks = 2;
}  // namespace flush_response_field

namespace sink_flush_field {  // sluice.v1.SinkFlush
inline constexpr uint32_t kSink = 1;
inline constexpr uint32_t kDone = 2;
inline constexpr uint32_t kError = 3;
}  // namespace sink_flush_field

namespace identity_field {  // sluice.v1.Identity
inline constexpr uint32_t kPid = 1;
inline constexpr uint32_t kUid = 2;
inline constexpr uint32_t kGid = 3;
inline constexpr uint32_t kStartTimeTicks = 4;
inline constexpr uint32_t kUnit = 5;
inline constexpr uint32_t kComm = 6;
inline constexpr uint32_t kPod = 7;
}  // namespace identity_field

namespace counter_field {  // sluice.v1.Counter
inline constexpr uint32_t kName = 1;
}  // namespace counter_field

}  // namespace sluice
