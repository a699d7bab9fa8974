// Sends what a test says through one network transport, loaded as the agent loads it.
//
//   otlp_send --endpoint=URL [--protocol=grpc] [--gzip] [--timeout=MS] [--age=MS] [--header=K=V]...
//             [--headers-file=F] [--ca=F] [--cert=F] [--key=F] [--proxy=URL]
//
// For each line on stdin, `SIGNAL FILE` (the encoded request; `-`: an empty one), it prints the
// answer as one line of JSON; `cancel MS` cancels so much later, from another thread.
#include <csignal>
#include <fstream>
#include <iostream>
#include <iterator>
#include <map>
#include <nlohmann/json.hpp>
#include <thread>

#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"
#include "agent/sinks/otlp/net/load_module.h"

namespace sluice::otlp {
namespace {

using nlohmann::json;
using std::chrono::milliseconds;
using std::chrono::steady_clock;

milliseconds Milliseconds(const std::string& text) {
  int64_t number = 0;
  if (!absl::SimpleAtoi(text, &number)) std::exit(2);
  return milliseconds(number);
}

void SetOption(const std::string& name, const std::string& value, Destination* destination) {
  const std::map<std::string, std::string Destination::*> texts = {
      {"--headers-file", &Destination::headers_file},
      {"--ca", &Destination::ca_file},
      {"--cert", &Destination::client_cert_file},
      {"--key", &Destination::client_key_file},
      {"--proxy", &Destination::proxy}};
  const auto text = texts.find(name);
  if (text != texts.end()) {
    destination->*text->second = value;
  } else if (name == "--endpoint") {
    const auto endpoint = ParseEndpoint(value, false);
    if (!endpoint.ok()) std::exit(2);
    destination->endpoint = *endpoint;
  } else if (name == "--protocol") {
    destination->protocol = value == "grpc"        ? NetworkProtocol::kGrpc
                            : value == "http/json" ? NetworkProtocol::kHttpJson
                                                   : NetworkProtocol::kHttpProtobuf;
  } else if (name == "--gzip") {
    destination->gzip = true;
  } else if (name == "--timeout") {
    destination->timeout = Milliseconds(value);
  } else if (name == "--age") {
    destination->max_connection_age = Milliseconds(value);
  } else if (name == "--header") {
    destination->headers.push_back(value);
  } else {
    std::exit(2);
  }
}

// Cut into pieces of one byte, a thousand bytes and the rest.
std::vector<absl::string_view> Cut(absl::string_view bytes) {
  std::vector<absl::string_view> pieces;
  for (const size_t size : {size_t{1}, size_t{1000}, bytes.size()}) {
    const absl::string_view piece = bytes.substr(0, size);
    if (!piece.empty()) pieces.push_back(piece);
    bytes.remove_prefix(piece.size());
  }
  return pieces;
}

std::string ReadFile(const std::string& path) {
  if (path == "-") return {};
  std::ifstream file(path, std::ios::binary);
  return std::string(std::istreambuf_iterator<char>(file), {});
}

json Print(const Answer& answer, milliseconds took, const json& steps) {
  const char* const kinds[] = {"done", "wait", "split", "unsupported", "retry_now"};
  json printed = {{"kind", kinds[static_cast<size_t>(answer.kind)]},
                  {"message", answer.message},
                  {"delay_ms", nullptr},
                  {"rejected", answer.rejected},
                  {"limit", nullptr},
                  {"may_be_load", answer.may_be_load},
                  {"took_ms", took.count()},
                  {"steps", steps}};
  if (answer.delay) printed["delay_ms"] = answer.delay->count();
  if (answer.max_request_bytes) printed["limit"] = *answer.max_request_bytes;
  return printed;
}

int Run(Destination destination) {
  json steps = json::array();
  destination.on_step = [&](const Step& step) { steps.push_back({step.what, step.detail}); };
  destination.user_agent = "OTel-OTLP-Exporter-Cpp/test sluice/test";
  absl::StatusOr<std::unique_ptr<Transport>> transport = MakeNetworkTransport(destination);
  if (!transport.ok()) {
    std::cout << json{{"kind", "none"}, {"message", std::string(transport.status().message())}}
              << std::endl;
    return 1;
  }
  std::vector<std::jthread> threads;
  for (std::string line; std::getline(std::cin, line);) {
    const std::vector<std::string> words = absl::StrSplit(line, ' ');
    if (words.size() != 2) return 2;
    if (words[0] == "cancel") {
      threads.emplace_back([&transport, delay = Milliseconds(words[1])] {
        std::this_thread::sleep_for(delay);
        (*transport)->Cancel();
      });
      continue;
    }
    const Signal signal = words[0] == "traces" ? Signal::kTraces
                          : words[0] == "logs" ? Signal::kLogs
                                               : Signal::kMetrics;
    const std::string request = ReadFile(words[1]);
    steps = json::array();
    const auto begin = steady_clock::now();
    const Answer answer = (*transport)->Send(signal, Cut(request));
    const auto took = std::chrono::duration_cast<milliseconds>(steady_clock::now() - begin);
    std::cout << Print(answer, took, steps) << std::endl;
  }
  return 0;
}

}  // namespace
}  // namespace sluice::otlp

int main(int argc, char** argv) {
  std::signal(SIGPIPE, SIG_IGN);
  sluice::otlp::Destination destination;
  for (int i = 1; i < argc; ++i) {
    const std::pair<std::string, std::string> option =
        absl::StrSplit(argv[i], absl::MaxSplits('=', 1));
    sluice::otlp::SetOption(option.first, option.second, &destination);
  }
  return sluice::otlp::Run(std::move(destination));
}
