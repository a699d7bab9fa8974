// What a message costs on the open socket: our front end beside a grpc++ server, each in a process
// of its own, fed by the same client. Prints one line a case: messages and spans a second, CPU time
// of the server per message, spans per CPU second; then a victim's latency beside an attack, and
// the memory of many connections.
//
//   net_bench [ours|grpc]...
#include <fcntl.h>
#include <grpcpp/generic/async_generic_service.h>
#include <grpcpp/grpcpp.h>
#include <nghttp2/nghttp2.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "agent/net/grpc/grpc_server.h"
#include "agent/net/unix_socket.h"
#include "tests/support/h2_client.h"

namespace sluice {
namespace {

constexpr size_t kSpanBytes = 264;
constexpr char kPath[] = "/t.T/Take";

// ---- servers: take messages, answer once when the peer is done

class Taker final : public net::CallHandler {
 public:
  explicit Taker(net::Call* call) : call_(call) {}
  void OnMessage(std::string_view message) override { bytes_ += message.size(); }
  void OnHalfClose() override {
    call_->Send(std::to_string(bytes_));
    call_->Finish(absl::OkStatus());
  }

 private:
  net::Call* const call_;
  size_t bytes_ = 0;
};

int ServeOurs(const std::string& path) {
  auto loop = net::EventLoop::Create();
  Counters counters;
  net::ByteBudget budget({});
  net::GrpcServer server({.loop = loop->get(),
                          .counters = &counters,
                          .budget = &budget,
                          .limits = {.connections_of_root = 4000}});
  server.AddRoute(kPath,
                  {.factory = [](net::Call& call) { return std::make_unique<Taker>(&call); }});
  auto listening = net::ListenUnix(path, 0600);
  if (!listening.ok() || !server.Serve(*std::move(listening)).ok()) return 1;
  (*loop)->Run();
  return 0;
}

class GrpcTaker final : public grpc::ServerGenericBidiReactor {
 public:
  GrpcTaker() { StartRead(&buffer_); }
  void OnReadDone(bool ok) override {
    if (ok) {
      bytes_ += buffer_.Length();
      return StartRead(&buffer_);
    }
    const std::string text = std::to_string(bytes_);
    const grpc::Slice slice(text);
    buffer_ = grpc::ByteBuffer(&slice, 1);
    StartWriteAndFinish(&buffer_, {}, grpc::Status::OK);
  }
  void OnDone() override { delete this; }

 private:
  grpc::ByteBuffer buffer_;
  size_t bytes_ = 0;
};

class GrpcService final : public grpc::CallbackGenericService {
  grpc::ServerGenericBidiReactor* CreateReactor(grpc::GenericCallbackServerContext*) override {
    return new GrpcTaker;
  }
};

int ServeGrpc(const std::string& path) {
  GrpcService service;
  grpc::ServerBuilder builder;
  builder.AddListeningPort("unix:" + path, grpc::InsecureServerCredentials());
  builder.RegisterCallbackGenericService(&service);
  const auto server = builder.BuildAndStart();
  if (!server) return 1;
  server->Wait();
  return 0;
}

class ServerProcess {
 public:
  ServerProcess(const std::string& kind, const std::string& path) {
    pid_ = ::fork();
    if (pid_ == 0) {
      ::execl("/proc/self/exe", "net_bench", "--serve", kind.c_str(), path.c_str(), nullptr);
      ::_exit(1);
    }
    while (::access(path.c_str(), F_OK) != 0 || !testing::ConnectUnix(path)) ::usleep(1000);
  }
  ~ServerProcess() {
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }

  double CpuSeconds() const {
    clockid_t clock;
    ::clock_getcpuclockid(pid_, &clock);
    timespec time{};
    ::clock_gettime(clock, &time);
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) / 1e9;
  }

  double RssMib() const {
    std::ifstream status("/proc/" + std::to_string(pid_) + "/status");
    for (std::string line; std::getline(status, line);) {
      if (line.starts_with("VmRSS:")) return std::stod(line.substr(6)) / 1024;
    }
    return 0;
  }

 private:
  pid_t pid_;
};

// ---- client: one DATA frame a message, as gRPC's own libraries write them

class LoadClient {
 public:
  explicit LoadClient(const std::string& path) : socket_(testing::ConnectUnix(path)) {
    ::fcntl(socket_.get(), F_SETFL, 0);
    nghttp2_session_callbacks* callbacks = nullptr;
    nghttp2_session_callbacks_new(&callbacks);
    nghttp2_session_callbacks_set_on_stream_close_callback(
        callbacks, [](nghttp2_session*, int32_t, uint32_t, void* self) {
          --static_cast<LoadClient*>(self)->open_;
          return 0;
        });
    nghttp2_session_client_new(&session_, callbacks, this);
    nghttp2_session_callbacks_del(callbacks);
    nghttp2_submit_settings(session_, NGHTTP2_FLAG_NONE, nullptr, 0);
  }
  ~LoadClient() { nghttp2_session_del(session_); }

