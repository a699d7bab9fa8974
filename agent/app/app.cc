#include "agent/app/app.h"

#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <utility>

#include "absl/strings/str_cat.h"
#include "agent/app/notify.h"
#include "agent/base/directory_lock.h"
#include "agent/base/log.h"
#include "agent/base/status_macros.h"
#include "agent/base/user_of.h"
#include "agent/control/reflection.h"
#include "agent/identity/subordinate_uids.h"
#include "agent/ingest/otlp/export_service.h"

namespace sluice::app {
namespace {

// A process that lost its agent may still have its last records in the socket's queue.
constexpr uint64_t kRecoveredGraceNanos = 2'000'000'000;
constexpr uint64_t kCursorsNanos = 1'000'000'000;
constexpr int kQuietSaves = 4;
// Each has a thread while it lasts.
constexpr control::StreamedAnswers::Limits kQueries{{.per_uid = 2, .in_all = 8, .of_root = 8}};
constexpr control::StreamedAnswers::Limits kFollowers{
    {.per_uid = 4, .in_all = 16, .of_root = 16, .waiting_per_uid = 1}, true};

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

}  // namespace

absl::StatusOr<std::unique_ptr<App>> App::Create(config::Sources sources,
                                                 config::LoadedConfig loaded, Sockets sockets) {
  std::unique_ptr<App> app(new App(std::move(sources), std::move(loaded)));
  SetSubordinateUids(ReadSubordinateUids());
  RETURN_IF_ERROR(app->MakeLoop());
  RETURN_IF_ERROR(app->OpenJournal());
  app->MakeServices();
  RETURN_IF_ERROR(app->Serve(std::move(sockets)));
  return app;
}

App::App(config::Sources sources, config::LoadedConfig loaded)
    : reloader_(std::move(sources), std::move(loaded)),
      host_(ReadHostIds()),
      budget_(BudgetOf(config().limits.memory)) {}

App::~App() = default;

absl::Status App::MakeLoop() {
  ASSIGN_OR_RETURN(loop_, net::EventLoop::Create());
  ASSIGN_OR_RETURN(signals_,
                   SignalWatch::Create(
                       loop_.get(), [this] { shutdown_->Begin(); }, [this] { (void)Reload(); }));
  return absl::OkStatus();
}

absl::Status App::OpenJournal() {
  RETURN_IF_ERROR(MakeDirectory(config().runtime.path, 0700));
  // Cursors, the pool's shadow: of two agents there, one would take the other's for its own.
  ASSIGN_OR_RETURN(runtime_lock_, HoldDirectory(FileSystem::System(), config().runtime.path,
                                                "the runtime directory"));
  // As the unit's StateDirectory= does. Where it cannot be made, the journal says why.
  const std::filesystem::path state = std::filesystem::path(config().journal.path).parent_path();
  std::error_code error;
  if (!std::filesystem::exists(state, error)) (void)MakeDirectory(state, 0700);
  journal::Options options;
  options.directory = config().journal.path;
  options.memory_directory = config().journal.runtime_path;
  options.cursor_path = absl::StrCat(config().runtime.path, "/cursors");
  options.max_bytes = config().journal.max;
  options.keep_bytes = config().journal.keep;
  options.max_age = config().journal.max_age;
  options.segment_bytes = config().journal.segment;
  options.boot_id = host_.boot_id;
  options.vm_id = host_.vm_id;
  options.machine_id = host_.machine_id;
  options.counters = &counters_;
  ingest::Recovery recovery(&admission_state_, host_.boot_id);
  ASSIGN_OR_RETURN(journal_, journal::Journal::Open(options, &recovery));
  rebooted_ = recovery.rebooted();
  if (!rebooted_) recovered_life_ = recovery.last_entries();
  if (journal_->durability() == journal::Durability::kMemory) {
    LogWarning(absl::StrCat(config().journal.path,
                            " is not writable: keeping the journal in memory at ",
                            config().journal.runtime_path));
  }
  return absl::OkStatus();
}

void App::MakeServices() {
  admission_ = std::make_unique<ingest::Admission>(&admission_state_, journal_.get(),
                                                   &loop_->clock(), &counters_);
  disk_gate_ = std::make_unique<ingest::DiskGate>(journal_.get());
  MakeTrackers();
  MakeSinksAndGate();
  flush_ = std::make_unique<control::FlushCoordinator>(loop_.get(), journal_.get(), backlog_.get(),
                                                       &sinks_.workers);
  ingest_ = std::make_unique<ingest::IngestService>(
      ingest::IngestService::Options{loop_.get(), journal_.get(), admission_.get(),
                                     processes_.get(), owners_.get(), &counters_, host_.boot_id,
                                     [this](uid_t caller, const v1::FlushRequest& request,
                                            std::function<void(v1::FlushResponse)> done) {
                                       flush_->Flush(caller, request, std::move(done));
                                     }});
  exports_ = std::make_unique<ingest::otlp::ExportQueue>(ingest::otlp::ExportQueue::Options{
      .loop = loop_.get(),
      .journal = journal_.get(),
      .admission = admission_.get(),
      .counters = &counters_,
      .budget = &budget_,
      .gate = disk_gate_.get(),
      .max_request_bytes = config().limits.otlp_request,
      .max_item_bytes = config().limits.otlp_record,
      .has_metrics_reader = [this] {
        return config().ingest.otlp_metrics && HasMetricsReader(config());
      }});
  converter_ = std::make_unique<ingest::otlp::BodyConverter>(loop_.get(), &budget_);
  http_exports_ = std::make_unique<ingest::otlp::HttpExports>(
      ingest::otlp::HttpExports::Options{.budget = &budget_,
                                         .counters = &counters_,
                                         .receiver = exports_.get(),
                                         .converter = converter_.get()});
  UpdateWanted();
  status_ = std::make_unique<control::StatusReport>(control::StatusReport::Sources{
      host_.boot_id, host_.vm_id, loop_->clock().UnixNano(), journal_.get(), &admission_->spans(),
      ingest_.get(), &counters_, &peers_, &sinks_.workers, sinks_.off,
      [this] { return reloader_.Settings(); }});
  MakeControl();
}

void App::MakeSinksAndGate() {
  backlog_ = std::make_unique<sinks::Backlog>(journal_->last_sequence());
  backlog_gate_ = std::make_unique<sinks::BacklogGate>(sinks::BacklogGate::Options{
      .loop = loop_.get(), .counters = &counters_, .backlog = backlog_.get(), .release = [this] {
        ingest_server_->ReleaseHeld();
      }});
  sinks_ = MakeSinks(config(), host_.vm_id, journal_.get(), &counters_);
  for (const auto& worker : sinks_.workers) backlog_gate_->AddSink(worker.get());
  admission_->set_behind(
      {.check = [this](uid_t uid) { return backlog_gate_->Check(uid); },
       .check_entry =
           [this](uid_t uid, uint64_t records, uint64_t bytes) {
             return backlog_gate_->CheckBatch(uid, records, bytes);
           },
       .took = [this](uint64_t sequence, uid_t uid, uint64_t records,
                      uint64_t bytes) { TellSinks(sequence, uid, records, bytes); }});
}

void App::TellSinks(uint64_t sequence, uid_t uid, uint64_t records, uint64_t bytes) {
  backlog_gate_->OnAppend(sequence, uid, records, bytes);
  // Another user's may come in between where a long batch is looked at in pieces.
  if (uid != 0 || taking_unfiltered_.empty()) [[likely]]
    return;
  for (sinks::SinkWorker* const worker : std::exchange(taking_unfiltered_, {})) {
    worker->PutRootFirst(sequence);
  }
}

void App::MakeTrackers() {
  processes_ = std::make_unique<ingest::ProcessTracker>(
      loop_.get(), [this](const net::ProcessKey& process, const std::string& cause) {
        const bool closed = admission_->CloseAborted(
            [&](const live::Span& span) {
              return !span.origin->owner.is_set() &&
                     ingest::ProcessOf(span.origin->identity) == process;
            },
            cause);
        admission_->ForgetDropped(process.pid, process.start_time_ticks);
        journal_->CommitTurn();
        return closed;
      });
  admission_->set_life_end([this](const live::Origin& origin) {
    return origin.owner.is_set() ? owners_->EndOf(origin.identity.uid, origin.owner)
                                 : processes_->EndOf(ingest::ProcessOf(origin.identity));
  });
  owners_ = std::make_unique<ingest::OwnerTracker>(
      loop_.get(), &admission_->spans(),
      [this](const ingest::OwnerTracker::Selects& selects, const std::string& cause) {
        const bool ended = admission_->EndOwned(selects, cause);
        journal_->CommitTurn();
        return ended;
      });
}

void App::MakeControl() {
  answers_ = std::make_unique<control::StreamedAnswers>(loop_.get(), &counters_, &question_cost_,
                                                        kQueries);
  followers_ = std::make_unique<control::StreamedAnswers>(loop_.get(), &counters_, &question_cost_,
                                                          kFollowers);
  pool_ = std::make_unique<control::PoolService>(
      reloader_.loaded(), control::PoolService::Options{.loop = loop_.get(),
                                                        .admission = admission_.get(),
                                                        .flush = flush_.get(),
                                                        .answers = answers_.get(),
                                                        .counters = &counters_,
                                                        .workers = &sinks_.workers,
                                                        .vm_id = host_.vm_id});
  export_ = std::make_unique<control::ExportService>(control::ExportService::Options{
      .answers = answers_.get(),
      .workers = &sinks_.workers,
      .config = [this]() -> const config::AgentConfig& { return config(); }});
  control::ControlService::Options options;
  options.journal = journal_.get();
  options.spans = &admission_->spans();
  options.flush = flush_.get();
  options.status = status_.get();
  options.answers = answers_.get();
  options.lines = followers_.get();
  options.filters = [this] { return FiltersOf(config(), wanted_->levels()); };
  options.reload = [this] { return Reload(); };
  control_ = std::make_unique<control::ControlService>(std::move(options));
}

net::GrpcServer::Options App::ServerOptions() {
  net::GrpcServer::Options options;
  options.loop = loop_.get();
  options.counters = &counters_;
  options.budget = &budget_;
  options.peers = &peers_;
  options.limits.connections_per_uid = config().limits.connections_per_uid;
  return options;
}

absl::Status App::Serve(Sockets sockets) {
  journal_->Start([this] { return ingest::EncodeCheckpoint(admission_state_, host_.boot_id); },
                  [this](uint64_t sequence) {
                    loop_->Post([this, sequence] {
                      ingest_->OnSynced(sequence);
                      exports_->OnSynced(sequence);
                      ingest_server_->ReleaseHeld();
                      flush_->OnSynced();
                      shutdown_->OnSynced();
                      if (std::exchange(last_synced_, sequence) != sequence) SaveCursorsSoon();
                    });
                  });
  if (rebooted_) CloseSpansOfEarlierBoot();
  WatchRecoveredProcesses();
  for (const auto& worker : sinks_.workers) worker->Start();
  net::GrpcServer::Options ingest_options = ServerOptions();
  ingest_options.gates = {disk_gate_.get(), backlog_gate_.get()};
  ingest_options.accepts_on_own_thread = true;
  ingest_server_ = std::make_unique<net::GrpcServer>(ingest_options);
  ingest_->AddRoutes(ingest_server_.get());
  if (config().ingest.otlp) {
    ingest::otlp::AddExportRoutes({.receiver = exports_.get(),
                                   .converter = converter_.get(),
                                   .budget = &budget_,
                                   .server = ingest_server_.get()});
    ingest_server_->http().AddCalls(&http_exports_->calls());
  }
  control_->AddQueryRoutes(ingest_server_.get());
  control::AddReflectionRoutes(ingest_server_.get());
  RETURN_IF_ERROR(ingest_server_->Serve(std::move(sockets.ingest)));
  admin_server_ = std::make_unique<net::GrpcServer>(ServerOptions());
  control_->AddControlRoutes(admin_server_.get());
  pool_->AddRoutes(admin_server_.get());
  control::AddReflectionRoutes(admin_server_.get());
  export_->AddRoutes(admin_server_.get());
  RETURN_IF_ERROR(admin_server_->Serve(std::move(sockets.admin)));
  shutdown_ = std::make_unique<Shutdown>(
      Shutdown::Options{.loop = loop_.get(),
                        .journal = journal_.get(),
                        .ingest = ingest_.get(),
                        .exports = exports_.get(),
                        .followers = followers_.get(),
                        .servers = {ingest_server_.get(), admin_server_.get()},
                        .workers = &sinks_.workers});
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
      const live::Origin& origin = *span->origin;
      if (origin.owner.is_set()) return owners_->Track(span->key.uid, origin.owner, -1);
      processes_->Track(ingest::ProcessOf(origin.identity), -1);
    });
    admission_->spans().ForEachDropped(
        [this](const live::SpanKey& key, const live::SpanTable::Dropped& span) {
          if (span.owner.is_set()) return owners_->Track(key.uid, span.owner, -1);
          processes_->Track({span.pid, span.start_time_ticks}, -1);
        });
    for (const auto& [process, boot_nano] : std::exchange(recovered_life_, {})) {
      processes_->NoteLife(process, boot_nano);
    }
  });
}

