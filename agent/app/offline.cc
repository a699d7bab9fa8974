#include "agent/app/offline.h"

#include <fcntl.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <filesystem>
#include <memory>
#include <optional>
#include <system_error>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "agent/app/bundle.h"
#include "agent/app/wanted.h"
#include "agent/base/log.h"
#include "agent/base/status_macros.h"
#include "agent/config/load.h"
#include "agent/control/control_service.h"
#include "agent/control/kvp/pool_service.h"
#include "agent/ingest/recovery.h"
#include "agent/journal/directory.h"
#include "agent/journal/journal.h"
#include "agent/net/grpc/grpc_server.h"
#include "agent/net/peer_table.h"
#include "agent/self/counters.h"
#include "agent/sinks/sink_kinds.h"
#include "proto/base/unique_fd.h"

namespace sluice::app {
namespace {

// The one peer asks what it likes.
constexpr control::StreamedAnswers::Limits kAnswers{{.per_uid = 4, .in_all = 4, .of_root = 4}};

// A time that stands still.
class FixedClock final : public Clock {
 public:
  void Set(uint64_t unix_nano) { unix_nano_ = unix_nano; }
  uint64_t UnixNano() const override { return unix_nano_; }
  uint64_t BootNano() const override { return Clock::System().BootNano(); }

 private:
  uint64_t unix_nano_ = 0;
};

// Rebuilds what was open, and finds out when the journal ends.
class OfflineRecovery final : public journal::RecoveryVisitor {
 public:
  OfflineRecovery(ingest::AdmissionState* state, const journal::SegmentHeader& newest)
      : recovery_(state, newest.boot_id), end_unix_nano_(newest.created_unix_nano) {}

  void OnCheckpoint(std::string_view checkpoint) override { recovery_.OnCheckpoint(checkpoint); }
  void OnEntry(const journal::Entry& entry) override {
    recovery_.OnEntry(entry);
    end_unix_nano_ = std::max(end_unix_nano_, entry.batch.received_unix_nano);
  }

  uint64_t end_unix_nano() const { return end_unix_nano_; }

 private:
  ingest::Recovery recovery_;
  uint64_t end_unix_nano_;
};

// Ends the loop when the other end of a socket is closed.
class HangupWatch final : private net::EventLoop::FdHandler {
 public:
  static absl::StatusOr<std::unique_ptr<HangupWatch>> Create(net::EventLoop* loop, int socket) {
    // A descriptor is watched once, and the server watches the socket itself.
    UniqueFd watched(::fcntl(socket, F_DUPFD_CLOEXEC, 0));
    if (!watched) return ErrnoStatus("dup");
    std::unique_ptr<HangupWatch> watch(new HangupWatch(loop, std::move(watched)));
    RETURN_IF_ERROR(loop->WatchFd(watch->socket_.get(), EPOLLRDHUP, watch.get()));
    return watch;
  }
  ~HangupWatch() override { loop_->UnwatchFd(socket_.get()); }

 private:
  HangupWatch(net::EventLoop* loop, UniqueFd socket) : loop_(loop), socket_(std::move(socket)) {}
  void OnFdReady(uint32_t) override { loop_->Stop(); }

  net::EventLoop* const loop_;
  const UniqueFd socket_;
};

struct OfflineSources {
  std::string journal;  // its directory, or a file of `sluice collect`; empty: there is none
  std::string pool;     // the file; empty: there is none
  config::LoadedConfig config;
};

class Offline {
 public:
  explicit Offline(OfflineSources sources) : sources_(std::move(sources)) {}

  absl::Status Open();
  absl::Status Serve(UniqueFd socket);

 private:
  absl::Status OpenJournal();
  void MakeStatus(const journal::SegmentHeader& newest);
  void MakeServer();

