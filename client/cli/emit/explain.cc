#include "client/cli/emit/explain.h"

#include <algorithm>

#include "client/cli/agent/agent_view.h"
#include "client/cli/agent/request.h"
#include "client/cli/render/filter.h"
#include "client/cli/render/message_json.h"
#include "client/cli/verb.h"

namespace sluice::cli {
namespace {

constexpr std::chrono::milliseconds kExplainTimeout{5'000};

}  // namespace

int ExplainInForce(const GlobalOptions& options, const std::string& record) {
  v1::ExplainRequest request;
  *request.mutable_record() = RecordMessage(record);
  Result<AgentView> agent = AgentView::Open(options, options.timeout.value_or(kExplainTimeout));
  if (!agent.ok()) return Fail(agent.failure());
  const Result<v1::ExplainResponse> response = agent->Explain(request);
  if (!response.ok()) return Fail(response.failure());
  const int printed = Print(options.json ? MessageJson(*response) : RenderVerdicts(*response));
  if (printed != kExitOk) return printed;
  const bool is_taken = std::ranges::any_of(response->verdicts(), &v1::FilterVerdict::enabled);
  return is_taken ? kExitOk : kExitNegative;
}

}  // namespace sluice::cli
