#include "agent/control/control_service.h"

#include <algorithm>
#include <utility>

#include "agent/base/status_macros.h"
#include "agent/control/line_query.h"
#include "agent/control/record_query.h"
#include "agent/control/trace_query.h"
#include "agent/control/valid_text.h"
#include "agent/ingest/ingest_service.h"
#include "agent/net/grpc/request.h"
#include "agent/net/grpc/unary.h"
#include "proto/record/limits.h"
#include "proto/record/names.h"

namespace sluice::control {
namespace {

// Of a question whose answer takes a while. About filters: its text, its record and the spans
// around, with room to spare.
constexpr size_t kMaxQuestionBytes = 256 * 1024;

v1::ReloadResponse Describe(const absl::StatusOr<config::Reloaded>& reloaded) {
  v1::ReloadResponse response;
  if (!reloaded.ok()) {
    response.set_error(ValidText(std::string(reloaded.status().message())));
    return response;
  }
  for (const std::string& warning : reloaded->loaded.warnings) {
    response.add_warnings(ValidText(warning));
  }
  for (const config::SettingChange& from : reloaded->changes) {
    v1::SettingChange* const change = response.add_changes();
    change->mutable_setting()->set_key(from.key);
    change->mutable_setting()->set_value(from.setting.value);
    change->mutable_setting()->set_origin(ValidText(from.setting.origin));
    change->set_old_value(from.old_value);
    change->set_needs_restart(from.needs_restart);
  }
  return response;
}

}  // namespace

void ControlService::AddQueryRoutes(net::GrpcServer* server) {
  server->AddRoute(method::kQueryStatus, StatusRoute(server, View::kOwnUid));
  server->AddRoute(method::kQueryRecords, RecordsRoute(server, View::kOwnUid));
  server->AddRoute(method::kQueryCheckFilter, CheckFilterRoute(server));
  server->AddRoute(method::kQueryExplain, ExplainRoute(server));
  server->AddRoute(method::kQueryLines, LinesRoute(server, View::kOwnUid));
  server->AddRoute(method::kQueryTraces, TracesRoute(server, View::kOwnUid));
}

void ControlService::AddControlRoutes(net::GrpcServer* server) {
  AddViewRoutes(server);
  AddFilterRoutes(server);
  server->AddRoute(method::kControlFlush, FlushRoute(server));
  server->AddRoute(method::kControlReload, ReloadRoute());
}

void ControlService::AddViewRoutes(net::GrpcServer* server) {
  server->AddRoute(method::kControlStatus, StatusRoute(server, View::kEverything));
  server->AddRoute(method::kControlRecords, RecordsRoute(server, View::kEverything));
  server->AddRoute(method::kControlLines, LinesRoute(server, View::kEverything));
  server->AddRoute(method::kControlTraces, TracesRoute(server, View::kEverything));
}

void ControlService::AddFilterRoutes(net::GrpcServer* server) {
  server->AddRoute(method::kControlCheckFilter, CheckFilterRoute(server));
  server->AddRoute(method::kControlExplain, ExplainRoute(server));
}

std::optional<uid_t> ControlService::OnlyUid(View view, uid_t uid) {
  if (view == View::kEverything || uid == 0) return std::nullopt;
  return uid;
}

net::Route ControlService::StatusRoute(net::GrpcServer* server, View view) {
  return {options_.answers->Serve(
              server,
              [this, view](const Question& question, AnswerStream& stream) -> absl::Status {
                ASSIGN_OR_RETURN(const auto request,
                                 net::ParseRequest<v1::StatusRequest>(question.request));
                return options_.status->Answer(request, question.caller,
                                               OnlyUid(view, question.caller.uid), stream);
              }),
          kMaxQuestionBytes};
}

net::Route ControlService::RecordsRoute(net::GrpcServer* server, View view) {
  return {options_.answers->Serve(
              server,
              [this, view](const Question& question, AnswerStream& stream) -> absl::Status {
                ASSIGN_OR_RETURN(const auto request,
                                 net::ParseRequest<v1::RecordsRequest>(question.request));
                ASSIGN_OR_RETURN(
                    const Producer answer,
                    QueryRecords(options_.journal, request, OnlyUid(view, question.caller.uid)));
                return answer(stream);
              }),
          kMaxQuestionBytes};
}

net::Route ControlService::TracesRoute(net::GrpcServer* server, View view) {
  return {options_.answers->Serve(
              server,
              [this, view](const Question& question, AnswerStream& stream) -> absl::Status {
                ASSIGN_OR_RETURN(const auto request,
                                 net::ParseRequest<v1::TracesRequest>(question.request));
                ASSIGN_OR_RETURN(
                    const Producer answer,
                    QueryTraces(options_.journal, request, OnlyUid(view, question.caller.uid),
                                options_.clock->UnixNano()));
                return answer(stream);
              }),
          kMaxQuestionBytes};
}

net::Route ControlService::LinesRoute(net::GrpcServer* server, View view) {
  return {options_.lines->Serve(
              server,
              [this, view](const Question& question, AnswerStream& stream) -> absl::Status {
                ASSIGN_OR_RETURN(const auto request,
                                 net::ParseRequest<v1::LinesRequest>(question.request));
                ASSIGN_OR_RETURN(
                    const Producer answer,
                    QueryLines(options_.journal, request, OnlyUid(view, question.caller.uid)));
                return answer(stream);
              }),
          kMaxQuestionBytes};
}

net::Route ControlService::FlushRoute(net::GrpcServer* server) {
  return {net::Unary([this, server](net::Call& call, std::string_view encoded) {
            const auto request = net::ParseRequest<v1::FlushRequest>(encoded);
            if (!request.ok()) return call.Finish(request.status());
            options_.flush->Flush(call.connection().uid(), *request,
                                  [server, id = call.id()](const v1::FlushResponse& response) {
                                    net::Call* const waiting = server->FindCall(id);
                                    if (waiting == nullptr) return;
                                    waiting->Send(response.SerializeAsString());
                                    waiting->Finish(absl::OkStatus());
                                  });
          }),
          limits::kFlushRequestBytes};
}

net::Route ControlService::CheckFilterRoute(net::GrpcServer* server) {
  const auto check = [this](const Question& question, AnswerStream& stream) -> absl::Status {
    ASSIGN_OR_RETURN(const auto request,
                     net::ParseRequest<v1::CheckFilterRequest>(question.request));
    FiltersInForce in_force;
    if (!stream.OnLoop([&] { in_force = options_.filters(); })) return absl::OkStatus();
    return CheckFilter(request, in_force.options, stream);
  };
  return {options_.answers->Serve(server, check), kMaxQuestionBytes};
}

net::Route ControlService::ExplainRoute(net::GrpcServer* server) {
  const auto explain = [this](const Question& question, AnswerStream& stream) -> absl::Status {
    ASSIGN_OR_RETURN(const auto request, net::ParseRequest<v1::ExplainRequest>(question.request));
    FiltersInForce in_force;
    if (!stream.OnLoop([&] { in_force = options_.filters(); })) return absl::OkStatus();
    return Explain(request, in_force, *options_.spans, question.caller.uid, stream);
  };
  return {options_.answers->Serve(server, explain), kMaxQuestionBytes};
}

net::Route ControlService::ReloadRoute() {
  return {net::Unary([this](net::Call& call, std::string_view) {
    call.Send(Describe(options_.reload()).SerializeAsString());
    call.Finish(absl::OkStatus());
  })};
}

}  // namespace sluice::control
