#include "client/cli/agent/agent_view.h"

#include <utility>

#include "client/cli/agent/emit.h"
#include "client/cli/agent/offline_agent.h"
#include "client/cli/agent/progress.h"
#include "client/cli/agent/request.h"
#include "proto/record/names.h"

namespace sluice::cli {
namespace {

using std::chrono::steady_clock;

Failure Unreadable(const std::string& socket) {
  return {kExitIo, "the answer of the agent at " + socket +
                       " cannot be read; sluice and sluiced are of different versions"};
}

}  // namespace

Result<AgentView> AgentView::Open(const GlobalOptions& options, std::chrono::milliseconds timeout) {
  if (options.is_offline()) return OpenOffline(options, timeout);
  Result<AgentView> admin = OpenAdmin(options, timeout);
  if (admin.ok()) return admin;
  return OpenSocket(ResolveSockets(options).ingest, /*is_admin=*/false, timeout);
}

Result<AgentView> AgentView::OpenAdmin(const GlobalOptions& options,
                                       std::chrono::milliseconds timeout) {
  return OpenSocket(ResolveSockets(options).admin, /*is_admin=*/true, timeout);
}

Result<AgentView> AgentView::OpenForFilters(std::chrono::milliseconds timeout) {
  return OpenOffline(GlobalOptions{}, timeout);
}

Result<AgentView> AgentView::OpenSocket(const std::string& socket, bool is_admin,
                                        std::chrono::milliseconds timeout) {
  AgentView view;
  view.socket_ = socket;
  view.is_admin_ = is_admin;
  view.deadline_ = steady_clock::now() + timeout;
  const rpc::Status status = rpc::Channel::Open(view.socket_, view.deadline_, &view.channel_);
  if (!status.ok()) return CallFailure(status, view.socket_);
  return view;
}

// Whoever may read a journal sees all of it.
Result<AgentView> AgentView::OpenOffline(const GlobalOptions& options,
                                         std::chrono::milliseconds timeout) {
  AgentView view;
  view.deadline_ = steady_clock::now() + timeout;
  const Progress progress("the journal to be read");
  Result<OfflineAgent> agent = StartOfflineAgent(options, view.deadline_);
  if (!agent.ok()) return agent.failure();
  view.socket_ = std::move(agent->name);
  view.channel_ = std::move(agent->channel);
  view.is_admin_ = view.is_offline_ = true;
  return view;
}

Result<uint64_t> AgentView::Now() {
  if (!is_offline_) return UnixNow();
  const Result<v1::StatusResponse> status = Status(/*open_spans=*/false);
  if (!status.ok()) return status.failure();
  return uint64_t{status->as_of_unix_nano()};
}

template <typename Response>
Result<Response> AgentView::Call(std::string_view method,
                                 const google::protobuf::Message& request) {
  const Progress progress(name());
  std::string encoded;
  const rpc::Status status = channel_->Unary(method, EncodeRequest(request), deadline_, &encoded);
  if (!status.ok()) return CallFailure(status, socket_);
  Response response;
  if (!response.ParseFromString(encoded)) return Unreadable(socket_);
  return response;
}

Result<v1::StatusResponse> AgentView::Status(bool open_spans) {
  v1::StatusRequest request;
  request.set_open_spans(open_spans);
  return Call<v1::StatusResponse>(is_admin_ ? method::kControlStatus : method::kQueryStatus,
                                  request);
}

Result<v1::CheckFilterResponse> AgentView::CheckFilter(const std::string& filter) {
  v1::CheckFilterRequest request;
  request.set_filter(filter);
  return Call<v1::CheckFilterResponse>(
      is_admin_ ? method::kControlCheckFilter : method::kQueryCheckFilter, request);
}

Result<v1::ExplainResponse> AgentView::Explain(const v1::ExplainRequest& request) {
  return Call<v1::ExplainResponse>(is_admin_ ? method::kControlExplain : method::kQueryExplain,
                                   request);
}

Result<v1::ReloadResponse> AgentView::Reload() {
  return Call<v1::ReloadResponse>(method::kControlReload, v1::ReloadRequest());
}

template <typename Response>
std::optional<Failure> AgentView::Stream(std::string_view method, std::string_view request,
                                         const std::function<bool(Response&)>& on_message) {
  Response response;
  bool readable = true;
  const auto take = [&](std::string_view message) {
    readable = response.ParseFromArray(message.data(), static_cast<int>(message.size()));
    return readable && on_message(response);
  };
  const Progress progress(name());
  const rpc::Status status = channel_->ServerStream(method, request, deadline_, take);
  if (!readable) return Unreadable(socket_);
  if (status.outcome == rpc::Outcome::kStatus) {
    if (status.code == rpc::GrpcCode::kNotFound) return Failure{kExitNegative, status.message};
    if (status.code == rpc::GrpcCode::kFailedPrecondition) {
      return Failure{kExitUsage, status.message};
    }
  }
  if (!status.ok()) return CallFailure(status, socket_);
  return std::nullopt;
}

Result<v1::TracesResponse> AgentView::Traces(const v1::TracesRequest& request) {
  v1::TracesResponse all;
  const auto failure =
      Stream<v1::TracesResponse>(is_admin_ ? method::kControlTraces : method::kQueryTraces,
                                 EncodeRequest(request), [&](v1::TracesResponse& response) {
                                   all.MergeFrom(response);
                                   return true;
                                 });
  if (failure) return *failure;
  return all;
}

Result<size_t> AgentView::Records(const v1::RecordsRequest& request,
                                  const std::function<void(v1::StoredRecord*)>& on_record) {
  size_t count = 0;
  const auto failure =
      Stream<v1::RecordsResponse>(is_admin_ ? method::kControlRecords : method::kQueryRecords,
                                  EncodeRequest(request), [&](v1::RecordsResponse& response) {
                                    for (v1::StoredRecord& record : *response.mutable_records())
                                      on_record(&record);
                                    count += static_cast<size_t>(response.records_size());
                                    return true;
                                  });
  if (failure) return *failure;
  return count;
}

Result<std::string> AgentView::DumpPool() {
  v1::DumpPoolRequest request;
  request.set_raw(true);
  std::string pool;
  bool is_raw = true;
  const auto failure = Stream<v1::DumpPoolResponse>(
      method::kControlDumpPool, EncodeRequest(request), [&](v1::DumpPoolResponse& response) {
        is_raw = response.records_size() == 0;
        pool += response.raw();
        return is_raw;
      });
  if (failure) return *failure;
  if (!is_raw) return Unreadable(socket_);
  return pool;
}

template <typename Response>
Result<Response> AgentView::ChangePool(std::string_view method, std::string_view request) {
  std::string encoded;
  const rpc::Status status = channel_->Unary(method, request, deadline_, &encoded);
  if (status.outcome == rpc::Outcome::kStatus) {
    if (status.code == rpc::GrpcCode::kInvalidArgument) return Failure{kExitUsage, status.message};
    if (status.code == rpc::GrpcCode::kUnavailable) return Failure{kExitIo, status.message};
  }
  if (!status.ok()) return CallFailure(status, socket_);
  Response response;
  if (!response.ParseFromString(encoded)) return Unreadable(socket_);
  return response;
}

Result<v1::EditPoolResponse> AgentView::EditPool(const v1::EditPoolRequest& request) {
  return ChangePool<v1::EditPoolResponse>(method::kControlEditPool, EncodeRequest(request));
}

Result<v1::ReportResponse> AgentView::Report(const v1::ReportRequest& request) {
  return ChangePool<v1::ReportResponse>(method::kControlReport, EncodeRequest(request));
}

Result<std::vector<v1::TestExportResponse>> AgentView::TestExport(
    const v1::TestExportRequest& request,
    const std::function<bool(const v1::TestExportResponse&)>& on_step) {
  std::vector<v1::TestExportResponse> steps;
  const auto failure = Stream<v1::TestExportResponse>(
      method::kControlTestExport, EncodeRequest(request), [&](v1::TestExportResponse& step) {
        steps.push_back(step);
        return on_step(step);
      });
  if (failure) return *failure;
  return steps;
}

Result<v1::RetryExportResponse> AgentView::RetryExport(const v1::RetryExportRequest& request) {
  return Call<v1::RetryExportResponse>(method::kControlRetryExport, request);
}

Result<v1::FlushResponse> Flush(const std::string& ingest_socket, const v1::FlushRequest& request,
                                std::chrono::milliseconds timeout) {
  const rpc::Deadline deadline = steady_clock::now() + timeout;
  std::unique_ptr<rpc::Channel> channel;
  rpc::Status status = rpc::Channel::Open(ingest_socket, deadline, &channel);
  std::string encoded;
  if (status.ok()) {
    status = channel->Unary(method::kFlush, EncodeRequest(request), deadline, &encoded);
  }
  if (!status.ok()) return CallFailure(status, ingest_socket);
  v1::FlushResponse response;
  if (!response.ParseFromString(encoded)) return Unreadable(ingest_socket);
  return response;
}

}  // namespace sluice::cli
