// Names that client, tool and agent must agree on: socket paths, gRPC method paths, environment.
#pragma once

#include <string_view>

namespace sluice {

inline constexpr std::string_view kVersion = "0.1.0";

inline constexpr std::string_view kIngestSocket = "/run/sluice/sluice.sock";
inline constexpr std::string_view kAdminSocket = "/run/sluice-admin/admin.sock";

inline constexpr std::string_view kSocketEnv = "SLUICE_SOCKET";
inline constexpr std::string_view kAdminSocketEnv = "SLUICE_ADMIN_SOCKET";
inline constexpr std::string_view kStderrEnv = "SLUICE_STDERR";

// `:path` of each call.
namespace method {
inline constexpr std::string_view kConnect = "/sluice.v1.Ingest/Connect";
inline constexpr std::string_view kEmit = "/sluice.v1.Ingest/Emit";
inline constexpr std::string_view kFlush = "/sluice.v1.Ingest/Flush";
inline constexpr std::string_view kQueryStatus = "/sluice.v1.Query/Status";
inline constexpr std::string_view kQueryRecords = "/sluice.v1.Query/Records";
inline constexpr std::string_view kQueryLines = "/sluice.v1.Query/Lines";
inline constexpr std::string_view kQueryTraces = "/sluice.v1.Query/Traces";
inline constexpr std::string_view kQueryCheckFilter = "/sluice.v1.Query/CheckFilter";
inline constexpr std::string_view kQueryExplain = "/sluice.v1.Query/Explain";
inline constexpr std::string_view kControlStatus = "/sluice.v1.Control/Status";
inline constexpr std::string_view kControlRecords = "/sluice.v1.Control/Records";
inline constexpr std::string_view kControlLines = "/sluice.v1.Control/Lines";
inline constexpr std::string_view kControlTraces = "/sluice.v1.Control/Traces";
inline constexpr std::string_view kControlFlush = "/sluice.v1.Control/Flush";
inline constexpr std::string_view kControlDumpPool = "/sluice.v1.Control/DumpPool";
inline constexpr std::string_view kControlReport = "/sluice.v1.Control/Report";
inline constexpr std::string_view kControlEditPool = "/sluice.v1.Control/EditPool";
inline constexpr std::string_view kControlCheckFilter = "/sluice.v1.Control/CheckFilter";
inline constexpr std::string_view kControlExplain = "/sluice.v1.Control/Explain";
inline constexpr std::string_view kControlReload = "/sluice.v1.Control/Reload";
inline constexpr std::string_view kControlTestExport = "/sluice.v1.Control/TestExport";
inline constexpr std::string_view kControlRetryExport = "/sluice.v1.Control/RetryExport";
inline constexpr std::string_view kHealthCheck = "/grpc.health.v1.Health/Check";
// OpenTelemetry's own names; what they take is sluice.otlp.v1's, which is the same on the wire.
inline constexpr std::string_view kExportTraces =
    "/opentelemetry.proto.collector.trace.v1.TraceService/Export";
inline constexpr std::string_view kExportLogs =
    "/opentelemetry.proto.collector.logs.v1.LogsService/Export";
inline constexpr std::string_view kExportMetrics =
    "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export";
}  // namespace method

// Why a record was dropped that no sink and no view wants.
inline constexpr std::string_view kUnwantedLevel = "unwanted_level";

// Attributes whose key begins so are the agent's; a client's are dropped and counted.
inline constexpr std::string_view kReservedPrefix = "sluice.";
// Looks at the first character itself, which spares most keys the call.
constexpr bool IsReservedKey(std::string_view key) {
  return !key.empty() && key.front() == kReservedPrefix.front() && key.starts_with(kReservedPrefix);
}

}  // namespace sluice
