// A destination that answers as a test says and keeps what it was sent.
#pragma once

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_join.h"
#include "agent/sinks/otlp/transport.h"

namespace sluice::otlp {

class ScriptedTransport final : public Transport {
 public:
  struct Call {
    Signal signal = Signal::kTraces;
    std::string request;
  };

  // What is answered to each call; kDone where there is no script.
  std::function<Answer(const Call&)> script;
  std::vector<Call> calls;

  Answer Send(Signal signal, absl::Span<const absl::string_view> request) override {
    calls.push_back({signal, absl::StrJoin(request, "")});
    return script ? script(calls.back()) : Answer();
  }
  void Cancel() override {}
  std::string Describe() const override { return "script://"; }
};

inline Answer AnswerOf(Answer::Kind kind, std::string message = "no") {
  Answer answer;
  answer.kind = kind;
  answer.message = std::move(message);
  return answer;
}

}  // namespace sluice::otlp