  // `calls` calls, `in_flight` at a time, of `messages` messages each.
  void Run(int calls, int in_flight, int messages, const std::string& message) {
    message_ = &message;
    while (calls > 0 || open_ > 0) {
      for (; calls > 0 && open_ < in_flight; --calls) Open(messages);
      Turn();
    }
  }

 private:
  struct Body {
    LoadClient* client;
    int messages_left;
    size_t at = 0;
  };

  void Open(int messages) {
    const auto field = [](const char* name, const char* value) {
      return nghttp2_nv{reinterpret_cast<uint8_t*>(const_cast<char*>(name)),
                        reinterpret_cast<uint8_t*>(const_cast<char*>(value)), std::strlen(name),
                        std::strlen(value), NGHTTP2_NV_FLAG_NONE};
    };
    const nghttp2_nv fields[] = {
        field(":method", "POST"), field(":scheme", "http"),
        field(":path", kPath),    field(":authority", "localhost"),
        field("te", "trailers"),  field("content-type", "application/grpc")};
    bodies_.push_back(std::make_unique<Body>(Body{this, messages}));
    nghttp2_data_provider body{.source = {.ptr = bodies_.back().get()}, .read_callback = ReadBody};
    nghttp2_submit_request(session_, nullptr, fields, std::size(fields), &body, nullptr);
    ++open_;
  }

  static ssize_t ReadBody(nghttp2_session*, int32_t, uint8_t* out, size_t capacity, uint32_t* flags,
                          nghttp2_data_source* source, void*) {
    Body& body = *static_cast<Body*>(source->ptr);
    const std::string& message = *body.client->message_;
    const size_t size = std::min(capacity, message.size() - body.at);
    std::memcpy(out, message.data() + body.at, size);
    body.at += size;
    if (body.at == message.size()) {
      body.at = 0;
      if (--body.messages_left == 0) *flags |= NGHTTP2_DATA_FLAG_EOF;
    }
    return static_cast<ssize_t>(size);
  }

