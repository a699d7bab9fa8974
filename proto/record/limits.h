// Every limit that client and agent share, once, each with its reason. docs/protocol.md shows the
// same table to people.
#pragma once

#include <cstddef>
#include <cstdint>

namespace sluice::limits {

// One encoded Record. Above it a record is dropped alone (`record_too_large`).
inline constexpr size_t kRecordBytes = 64 * 1024;
// One encoded Batch, and any other message on the ingest socket but OTLP.
inline constexpr size_t kBatchBytes = 4 * 1024 * 1024;
// One encoded EditPoolRequest, and its records: so many of the longest fit, and the agent holds
// them four times over for a moment. A pool that is restored, or filled by a script, is one edit.
inline constexpr size_t kEditPoolBytes = 32 * 1024 * 1024;
inline constexpr int kEditPoolRecords = 25'000;
// Attributes of one record; what is beyond is cut and counted in dropped_attributes_count. The same
// number as OpenTelemetry's default, and it lets a mark per attribute fit two words.
inline constexpr size_t kAttributes = 128;
// Bytes of a record's target.
inline constexpr size_t kTargetBytes = 256;
// Nesting of array and map values; deeper is malformed. Walking them must not exhaust a stack.
inline constexpr int kValueDepth = 16;
// Bytes of one encoded Resource, which has at most kAttributes attributes.
inline constexpr size_t kResourceBytes = 16 * 1024;

// What comes as OTLP. An item, which is a span or a log record: model prompts and answers stand in
// attributes. Above it the item is rejected alone.
inline constexpr size_t kOtlpItemBytes = 1024 * 1024;
// Nesting of its values: within a message it leaves what others allow, 100 levels of protobuf.
inline constexpr int kOtlpValueDepth = 30;
// A resource; above it its largest attributes are dropped and counted. Also what else stands around
// items, of a resource or of a scope: above it they are rejected.
inline constexpr size_t kOtlpEnvelopeBytes = 64 * 1024;
// A resource that is looked at at all.
inline constexpr size_t kOtlpResourceBytes = 1024 * 1024;
// A whole request, decompressed.
inline constexpr size_t kOtlpRequestBytes = 64 * 1024 * 1024;

// Events within one span that log and pool show; the view of its trace shows all. OpenTelemetry's
// SDKs keep as many by default.
inline constexpr uint32_t kSpanEventsShown = 128;

// Per uid. A process that OpenTelemetry's SDK is in has up to three connections, one for each
// signal.
inline constexpr int kConnectionsPerUid = 512;
inline constexpr int kOpenSpansPerUid = 10'000;
// Memory that the open spans of one uid take in one reader's table, with the resource of each and
// what is kept of ended ones; a record beyond it is dropped (`open_span_bytes`).
inline constexpr size_t kOpenSpanBytesPerUid = 16 * 1024 * 1024;
// The same of all users but root, in each of the six tables or so that an agent has. A user alone
// may hold 12.1 MiB of it (agent/base/shared_limit.h), which kOpenSpansPerUid small ones fit; each
// of 64 users 128 KiB whatever others hold.
inline constexpr size_t kOpenSpanBytesOfUsers = 32 * 1024 * 1024;
// Kept of spans that ended while a child of theirs is open, so that its lines can name them. Of
// what ends beyond it neither name nor ancestors are kept.
inline constexpr size_t kEndedSpanBytesPerUid = 1024 * 1024;
// Flushes that are waited for at once; each may last a minute. uid 0 runs many services.
inline constexpr int kFlushesPerUid = 64;
inline constexpr int kFlushesOfRoot = 1024;

// Of one FlushRequest: its bytes, and the sinks that it names.
inline constexpr size_t kFlushRequestBytes = 4 * 1024;
inline constexpr int kFlushSinks = 8;

// Processes named as owners of open spans (EmitRequest.owner); each may take a descriptor of the
// agent's. Those without an open span do not count. uid 0 runs many services.
inline constexpr int kSpanOwnersPerUid = 256;
inline constexpr int kSpanOwnersOfRoot = 1024;
// How long spans may live without their sender: at most, and where neither time nor process is
// stated.
inline constexpr uint64_t kSpanTtlMaxMs = 7ull * 24 * 3600 * 1000;
inline constexpr uint64_t kSpanTtlDefaultMs = 24ull * 3600 * 1000;

// What a client says of its losses (Batch.client_losses): reasons, and the bytes of each.
inline constexpr size_t kLossReasons = 8;
inline constexpr size_t kLossReasonBytes = 64;

// Per connection.
inline constexpr int kStreamsPerConnection = 16;
// From accept to the first complete request.
inline constexpr int kFirstBytesSeconds = 5;

// A client whose connection broke may come back and go on with its open spans.
inline constexpr int kReconnectSeconds = 60;
// After its disconnect, a client's last sequence number is remembered this long, so that re-sent
// records are told from new ones.
inline constexpr int kDedupSeconds = 15 * 60;
// Remembered client ids of one uid; the one longest gone is forgotten first.
inline constexpr int kDedupClientsPerUid = 1024;
// The same of all users but root; one of the user who has the most that are gone is forgotten.
// More than can be connected at once.
inline constexpr int kDedupClientsOfUsers = 32 * 1024;

inline constexpr uint32_t kProtocolVersion = 1;

}  // namespace sluice::limits
