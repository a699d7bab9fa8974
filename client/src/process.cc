#include "client/src/process.h"

#include <pthread.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <new>
#include <utility>

#include "client/src/baggage_store.h"
#include "client/src/spin_lock.h"
#include "client/src/thread_state.h"
#include "client/src/tracestate_store.h"
#include "proto/record/limits.h"

namespace sluice {

// The model is said here as well: where users are compiled in one unit with it, this is what
// counts.
thread_local constinit ThreadState thread_state __attribute__((tls_model("initial-exec"))){};

namespace {

// In all, whatever the agent does.
constexpr std::chrono::milliseconds kExitTime{250};
// Where the system gave no thread, ask again so much later.
constexpr std::chrono::milliseconds kStartRetry{100};

// Held while a Process is made, and across fork.
constinit SpinLock creation_lock;
// The one before fork, in the child.
constinit Process* forked_from = nullptr;
constinit uint16_t fork_epoch = 1;
constinit bool is_registered = false;
pthread_key_t thread_exit_key;

// What its own Unmap takes away.
template <typename Memory>
struct Unmapper {
  void operator()(Memory* memory) const {
    memory->Unmap();
    delete memory;
  }
};
template <typename Memory>
using Mapped = std::unique_ptr<Memory, Unmapper<Memory>>;

// errno is the caller's.
class ErrnoScope {
 public:
  ErrnoScope() : saved_(errno) {}
  ~ErrnoScope() { errno = saved_; }
  ErrnoScope(const ErrnoScope&) = delete;
  ErrnoScope& operator=(const ErrnoScope&) = delete;