  void Turn() {
    while (out_.size() < 128 * 1024) {
      const uint8_t* bytes = nullptr;
      const ssize_t size = nghttp2_session_mem_send(session_, &bytes);
      if (size <= 0) break;
      out_.append(reinterpret_cast<const char*>(bytes), static_cast<size_t>(size));
    }
    pollfd ready{socket_.get(), static_cast<short>(out_.empty() ? POLLIN : POLLIN | POLLOUT), 0};
    ::poll(&ready, 1, -1);
    if ((ready.revents & POLLOUT) != 0) {
      const ssize_t sent =
          ::send(socket_.get(), out_.data(), out_.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
      if (sent > 0) out_.erase(0, static_cast<size_t>(sent));
    }
    if ((ready.revents & POLLIN) == 0) return;
    uint8_t buffer[65536];
    const ssize_t size = ::recv(socket_.get(), buffer, sizeof(buffer), MSG_DONTWAIT);
    if (size <= 0) std::exit(2);
    nghttp2_session_mem_recv(session_, buffer, static_cast<size_t>(size));
  }

  UniqueFd socket_;
  nghttp2_session* session_ = nullptr;
  const std::string* message_ = nullptr;
  std::string out_;
  std::vector<std::unique_ptr<Body>> bodies_;
  int open_ = 0;
};

// ---- cases

struct Case {
  const char* name;
  int calls;
  int in_flight;
  int messages;
  size_t spans;
};

void RunCase(const char* server_kind, const ServerProcess& server, const std::string& path,
             const Case& c) {
  const std::string message = testing::GrpcMessage(std::string(c.spans * kSpanBytes, 's'));
  LoadClient client(path);
  client.Run(16, 1, 1, message);  // warm
  const double cpu_before = server.CpuSeconds();
  const auto start = std::chrono::steady_clock::now();
  client.Run(c.calls, c.in_flight, c.messages, message);
  const std::chrono::duration<double> wall = std::chrono::steady_clock::now() - start;
  const double cpu = server.CpuSeconds() - cpu_before;
  const double messages = static_cast<double>(c.calls) * c.messages;
  const double spans = messages * static_cast<double>(c.spans);
  std::printf("%-5s %-22s %10.0f msg/s %11.0f spans/s %8.2f us CPU/msg %11.0f spans/CPU-s\n",
              server_kind, c.name, messages / wall.count(), spans / wall.count(),
              cpu / messages * 1e6, spans / cpu);
  std::fflush(stdout);
}

void MeasureMemory(const char* server_kind, const ServerProcess& server, const std::string& path) {
  const double before = server.RssMib();
  std::vector<std::unique_ptr<testing::H2Client>> clients;
  std::vector<int32_t> calls;
  for (int i = 0; i < 1000; ++i) {
    clients.push_back(std::make_unique<testing::H2Client>(testing::ConnectUnix(path)));
    const int32_t id = clients.back()->Ask(kPath, "x");
    clients.back()->PumpUntil([&] { return clients.back()->call(id).ended; });
  }
  const double idle = server.RssMib();
  const std::string part = testing::GrpcMessage(std::string(100'000, 'p')).substr(0, 65'536);
  for (const auto& client : clients) {
    client->SendBytes(client->Open(kPath), part);
    const int32_t id = client->Ask(kPath, "x");
    client->PumpUntil([&] { return client->call(id).ended; });
  }
  std::printf(
      "%-5s memory MiB: start %.1f, 1,000 connections %.1f, each 64 KiB of a message %.1f\n",
      server_kind, before, idle, server.RssMib());
}

// ---- a victim's latency, alone and beside two connections that send header blocks without end

// Each 16 KiB frame names one entry of the dynamic table 16,000 times.
void Attack(const std::string& path, const std::atomic<bool>& stop) {
  std::string opening(testing::kPreface);
  opening += testing::Frame(NGHTTP2_SETTINGS, 0, 0, "");
  opening += testing::Frame(NGHTTP2_HEADERS, 0, 1,
                            testing::RequestBlock(kPath) + "\x40\x01x\x64" + std::string(100, 'b'));
  const std::string more = testing::Frame(NGHTTP2_CONTINUATION, 0, 1, std::string(16'000, '\xbe'));
  while (!stop) {
    const UniqueFd socket = testing::ConnectUnix(path);
    ::fcntl(socket.get(), F_SETFL, 0);
    if (::send(socket.get(), opening.data(), opening.size(), MSG_NOSIGNAL) < 0) continue;
    while (!stop && ::send(socket.get(), more.data(), more.size(), MSG_NOSIGNAL) > 0) {
    }
  }
}

std::vector<double> VictimMicros(const std::string& path, std::chrono::milliseconds span) {
  const std::string message = testing::GrpcMessage(std::string(kSpanBytes, 's'));
  LoadClient client(path);
  std::vector<double> micros;
  const auto end = std::chrono::steady_clock::now() + span;
  while (std::chrono::steady_clock::now() < end) {
    const auto start = std::chrono::steady_clock::now();
    client.Run(1, 1, 1, message);
    const std::chrono::duration<double, std::micro> took = std::chrono::steady_clock::now() - start;
    micros.push_back(took.count());
  }
  std::sort(micros.begin(), micros.end());
  return micros;
}

void PrintVictim(const char* server_kind, const char* when, const std::vector<double>& micros) {
  std::printf("%-5s victim %-12s p50 %8.0f us, p99 %8.0f us, max %9.0f us, %zu calls\n",
              server_kind, when, micros[micros.size() / 2], micros[micros.size() * 99 / 100],
              micros.back(), micros.size());
  std::fflush(stdout);
}

void MeasureVictim(const char* server_kind, const std::string& path) {
  PrintVictim(server_kind, "alone", VictimMicros(path, std::chrono::seconds(3)));
  std::atomic<bool> stop = false;
  std::vector<std::thread> attackers;
  for (int i = 0; i < 2; ++i) attackers.emplace_back([&] { Attack(path, stop); });
  PrintVictim(server_kind, "attacked", VictimMicros(path, std::chrono::seconds(5)));
  stop = true;
  for (std::thread& attacker : attackers) attacker.join();
}

void Measure(const char* server_kind) {
  char directory[] = "/tmp/netbenchXXXXXX";
  const std::string path = std::string(::mkdtemp(directory)) + "/s";
  const Case cases[] = {
      {"unary 1, sequential", 30'000, 1, 1, 1}, {"unary 1, 16 in flight", 60'000, 16, 1, 1},
      {"stream of 1", 4, 1, 500'000, 1},        {"stream of 10", 4, 1, 100'000, 10},
      {"stream of 512", 4, 1, 4'000, 512},
  };
  {
    const ServerProcess server(server_kind, path);
    for (const Case& c : cases) RunCase(server_kind, server, path, c);
    MeasureVictim(server_kind, path);
  }
  ::unlink(path.c_str());
  const ServerProcess server(server_kind, path);
  MeasureMemory(server_kind, server, path);
  ::unlink(path.c_str());
  ::rmdir(directory);
}

}  // namespace
}  // namespace sluice

int main(int argc, char** argv) {
  rlimit files;
  ::getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_cur = files.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &files);
  if (argc == 4 && std::string(argv[1]) == "--serve") {
    const std::string path = argv[3];
    return std::string(argv[2]) == "ours" ? sluice::ServeOurs(path) : sluice::ServeGrpc(path);
  }
  for (const char* kind : {"ours", "grpc"}) {
    if (argc == 1 || std::string(argv[1]) == kind) sluice::Measure(kind);
  }
}
