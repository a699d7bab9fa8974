// What the looking verbs ask the agent: about everything through the admin socket where this
// process may open it, else about its own uid's part through the ingest socket.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "client/cli/exit_code.h"
#include "client/cli/options.h"
#include "client/rpc/channel.h"
#include "sluice/v1/query.pb.h"

namespace sluice::cli {

class AgentView {
 public:
  // The agent that the options name, or one for the journal that they name (offline_agent.h). All
  // calls have to be answered within `timeout` from now.
  static Result<AgentView> Open(const GlobalOptions& options, std::chrono::milliseconds timeout);
  // The running agent, through the admin socket or not at all.
  static Result<AgentView> OpenAdmin(const GlobalOptions& options,
                                     std::chrono::milliseconds timeout);
  // An agent of our own that knows filters alone.
  static Result<AgentView> OpenForFilters(std::chrono::milliseconds timeout);

  Result<v1::StatusResponse> Status(bool open_spans);
  Result<v1::CheckFilterResponse> CheckFilter(const std::string& filter);
  Result<v1::ExplainResponse> Explain(const v1::ExplainRequest& request);
  // Needs the admin socket.
  Result<v1::ReloadResponse> Reload();
  // Newest first.
  Result<v1::TracesResponse> Traces(const v1::TracesRequest& request);
  // `on_record` gets each as it comes, to take apart, the oldest first. Gives their number. Fails
  // with kExitNegative where `select` finds nothing, with kExitUsage where it finds several.
  Result<size_t> Records(const v1::RecordsRequest& request,
                         const std::function<void(v1::StoredRecord*)>& on_record);
  // These need the admin socket. The pool's records as they lie on disk, byte for byte:
  Result<std::string> DumpPool();
  // Both fail with kExitUsage where the agent finds fault with the request, with kExitIo where the
  // pool cannot be written.
  Result<v1::EditPoolResponse> EditPool(const v1::EditPoolRequest& request);
  Result<v1::ReportResponse> Report(const v1::ReportRequest& request);
  // `on_step` sees each message as it comes and returns whether to go on.
  Result<std::vector<v1::TestExportResponse>> TestExport(
      const v1::TestExportRequest& request,
      const std::function<bool(const v1::TestExportResponse&)>& on_step);
  Result<v1::RetryExportResponse> RetryExport(const v1::RetryExportRequest& request);

  bool is_admin() const { return is_admin_; }
  // Until when what has not ended has lasted: now, or the end of a journal whose agent does not
  // run.
  Result<uint64_t> Now();

 private:
  AgentView() = default;
  static Result<AgentView> OpenSocket(const std::string& socket, bool is_admin,
                                      std::chrono::milliseconds timeout);
  static Result<AgentView> OpenOffline(const GlobalOptions& options,
                                       std::chrono::milliseconds timeout);
  template <typename Response>
  Result<Response> Call(std::string_view method, const google::protobuf::Message& request);
  // `on_message` sees each message as it comes and returns whether to go on. nullopt: all came.
  template <typename Response>
  std::optional<Failure> Stream(std::string_view method, std::string_view request,
                                const std::function<bool(Response&)>& on_message);
  template <typename Response>
  Result<Response> ChangePool(std::string_view method, std::string_view request);

  std::string name() const { return "the agent at " + socket_; }

  std::string socket_;
  bool is_admin_ = false;
  bool is_offline_ = false;
  rpc::Deadline deadline_;
  std::unique_ptr<rpc::Channel> channel_;
};

// Ingest.Flush, which every user may call.
Result<v1::FlushResponse> Flush(const std::string& ingest_socket, const v1::FlushRequest& request,
                                std::chrono::milliseconds timeout);

}  // namespace sluice::cli
