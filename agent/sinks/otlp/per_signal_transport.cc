#include "agent/sinks/otlp/per_signal_transport.h"

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "agent/base/status_macros.h"

namespace sluice::otlp {

Answer PerSignalTransport::Send(Signal signal, absl::Span<const absl::string_view> request) {
  Transport* const transport = transports_[static_cast<size_t>(signal)].get();
  if (transport == nullptr) {
    Answer answer;
    answer.kind = Answer::Kind::kUnsupported;
    answer.message = absl::StrCat("no endpoint for ", NameOf(signal));
    return answer;
  }
  last_ = transport;
  return transport->Send(signal, request);
}

void PerSignalTransport::Cancel() {
  for (const auto& transport : transports_) {
    if (transport != nullptr) transport->Cancel();
  }
}

Answer PerSignalTransport::Sync() {
  for (const auto& transport : transports_) {
    if (transport == nullptr) continue;
    Answer answer = transport->Sync();
    if (answer.kind != Answer::Kind::kDone) return answer;
  }
  return {};
}

void PerSignalTransport::Reopen() {
  for (const auto& transport : transports_) {
    if (transport != nullptr) transport->Reopen();
  }
}

std::string PerSignalTransport::Describe() const {
  std::set<std::string> descriptions;
  for (const auto& transport : transports_) {
    if (transport != nullptr) descriptions.insert(transport->Describe());
  }
  return absl::StrJoin(descriptions, ", ");
}

absl::StatusOr<std::unique_ptr<Transport>> MakePerSignal(const OtlpSettings& settings,
                                                         const MakeTransportFn& make) {
  const bool has_own = std::any_of(std::begin(kSignals), std::end(kSignals), [&](Signal signal) {
    return !OwnEndpointOf(settings, signal).empty();
  });
  if (!has_own) return make(settings);
  PerSignalTransport::Transports transports;
  std::map<std::string, std::shared_ptr<Transport>> by_endpoint;
  for (const Signal signal : kSignals) {
    OtlpSettings of_signal = settings;
    of_signal.endpoint = EndpointFor(settings, signal);
    if (of_signal.endpoint.empty()) continue;
    std::shared_ptr<Transport>& transport = by_endpoint[of_signal.endpoint];
    if (transport == nullptr) {
      ASSIGN_OR_RETURN(transport, make(of_signal));
    }
    transports[static_cast<size_t>(signal)] = transport;
  }
  return std::make_unique<PerSignalTransport>(std::move(transports));
}

}  // namespace sluice::otlp