 private:
  const int saved_;
};

}  // namespace

constinit std::atomic<Process*> Process::current_{nullptr};

Process::Process(Settings settings, Ring* ring, SpanPool* pool, std::unique_ptr<StderrLines> lines)
    : pid_(getpid()),
      settings_(std::move(settings)),
      ring_(ring),
      pool_(pool),
      lines_(std::move(lines)),
      console_(Console::FromEnvironment(settings_.resource)),
      recorder_(ring, pool,
                {.root = settings_.root,
                 .default_target = settings_.default_target,
                 .sampler = settings_.sampler,
                 .ids = settings_.ids,
                 .lines = lines_.get(),
                 .console = console_.get()}),
      sender_({&settings_, ring, &recorder_, &mailbox_}),
      inherited_(forked_from) {}

bool Process::Init(const sluice_options& options) {
  bool is_created = false;
  Create(options, &is_created);
  return is_created;
}

Process* Process::Create(const sluice_options& options, bool* is_created) {
  const ErrnoScope errno_scope;
  Process* process;
  {
    const SpinLockScope lock(&creation_lock);
    Process* const existing = Existing();
    if (existing != nullptr) return existing;
    process = CreateLocked(options);
  }
  if (is_created != nullptr) *is_created = process != nullptr;
  // Not while others wait for the lock: a stderr that nobody reads may take for ever.
  const bool is_forked = forked_from != nullptr;
  if (process != nullptr && process->lines_ != nullptr && !is_forked) process->Complain();
  return process;
}

void Process::Complain() {
  lines_->Complain();
  for (const auto& [variable, error] : settings_.complaints) lines_->Complain(variable, error);
}

Process* Process::CreateLocked(const sluice_options& options) {
  RegisterOnce();
  try {
    Process* const process = Make(options);
    current_.store(process, std::memory_order_release);
    return process;
  } catch (const std::bad_alloc&) {
    return nullptr;
  }
}

Process* Process::Make(const sluice_options& options) {
  Settings settings = MakeSettings(options);
  Mapped<Ring> ring(Ring::Create(settings.ring_bytes));
  if (ring == nullptr) return nullptr;
  Mapped<SpanPool> pool(SpanPool::Create(limits::kOpenSpansPerUid, fork_epoch));
  if (pool == nullptr) return nullptr;
  std::unique_ptr<StderrLines> lines;
  if (auto printer = StderrPrinter::FromEnvironment()) {
    WidenLevels(printer->widest());
    lines = std::make_unique<StderrLines>(std::move(printer));
  }
  auto* const process = new Process(std::move(settings), ring.get(), pool.get(), std::move(lines));
  (void)ring.release();
  (void)pool.release();
  return process;
}

void Process::RegisterOnce() {
  if (std::exchange(is_registered, true)) return;
  pthread_key_create(&thread_exit_key, OnThreadExit);
  pthread_atfork(BeforeFork, AfterForkInParent, AfterForkInChild);
}

void RegisterThread() {
  const ErrnoScope errno_scope;
  thread_state.is_registered = true;
  if (is_registered) pthread_setspecific(thread_exit_key, &thread_state);
}

void Process::OnThreadExit(void*) {
  Process* const process = Existing();
  if (process != nullptr) process->pool_->Empty(&thread_state.magazine);
  std::free(std::exchange(thread_state.text, nullptr));
  thread_state.is_registered = false;
}

sluice_text KeepText(std::string_view text) {
  if (!thread_state.is_registered) RegisterThread();
  std::free(std::exchange(thread_state.text, nullptr));
  thread_state.text = static_cast<char*>(std::malloc(text.size() + 1));
  if (thread_state.text == nullptr) return {};
  std::memcpy(thread_state.text, text.data(), text.size());
  return {thread_state.text, text.size()};
}

void Process::StartSender() {
  const ErrnoScope errno_scope;
  const int64_t now = std::chrono::steady_clock::now().time_since_epoch().count();
  if (now >= next_start_attempt_.load() && sender_.StartThread()) return;
  if (now >= next_start_attempt_.load()) {
    next_start_attempt_ = now + std::chrono::nanoseconds(kStartRetry).count();
  }
  mailbox_.NotStarted();
}

bool Process::Flush(std::chrono::milliseconds timeout, Sender::Patience patience) {
  const ErrnoScope errno_scope;
  const rpc::Deadline deadline = std::chrono::steady_clock::now() + timeout;
  recorder_.PublishOpenSpans(UINT64_MAX);
  recorder_.PublishAllLateFields();
  const Sender::Amount amount = sender_.amount();
  if (sender_.IsSettled(amount)) return true;
  sender_.Hurry();
  if (mailbox_.NotifyUrgent()) StartSender();
  return sender_.WaitSettled(amount, deadline, patience);
}

int Process::FlushSinks(const SinksFlush& flush) {
  const ErrnoScope errno_scope;
  const rpc::Deadline deadline = std::chrono::steady_clock::now() + flush.timeout;
  if (!Flush(flush.timeout, Sender::Patience::kUntilDeadline)) return -1;
  return CallFlush(settings_.socket_path, flush, deadline);
}

// Not in a child that was made without fork's handlers: it has no sender.
void Process::HandOver() {
  if (getpid() == pid_) Flush(kExitTime, Sender::Patience::kWhileThereIsAnAgent);
}

// After all destructors of the program's static objects, so that what they emit counts.
__attribute__((destructor)) static void HandOverAtExit() {
  Process* const process = Process::Existing();
  if (process != nullptr) process->HandOver();
}

void Process::BeforeFork() {
  Process* const process = Existing();
  // Records of the child may refer to the span that is current here.
  if (process != nullptr) {
    process->recorder_.Publish(thread_state.current.span);
    process->Notify();
  }
  creation_lock.Lock();
  LockTracestates();
  LockBaggage();
  if (Existing() != nullptr) Existing()->sender_.Pause();
}

void Process::AfterForkInParent() {
  UnlockBaggage();
  AfterFork();
}

void Process::AfterFork() {
  if (Existing() != nullptr) Existing()->sender_.Resume();
  UnlockTracestates();
  creation_lock.Unlock();
}

void Process::AfterForkInChild() {
  UnlockBaggageInChild();
  AfterFork();
  thread_state.random.Forget();
  thread_state.magazine.count = 0;
  if (thread_state.current.span != 0) thread_state.current.is_remote = 1;
  thread_state.current.span = 0;
  Process* const parents = current_.exchange(nullptr);
  if (parents == nullptr) return;
  const ErrnoScope errno_scope;
  forked_from = parents;
  if (++fork_epoch == 0) fork_epoch = 1;
  parents->sender_.CloseSocket();
  parents->ring_->Unmap();
  parents->pool_->Unmap();
}

sluice_stats Process::Stats() const {
  const DropCounters& drops = recorder_.drops();
  return {.size = sizeof(sluice_stats),
          .emitted = sender_.emitted(),
          .sent = sender_.sent(),
          .acked = sender_.acked(),
          .suppressed = drops.suppressed.load(),
          .dropped_ring_full = drops.ring_full.load(),
          .dropped_span_limit = drops.span_limit.load(),
          .dropped_too_large = drops.too_large.load(),
          .dropped_by_agent = sender_.dropped_by_agent(),
          .wakes = mailbox_.wakes(),
          .connects = sender_.connects(),
          .is_connected = sender_.is_connected()};
}

}  // namespace sluice
