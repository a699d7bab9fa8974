#include "agent/app/app.h"

#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "agent/app/notify.h"
#include "agent/base/directory_lock.h"
#include "agent/base/log.h"
#include "agent/base/status_macros.h"
#include "agent/sinks/kvp/pool_file.h"
#include "agent/sinks/stop_workers.h"

namespace sluice::app {
namespace {

// SIGTERM to exit; systemd's own default for the whole is 90 s.
constexpr std::chrono::seconds kStopTimeout{8};
// Of that, for connections to end by themselves.
constexpr std::chrono::milliseconds kDrainTimeout{1000};
// A process that lost its agent may still have its last records in the socket's queue.
constexpr uint64_t kRecoveredGraceNanos = 2'000'000'000;
constexpr uint64_t kCursorsNanos = 1'000'000'000;
constexpr int kQuietSaves = 4;
// Each has a thread while it lasts.
constexpr control::StreamedAnswers::Limits kQueries{.per_uid = 2, .in_all = 8};
constexpr control::StreamedAnswers::Limits kFollowers{.per_uid = 4, .in_all = 16};

absl::Status MakeDirectory(const std::string& path, mode_t mode) {
  std::error_code error;
  std::filesystem::create_directories(path, error);
  if (!error) std::filesystem::permissions(path, std::filesystem::perms(mode), error);
  if (error) {
    return absl::ErrnoToStatus(error.value(), absl::StrCat("cannot make directory ", path));
  }
  return absl::OkStatus();
}

// No user may hold it all.
net::ByteBudget::Limits BudgetOf(uint64_t memory) {
  net::ByteBudget::Limits limits;
  limits.total = memory;
  limits.per_uid = std::min<size_t>(limits.per_uid, limits.total / 8 * 5);
  return limits;
}

// Empty: it is on.
std::string WhyPoolIsOff(const config::LoadedConfig& loaded) {
  const config::KvpConfig& kvp = loaded.config.kvp;
  if (kvp.active()) return "";
  const char* const key = kvp.enabled ? "telemetry.kvp_diagnostics" : "kvp.enabled";
  return absl::StrCat("switched off by ", key, " = false (", loaded.settings.at(key).origin, ")");
}

}  // namespace

absl::StatusOr<std::unique_ptr<App>> App::Create(config::Sources sources,
                                                 config::LoadedConfig loaded, Sockets sockets) {
  std::unique_ptr<App> app(new App(std::move(sources), std::move(loaded)));
  RETURN_IF_ERROR(app->MakeLoop());
  RETURN_IF_ERROR(app->OpenJournal());
  app->MakeServices();
  RETURN_IF_ERROR(app->Serve(std::move(sockets)));
  return app;
}

App::App(config::Sources sources, config::LoadedConfig loaded)
    : sources_(std::move(sources)),
      loaded_(std::move(loaded)),
      host_(ReadHostIds()),
      budget_(BudgetOf(loaded_.config.limits.memory)) {}

App::~App() = default;

absl::Status App::MakeLoop() {
  ASSIGN_OR_RETURN(loop_, net::EventLoop::Create());
  ASSIGN_OR_RETURN(signals_, SignalWatch::Create(
                                 loop_.get(), [this] { BeginStop(); }, [this] { (void)Reload(); }));
  return absl::OkStatus();
}

absl::Status App::OpenJournal() {
  const config::AgentConfig& config = loaded_.config;
  RETURN_IF_ERROR(MakeDirectory(config.runtime.path, 0700));
  // Cursors, the pool's shadow: of two agents there, one would take the other's for its own.
  ASSIGN_OR_RETURN(runtime_lock_, HoldDirectory(FileSystem::System(), config.runtime.path,
                                                "the runtime directory"));
  journal::Options options;
  options.directory = config.journal.path;
  options.memory_directory = config.journal.runtime_path;
  options.cursor_path = absl::StrCat(config.runtime.path, "/cursors");
  options.max_bytes = config.journal.max;
  options.keep_bytes = config.journal.keep;
  options.max_age = config.journal.max_age;
  options.segment_bytes = config.journal.segment;
  options.boot_id = host_.boot_id;
  options.vm_id = host_.vm_id;
  options.machine_id = host_.machine_id;
  options.counters = &counters_;
  ingest::Recovery recovery(&admission_state_, host_.boot_id);
  ASSIGN_OR_RETURN(journal_, journal::Journal::Open(options, &recovery));
  rebooted_ = recovery.rebooted();
  if (journal_->durability() == journal::Durability::kMemory) {
    LogWarning(absl::StrCat(config.journal.path,
                            " is not writable: keeping the journal in memory at ",
                            config.journal.runtime_path));
  }
  return absl::OkStatus();
}

void App::MakeServices() {
  admission_ = std::make_unique<ingest::Admission>(&admission_state_, journal_.get(),
                                                   &loop_->clock(), &counters_);
  processes_ = std::make_unique<ingest::ProcessTracker>(
      loop_.get(), [this](const net::ProcessKey& process, const std::string& cause) {
        const bool closed = admission_->CloseAborted(
            [&](const live::Span& span) {
              return ingest::ProcessOf(span.origin->identity) == process;
            },
            cause);
        admission_->ForgetDropped(process.pid, process.start_time_ticks);
        journal_->CommitTurn();
        return closed;
      });
  sinks_ = MakeSinks({&loaded_.config, host_.vm_id, journal_.get(), &counters_});
  flush_ =
      std::make_unique<control::FlushCoordinator>(loop_.get(), journal_.get(), &sinks_.workers);
  ingest_ = std::make_unique<ingest::IngestService>(ingest::IngestService::Options{
      loop_.get(), journal_.get(), admission_.get(), processes_.get(), &counters_, host_.boot_id,
      [this](const v1::FlushRequest& request, std::function<void(v1::FlushResponse)> done) {
        flush_->Flush(request, std::move(done));
      }});
  UpdateWanted();
  status_ = std::make_unique<control::StatusReport>(control::StatusReport::Sources{
      host_.boot_id, host_.vm_id, loop_->clock().UnixNano(), journal_.get(), &admission_->spans(),
      ingest_.get(), &counters_, &sinks_.workers, sinks_.off, [this] { return Settings(); }});
  MakeControl();
}

void App::MakeControl() {
  const config::KvpConfig& kvp = loaded_.config.kvp;
  answers_ = std::make_unique<control::StreamedAnswers>(loop_.get(), &counters_, kQueries);
  lines_ = std::make_unique<control::StreamedAnswers>(loop_.get(), &counters_, kFollowers);
  reporter_ = std::make_unique<control::Reporter>(
      control::Reporter::Options{.admission = admission_.get(),
                                 .off = WhyPoolIsOff(loaded_),
                                 .flush = flush_.get(),
                                 .counters = &counters_,
                                 .clock = &loop_->clock(),
                                 .dialect = kvp.report_dialect == config::ReportDialect::kCloudInit
                                                ? ReportDialect::kCloudInit
                                                : ReportDialect::kAzureInit,
                                 .vm_id = kvp.vm_id.empty() ? host_.vm_id : kvp.vm_id});
  pool_editor_ = std::make_unique<control::PoolEditor>(
      control::PoolEditor::Options{loop_.get(), &counters_, FindWorker(sinks_, "kvp"), kvp.path});
  control::ControlService::Options options;
  options.journal = journal_.get();
  options.spans = &admission_->spans();
  options.flush = flush_.get();
  options.status = status_.get();
  options.answers = answers_.get();
  options.lines = lines_.get();
  options.reporter = reporter_.get();
  options.pool_editor = pool_editor_.get();
  options.filters = [this] { return InForce(); };
  options.reload = [this] { return Reload(); };
  options.read_pool = [path = kvp.path] {
    kvp::PoolFile::Options pool;
    pool.path = path;
    pool.create = false;
    return kvp::PoolFile(pool).ReadAll();
  };
  control_ = std::make_unique<control::ControlService>(std::move(options));
}

net::GrpcServer::Options App::ServerOptions() {
  net::GrpcServer::Options options;
  options.loop = loop_.get();
  options.counters = &counters_;
  options.budget = &budget_;
  options.limits.connections_per_uid = loaded_.config.limits.connections_per_uid;
  return options;
}

absl::Status App::Serve(Sockets sockets) {
  journal_->Start([this] { return ingest::EncodeCheckpoint(admission_state_, host_.boot_id); },
                  [this](uint64_t sequence) {
                    loop_->Post([this, sequence] {
                      ingest_->OnSynced(sequence);
                      OnAllSynced();
                      if (std::exchange(last_synced_, sequence) != sequence) SaveCursorsSoon();
                    });
                  });
  if (rebooted_) CloseSpansOfEarlierBoot();
  WatchRecoveredProcesses();
  for (const auto& worker : sinks_.workers) worker->Start();
  net::GrpcServer::Options ingest_options = ServerOptions();
  ingest_options.accepts_on_own_thread = true;
  ingest_server_ = std::make_unique<net::GrpcServer>(ingest_options);
  ingest_->AddRoutes(ingest_server_.get());
  control_->AddQueryRoutes(ingest_server_.get());
  RETURN_IF_ERROR(ingest_server_->Serve(std::move(sockets.ingest)));
  admin_server_ = std::make_unique<net::GrpcServer>(ServerOptions());
  control_->AddControlRoutes(admin_server_.get());
  RETURN_IF_ERROR(admin_server_->Serve(std::move(sockets.admin)));
  StartTimers();
  return absl::OkStatus();
}

void App::CloseSpansOfEarlierBoot() {
  admission_->CloseAborted([](const live::Span&) { return true; }, "reboot",
                           ingest::Admission::Boot::kEarlier);
  journal_->CommitTurn();
}

void App::WatchRecoveredProcesses() {
  loop_->AddTimer(loop_->clock().BootNano() + kRecoveredGraceNanos, [this] {
    admission_->spans().ForEach([this](const std::shared_ptr<live::Span>& span) {
      processes_->Track(ingest::ProcessOf(span->origin->identity), -1);
    });
    admission_->spans().ForEachDropped(
        [this](const live::SpanKey&, const live::SpanTable::Dropped& span) {
          processes_->Track({span.pid, span.start_time_ticks}, -1);
        });
  });
}

void App::UpdateWanted() {
  wanted_ = std::make_shared<const Wanted>(loaded_.config);
  admission_->set_wanted(
      [wanted = wanted_](const live::Candidate& record) { return wanted->Wants(record); });
  ingest_->SetHint(wanted_->ToHint());
}

control::FiltersInForce App::InForce() const {
  control::FiltersInForce in_force;
  for (const sinks::SinkKind& kind : sinks::AllSinkKinds()) {
    const config::SinkFilter& filter = kind.filter(loaded_.config);
    in_force.sinks.push_back({.sink = kind.name,
                              .enabled = kind.enabled(loaded_.config),
                              .filter = filter.compiled,
                              .routes = filter.by_routes ? filter.routes : filter::Routes()});
  }
  in_force.options = loaded_.config.filter_options;
  in_force.journal_level = loaded_.config.journal.level;
  in_force.wanted = wanted_->levels();
  return in_force;
}

std::vector<v1::Setting> App::Settings() const {
  std::vector<v1::Setting> settings;
  for (const auto& [key, value] : loaded_.settings) {
    v1::Setting& setting = settings.emplace_back();
    setting.set_key(key);
    setting.set_value(value.value);
    setting.set_origin(value.origin);
  }
  return settings;
}

void App::Every(std::chrono::seconds interval, const std::function<void()>& work) {
  const uint64_t due = loop_->clock().BootNano() + std::chrono::nanoseconds(interval).count();
  loop_->AddTimer(due, [=, this] {
    work();
    Every(interval, work);
  });
}

// Once a second while entries come in and until the sinks, which sync once a second, have followed:
// what they wrote before that is not written again after a power cut. Then the timer of a minute is
// enough, so that an idle agent sleeps.
void App::SaveCursorsSoon() {
  quiet_saves_ = 0;
  if (std::exchange(saving_cursors_, true)) return;
  SaveCursorsLater();
}

void App::SaveCursorsLater() {
  loop_->AddTimer(loop_->clock().BootNano() + kCursorsNanos, [this] {
    if (journal_->SaveCursors()) quiet_saves_ = 0;
    saving_cursors_ = ++quiet_saves_ < kQuietSaves;
    if (saving_cursors_) SaveCursorsLater();
  });
}

void App::StartTimers() {
  Every(std::chrono::seconds(60), [this] {
    journal_->SaveCursors();
    journal_->Trim();
    admission_->clients().Expire(loop_->clock().BootNano());
  });
  if (journal_->durability() == journal::Durability::kMemory) {
    Every(std::chrono::seconds(10), [this] {
      if (journal_->durability() == journal::Durability::kMemory && journal_->MoveToDisk().ok()) {
        admission_->FitSpansToJournal();
        LogInfo(absl::StrCat("the journal moved to ", loaded_.config.journal.path));
      }
    });
  }
}

absl::StatusOr<config::Reloaded> App::Reload() {
  NotifyReloading();
  auto reloaded = LoadAgain();
  if (reloaded.ok()) {
    loaded_ = reloaded->loaded;
    for (const auto& worker : sinks_.workers) {
      worker->SetFilter(FilterOf(loaded_.config, worker->name()).compiled);
    }
    UpdateWanted();
  }
  for (const auto& worker : sinks_.workers) worker->Reopen();
  NotifyReady();
  return reloaded;
}

absl::StatusOr<config::Reloaded> App::LoadAgain() {
  auto fresh = config::Load(sources_);
  if (!fresh.ok()) {
    for (const absl::string_view mistake : absl::StrSplit(fresh.status().message(), '\n')) {
      LogError(absl::StrCat("keeping the old configuration: ", mistake));
    }
    return fresh.status();
  }
  for (const std::string& warning : fresh->warnings) LogWarning(warning);
  config::Reloaded reloaded = config::TakeReloadable(loaded_, *fresh);
  for (const config::SettingChange& change : reloaded.changes) {
    LogInfo(absl::StrCat(change.key, " = ", change.setting.value, " (", change.setting.origin, ")",
                         change.needs_restart ? " takes effect at the next start" : ""));
  }
  return reloaded;
}

int App::Run() {
  NotifyReady();
  NotifyStatus(absl::StrCat("journal at ", journal_->GetUsage().path, ", ", sinks_.workers.size(),
                            " sinks"));
  loop_->Run();
  const bool clean = StopSinks();
  journal_->Checkpoint();
  answers_.reset();
  lines_.reset();
  if (!clean) {
    journal_.reset();
    FlushLog();
    ::_exit(0);
  }
  return 0;
}

// Stop: everything taken is made durable and acknowledged, streams are sent away, connections end,
// then the loop, then the sinks.
void App::BeginStop() {
  if (std::exchange(stopping_, true)) return;
  NotifyStopping();
  stop_deadline_ = std::chrono::steady_clock::now() + kStopTimeout;
  journal_->CommitTurn();
  stop_sequence_ = journal_->last_sequence();
  journal_->SyncNow();
  loop_->AddTimer(loop_->clock().BootNano() + std::chrono::nanoseconds(kDrainTimeout).count(),
                  [this] { loop_->Stop(); });
  OnAllSynced();
}

void App::OnAllSynced() {
  if (stopping_ && journal_->synced_sequence() >= stop_sequence_) DrainServers();
}

void App::DrainServers() {
  stop_sequence_ = UINT64_MAX;
  ingest_->SendClientsAway();
  lines_->EndWaiting();
  auto open = std::make_shared<int>(2);
  const auto drained = [this, open] {
    if (--*open == 0) loop_->Stop();
  };
  ingest_server_->Drain(drained);
  admin_server_->Drain(drained);
}

bool App::StopSinks() {
  ingest_server_->Close();
  admin_server_->Close();
  journal_->CommitTurn();
  const auto left_behind = sinks::StopWorkers(sinks_.workers, stop_deadline_);
  for (const sinks::SinkWorker* worker : left_behind) {
    LogWarning(absl::StrCat("sink ", worker->name(),
                            " did not finish in time, leaving it behind; what it has not written "
                            "stays in the journal"));
  }
  return left_behind.empty();
}

}  // namespace sluice::app
