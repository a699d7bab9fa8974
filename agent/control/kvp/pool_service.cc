#include "agent/control/kvp/pool_service.h"

#include <string_view>

#include "absl/strings/str_cat.h"
#include "agent/base/status_macros.h"
#include "agent/net/grpc/request.h"
#include "agent/net/grpc/unary.h"
#include "agent/sinks/kvp/kvp_settings.h"
#include "agent/sinks/kvp/pool_file.h"
#include "proto/kvp/slot.h"
#include "proto/record/limits.h"
#include "proto/record/names.h"

namespace sluice::control {
namespace {

constexpr char kSink[] = "kvp";
// Pool records in one DumpPoolResponse.
constexpr size_t kRecordsPerMessage = 100;

const kvp::KvpSettings& SettingsOf(const config::AgentConfig& config) {
  return config.FindSink(kSink)->As<kvp::KvpSettings>();
}

sinks::SinkWorker* FindWorker(const std::vector<std::unique_ptr<sinks::SinkWorker>>& workers) {
  for (const auto& worker : workers) {
    if (worker->name() == kSink) return worker.get();
  }
  return nullptr;
}

// Why the agent writes no records and no report into the pool, for who wants to; empty: it does.
std::string WhyPoolIsOff(const config::LoadedConfig& loaded) {
  const std::string& key = loaded.config.FindSink(kSink)->off_by;
  if (key.empty()) return "";
  return absl::StrCat("switched off by ", key, " = false (", loaded.settings.at(key).origin, ")");
}

// The whole file, a torn record at its end included.
absl::StatusOr<std::string> ReadPool(const std::string& path) {
  return kvp::PoolFile({.path = path, .create = false}).ReadAll();
}

absl::Status SendRawPool(std::string_view pool, AnswerStream& stream) {
  v1::DumpPoolResponse message;
  for (; !pool.empty(); pool.remove_prefix(message.raw().size())) {
    message.set_raw(std::string(pool.substr(0, kRecordsPerMessage * kvp::kRecordBytes)));
    if (!stream.Send(message.SerializeAsString())) break;
  }
  return absl::OkStatus();
}

absl::Status SendPool(std::string_view pool, AnswerStream& stream) {
  v1::DumpPoolResponse message;
  for (size_t at = 0; at + kvp::kRecordBytes <= pool.size(); at += kvp::kRecordBytes) {
    const kvp::Pair pair = kvp::DecodeRecord(pool.substr(at, kvp::kRecordBytes));
    v1::PoolRecord* const record = message.add_records();
    record->set_key(std::string(pair.key));
    record->set_value(std::string(pair.value));
    if (message.records_size() < static_cast<int>(kRecordsPerMessage)) continue;
    if (!stream.Send(message.SerializeAsString())) return absl::OkStatus();
    message.Clear();
  }
  stream.Send(message.SerializeAsString());
  return absl::OkStatus();
}

// Ends the call `id`, if it is still there, with what became of it.
template <typename Response>
void Answer(net::GrpcServer* server, net::CallId id, const absl::StatusOr<Response>& response) {
  net::Call* const call = server->FindCall(id);
  if (call == nullptr) return;
  if (response.ok()) call->Send(response->SerializeAsString());
  call->Finish(response.status());
}

}  // namespace

void AddDumpPoolRoute(net::GrpcServer* server, StreamedAnswers* answers, const std::string& path) {
  const auto dump = [path](const Question& question, AnswerStream& stream) -> absl::Status {
    ASSIGN_OR_RETURN(const auto request, net::ParseRequest<v1::DumpPoolRequest>(question.request));
    ASSIGN_OR_RETURN(const std::string pool, ReadPool(path));
    return request.raw() ? SendRawPool(pool, stream) : SendPool(pool, stream);
  };
  server->AddRoute(method::kControlDumpPool, {answers->Serve(server, dump)});
}

PoolService::PoolService(const config::LoadedConfig& loaded, const Options& options)
    : path_(SettingsOf(loaded.config).path),
      answers_(options.answers),
      reporter_({.admission = options.admission,
                 .off = WhyPoolIsOff(loaded),
                 .flush = options.flush,
                 .counters = options.counters,
                 .clock = &options.loop->clock(),
                 .dialect = SettingsOf(loaded.config).report_dialect,
                 .vm_id = SettingsOf(loaded.config).vm_id.empty()
                              ? options.vm_id
                              : SettingsOf(loaded.config).vm_id}),
      editor_({options.loop, options.counters, FindWorker(*options.workers), path_}) {}

void PoolService::AddRoutes(net::GrpcServer* server) {
  AddDumpPoolRoute(server, answers_, path_);
  server->AddRoute(method::kControlReport, ReportRoute(server));
  server->AddRoute(method::kControlEditPool, EditRoute(server));
}

net::Route PoolService::ReportRoute(net::GrpcServer* server) {
  return {net::Unary([this, server](net::Call& call, std::string_view encoded) {
    const auto request = net::ParseRequest<v1::ReportRequest>(encoded);
    if (!request.ok()) return call.Finish(request.status());
    reporter_.Report(
        call.connection().identity(), *request,
        [server, id = call.id()](const auto& response) { Answer(server, id, response); });
  })};
}

net::Route PoolService::EditRoute(net::GrpcServer* server) {
  if (!editor_.has_sink()) {
    const auto edit = [this](const Question& question, AnswerStream& stream) -> absl::Status {
      ASSIGN_OR_RETURN(const auto request,
                       net::ParseRequest<v1::EditPoolRequest>(question.request));
      ASSIGN_OR_RETURN(const Producer answer, editor_.EditFile(question.caller, request));
      return answer(stream);
    };
    return {editor_.file_edits().Serve(server, edit), limits::kEditPoolBytes};
  }
  return {net::Unary([this, server](net::Call& call, std::string_view encoded) {
            const auto request = net::ParseRequest<v1::EditPoolRequest>(encoded);
            if (!request.ok()) return call.Finish(request.status());
            editor_.Edit(
                call.connection().identity(), *request,
                [server, id = call.id()](const auto& response) { Answer(server, id, response); });
          }),
          limits::kEditPoolBytes};
}

}  // namespace sluice::control
