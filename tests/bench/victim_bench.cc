// What one user's calls take while another user attacks the same socket: one line an attack, with
// the ratio to the calls just before it, when nobody attacked. The first line is the control: as
// many processes that burn CPU and leave the socket alone, which is the scheduler's part.
//
//   victim_bench [--socket PATH] [ATTACK]...
//
// Without --socket it serves the front end itself. As root: attackers run as nobody. The victim
// calls grpc.health.v1.Health/Check, which waits for no disk.
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "agent/net/grpc/grpc_server.h"
#include "agent/net/grpc/unary.h"
#include "agent/net/unix_socket.h"
#include "proto/record/names.h"
#include "tests/support/h2_client.h"

namespace sluice {
namespace {

using std::chrono::steady_clock;
using testing::ConnectUnix;
using testing::Frame;

constexpr uid_t kNobody = 65534;
constexpr int kAttackers = 2;
constexpr int kRounds = 5;
constexpr std::chrono::milliseconds kSpan{1000};
constexpr char kPath[] = "/sluice.v1.Ingest/Emit";
constexpr uint8_t kEndStream = NGHTTP2_FLAG_END_STREAM;
constexpr uint8_t kEndHeaders = NGHTTP2_FLAG_END_HEADERS;

// ---- attacks; each goes on until it is killed

std::string Opening() { return std::string(testing::kPreface) + Frame(NGHTTP2_SETTINGS, 0, 0, ""); }

std::string Request(int32_t stream, std::string_view body) {
  return Frame(NGHTTP2_HEADERS, kEndHeaders, stream, testing::RequestBlock(kPath)) +
         Frame(NGHTTP2_DATA, kEndStream, stream, body);
}

// Blocking; invalid when it was not taken.
UniqueFd Connect(const std::string& path) {
  UniqueFd socket = ConnectUnix(path);
  if (socket) ::fcntl(socket.get(), F_SETFL, 0);
  return socket;
}

bool Send(const UniqueFd& socket, const std::string& bytes) {
  return ::send(socket.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL) ==
         static_cast<ssize_t>(bytes.size());
}

// `begin` once, then `piece` over and over, on a new connection whenever it is closed.
void Flood(const std::string& path, const std::string& begin, const std::string& piece) {
  std::string pieces;
  while (pieces.size() < 32 * 1024) pieces += piece;
  while (true) {
    const UniqueFd socket = Connect(path);
    if (!socket || !Send(socket, begin)) continue;
    while (Send(socket, pieces)) {
    }
  }
}

// Requests with rising stream numbers, each followed by what `tail` makes.
void FloodRequests(const std::string& path, const std::function<std::string(int32_t)>& piece) {
  std::vector<std::string> batches(1, Opening());
  for (int32_t stream = 1; stream < 400'000; stream += 2) {
    if (batches.back().size() > 32 * 1024) batches.emplace_back();
    batches.back() += piece(stream);
  }
  while (true) {
    const UniqueFd socket = Connect(path);
    for (size_t i = 0; socket && i < batches.size() && Send(socket, batches[i]); ++i) {
    }
  }
}

// One short life a connection.
void Churn(const std::string& path, const std::string& bytes) {
  while (true) {
    const UniqueFd socket = Connect(path);
    if (socket && !bytes.empty()) Send(socket, bytes);
  }
}

void Hoard(const std::string& path, const std::string& bytes) {
  while (true) {
    std::vector<UniqueFd> sockets;
    while (sockets.size() < 10'000) {
      sockets.push_back(Connect(path));
      if (!sockets.back()) break;
      if (!bytes.empty()) Send(sockets.back(), bytes);
    }
  }
}

struct Attack {
  const char* name;
  std::function<void(const std::string& path)> run;
};

const std::vector<Attack>& Attacks() {
  static const std::string open_block =
      Frame(NGHTTP2_HEADERS, 0, 1,
            testing::RequestBlock(kPath) + "\x40\x01x\x64" + std::string(100, 'b'));
  static const std::vector<Attack> attacks = {
      {"headers",  // each frame names one entry of the dynamic table 16,000 times
       [](const std::string& path) {
         Flood(path, Opening() + open_block,
               Frame(NGHTTP2_CONTINUATION, 0, 1, std::string(16'000, '\xbe')));
       }},
      {"continuation",
       [](const std::string& path) {
         Flood(path, Opening() + open_block, Frame(NGHTTP2_CONTINUATION, 0, 1, ""));
       }},
      {"reset",
       [](const std::string& path) {
         FloodRequests(path, [](int32_t stream) {
           return Frame(NGHTTP2_HEADERS, kEndHeaders, stream, testing::RequestBlock(kPath)) +
                  Frame(NGHTTP2_RST_STREAM, 0, stream, std::string(4, '\0'));
         });
       }},
      {"ping",
       [](const std::string& path) {
         Flood(path, Opening(), Frame(NGHTTP2_PING, 0, 0, "12345678"));
       }},
      {"settings",
       [](const std::string& path) { Flood(path, Opening(), Frame(NGHTTP2_SETTINGS, 0, 0, "")); }},
      {"random", [](const std::string& path) { Flood(path, std::string(2000, '\x7f'), "noise"); }},
      {"bad messages",
       [](const std::string& path) {
         FloodRequests(path, [](int32_t stream) {
           return Request(stream, testing::GrpcMessage("\x0a\xff\xff\xff\x7f"));
         });
       }},
      {"unread answers",
       [](const std::string& path) {
         FloodRequests(path, [](int32_t stream) { return Request(stream, "\0\0\0\0\0"); });
       }},
      {"short lives",
       [](const std::string& path) {
         Churn(path, Opening() + Request(1, testing::GrpcMessage("\x0a\xff\xff\xff\x7f")));
       }},
      {"half open", [](const std::string& path) { Hoard(path, Opening().substr(0, 10)); }},
      {"10,000 silent", [](const std::string& path) { Hoard(path, ""); }},
      {"connect, close", [](const std::string& path) { Churn(path, ""); }},
  };
  return attacks;
}

void Burn(const std::string&) {
  while (true) {
    [[maybe_unused]] volatile int nothing = 0;
  }
}

// Processes of another user that do `run`, for as long as this lives.
class Attackers {
 public:
  Attackers(const std::function<void(const std::string&)>& run, const std::string& path) {
    for (int i = 0; i < kAttackers; ++i) {
      pids_.push_back(::fork());
      if (pids_.back() != 0) continue;
      ::prctl(PR_SET_PDEATHSIG, SIGKILL);
      if (::setresgid(kNobody, kNobody, kNobody) != 0 ||
          ::setresuid(kNobody, kNobody, kNobody) != 0) {
        ::_exit(1);
      }
      run(path);
    }
  }
  ~Attackers() {
    for (const pid_t pid : pids_) ::kill(pid, SIGKILL);
    for (const pid_t pid : pids_) ::waitpid(pid, nullptr, 0);
  }

 private:
  std::vector<pid_t> pids_;
};

// ---- the victim

struct Quantiles {  // microseconds
  double p50 = HUGE_VAL;
  double p99 = HUGE_VAL;

  void Lower(const Quantiles& other) {
    p50 = std::min(p50, other.p50);
    p99 = std::min(p99, other.p99);
  }
};

// Makes calls one after the other, on one connection or on a new one for each.
class Victim {
 public:
  Victim(std::string path, bool reconnects) : path_(std::move(path)), reconnects_(reconnects) {
    if (!reconnects_) Connect();
  }

  Quantiles Measure(std::chrono::milliseconds span) {
    std::vector<double> micros;
    const auto end = steady_clock::now() + span;
    while (steady_clock::now() < end) {
      const auto start = steady_clock::now();
      if (reconnects_) Connect();
      Call();
      micros.push_back(
          std::chrono::duration<double, std::micro>(steady_clock::now() - start).count());
    }
    std::sort(micros.begin(), micros.end());
    return {micros[micros.size() / 2], micros[micros.size() * 99 / 100]};
  }

 private:
  void Connect() { client_ = std::make_unique<testing::H2Client>(ConnectUnix(path_)); }

  void Call() {
    const int32_t id = client_->Ask(method::kHealthCheck, "");
    if (client_->PumpUntil([&] { return client_->call(id).ended; })) return;
    std::fprintf(stderr, "victim_bench: the victim was not served\n");
    std::exit(1);
  }

  const std::string path_;
  const bool reconnects_;
  std::unique_ptr<testing::H2Client> client_;
};

// The least of several rounds: what else the machine does only adds.
void Measure(const Attack& attack, const std::string& path, bool reconnects) {
  Quantiles quiet;
  Quantiles attacked;
  for (int round = 0; round < kRounds; ++round) {
    Victim victim(path, reconnects);
    quiet.Lower(victim.Measure(kSpan));
    const Attackers attackers(attack.run, path);
    attacked.Lower(victim.Measure(kSpan));
  }
  std::printf(
      "%-16s %-5s p50 %6.0f us (quiet %5.0f), p99 %7.0f us (quiet %5.0f), p99 ratio %6.1f\n",
      attack.name, reconnects ? "new" : "kept", attacked.p50, quiet.p50, attacked.p99, quiet.p99,
      attacked.p99 / quiet.p99);
  std::fflush(stdout);
}

// ---- the server, unless one is given

void Serve(const std::string& path) {
  auto loop = net::EventLoop::Create();
  Counters counters;
  net::ByteBudget budget({});
  net::GrpcServer server({.loop = loop->get(),
                          .counters = &counters,
                          .budget = &budget,
                          .accepts_on_own_thread = true});
  server.AddRoute(kPath, {.factory = net::Unary([](net::Call& call, std::string_view) {
                            call.Finish(absl::InvalidArgumentError("no such batch"));
                          })});
  auto listening = net::ListenUnix(path, 0666);
  if (!listening.ok() || !server.Serve(*std::move(listening)).ok()) ::_exit(1);
  (*loop)->Run();
}

// As sluiced.service has it.
constexpr int kNice = -10;

class ServerProcess {
 public:
  explicit ServerProcess(const std::string& path) : pid_(::fork()) {
    if (pid_ == 0) {
      ::prctl(PR_SET_PDEATHSIG, SIGKILL);
      ::setpriority(PRIO_PROCESS, 0, kNice);
      Serve(path);
    }
    while (::access(path.c_str(), F_OK) != 0 || !ConnectUnix(path)) ::usleep(1000);
  }
  ~ServerProcess() {
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }

 private:
  const pid_t pid_;
};

int Run(const std::vector<std::string>& names, const std::string& path) {
  const auto chosen = [&](const char* name) {
    return names.empty() || std::find(names.begin(), names.end(), name) != names.end();
  };
  for (const bool reconnects : {false, true}) {
    Measure({"burning CPU", Burn}, path, reconnects);
    for (const Attack& attack : Attacks()) {
      if (chosen(attack.name)) Measure(attack, path, reconnects);
    }
  }
  return 0;
}

int Main(std::vector<std::string> arguments) {
  if (::getuid() != 0) {
    std::fprintf(stderr, "victim_bench: start it as root: its attackers are another user\n");
    return 2;
  }
  rlimit files;
  ::getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_cur = files.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &files);
  if (arguments.size() >= 2 && arguments[0] == "--socket") {
    return Run({arguments.begin() + 2, arguments.end()}, arguments[1]);
  }
  char directory[] = "/tmp/victimbenchXXXXXX";
  const std::string path = std::string(::mkdtemp(directory)) + "/s";
  ::chmod(directory, 0755);
  int status = 0;
  {
    const ServerProcess server(path);
    status = Run(arguments, path);
  }
  ::unlink(path.c_str());
  ::rmdir(directory);
  return status;
}

}  // namespace
}  // namespace sluice

int main(int argc, char** argv) { return sluice::Main({argv + 1, argv + argc}); }