  OfflineSources sources_;
  std::optional<Bundle> bundle_;
  FixedClock end_of_journal_;
  Counters counters_;
  std::unique_ptr<net::EventLoop> loop_;
  net::ByteBudget budget_{net::ByteBudget::Limits{}};
  net::PeerTable peers_;
  ingest::AdmissionState state_;
  std::unique_ptr<journal::Journal> journal_;  // null: there is none
  const std::vector<std::unique_ptr<sinks::SinkWorker>> no_sinks_;
  std::unique_ptr<control::StatusReport> status_;
  control::QuestionCost question_cost_;
  std::unique_ptr<control::StreamedAnswers> answers_;
  std::unique_ptr<control::ControlService> control_;
  std::unique_ptr<net::GrpcServer> server_;
};

absl::Status Offline::Open() {
  ASSIGN_OR_RETURN(loop_, net::EventLoop::Create());
  if (!sources_.journal.empty()) RETURN_IF_ERROR(OpenJournal());
  MakeServer();
  return absl::OkStatus();
}

absl::Status Offline::OpenJournal() {
  journal::Options options;
  std::error_code error;  // is told where the journal is opened
  if (std::filesystem::is_regular_file(sources_.journal, error)) {
    ASSIGN_OR_RETURN(bundle_, Bundle::Open(sources_.journal));
    sources_.journal = bundle_->journal();
    sources_.pool = bundle_->PoolPath();
    options.file_system = &bundle_->files();
  }
  options.directory = sources_.journal;
  options.counters = &counters_;
  const auto directory = journal::Directory::ForReading(*options.file_system, sources_.journal);
  ASSIGN_OR_RETURN(const journal::Directory::Newest newest, directory.FindNewest());
  const journal::SegmentHeader header = newest.header.value_or(journal::SegmentHeader());
  options.boot_id = header.boot_id;
  OfflineRecovery recovery(&state_, header);
  ASSIGN_OR_RETURN(journal_, journal::Journal::Look(options, &recovery));
  end_of_journal_.Set(recovery.end_unix_nano());
  MakeStatus(header);
  return absl::OkStatus();
}

void Offline::MakeStatus(const journal::SegmentHeader& newest) {
  control::StatusReport::Sources sources;
  sources.boot_id = newest.boot_id;
  sources.vm_id = newest.vm_id;
  sources.as_of_unix_nano = end_of_journal_.UnixNano();
  sources.journal = journal_.get();
  sources.spans = &state_.spans;
  sources.counters = &counters_;
  sources.peers = &peers_;
  sources.workers = &no_sinks_;
  sources.settings = [] { return std::vector<v1::Setting>(); };
  status_ = std::make_unique<control::StatusReport>(std::move(sources));
}

void Offline::MakeServer() {
  answers_ = std::make_unique<control::StreamedAnswers>(loop_.get(), &counters_, &question_cost_,
                                                        kAnswers);
  control::ControlService::Options options;
  options.journal = journal_.get();
  options.spans = &state_.spans;
  options.status = status_.get();
  options.answers = answers_.get();
  options.lines = answers_.get();
  options.clock = &end_of_journal_;
  options.filters = [this] {
    const config::AgentConfig& config = sources_.config.config;
    return FiltersOf(config, Wanted(config).levels());
  };
  control_ = std::make_unique<control::ControlService>(std::move(options));
  net::GrpcServer::Options server;
  server.loop = loop_.get();
  server.counters = &counters_;
  server.budget = &budget_;
  server_ = std::make_unique<net::GrpcServer>(server);
  control_->AddFilterRoutes(server_.get());
  if (journal_ == nullptr) return;
  control_->AddViewRoutes(server_.get());
  if (!sources_.pool.empty()) {
    control::AddDumpPoolRoute(server_.get(), answers_.get(), sources_.pool);
  }
}

absl::Status Offline::Serve(UniqueFd socket) {
  ASSIGN_OR_RETURN(const auto hangup, HangupWatch::Create(loop_.get(), socket.get()));
  server_->AddConnection(std::move(socket));
  loop_->Run();
  return absl::OkStatus();
}

// No file and no environment of this machine says anything of a journal, which may be another's.
absl::StatusOr<config::LoadedConfig> ConfigFor(const Flags& flags) {
  config::Sources sources = config::Sources::OfProcess(flags.config);
  if (!flags.offline->empty()) {
    sources.main_file = sources.main_directory = "";
    sources.environment = [](const std::string&) { return std::nullopt; };
  }
  return config::Load(sinks::ConfigSchema(), sources);
}

absl::Status Serve(const Flags& flags) {
  // Nobody may read what is logged any more.
  ::signal(SIGPIPE, SIG_IGN);
  UniqueFd socket(::fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, STDERR_FILENO + 1));
  if (!socket || !net::PeerUid(socket.get()).ok()) {
    return absl::InvalidArgumentError(
        "--offline is for the tool, which passes a socket as stdin; use 'sluice traces --journal "
        "DIR' and the like");
  }
  OfflineSources sources{*flags.offline, {}, {}};
  const auto pool = flags.config.values.find("--kvp-pool");
  if (pool != flags.config.values.end()) sources.pool = pool->second;
  ASSIGN_OR_RETURN(sources.config, ConfigFor(flags));
  Offline offline(std::move(sources));
  RETURN_IF_ERROR(Annotate(offline.Open(), "read the journal"));
  return offline.Serve(std::move(socket));
}

}  // namespace

int ServeOffline(const Flags& flags) {
  const absl::Status served = Serve(flags);
  if (served.ok()) return 0;
  LogError(served.message());
  return kCannotStart;
}

}  // namespace sluice::app