void App::UpdateWanted() {
  wanted_ = std::make_shared<const Wanted>(config(), [this](const std::string& sink) {
    for (const auto& worker : sinks_.workers) {
      if (worker->name() == sink) taking_unfiltered_.insert(worker.get());
    }
  });
  admission_->set_wanted(
      [wanted = wanted_](const live::Candidate& record) { return wanted->Wants(record); });
  ingest_->SetHint(wanted_->ToHint());
  const auto& redaction = config().ingest.redact.compiled;
  admission_->set_redactor(
      redaction == nullptr ? nullptr : std::make_shared<const ingest::Redactor>(redaction));
}

absl::StatusOr<config::Reloaded> App::Reload() {
  return reloader_.Reload(sinks_, [this] { UpdateWanted(); });
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
    if (saving_cursors_) return SaveCursorsLater();
    memory_.Look();
  });
}

void App::StartTimers() {
  Every(std::chrono::seconds(60), [this] {
    journal_->SaveCursors();
    journal_->Trim();
    admission_->clients().Expire(loop_->clock().BootNano());
    memory_.Look();
  });
  if (journal_->durability() == journal::Durability::kMemory) {
    Every(std::chrono::seconds(10), [this] {
      if (journal_->durability() == journal::Durability::kMemory && journal_->MoveToDisk().ok()) {
        admission_->FitSpansToJournal();
        LogInfo(absl::StrCat("the journal moved to ", config().journal.path));
      }
    });
  }
}

int App::Run() {
  NotifyReady();
  NotifyStatus(absl::StrCat("journal at ", journal_->GetUsage().path, ", ", sinks_.workers.size(),
                            " sinks"));
  loop_->Run();
  const bool clean = shutdown_->StopSinks();
  journal_->Checkpoint();
  answers_.reset();
  followers_.reset();
  if (!clean) {
    journal_.reset();
    FlushLog();
    ::_exit(0);
  }
  return 0;
}

}  // namespace sluice::app
